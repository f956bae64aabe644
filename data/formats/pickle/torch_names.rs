//! Names of PyTorch that a pickle may ask for.

/// More than these functions take in any version of PyTorch.
pub(super) const MAX_ARGUMENTS: usize = 8;

/// Allow-listed global names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// `torch._utils._rebuild_tensor` and `_rebuild_tensor_v2`
    Tensor,
    /// `torch._utils._rebuild_parameter`
    Parameter,
    /// `collections.OrderedDict`
    Dict,
    /// `torch.FloatStorage` and its like
    Storage(Element),
    /// `torch.jit._pickle.build_intlist` and its like
    List,
    /// Any class below `__torch__`: a module of TorchScript's, whose code lies elsewhere
    Module,
}

impl Global {
    pub(super) fn find(module: &[u8], name: &[u8]) -> Option<Self> {
        match (module, name) {
            (b"torch._utils", b"_rebuild_tensor" | b"_rebuild_tensor_v2") => Some(Self::Tensor),
            (b"torch._utils", b"_rebuild_parameter") => Some(Self::Parameter),
            (b"collections", b"OrderedDict") => Some(Self::Dict),
            (
                b"torch.jit._pickle",
                b"build_intlist" | b"build_doublelist" | b"build_boollist" | b"build_tensorlist",
            ) => Some(Self::List),
            (module, _) if module == b"__torch__" || module.starts_with(b"__torch__.") => {
                Some(Self::Module)
            }
            (b"torch" | b"torch.cuda", _) => Element::of_storage(name).map(Self::Storage),
            _ => None,
        }
    }
}

/// Type of the numbers in a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Element {
    Bool,
    I8,
    U8,
    I16,
    I32,
    I64,
    F16,
    Bf16,
    F32,
    F64,
}

impl Element {
    fn of_storage(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"BoolStorage" => Self::Bool,
            b"CharStorage" => Self::I8,
            b"ByteStorage" => Self::U8,
            b"ShortStorage" => Self::I16,
            b"IntStorage" => Self::I32,
            b"LongStorage" => Self::I64,
            b"HalfStorage" => Self::F16,
            b"BFloat16Storage" => Self::Bf16,
            b"FloatStorage" => Self::F32,
            b"DoubleStorage" => Self::F64,
            _ => return None,
        })
    }

    /// Bytes per number.
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 => 8,
        }
    }

    /// Whether weights are stored so; counters are integers.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::Bf16 | Self::F32 | Self::F64)
    }
}
