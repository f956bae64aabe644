//! What a dataset on disk is made of, as one short digest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::entry::{Captions, Entry};
use crate::input;

/// Bytes of images and embeddings up to which their content is read; of larger sets their sizes
/// count.
const READ: u64 = 4 << 30;

/// Digest of a file's content; of one that cannot be read, of nothing.
fn content(path: &Path) -> [u8; 32] {
    let mut hash = Sha256::new();
    // Whoever needs the file says what is wrong with it.
    let _ = input::open(path).and_then(|mut file| io::copy(&mut file, &mut hash));
    hash.finalize().into()
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Digest of `names` (classes and words), splits, labels, boxes and captions, of the `others`
/// (embeddings), and of the images: of their content where all files together have at most `limit`
/// bytes.
fn digest<'a>(
    names: impl Iterator<Item = &'a String>,
    entries: &[Entry],
    others: &[PathBuf],
    limit: u64,
) -> [u8; 32] {
    let sizes: Vec<u64> = entries.par_iter().map(|entry| size(&entry.image)).collect();
    let other_sizes: Vec<u64> = others.iter().map(|path| size(path)).collect();
    let is_read = sizes.iter().chain(&other_sizes).sum::<u64>() <= limit;
    let mut hash = Sha256::new();
    hash.update([u8::from(is_read)]);
    for name in names {
        hash.update(name);
        hash.update([0]);
    }
    let of_entries: Vec<[u8; 32]> = entries
        .par_iter()
        .zip(&sizes)
        .map(|(entry, size)| of_entry(entry, *size, is_read))
        .collect();
    for entry in of_entries {
        hash.update(entry);
    }
    for (path, size) in others.iter().zip(other_sizes) {
        hash.update(size.to_le_bytes());
        if is_read {
            hash.update(content(path));
        }
    }
    hash.finalize().into()
}

fn of_entry(entry: &Entry, size: u64, is_read: bool) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(&entry.key);
    hash.update([0, entry.subset.map_or(0, |s| s as u8 + 1)]);
    hash.update((entry.class as u64).to_le_bytes());
    hash.update(size.to_le_bytes());
    if is_read {
        hash.update(content(&entry.image));
    }
    match &entry.captions {
        Captions::Held(captions) => {
            for caption in captions {
                hash.update(caption);
                hash.update([0]);
            }
        }
        Captions::File(path) => hash.update(content(path)),
        Captions::FirstOf(path, count) => {
            hash.update(content(path));
            hash.update((*count as u64).to_le_bytes());
        }
    }
    for label in &entry.labels {
        hash.update((*label as u32).to_le_bytes());
    }
    let boxes = (&entry.bounding_box, &entry.parts, &entry.objects);
    hash.update(format!("{boxes:?}"));
    hash.finalize().into()
}

/// See [`digest`]; 16 hexadecimal digits.
pub(super) fn of<'a>(
    names: impl Iterator<Item = &'a String>,
    entries: &[Entry],
    others: &[PathBuf],
) -> String {
    let digest = digest(names, entries, others, READ);
    let short = digest
        .first_chunk::<8>()
        .expect("a SHA-256 digest has 32 bytes");
    format!("{:016x}", u64::from_be_bytes(*short))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_of_an_image_a_caption_or_an_embedding_is_noticed() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["a.jpg", "a.txt", "a.t7"] {
            fs::write(path(name), name).expect("writes");
        }
        let captions = Captions::File(path("a.txt"));
        let entries = [Entry::new("x/a".into(), 0, path("a.jpg"), captions)];
        let classes = ["x".to_owned()];
        let of = |limit| digest(classes.iter(), &entries, &[path("a.t7")], limit);
        let before = (of(100), of(1));
        assert_ne!(before.0, before.1);

        for name in ["a.jpg", "a.txt", "a.t7"] {
            let whole = fs::read(path(name)).expect("there");
            let mut changed = whole.clone();
            changed[1] ^= 4;
            fs::write(path(name), changed).expect("writes");
            assert_ne!(of(100), before.0, "{name}");
            // Of large sets the captions alone are read.
            assert_eq!(of(1) == before.1, name != "a.txt", "{name}");
            fs::write(path(name), whole).expect("writes");
        }
        assert_eq!((of(100), of(1)), before);
    }
}
