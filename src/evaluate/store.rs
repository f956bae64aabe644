//! Features on disk, in chunks that are found again by what they were made from.
//!
//! A chunk appears whole or not at all and carries a digest, so an interrupted extraction goes on
//! where it stopped and a damaged file is made anew.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wordpaint_metrics::{MetricError, Rows};

use super::extract::{Features, Instrument};
use crate::run::checkpoint::hex;
use crate::run::folder::{RunError, write_atomic};

const MAGIC: &[u8; 8] = b"wpfeat01";
/// Magic, rows, dims, classes.
const HEADER: usize = 8 + 3 * 4;
const DIGEST: usize = 32;

/// The features of one instrument.
#[derive(Debug, Clone)]
pub struct FeatureStore {
    folder: PathBuf,
    seed: Vec<u8>,
}

/// A chunk on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    path: PathBuf,
    rows: usize,
    dims: usize,
    classes: usize,
}

impl Chunk {
    /// Pooled features per row.
    pub const fn dims(&self) -> usize {
        self.dims
    }
}

impl FeatureStore {
    /// The store of `instrument` below `cache`.
    pub fn new(cache: &Path, instrument: &Instrument) -> Self {
        let mut hash = Sha256::new();
        for part in [
            &instrument.id,
            &instrument.weights,
            &instrument.preprocessing,
        ] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let seed = hash.finalize().to_vec();
        let name = format!("{}-{}", instrument.id.replace('/', "-"), &hex(&seed)[..12]);
        Self {
            folder: cache.join("evaluation").join(name),
            seed,
        }
    }

    /// Where the features of what `parts` describe (image contents, or how images are made) lie.
    pub fn place<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(&self.seed);
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let name = hex(&hash.finalize());
        self.folder
            .join(&name[..2])
            .join(format!("{}.features", &name[2..34]))
    }

    /// The chunk at `place` if it is there and undamaged.
    pub fn find(&self, place: &Path) -> Option<Chunk> {
        let bytes = wordpaint_files::read(place).ok()?;
        let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
        let found = Sha256::digest(body);
        if found.as_slice() != digest || !body.starts_with(MAGIC) {
            tracing::warn!(
                "{}: is damaged (SHA-256 {} stored, {} found); measuring again",
                place.display(),
                hex(digest),
                hex(&found)
            );
            return None;
        }
        let number = |at: usize| -> Option<usize> {
            let bytes = body.get(8 + at * 4..12 + at * 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
        };
        let (rows, dims, classes) = (number(0)?, number(1)?, number(2)?);
        let values = dims.checked_add(classes)?.checked_mul(rows)?;
        let is_whole = values.checked_mul(4)?.checked_add(HEADER) == Some(body.len());
        is_whole.then(|| Chunk {
            path: place.to_path_buf(),
            rows,
            dims,
            classes,
        })
    }

    /// Keeps `features` at `place`.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn keep(&self, place: PathBuf, features: &Features) -> Result<Chunk, RunError> {
        let rows = features.pool.len() / features.dims.max(1);
        let mut bytes = MAGIC.to_vec();
        for number in [rows, features.dims, features.classes] {
            bytes.extend((number as u32).to_le_bytes());
        }
        let logits = features.logits.iter().flatten();
        bytes.extend(
            features
                .pool
                .iter()
                .chain(logits)
                .flat_map(|v| v.to_le_bytes()),
        );
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        write_atomic(&place, &bytes)?;
        Ok(Chunk {
            path: place,
            rows,
            dims: features.dims,
            classes: features.classes,
        })
    }
}

/// The features of a set of images, in chunks on disk.
#[derive(Debug, Clone, Default)]
pub struct FeatureSet {
    chunks: Vec<Chunk>,
    /// First row of each chunk.
    starts: Vec<usize>,
    rows: usize,
}

impl FeatureSet {
    /// Puts chunks in order.
    ///
    /// # Errors
    ///
    /// If they differ in the length of their rows.
    pub fn new(chunks: Vec<Chunk>) -> Result<Self, MetricError> {
        let kinds: BTreeSet<(usize, usize)> = chunks.iter().map(|c| (c.dims, c.classes)).collect();
        if kinds.len() > 1 {
            return Err(MetricError::Invalid("chunks of several networks".into()));
        }
        let mut rows = 0;
        let starts = chunks
            .iter()
            .map(|chunk| {
                rows += chunk.rows;
                rows - chunk.rows
            })
            .collect();
        Ok(Self {
            chunks,
            starts,
            rows,
        })
    }

    /// Class scores per image; 0 where the instrument has none.
    pub fn classes(&self) -> usize {
        self.chunks.first().map_or(0, |chunk| chunk.classes)
    }

    /// Class scores of all images, chunk by chunk, with the number of the first row.
    ///
    /// # Errors
    ///
    /// If a chunk cannot be read.
    pub fn logits(&self) -> impl Iterator<Item = Result<(usize, Vec<f32>), MetricError>> + '_ {
        self.chunks.iter().zip(&self.starts).map(|(chunk, &start)| {
            let skipped = HEADER + chunk.rows * chunk.dims * 4;
            let values = read(&chunk.path, skipped, chunk.rows * chunk.classes)?;
            Ok((start, values))
        })
    }

    /// Pooled features of all images, chunk by chunk.
    ///
    /// # Errors
    ///
    /// If a chunk cannot be read.
    pub fn pools(&self) -> impl Iterator<Item = Result<Vec<f32>, MetricError>> + '_ {
        self.chunks
            .iter()
            .map(|chunk| read(&chunk.path, HEADER, chunk.rows * chunk.dims))
    }

    /// All pooled features in memory, row by row.
    ///
    /// # Errors
    ///
    /// If a chunk cannot be read.
    pub fn rows(&self) -> Result<Vec<Vec<f32>>, MetricError> {
        let mut rows = Vec::new();
        for chunk in self.pools() {
            rows.extend(chunk?.chunks_exact(self.dims().max(1)).map(<[f32]>::to_vec));
        }
        Ok(rows)
    }

    /// Chunk of a row and its number there.
    fn locate(&self, row: usize) -> (usize, usize) {
        let chunk = self.starts.partition_point(|&start| start <= row) - 1;
        (chunk, row - self.starts[chunk])
    }
}

impl Rows for FeatureSet {
    fn count(&self) -> usize {
        self.rows
    }

    fn dims(&self) -> usize {
        self.chunks.first().map_or(0, |chunk| chunk.dims)
    }

    fn gather(&self, rows: &[usize], into: &mut Vec<f32>) -> Result<(), MetricError> {
        let dims = self.dims();
        into.clear();
        into.resize(rows.len() * dims, 0.0);
        // Rows of a chunk are read together: one opening of each file.
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&i| rows[i]);
        for group in order.chunk_by(|&a, &b| self.locate(rows[a]).0 == self.locate(rows[b]).0) {
            let (chunk, _) = self.locate(rows[group[0]]);
            let chunk = &self.chunks[chunk];
            let mut file = File::open(&chunk.path).map_err(|e| unreadable(&chunk.path, &e))?;
            for &i in group {
                let (_, row) = self.locate(rows[i]);
                let values = read_at(&mut file, HEADER + row * dims * 4, dims)
                    .map_err(|e| unreadable(&chunk.path, &e))?;
                into[i * dims..][..dims].copy_from_slice(&values);
            }
        }
        Ok(())
    }
}

fn read(path: &Path, offset: usize, count: usize) -> Result<Vec<f32>, MetricError> {
    File::open(path)
        .and_then(|mut file| read_at(&mut file, offset, count))
        .map_err(|e| unreadable(path, &e))
}

fn read_at(file: &mut File, offset: usize, count: usize) -> std::io::Result<Vec<f32>> {
    let mut bytes = vec![0; count * 4];
    file.seek(SeekFrom::Start(offset as u64))?;
    file.read_exact(&mut bytes)?;
    let (values, _) = bytes.as_chunks::<4>();
    Ok(values.iter().map(|&v| f32::from_le_bytes(v)).collect())
}

fn unreadable(path: &Path, error: &std::io::Error) -> MetricError {
    MetricError::Read(format!(
        "{}: {error}; start the evaluation again",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::extract::Extractor;
    use crate::evaluate::instrument::Thumbnails;

    fn features(rows: usize, first: f32) -> Features {
        Features {
            pool: (0..rows * 3).map(|i| first + i as f32).collect(),
            dims: 3,
            logits: Some((0..rows * 2).map(|i| -first - i as f32).collect()),
            classes: 2,
        }
    }

    #[test]
    fn what_is_kept_is_found_and_what_is_damaged_is_not() {
        let cache = tempfile::tempdir().expect("temporary folder");
        let store = FeatureStore::new(cache.path(), Thumbnails::default().instrument());
        let place = store.place([b"a".as_slice(), b"b"]);
        assert_ne!(place, store.place([b"ab".as_slice()]));
        assert_eq!(store.find(&place), None);

        let kept = store
            .keep(place.clone(), &features(4, 0.0))
            .expect("writable");
        assert_eq!(store.find(&place), Some(kept));

        let mut bytes = std::fs::read(&place).expect("there");
        bytes[HEADER + 1] ^= 1;
        std::fs::write(&place, &bytes).expect("writable");
        assert_eq!(store.find(&place), None);
        std::fs::write(&place, &bytes[..9]).expect("writable");
        assert_eq!(store.find(&place), None);
    }

    #[test]
    fn rows_are_gathered_in_any_order_across_chunks() {
        let cache = tempfile::tempdir().expect("temporary folder");
        let store = FeatureStore::new(cache.path(), Thumbnails::default().instrument());
        let keep = |name: &str, rows, first| {
            let place = store.place([name.as_bytes()]);
            store.keep(place, &features(rows, first)).expect("writable")
        };
        let set = FeatureSet::new(vec![keep("x", 2, 0.0), keep("y", 3, 100.0)]).expect("alike");
        let mut rows = Vec::new();
        set.gather(&[4, 1, 2, 4], &mut rows).expect("readable");
        assert_eq!(rows[..3], [106.0, 107.0, 108.0]);
        assert_eq!(rows[3..6], [3.0, 4.0, 5.0]);
        assert_eq!(rows[6..9], [100.0, 101.0, 102.0]);
        assert_eq!(rows[9..], rows[..3]);
        let logits: Vec<_> = set.logits().collect::<Result<_, _>>().expect("readable");
        assert_eq!(
            logits[1],
            (2, vec![-100.0, -101.0, -102.0, -103.0, -104.0, -105.0])
        );
    }
}
