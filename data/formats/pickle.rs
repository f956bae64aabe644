//! Reader for the pickles of the published data sets: protocols 0 to 2 as written by Python 2,
//! holding lists, tuples, dictionaries, strings, numbers and numpy arrays; and for those inside
//! PyTorch's state dictionaries.
//!
//! A pickle is a program for a small stack machine. This one knows only the opcodes and globals
//! that those files need, builds plain values, and refuses everything else: it can neither import
//! nor call anything. Objects live in a flat arena, so that shared, deeply nested and even cyclic
//! structures cost no more than the bytes that describe them.

mod literal;
mod machine;
mod numpy;
mod torch;
mod torch_names;
mod writer;

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::DataError;
use crate::input;
use machine::{Machine, Names};
pub(super) use numpy::column_major_offset;
pub use numpy::{Array, Scalar};
use numpy::{ArrayNode, Dtype};
use torch::{StorageNode, TensorNode};
pub use torch_names::Element;
pub use writer::Writer;

/// Handle to an unpickled value; small values are stored in place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// Python's `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// Integer; longer ones than 64 bits are refused.
    Int(i64),
    /// Float.
    Float(f64),
    /// Anything else, to be looked at through [`Pickle`].
    Object(u32),
}

/// What an arena slot holds.
#[derive(Debug, Clone)]
enum Node {
    /// Byte or Unicode string that lies unchanged in the input.
    Slice(Range<usize>),
    /// String that had to be unescaped.
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// Attributes of a module of TorchScript's.
    Module(Vec<(Value, Value)>),
    Global(numpy::Global),
    Dtype(Dtype),
    // Boxed, so that the many small values of a file cost little.
    Array(Box<ArrayNode>),
    Torch(torch_names::Global),
    Storage(Box<StorageNode>),
    Tensor(Box<TensorNode>),
}

impl Node {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Slice(_) | Self::Bytes(_) => "a string",
            Self::List(_) => "a list",
            Self::Tuple(_) => "a tuple",
            Self::Dict(_) => "a dictionary",
            Self::Module(_) => "a module",
            Self::Global(_) => "a numpy function",
            Self::Dtype(_) => "a numpy type",
            Self::Array(_) => "a numpy array",
            Self::Torch(_) => "a function of PyTorch",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
        }
    }
}

/// Numbers beside a pickle of PyTorch's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageRef<'a> {
    /// What they are found by.
    pub key: &'a [u8],
    /// Their type.
    pub element: Element,
    /// How many there are to be.
    pub count: usize,
}

/// A tensor of PyTorch's: a view of a storage, not compared with it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorView<'a> {
    /// Its numbers.
    pub storage: StorageRef<'a>,
    /// Number at which it begins.
    pub offset: usize,
    /// Extents, outermost first.
    pub shape: &'a [usize],
    /// Step of each extent in numbers.
    pub strides: &'a [usize],
}

/// A decoded pickle file.
#[derive(Debug)]
pub struct Pickle {
    path: PathBuf,
    data: Vec<u8>,
    nodes: Vec<Node>,
    root: Value,
}

impl Pickle {
    /// Reads and decodes a file.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let data = input::read(path, input::ARRAYS).map_err(|e| DataError::io("read", path, e))?;
        Self::parse(path, data)
    }

    /// Decodes `data`; `path` only names the source in messages.
    pub fn parse(path: &Path, data: Vec<u8>) -> Result<Self, DataError> {
        let (nodes, root, _) =
            Machine::run(&data, Names::Numpy).map_err(|m| DataError::format(path, m))?;
        Ok(Self {
            path: path.to_path_buf(),
            data,
            nodes,
            root,
        })
    }

    /// Decodes a pickle of PyTorch's, with which `data` begins; also gives its length in bytes.
    pub fn parse_torch(path: &Path, data: &[u8]) -> Result<(Self, usize), DataError> {
        let (nodes, root, length) =
            Machine::run(data, Names::Torch).map_err(|m| DataError::format(path, m))?;
        let pickle = Self {
            path: path.to_path_buf(),
            data: data[..length].to_vec(),
            nodes,
            root,
        };
        Ok((pickle, length))
    }

    /// The value the file holds.
    pub const fn root(&self) -> Value {
        self.root
    }

    /// Elements of a list or tuple.
    pub fn list(&self, value: Value) -> Result<&[Value], DataError> {
        match self.node(value) {
            Some(Node::List(items) | Node::Tuple(items)) => Ok(items),
            _ => Err(self.mismatch("a list", value)),
        }
    }

    /// Entries of a dictionary, or attributes of a module of TorchScript's, in file order.
    pub fn dict(&self, value: Value) -> Result<&[(Value, Value)], DataError> {
        match self.node(value) {
            Some(Node::Dict(entries) | Node::Module(entries)) => Ok(entries),
            _ => Err(self.mismatch("a dictionary", value)),
        }
    }

    /// An integer; booleans count, as they do in Python.
    pub fn int(&self, value: Value) -> Result<i64, DataError> {
        match value {
            Value::Int(i) => Ok(i),
            Value::Bool(b) => Ok(i64::from(b)),
            _ => Err(self.mismatch("an integer", value)),
        }
    }

    /// A string; byte strings that are not UTF-8 are taken as Latin-1, as Python 3 is told to do
    /// for such files.
    pub fn text(&self, value: Value) -> Result<Cow<'_, str>, DataError> {
        let bytes = self.bytes(value)?;
        Ok(match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(bytes.iter().map(|&b| b as char).collect()),
        })
    }

    /// The raw bytes of a string.
    pub fn bytes(&self, value: Value) -> Result<&[u8], DataError> {
        match self.node(value) {
            Some(Node::Slice(range)) => Ok(&self.data[range.clone()]),
            Some(Node::Bytes(bytes)) => Ok(bytes),
            _ => Err(self.mismatch("a string", value)),
        }
    }

    /// A numpy array.
    pub fn array(&self, value: Value) -> Result<Array<'_>, DataError> {
        if let Some(Node::Array(array)) = self.node(value)
            && let ArrayNode::Built {
                shape,
                dtype,
                fortran,
                data,
            } = &**array
        {
            let data = match &self.nodes[*data as usize] {
                Node::Slice(range) => &self.data[range.clone()],
                Node::Bytes(bytes) => bytes,
                _ => return Err(self.mismatch("array data", value)),
            };
            return Ok(Array {
                shape,
                dtype: *dtype,
                fortran: *fortran,
                data,
            });
        }
        Err(self.mismatch("a numpy array", value))
    }

    /// Whether it is a module of TorchScript's.
    pub fn is_module(&self, value: Value) -> bool {
        matches!(self.node(value), Some(Node::Module(_)))
    }

    /// A tensor of PyTorch's; `None` for any other value.
    pub fn tensor(&self, value: Value) -> Option<TensorView<'_>> {
        let Node::Tensor(tensor) = self.node(value)? else {
            return None;
        };
        Some(TensorView {
            storage: self.storage(self.nodes.get(tensor.storage as usize)?)?,
            offset: tensor.offset,
            shape: &tensor.shape,
            strides: &tensor.strides,
        })
    }

    /// Every storage that the pickle refers to.
    pub fn storages(&self) -> impl Iterator<Item = StorageRef<'_>> {
        self.nodes.iter().filter_map(|node| self.storage(node))
    }

    fn storage(&self, node: &Node) -> Option<StorageRef<'_>> {
        let Node::Storage(storage) = node else {
            return None;
        };
        Some(StorageRef {
            key: self.bytes(storage.key).ok()?,
            element: storage.element,
            count: storage.count,
        })
    }

    /// A list of strings, for example `filenames.pickle`.
    pub fn texts(&self, value: Value) -> Result<Vec<String>, DataError> {
        let mut copied = 0;
        let copy = |&value: &Value| {
            let text = self.text(value)?;
            copied += text.len();
            self.check_copied(copied)?;
            Ok(text.into_owned())
        };
        self.list(value)?.iter().map(copy).collect()
    }

    /// Refuses to copy more bytes or entries out of the file than it can hold (a Latin-1 letter
    /// becomes two bytes): one value that many refer to would be multiplied.
    pub(super) fn check_copied(&self, copied: usize) -> Result<(), DataError> {
        if copied <= self.size().saturating_mul(2) {
            return Ok(());
        }
        let message = "refers to the same values again and again: no data file does so";
        Err(DataError::format(&self.path, message))
    }

    /// Bytes of the pickle.
    pub const fn size(&self) -> usize {
        self.data.len()
    }

    /// A list of integers, for example `class_info.pickle`.
    pub fn ints(&self, value: Value) -> Result<Vec<i64>, DataError> {
        self.list(value)?.iter().map(|&v| self.int(v)).collect()
    }

    fn node(&self, value: Value) -> Option<&Node> {
        match value {
            Value::Object(id) => self.nodes.get(id as usize),
            _ => None,
        }
    }

    fn mismatch(&self, expected: &str, value: Value) -> DataError {
        let found = match value {
            Value::None => "None".to_string(),
            Value::Bool(b) => format!("the boolean {b}"),
            Value::Int(i) => format!("the integer {i}"),
            Value::Float(f) => format!("the number {f}"),
            Value::Object(id) => self
                .nodes
                .get(id as usize)
                .map_or("nothing", Node::kind)
                .to_string(),
        };
        DataError::format(
            &self.path,
            format!("expected {expected}, found {found}: this is not the file the layout names"),
        )
    }
}

#[cfg(test)]
mod tests;
