//! The grammar. Nesting is kept on a stack of our own, so that no file can exhaust the thread's.

use std::collections::HashMap;

use super::tensor::{Scalar, TensorNode};
use super::{Item, Node};
use crate::formats::cursor::{Cursor, Truncated};

/// Torch's own limit is far lower; real tensors have at most five.
const MAX_DIMS: i32 = 64;

/// An object that waits for the values inside it.
enum Frame {
    Table {
        id: u32,
        left: u32,
        key: Option<Item>,
    },
    Class {
        id: u32,
    },
    Tensor {
        id: u32,
    },
    Function {
        id: u32,
    },
}

struct Parser<'a> {
    input: Cursor<'a>,
    nodes: Vec<Node>,
    memo: HashMap<i32, Item>,
    frames: Vec<Frame>,
}

/// Decodes one value; whatever follows it is ignored, as Torch does.
pub(super) fn parse(data: &[u8]) -> Result<(Vec<Node>, Item), String> {
    let mut parser = Parser {
        input: Cursor::new(data),
        nodes: Vec::new(),
        memo: HashMap::new(),
        frames: Vec::new(),
    };
    loop {
        let offset = parser.input.position();
        let read = parser.value().map_err(|e| match e {
            Error::Truncated(t) => t.to_string(),
            Error::Refused(why) => format!("byte {offset}: {why}"),
        })?;
        if let Some(item) = read
            && let Some(root) = parser.deliver(item)
        {
            return Ok((parser.nodes, root));
        }
    }
}

enum Error {
    Truncated(Truncated),
    Refused(String),
}

impl From<Truncated> for Error {
    fn from(truncated: Truncated) -> Self {
        Self::Truncated(truncated)
    }
}

impl From<&str> for Error {
    fn from(why: &str) -> Self {
        Self::Refused(why.into())
    }
}

impl Parser<'_> {
    /// Reads the head of a value; `None` if it waits for values inside it.
    fn value(&mut self) -> Result<Option<Item>, Error> {
        let tag = self.input.i32()?;
        match tag {
            0 => Ok(Some(Item::Nil)),
            1 => Ok(Some(Item::Number(self.input.f64()?))),
            2 => {
                let range = self.string()?;
                self.node(Node::Text(range))
                    .map(|id| Some(Item::Object(id)))
            }
            5 => Ok(Some(Item::Bool(self.input.i32()? != 0))),
            3 | 4 | 6..=8 => {
                let index = self.input.i32()?;
                if let Some(&known) = self.memo.get(&index) {
                    return Ok(Some(known));
                }
                let id = self.node(Node::Unfinished)?;
                let item = Item::Object(id);
                self.memo.insert(index, item);
                let is_complete = match tag {
                    3 => self.table(id)?,
                    4 => self.torch_object(id)?,
                    _ => self.function(id)?,
                };
                Ok(is_complete.then_some(item))
            }
            _ => Err(Error::Refused(format!(
                "type tag {tag} is not one of 0 to 8: not a binary Torch7 file (one saved in \
                 'ascii' format must be saved again in 'binary'), or a damaged one"
            ))),
        }
    }

    /// Hands a finished value to the object that waits for it; returns the outermost one.
    fn deliver(&mut self, mut item: Item) -> Option<Item> {
        loop {
            let Some(frame) = self.frames.last_mut() else {
                return Some(item);
            };
            let id = match frame {
                Frame::Table { id, left, key } => {
                    match key.take() {
                        None => *key = Some(item),
                        Some(k) => {
                            *left -= 1;
                            if let Node::Table(entries) = &mut self.nodes[*id as usize] {
                                entries.push((k, item));
                            }
                        }
                    }
                    if *left > 0 {
                        return None;
                    }
                    *id
                }
                Frame::Class { id } => {
                    if let Node::Class { fields, .. } = &mut self.nodes[*id as usize] {
                        *fields = item;
                    }
                    *id
                }
                Frame::Tensor { id } => {
                    if let Node::Tensor(tensor) = &mut self.nodes[*id as usize] {
                        tensor.storage = item;
                    }
                    *id
                }
                Frame::Function { id } => *id,
            };
            self.frames.pop();
            item = Item::Object(id);
        }
    }

    fn node(&mut self, node: Node) -> Result<u32, Error> {
        let id = u32::try_from(self.nodes.len()).map_err(|_| "more than 2^32 objects")?;
        self.nodes.push(node);
        Ok(id)
    }

    fn string(&mut self) -> Result<std::ops::Range<usize>, Error> {
        let length = u64::try_from(self.input.i32()?).map_err(|_| "a negative string length")?;
        let start = self.input.position();
        self.input.take(length)?;
        Ok(start..self.input.position())
    }

    fn table(&mut self, id: u32) -> Result<bool, Error> {
        let left = u32::try_from(self.input.i32()?).map_err(|_| "a negative table size")?;
        self.nodes[id as usize] = Node::Table(Vec::new());
        if left > 0 {
            self.frames.push(Frame::Table {
                id,
                left,
                key: None,
            });
        }
        Ok(left == 0)
    }

    fn function(&mut self, id: u32) -> Result<bool, Error> {
        self.string()?;
        self.nodes[id as usize] = Node::Function;
        self.frames.push(Frame::Function { id });
        Ok(false)
    }

    fn torch_object(&mut self, id: u32) -> Result<bool, Error> {
        let version = self.string()?;
        let is_version = self.text(&version).starts_with(b"V ");
        let name = if is_version { self.string()? } else { version };
        let class = self.text(&name);
        let torch = class.strip_prefix(b"torch.").unwrap_or_default();
        if let Some(kind) = torch.strip_suffix(b"Tensor") {
            let scalar = scalar(kind, class)?;
            return self.tensor(id, scalar);
        }
        if let Some(kind) = torch.strip_suffix(b"Storage") {
            let scalar = scalar(kind, class)?;
            return self.storage(id, scalar);
        }
        self.nodes[id as usize] = Node::Class {
            name,
            fields: Item::Nil,
        };
        self.frames.push(Frame::Class { id });
        Ok(false)
    }

    fn text(&self, range: &std::ops::Range<usize>) -> &[u8] {
        self.input.slice(range.clone()).unwrap_or_default()
    }

    fn tensor(&mut self, id: u32, scalar: Scalar) -> Result<bool, Error> {
        let position = self.input.position();
        let dims = self.input.i32()?;
        if !(0..=MAX_DIMS).contains(&dims) {
            return Err(Error::Refused(format!("a tensor of {dims} dimensions")));
        }
        let mut longs = || {
            (0..dims)
                .map(|_| self.input.i64())
                .collect::<Result<Vec<_>, _>>()
        };
        let sizes = longs()?;
        let strides = longs()?;
        let offset = self.input.i64()?;
        let storage = Item::Nil;
        self.nodes[id as usize] = Node::Tensor(TensorNode {
            position,
            scalar,
            sizes,
            strides,
            offset,
            storage,
        });
        self.frames.push(Frame::Tensor { id });
        Ok(false)
    }

    fn storage(&mut self, id: u32, scalar: Scalar) -> Result<bool, Error> {
        let count = u64::try_from(self.input.i64()?).map_err(|_| "a negative storage size")?;
        let start = self.input.position();
        self.input
            .take(count.saturating_mul(scalar.size() as u64))?;
        self.nodes[id as usize] = Node::Storage {
            scalar,
            data: start..self.input.position(),
        };
        Ok(true)
    }
}

fn scalar(kind: &[u8], class: &[u8]) -> Result<Scalar, Error> {
    Scalar::parse(kind).ok_or_else(|| {
        Error::Refused(format!(
            "class `{}` is not supported; convert it with :float() before saving",
            class.escape_ascii()
        ))
    })
}
