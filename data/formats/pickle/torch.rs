//! What PyTorch's state dictionaries need of a pickle, as plain data: storages by reference, and
//! tensors as views of them.

use super::machine::{Machine, Refusal};
use super::{Node, Value};

/// Published networks have tensors of up to five dimensions; without a limit, tensors that share one
/// long shape would multiply it.
const MAX_DIMS: usize = 8;
/// Longest key of a storage; PyTorch writes a number.
const LONGEST_KEY: usize = 64;
/// More than the functions below take in any version of PyTorch.
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
}

impl Global {
    pub(super) fn find(module: &[u8], name: &[u8]) -> Option<Self> {
        match (module, name) {
            (b"torch._utils", b"_rebuild_tensor" | b"_rebuild_tensor_v2") => Some(Self::Tensor),
            (b"torch._utils", b"_rebuild_parameter") => Some(Self::Parameter),
            (b"collections", b"OrderedDict") => Some(Self::Dict),
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

/// Numbers that lie outside of the pickle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StorageNode {
    pub(super) element: Element,
    /// The string it is found by.
    pub(super) key: Value,
    /// How many numbers it has.
    pub(super) count: usize,
}

/// A view of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorNode {
    /// Arena slot of the storage.
    pub(super) storage: u32,
    /// Number of the storage at which it begins.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// Step of every dimension in numbers of the storage.
    pub(super) strides: Vec<usize>,
}

impl Machine<'_> {
    /// PERSID: `('storage', type, key, device, count[, view])`.
    pub(super) fn storage(&mut self) -> Result<(), Refusal> {
        let reference = self.pop()?;
        let Some(Node::Tuple(fields)) = self.node(reference) else {
            return Err("refers to something outside that is not a storage".into());
        };
        let (&[tag, class, key, _, count], rest) = fields
            .split_first_chunk::<5>()
            .ok_or("a storage without type, key and size")?;
        let is_key = self.bytes(key).is_some_and(|key| key.len() <= LONGEST_KEY);
        if self.bytes(tag) != Some(b"storage") || !is_key {
            return Err("refers to something outside that is not a storage".into());
        }
        if rest.iter().any(|&view| view != Value::None) {
            return Err("a view of another storage, as PyTorch has not written since 0.4".into());
        }
        let Some(Node::Torch(Global::Storage(element))) = self.node(class) else {
            return Err("a storage of unknown type".into());
        };
        let storage = StorageNode {
            element: *element,
            key,
            count: count_of(count).ok_or("a storage whose size is no count")?,
        };
        self.object(Node::Storage(Box::new(storage)))
    }

    /// Calls one of the allow-listed functions.
    pub(super) fn reduce_torch(
        &mut self,
        function: Global,
        arguments: &[Value],
    ) -> Result<(), Refusal> {
        match (function, arguments) {
            _ if arguments.len() > MAX_ARGUMENTS => Err("calls a function with too much".into()),
            (Global::Tensor, &[storage, offset, shape, strides, ..]) => {
                let (Value::Object(slot), Some(Node::Storage(_))) = (storage, self.node(storage))
                else {
                    return Err("a tensor without a storage".into());
                };
                let tensor = TensorNode {
                    storage: slot,
                    offset: count_of(offset).ok_or("a tensor that begins nowhere")?,
                    shape: self.counts(shape).ok_or("a tensor without a shape")?,
                    strides: self.counts(strides).ok_or("a tensor without strides")?,
                };
                if tensor.shape.len() != tensor.strides.len() {
                    return Err("a tensor whose shape and strides do not belong together".into());
                }
                self.object(Node::Tensor(Box::new(tensor)))
            }
            (Global::Parameter, &[tensor, ..])
                if matches!(self.node(tensor), Some(Node::Tensor(_))) =>
            {
                self.push(tensor);
                Ok(())
            }
            (Global::Dict, &[]) => self.object(Node::Dict(Vec::new())),
            // Python 2 hands over all entries at once.
            (Global::Dict, &[entries]) => {
                let Some(Node::List(entries)) = self.node(entries) else {
                    return Err("a dictionary of something other than a list".into());
                };
                let pair = |&entry: &Value| match self.node(entry) {
                    Some(Node::List(pair) | Node::Tuple(pair)) => match pair.as_slice() {
                        &[key, value] => Some((key, value)),
                        _ => None,
                    },
                    _ => None,
                };
                let pairs: Option<Vec<_>> = entries.iter().map(pair).collect();
                let pairs = pairs.ok_or("a dictionary entry that is no pair")?;
                self.copy(pairs.len())?;
                self.object(Node::Dict(pairs))
            }
            _ => Err("calls a function with arguments it does not take".into()),
        }
    }

    fn counts(&self, value: Value) -> Option<Vec<usize>> {
        match self.node(value)? {
            Node::Tuple(items) if items.len() <= MAX_DIMS => {
                items.iter().map(|&item| count_of(item)).collect()
            }
            _ => None,
        }
    }
}

fn count_of(value: Value) -> Option<usize> {
    match value {
        Value::Int(count) => usize::try_from(count).ok(),
        _ => None,
    }
}
