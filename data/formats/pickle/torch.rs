//! What PyTorch's state dictionaries and scripts need of a pickle, as plain data: storages by
//! reference, tensors as views of them, and modules as their attributes.

use super::machine::{Machine, Refusal};
use super::torch_names::{Element, Global, MAX_ARGUMENTS};
use super::{Node, Value};

/// Published networks have tensors of up to five dimensions; without a limit, tensors that share one
/// long shape would multiply it.
const MAX_DIMS: usize = 8;
/// Longest key of a storage; PyTorch writes a number.
const LONGEST_KEY: usize = 64;
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

    /// NEWOBJ: a module of TorchScript's, without attributes yet. Its code is not looked at.
    pub(super) fn new_module(&mut self) -> Result<(), Refusal> {
        let (arguments, class) = (self.pop()?, self.pop()?);
        let is_bare = matches!(self.node(arguments), Some(Node::Tuple(items)) if items.is_empty());
        if !is_bare || !matches!(self.node(class), Some(Node::Torch(Global::Module))) {
            return Err("makes something other than a module of TorchScript".into());
        }
        self.object(Node::Module(Vec::new()))
    }

    /// BUILD of a module, which has none so far: its attributes.
    pub(super) fn build_module(&mut self, state: Value) -> Result<(), Refusal> {
        let Some(Node::Dict(attributes)) = self.node(state) else {
            return Err("a module whose attributes are no dictionary".into());
        };
        let attributes = attributes.clone();
        self.copy(attributes.len())?;
        match self.top_node()? {
            Some(Node::Module(own)) if own.is_empty() => *own = attributes,
            _ => return Err("gives attributes to a module twice".into()),
        }
        Ok(())
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
            (Global::List, &[list]) if matches!(self.node(list), Some(Node::List(_))) => {
                self.push(list);
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
