//! State dictionaries as `torch.save` writes them: zip archives since PyTorch 1.6, before that one
//! file of pickles and raw numbers. Whole modules hold code and are refused; of archives of
//! TorchScript the tensors are read, never the code.

mod array;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::Path;

use super::archive;
use super::cursor::Cursor;
use super::pickle::{Pickle, TensorView, Value};
use crate::DataError;
use crate::input;

pub use array::Array;

/// First bytes of a zip archive.
const ZIP: &[u8] = b"PK\x03\x04";
/// First pickle of the older format: PyTorch's magic number.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
/// Dictionaries inside dictionaries that are looked into.
const DEPTH: usize = 3;
/// More entries than any state dictionary has.
const MAX_ENTRIES: usize = 1 << 18;
/// Longest name of a tensor.
const LONGEST_NAME: usize = 1024;
/// How many times the length of the pickle the names may have together; each stands there once but
/// for the names of the dictionaries around it.
const NAMES: usize = 8;
/// Longest pickle of an archive in bytes: names and sizes, but no numbers.
const MAX_PICKLE: u64 = 64 << 20;
const DAMAGED: &str = "the file is truncated or damaged; download or export it again";

/// Floating-point tensors of a file by name, as 32-bit floats. Names inside nested dictionaries and
/// modules are joined with dots; a lone dictionary around the others, or one called `state_dict`, is left out.
///
/// # Errors
///
/// If the file is damaged, of another kind, or asks for anything but tensors.
pub fn read(path: &Path) -> Result<BTreeMap<String, Array>, DataError> {
    let fail = |message: String| DataError::format(path, message);
    let mut file = input::open(path).map_err(|e| DataError::io("read", path, e))?;
    let mut head = Vec::new();
    (&mut file)
        .take(512)
        .read_to_end(&mut head)
        .map_err(|e| DataError::io("read", path, e))?;
    if head.starts_with(ZIP) {
        let archive = archive::Archive::open(BufReader::new(file));
        return Archive::open(path, archive.map_err(|e| fail(broken(&e)))?)?.read();
    }
    if head.starts_with(LEGACY) {
        let data = input::read(path, input::ARRAYS).map_err(|e| DataError::io("read", path, e))?;
        return legacy(path, &data);
    }
    Err(fail(if head.get(257..262) == Some(b"ustar") {
        "a tar archive as PyTorch wrote it before 0.1.10; load it there and save its \
         `state_dict()` again"
            .into()
    } else {
        "not a file of `torch.save`; give the published .pth".into()
    }))
}

fn broken(error: &str) -> String {
    format!("not a readable zip archive ({error}): {DAMAGED}")
}

/// A state dictionary in a zip archive.
struct Archive<'a> {
    path: &'a Path,
    zip: archive::Archive<BufReader<File>>,
    /// Folder of its files inside the archive, with a slash.
    folder: String,
}

impl<'a> Archive<'a> {
    fn open(path: &'a Path, zip: archive::Archive<BufReader<File>>) -> Result<Self, DataError> {
        let pickle = zip.names().find_map(|n| n.strip_suffix("data.pkl"));
        let folder = pickle.filter(|f| f.is_empty() || f.ends_with('/'));
        let folder = folder.map(str::to_owned).ok_or_else(|| {
            DataError::format(
                path,
                "a zip archive without data.pkl; give the published .pth",
            )
        })?;
        Ok(Self { path, zip, folder })
    }

    fn read(mut self) -> Result<BTreeMap<String, Array>, DataError> {
        let path = self.path;
        let length = std::fs::metadata(path).map_or(0, |m| m.len());
        if self
            .zip
            .names()
            .any(|n| *n == format!("{}byteorder", self.folder))
        {
            let order = self.entry("byteorder", 16)?;
            if order != b"little" {
                let message = "written on a big-endian machine; load it there and save it as \
                               safetensors";
                return Err(DataError::format(path, message));
            }
        }
        let pickle = self.entry("data.pkl", MAX_PICKLE)?;
        let (pickle, _) = Pickle::parse_torch(path, &pickle)?;
        let mut tensors = tensors(path, &pickle, length)?;
        // Tensors that share a storage follow each other, so that each is read once.
        tensors.sort_by_key(|(_, tensor)| tensor.storage.key);
        let mut arrays = BTreeMap::new();
        for group in tensors.chunk_by(|(_, a), (_, b)| a.storage.key == b.storage.key) {
            let storage = group[0].1.storage;
            let key = String::from_utf8_lossy(storage.key);
            let limit = (storage.count as u64).saturating_mul(storage.element.size() as u64);
            let bytes = self.entry(&format!("data/{key}"), limit)?;
            for (name, tensor) in group {
                arrays.insert(name.clone(), array::view(path, name, tensor, &bytes)?);
            }
        }
        Ok(arrays)
    }

    /// A file of the archive of at most `limit` bytes; its checksum is compared.
    fn entry(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, DataError> {
        let name = format!("{}{name}", self.folder);
        let fail = |message: String| DataError::format(self.path, message);
        let bytes = self.zip.member(&name, limit);
        bytes
            .map_err(|e| fail(format!("`{name}`: {e}: {DAMAGED}")))?
            .ok_or_else(|| fail(format!("has no `{name}`: {DAMAGED}")))
    }
}

/// The older format: magic number, version, facts about the machine, the pickle, the keys of the
/// storages, and each storage after its number of elements.
fn legacy(path: &Path, data: &[u8]) -> Result<BTreeMap<String, Array>, DataError> {
    let fail = |message: String| DataError::format(path, message);
    let mut at = LEGACY.len();
    let mut next = || -> Result<Pickle, DataError> {
        let (pickle, length) = Pickle::parse_torch(path, &data[at..])?;
        at += length;
        Ok(pickle)
    };
    let (_version, machine, pickle, keys) = (next()?, next()?, next()?, next()?);
    for &(key, value) in machine.dict(machine.root())? {
        if machine.bytes(key).is_ok_and(|k| k == b"little_endian") && value != Value::Bool(true) {
            return Err(fail(
                "written on a big-endian machine; load it there and save it as \
                             safetensors"
                    .into(),
            ));
        }
    }
    let storages: HashMap<&[u8], _> = pickle.storages().map(|s| (s.key, s)).collect();
    let mut ranges: HashMap<&[u8], Range<usize>> = HashMap::new();
    let mut input = Cursor::new(data);
    let truncated = |e: super::cursor::Truncated| fail(e.to_string());
    input.take(at as u64).map_err(truncated)?;
    for &key in keys.list(keys.root())? {
        let key = keys.bytes(key)?;
        let name = String::from_utf8_lossy(key);
        let storage = storages
            .get(key)
            .ok_or_else(|| fail(format!("storage `{name}` belongs to no tensor: {DAMAGED}")))?;
        let count = input.i64().map_err(truncated)?;
        if usize::try_from(count) != Ok(storage.count) {
            return Err(fail(format!(
                "storage `{name}` has {count} numbers where {} were announced: {DAMAGED}",
                storage.count
            )));
        }
        let start = input.position();
        let length = (storage.count as u64).saturating_mul(storage.element.size() as u64);
        input.take(length).map_err(truncated)?;
        ranges.insert(storage.key, start..input.position());
    }
    tensors(path, &pickle, data.len() as u64)?
        .into_iter()
        .map(|(name, tensor)| {
            let key = tensor.storage.key;
            let range = ranges
                .get(key)
                .cloned()
                .ok_or_else(|| fail(format!("`{name}` has no storage in the file: {DAMAGED}")))?;
            let array = array::view(path, &name, &tensor, &data[range])?;
            Ok((name, array))
        })
        .collect()
}

/// Named floating-point tensors of a pickle in a file of `length` bytes.
fn tensors<'p>(
    path: &Path,
    pickle: &'p Pickle,
    length: u64,
) -> Result<Vec<(String, TensorView<'p>)>, DataError> {
    let fail = |message: &str| DataError::format(path, message);
    let mut found = Vec::new();
    let mut waiting = vec![(String::new(), network(pickle), DEPTH)];
    let (mut seen, mut written) = (0, 0);
    while let Some((prefix, dict, depth)) = waiting.pop() {
        let Ok(entries) = pickle.dict(dict) else {
            continue;
        };
        seen += entries.len();
        if seen > MAX_ENTRIES.min(pickle.size()) {
            return Err(fail("more entries than any state dictionary has"));
        }
        for &(key, value) in entries {
            let Some(key) = label(pickle, key) else {
                continue;
            };
            let length = prefix.len() + key.len();
            written += length;
            if length > LONGEST_NAME || written > pickle.size().saturating_mul(NAMES) {
                return Err(fail("longer names than any state dictionary has"));
            }
            let name = format!("{prefix}{key}");
            if let Some(tensor) = pickle.tensor(value) {
                found.push((name, tensor));
            } else if pickle.is_module(value) {
                waiting.push((format!("{name}."), value, depth));
            } else if depth > 0 {
                waiting.push((format!("{name}."), value, depth - 1));
            }
        }
    }
    if found.is_empty() {
        return Err(fail(
            "holds no tensor by name; save the network's `state_dict()`",
        ));
    }
    found.retain(|(_, tensor)| tensor.storage.element.is_float());
    let numbers = found.iter().try_fold(0_u64, |sum, (_, tensor)| {
        let mut extents = tensor.shape.iter();
        let product = extents.try_fold(1_u64, |n, &extent| n.checked_mul(extent as u64))?;
        sum.checked_add(product)
    });
    if numbers.is_none_or(|numbers| numbers > length) {
        return Err(fail(
            "its tensors have more numbers than the file has bytes",
        ));
    }
    Ok(found)
}

fn label(pickle: &Pickle, key: Value) -> Option<Cow<'_, str>> {
    match key {
        Value::Int(number) => Some(number.to_string().into()),
        _ => pickle.text(key).ok(),
    }
}

/// The dictionary of the network: the file's own, or one inside it that alone holds tensors or is
/// called `state_dict`.
fn network(pickle: &Pickle) -> Value {
    let holds_tensors = |value| {
        let entries = pickle.dict(value).unwrap_or_default();
        entries.iter().any(|&(_, v)| pickle.tensor(v).is_some())
    };
    let root = pickle.root();
    if holds_tensors(root) {
        return root;
    }
    let entries = pickle.dict(root).unwrap_or_default();
    // One dictionary under many names is looked into once.
    let mut known: HashMap<u32, bool> = HashMap::new();
    let mut holds_some = |value| match value {
        Value::Object(id) => *known.entry(id).or_insert_with(|| holds_tensors(value)),
        _ => false,
    };
    let inner: Vec<_> = entries.iter().filter(|(_, v)| holds_some(*v)).collect();
    let is_named = |&&&(key, _): &&&(Value, Value)| {
        label(pickle, key).is_some_and(|name| name == "state_dict")
    };
    match inner.as_slice() {
        [(_, only)] => *only,
        several => several
            .iter()
            .find(is_named)
            .map_or(root, |&&(_, value)| value),
    }
}

#[cfg(test)]
mod tests;
