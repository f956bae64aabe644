//! Reader for binary Torch7 files (`torch.save`): embeddings of the published data sets and
//! checkpoints of the char-CNN-RNN text encoders.
//!
//! Objects live in a flat arena addressed by [`Item`]; shared and cyclic structures are kept as
//! they are. Classes that are not tensors or storages are kept as a name and a table of fields,
//! functions as a placeholder; nothing is ever executed.

mod parse;
mod tensor;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::DataError;
use crate::input;
use tensor::TensorNode;
pub use tensor::{Scalar, Tensor};

/// Handle to a Lua value; small values are stored in place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item {
    /// `nil`.
    Nil,
    /// Every Lua number.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
    /// Anything else, to be looked at through [`T7`].
    Object(u32),
}

/// What an arena slot holds.
#[derive(Debug, Clone)]
enum Node {
    Text(Range<usize>),
    Table(Vec<(Item, Item)>),
    /// A class other than tensors and storages.
    Class {
        name: Range<usize>,
        fields: Item,
    },
    Tensor(TensorNode),
    Storage {
        scalar: Scalar,
        data: Range<usize>,
    },
    Function,
    /// Being read; seen only by objects that contain themselves.
    Unfinished,
}

/// A decoded Torch7 file.
#[derive(Debug)]
pub struct T7 {
    path: PathBuf,
    data: Vec<u8>,
    nodes: Vec<Node>,
    root: Item,
}

impl T7 {
    /// Reads and decodes a file.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let data = input::read(path, input::ARRAYS).map_err(|e| DataError::io("read", path, e))?;
        Self::parse(path, data)
    }

    /// Decodes `data`; `path` only names the source in messages.
    pub fn parse(path: &Path, data: Vec<u8>) -> Result<Self, DataError> {
        let (nodes, root) = parse::parse(&data).map_err(|m| DataError::format(path, m))?;
        Ok(Self {
            path: path.to_path_buf(),
            data,
            nodes,
            root,
        })
    }

    /// The value the file holds.
    pub const fn root(&self) -> Item {
        self.root
    }

    /// Bytes of a string.
    pub fn bytes(&self, item: Item) -> Option<&[u8]> {
        match self.node(item)? {
            Node::Text(range) => Some(&self.data[range.clone()]),
            _ => None,
        }
    }

    /// A string; Lua strings carry no encoding, so those that are not UTF-8 are an error.
    pub fn text(&self, item: Item) -> Result<&str, DataError> {
        let bytes = self
            .bytes(item)
            .ok_or_else(|| self.mismatch("a string", item))?;
        std::str::from_utf8(bytes).map_err(|_| self.mismatch("UTF-8 text", item))
    }

    /// A number.
    pub fn number(&self, item: Item) -> Result<f64, DataError> {
        if let Item::Number(value) = item {
            Ok(value)
        } else {
            Err(self.mismatch("a number", item))
        }
    }

    /// Entries of a table in file order; for a class object, its fields.
    pub fn entries(&self, item: Item) -> Option<&[(Item, Item)]> {
        match self.node(item)? {
            Node::Table(entries) => Some(entries),
            Node::Class { fields, .. } => match self.node(*fields)? {
                Node::Table(entries) => Some(entries),
                _ => None,
            },
            _ => None,
        }
    }

    /// Name of a class other than tensors and storages, for example `nn.Linear`.
    pub fn class(&self, item: Item) -> Option<&str> {
        match self.node(item)? {
            Node::Class { name, .. } => std::str::from_utf8(&self.data[name.clone()]).ok(),
            _ => None,
        }
    }

    /// Value under a string key of a table or class object.
    pub fn get(&self, item: Item, key: &str) -> Option<Item> {
        let matches = |k: &Item| self.bytes(*k) == Some(key.as_bytes());
        self.entries(item)?
            .iter()
            .find(|(k, _)| matches(k))
            .map(|&(_, v)| v)
    }

    /// Like [`T7::get`], but a missing key is an error that lists the keys that are there.
    pub fn field(&self, item: Item, key: &str) -> Result<Item, DataError> {
        self.get(item, key).ok_or_else(|| {
            let keys: BTreeSet<_> = self
                .entries(item)
                .unwrap_or_default()
                .iter()
                .filter_map(|&(k, _)| self.text(k).ok())
                .take(20)
                .collect();
            let keys = keys.into_iter().collect::<Vec<_>>().join(", ");
            let message = format!(
                "no field `{key}` in {}; it has: {keys}",
                self.describe(item)
            );
            DataError::format(&self.path, message)
        })
    }

    /// Element `index` (0-based) of a Lua array, that is the value under the number `index + 1`.
    pub fn element(&self, item: Item, index: usize) -> Result<Item, DataError> {
        let key = Item::Number((index + 1) as f64);
        let entries = self.entries(item).unwrap_or_default();
        // Arrays are written in order, so the first guess nearly always holds.
        let guess = entries.get(index).filter(|(k, _)| *k == key);
        let found = guess.or_else(|| entries.iter().find(|(k, _)| *k == key));
        found.map(|&(_, v)| v).ok_or_else(|| {
            let message = format!(
                "no element {} in {} of {} entries",
                index + 1,
                self.describe(item),
                entries.len()
            );
            DataError::format(&self.path, message)
        })
    }

    /// Child `index` (0-based) of a container module, that is of its `modules` array.
    pub fn module(&self, item: Item, index: usize) -> Result<Item, DataError> {
        self.element(self.field(item, "modules")?, index)
    }

    /// A tensor of any element type; its bounds are checked against its storage.
    pub fn tensor(&self, item: Item) -> Result<Tensor<'_>, DataError> {
        let Some(Node::Tensor(tensor)) = self.node(item) else {
            return Err(self.mismatch("a tensor", item));
        };
        let storage = match self.node(tensor.storage) {
            Some(Node::Storage { scalar, data }) => (*scalar, &self.data[data.clone()]),
            _ => (tensor.scalar, &[][..]),
        };
        // An expanded tensor may be larger than its storage, but not than the whole file.
        Tensor::new(tensor, storage, self.data.len())
            .map_err(|message| DataError::format(&self.path, message))
    }

    fn node(&self, item: Item) -> Option<&Node> {
        if let Item::Object(id) = item {
            self.nodes.get(id as usize)
        } else {
            None
        }
    }

    fn describe(&self, item: Item) -> String {
        match item {
            Item::Nil => "nil".into(),
            Item::Number(value) => format!("the number {value}"),
            Item::Bool(value) => format!("the boolean {value}"),
            Item::Object(_) => match self.node(item) {
                Some(Node::Text(_)) => "a string".into(),
                Some(Node::Table(_)) => "a table".into(),
                Some(Node::Class { name, .. }) => {
                    format!(
                        "an object of class `{}`",
                        self.data[name.clone()].escape_ascii()
                    )
                }
                Some(Node::Tensor(_)) => "a tensor".into(),
                Some(Node::Storage { .. }) => "a storage".into(),
                Some(Node::Function) => "a function".into(),
                Some(Node::Unfinished) | None => "nothing".into(),
            },
        }
    }

    fn mismatch(&self, expected: &str, item: Item) -> DataError {
        let message = format!(
            "expected {expected}, found {}: this is not the file the layout names",
            self.describe(item)
        );
        DataError::format(&self.path, message)
    }
}

#[cfg(test)]
mod tests;
