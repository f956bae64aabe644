//! The stack machine.

use std::collections::HashMap;

use super::numpy::{ArrayNode, Dtype, Global};
use super::{Node, Value, literal, torch_names};
use crate::formats::cursor::{Cursor, Truncated};

/// Entry of the stack: a value, or the mark that opens a variable-length group.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Mark,
    Value(Value),
}

/// What numpy itself allows; without it, arrays that share one long shape would multiply it.
const MAX_DIMS: usize = 64;

/// Most values that wait on the stack at a time; Python writes lists in pieces of a thousand.
const MAX_STACK: usize = 1 << 22;
/// Most objects: strings, lists, tuples, dictionaries and arrays. The captions of COCO need 0.5
/// million.
const MAX_OBJECTS: usize = 1 << 23;
/// Most entries of lists, tuples and dictionaries together. The captions of COCO need 5 million.
const MAX_ENTRIES: usize = 1 << 26;

/// Why a pickle was refused; the caller adds opcode and position.
pub(super) type Refusal = String;

/// Whose names a pickle may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Those of published data sets.
    Numpy,
    /// Those of PyTorch's state dictionaries.
    Torch,
}

pub(super) struct Machine<'a> {
    names: Names,
    input: Cursor<'a>,
    stack: Vec<Slot>,
    memo: HashMap<u64, Value>,
    nodes: Vec<Node>,
    /// Entries copied from one container to another.
    copied: usize,
    /// Entries of all containers.
    entries: usize,
}

impl<'a> Machine<'a> {
    /// Executes `data` up to STOP and returns the arena, the value left on the stack and the number
    /// of bytes used.
    pub(super) fn run(data: &'a [u8], names: Names) -> Result<(Vec<Node>, Value, usize), String> {
        let mut machine = Machine {
            names,
            input: Cursor::new(data),
            stack: Vec::new(),
            memo: HashMap::new(),
            nodes: Vec::new(),
            copied: 0,
            entries: 0,
        };
        loop {
            let offset = machine.input.position();
            let Ok(opcode) = machine.input.u8() else {
                return Err(format!(
                    "byte {offset}: the pickle ends without STOP: the file is truncated or \
                     damaged; download or export it again"
                ));
            };
            let step = if opcode == b'.' {
                machine.pop().map(Some)
            } else {
                machine.step(opcode).map(|()| None)
            };
            match step.and_then(|done| machine.check_size().map(|()| done)) {
                Ok(None) => {}
                Ok(Some(root)) => return Ok((machine.nodes, root, machine.input.position())),
                Err(why) => {
                    return Err(format!("byte {offset}, opcode {}: {why}", describe(opcode)));
                }
            }
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), Refusal> {
        match opcode {
            b'(' => self.stack.push(Slot::Mark),
            b'0' => {
                self.stack.pop().ok_or_else(underflow)?;
            }
            b'1' => {
                self.pop_mark()?;
            }
            b'2' => {
                let top = self.top()?;
                self.push(top);
            }
            b'N' => self.push(Value::None),
            b'I' | b'L' => self.number_line(opcode)?,
            b'J' => self.read(Cursor::i32, |i| Value::Int(i.into()))?,
            b'K' => self.read(Cursor::u8, |i| Value::Int(i.into()))?,
            b'M' => self.read(Cursor::u16, |i| Value::Int(i.into()))?,
            b'F' => {
                let value = literal::float(self.line()?).ok_or("not a number")?;
                self.push(Value::Float(value));
            }
            b'G' => self.read(Cursor::array::<8>, |b| Value::Float(f64::from_be_bytes(b)))?,
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            0x8a => self.long()?,
            b'S' => {
                let bytes = literal::quoted(self.line()?).ok_or("not a quoted string")?;
                self.object(Node::Bytes(bytes))?;
            }
            b'V' => {
                let text = literal::raw_unicode(self.line()?).ok_or("not an escaped string")?;
                self.object(Node::Bytes(text))?;
            }
            b'U' | b'C' => {
                let length = self.input.u8().map_err(message)?;
                self.slice(length.into())?;
            }
            b'T' | b'B' | b'X' => {
                let length = self.input.u32().map_err(message)?;
                self.slice(length.into())?;
            }
            b']' => self.object(Node::List(Vec::new()))?,
            b')' => self.object(Node::Tuple(Vec::new()))?,
            b'}' => self.object(Node::Dict(Vec::new()))?,
            b'l' => {
                let items = self.pop_mark()?;
                self.object(Node::List(items))?;
            }
            b't' => {
                let items = self.pop_mark()?;
                self.object(Node::Tuple(items))?;
            }
            b'd' => {
                let entries = pairs(self.pop_mark()?)?;
                self.object(Node::Dict(entries))?;
            }
            0x85..=0x87 => self.short_tuple(usize::from(opcode - 0x84))?,
            b'a' => {
                let item = self.pop()?;
                self.entries += 1;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.append(items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.entries += 2;
                self.set_items(vec![(key, value)])?;
            }
            b'u' => {
                let entries = pairs(self.pop_mark()?)?;
                self.set_items(entries)?;
            }
            b'p' | b'q' | b'r' => {
                let index = self.memo_index(opcode, b'p', b'q')?;
                let top = self.top()?;
                self.memo.insert(index, top);
            }
            b'g' | b'h' | b'j' => {
                let index = self.memo_index(opcode, b'g', b'h')?;
                let value = *self
                    .memo
                    .get(&index)
                    .ok_or("refers to a value never stored")?;
                self.push(value);
            }
            b'c' => self.global()?,
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            0x81 if self.names == Names::Torch => self.new_module()?,
            b'Q' if self.names == Names::Torch => self.storage()?,
            0x80 => {
                let version = self.input.u8().map_err(message)?;
                // Version 3 only adds the byte strings `B` and `C` to version 2.
                if version > 3 {
                    return Err(format!(
                        "protocol {version} is newer than the data sets use; write the file again \
                         with pickle.dump(..., protocol=2)"
                    ));
                }
            }
            _ => {
                return Err(
                    "is not among those that data files need, so the file is refused: it \
                     could run code or is no data pickle; write it again with \
                     pickle.dump(..., protocol=2) from plain lists, strings and arrays"
                        .into(),
                );
            }
        }
        Ok(())
    }

    /// Refuses what is larger than any data file, before it is too large for the memory.
    fn check_size(&self) -> Result<(), Refusal> {
        for (count, most, what) in [
            (self.stack.len(), MAX_STACK, "values at a time"),
            (self.memo.len(), MAX_OBJECTS, "remembered values"),
            (self.nodes.len(), MAX_OBJECTS, "objects"),
            (self.entries, MAX_ENTRIES, "entries of lists"),
        ] {
            if count > most {
                return Err(format!(
                    "has more than {most} {what}, more than any data file"
                ));
            }
        }
        Ok(())
    }

    pub(super) fn push(&mut self, value: Value) {
        self.stack.push(Slot::Value(value));
    }

    pub(super) fn pop(&mut self) -> Result<Value, Refusal> {
        let value = self.top()?;
        self.stack.pop();
        Ok(value)
    }

    fn top(&self) -> Result<Value, Refusal> {
        match self.stack.last() {
            Some(&Slot::Value(value)) => Ok(value),
            _ => Err(underflow()),
        }
    }

    /// Everything above the topmost mark; the mark is removed too.
    fn pop_mark(&mut self) -> Result<Vec<Value>, Refusal> {
        let mark = self
            .stack
            .iter()
            .rposition(|s| matches!(s, Slot::Mark))
            .ok_or_else(underflow)?;
        let items = self.stack[mark + 1..]
            .iter()
            .filter_map(|s| {
                if let Slot::Value(v) = s {
                    Some(*v)
                } else {
                    None
                }
            })
            .collect::<Vec<_>>();
        self.stack.truncate(mark);
        self.entries += items.len();
        Ok(items)
    }

    pub(super) fn object(&mut self, node: Node) -> Result<(), Refusal> {
        let id = u32::try_from(self.nodes.len()).map_err(|_| "more than 2^32 objects")?;
        self.nodes.push(node);
        self.push(Value::Object(id));
        Ok(())
    }

    /// Counts entries that are about to be copied: there cannot be more than the input has bytes,
    /// unless the same ones are copied over and over.
    pub(super) fn copy(&mut self, entries: usize) -> Result<(), Refusal> {
        self.copied += entries;
        if self.copied > self.input.position() {
            return Err("copies the same entries again and again".into());
        }
        Ok(())
    }

    pub(super) fn node(&self, value: Value) -> Option<&Node> {
        if let Value::Object(id) = value {
            self.nodes.get(id as usize)
        } else {
            None
        }
    }

    pub(super) fn top_node(&mut self) -> Result<Option<&mut Node>, Refusal> {
        let top = self.top()?;
        Ok(if let Value::Object(id) = top {
            self.nodes.get_mut(id as usize)
        } else {
            None
        })
    }

    fn line(&mut self) -> Result<&'a [u8], Refusal> {
        self.input.line().map_err(message)
    }

    fn read<T>(
        &mut self,
        read: impl Fn(&mut Cursor<'a>) -> Result<T, Truncated>,
        value: impl Fn(T) -> Value,
    ) -> Result<(), Refusal> {
        let raw = read(&mut self.input).map_err(message)?;
        self.push(value(raw));
        Ok(())
    }

    fn slice(&mut self, length: u64) -> Result<(), Refusal> {
        let start = self.input.position();
        self.input.take(length).map_err(message)?;
        self.object(Node::Slice(start..self.input.position()))
    }

    fn number_line(&mut self, opcode: u8) -> Result<(), Refusal> {
        let line = self.line()?;
        let value = match (opcode, line) {
            (b'I', b"00") => Value::Bool(false),
            (b'I', b"01") => Value::Bool(true),
            _ => Value::Int(literal::integer(line).ok_or("not an integer of at most 64 bits")?),
        };
        self.push(value);
        Ok(())
    }

    /// LONG1: a two's complement integer of up to 8 bytes.
    fn long(&mut self) -> Result<(), Refusal> {
        let length = self.input.u8().map_err(message)?;
        let bytes = self.input.take(length.into()).map_err(message)?;
        if bytes.len() > 8 {
            return Err("an integer of more than 64 bits".into());
        }
        let is_negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
        let mut wide = [if is_negative { 0xff } else { 0 }; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        self.push(Value::Int(i64::from_le_bytes(wide)));
        Ok(())
    }

    fn short_tuple(&mut self, count: usize) -> Result<(), Refusal> {
        let mut items = Vec::with_capacity(count);
        self.entries += count;
        for _ in 0..count {
            items.push(self.pop()?);
        }
        items.reverse();
        self.object(Node::Tuple(items))
    }

    fn append(&mut self, items: Vec<Value>) -> Result<(), Refusal> {
        match self.top_node()? {
            Some(Node::List(list)) => list.extend(items),
            _ => return Err("appends to something that is not a list".into()),
        }
        Ok(())
    }

    fn set_items(&mut self, entries: Vec<(Value, Value)>) -> Result<(), Refusal> {
        match self.top_node()? {
            Some(Node::Dict(dict)) => dict.extend(entries),
            _ => return Err("sets an item of something that is not a dictionary".into()),
        }
        Ok(())
    }

    fn memo_index(&mut self, opcode: u8, text: u8, short: u8) -> Result<u64, Refusal> {
        if opcode == text {
            let index = literal::integer(self.line()?).and_then(|i| u64::try_from(i).ok());
            return index.ok_or_else(|| "not a memo number".into());
        }
        let index = if opcode == short {
            self.input.u8().map(u64::from)
        } else {
            self.input.u32().map(u64::from)
        };
        index.map_err(message)
    }

    fn global(&mut self) -> Result<(), Refusal> {
        let module = self.line()?;
        let name = self.line()?;
        let (found, allowed, remedy) = match self.names {
            Names::Numpy => (
                Global::find(module, name).map(Node::Global),
                "the numpy names that data files need",
                "write it again from plain lists, strings and numpy arrays with protocol=2",
            ),
            Names::Torch => (
                torch_names::Global::find(module, name).map(Node::Torch),
                "the names of a state dictionary",
                "load it there and save `module.state_dict()` of it",
            ),
        };
        let Some(found) = found else {
            return Err(format!(
                "asks for `{}.{}`, which is not among {allowed}, so the file is refused: loading \
                 it in Python could run code; if you trust it, {remedy}",
                printable(module),
                printable(name)
            ));
        };
        self.object(found)
    }

    /// Calls one of the allow-listed constructors.
    fn reduce(&mut self) -> Result<(), Refusal> {
        let arguments = self.pop()?;
        let function = self.pop()?;
        let Some(Node::Tuple(arguments)) = self.node(arguments) else {
            return Err("calls a function without a tuple of arguments".into());
        };
        let global = match self.node(function) {
            Some(Node::Global(global)) => global,
            Some(&Node::Torch(global)) => {
                let arguments = arguments
                    .iter()
                    .take(torch_names::MAX_ARGUMENTS + 1)
                    .copied()
                    .collect::<Vec<_>>();
                return self.reduce_torch(global, &arguments);
            }
            _ => return Err("calls something that is not an allowed function".into()),
        };
        match (global, arguments.as_slice()) {
            (Global::Reconstruct, [class, _, _]) => {
                if !matches!(self.node(*class), Some(Node::Global(Global::Ndarray))) {
                    return Err("rebuilds something other than a numpy.ndarray".into());
                }
                self.object(Node::Array(Box::new(ArrayNode::Empty)))
            }
            (Global::Dtype, [name, _, _]) => {
                let name = self.bytes(*name).ok_or("a numpy type without a name")?;
                let Some(dtype) = Dtype::parse(name) else {
                    return Err(format!(
                        "numpy type `{}` is not supported; convert the array to float32, float64, \
                         an integer type or bool",
                        printable(name)
                    ));
                };
                self.object(Node::Dtype(dtype))
            }
            (Global::Scalar, [dtype, data]) => {
                let Some(Node::Dtype(dtype)) = self.node(*dtype) else {
                    return Err("a numpy scalar without type".into());
                };
                let bytes = self.bytes(*data).ok_or("a numpy scalar without data")?;
                let value = dtype
                    .value(bytes)
                    .ok_or("a numpy scalar of the wrong length")?;
                self.push(value);
                Ok(())
            }
            _ => Err("calls a numpy function with arguments it does not take".into()),
        }
    }

    pub(super) fn bytes(&self, value: Value) -> Option<&[u8]> {
        match self.node(value)? {
            Node::Slice(range) => self.input.slice(range.clone()),
            Node::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Gives state to a numpy type or array.
    fn build(&mut self) -> Result<(), Refusal> {
        let state = self.pop()?;
        let target = self.top()?;
        match self.node(target) {
            // Notes of PyTorch's on the versions of its layers.
            Some(Node::Dict(_)) if self.names == Names::Torch => return Ok(()),
            Some(Node::Module(_)) => return self.build_module(state),
            _ => {}
        }
        let Some(Node::Tuple(state)) = self.node(state) else {
            return Err("sets the state of an object from something other than a tuple".into());
        };
        let built = match self.node(target) {
            Some(Node::Dtype(dtype)) => {
                let order = state.get(1).and_then(|&v| self.bytes(v));
                let dtype = order.and_then(|o| dtype.with_order(o));
                Node::Dtype(dtype.ok_or("a numpy type without a known byte order")?)
            }
            Some(Node::Array(array)) if matches!(**array, ArrayNode::Empty) => {
                Node::Array(Box::new(self.array_state(state)?))
            }
            _ => return Err("sets the state of something that is not a numpy object".into()),
        };
        *self.top_node()?.ok_or_else(underflow)? = built;
        Ok(())
    }

    /// State of an array: version, shape, type, column-major flag, raw data.
    fn array_state(&self, state: &[Value]) -> Result<ArrayNode, Refusal> {
        let &[_, shape, dtype, fortran, data] = state else {
            return Err("a numpy array state that does not have five fields".into());
        };
        let (Some(Node::Tuple(extents)), Some(Node::Dtype(dtype))) =
            (self.node(shape), self.node(dtype))
        else {
            return Err("a numpy array without shape or type".into());
        };
        if extents.len() > MAX_DIMS {
            return Err(format!("a numpy array of {} dimensions", extents.len()));
        }
        let shape: Option<Vec<usize>> = extents
            .iter()
            .map(|v| {
                if let Value::Int(i) = v {
                    usize::try_from(*i).ok()
                } else {
                    None
                }
            })
            .collect();
        let shape = shape.ok_or("a numpy array shape that is not made of counts")?;
        let (Some(bytes), Value::Object(data)) = (self.bytes(data), data) else {
            return Err("a numpy array without raw data".into());
        };
        let needed = shape
            .iter()
            .try_fold(dtype.size(), |n, &extent| n.checked_mul(extent));
        if needed != Some(bytes.len()) {
            return Err(format!(
                "a numpy array of shape {shape:?} with {} bytes of data: the file is damaged",
                bytes.len()
            ));
        }
        let fortran = matches!(fortran, Value::Bool(true) | Value::Int(1));
        Ok(ArrayNode::Built {
            shape,
            dtype: *dtype,
            fortran,
            data,
        })
    }
}

fn pairs(items: Vec<Value>) -> Result<Vec<(Value, Value)>, Refusal> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("a dictionary key without a value".into());
    }
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}

fn underflow() -> Refusal {
    "needs a value that is not on the stack: the file is damaged".into()
}

fn message(error: Truncated) -> Refusal {
    error.to_string()
}

fn printable(bytes: &[u8]) -> String {
    // Names are short; a hostile one must not fill the terminal.
    bytes[..bytes.len().min(80)].escape_ascii().to_string()
}

fn describe(opcode: u8) -> String {
    let name = match opcode {
        b'P' | b'Q' => " (PERSID)",
        b'i' => " (INST)",
        b'o' => " (OBJ)",
        0x81 => " (NEWOBJ)",
        0x82..=0x84 => " (EXT)",
        0x8b => " (LONG4)",
        0x8c => " (SHORT_BINUNICODE)",
        0x8f => " (EMPTY_SET)",
        0x93 => " (STACK_GLOBAL)",
        0x94 => " (MEMOIZE)",
        0x95 => " (FRAME)",
        0x80 => " (PROTO)",
        b'c' => " (GLOBAL)",
        b'R' => " (REDUCE)",
        b'b' => " (BUILD)",
        _ => "",
    };
    format!("`{}`{name}", opcode.escape_ascii())
}
