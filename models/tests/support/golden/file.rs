//! Reading of golden files and comparison with tolerance.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::str::FromStr;

use burn::prelude::{Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};
use wordpaint_models::backend::Backend;

/// Tensors and metadata of one golden file.
pub(crate) struct Golden {
    metadata: HashMap<String, String>,
    tensors: HashMap<String, TensorData>,
    path: PathBuf,
}

/// How far a value may be off.
#[derive(Clone, Copy)]
pub(crate) enum Tolerance {
    /// The same for every element.
    Absolute(f32),
    /// Times the largest magnitude of the expected tensor.
    RelativeToMax(f32),
    /// Times the largest magnitude of the expected tensor, plus a constant.
    RelativeToMaxAnd(f32, f32),
    /// As [`Self::RelativeToMax`], but two elements may be ten times as far off: gradients of L1
    /// losses, which jump where two values meet and whose sums of thousands of equal addends carry
    /// the rounding errors of the reference.
    RelativeToMaxButTwo(f32),
}

impl Golden {
    /// Opens `NAME.safetensors`, or says that the test is skipped where the file is missing.
    ///
    /// # Panics
    ///
    /// If the file cannot be read, or is missing while `WORDPAINT_REQUIRE_GOLDEN` is `1`.
    pub(crate) fn open(name: &str) -> Option<Self> {
        let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let folder = std::env::var_os("WORDPAINT_GOLDEN").map_or_else(
            || PathBuf::from(workspace).join("../shared/golden"),
            PathBuf::from,
        );
        let path = folder.join(format!("{name}.safetensors"));
        if !path.is_file() {
            let is_required =
                std::env::var_os("WORDPAINT_REQUIRE_GOLDEN").is_some_and(|v| v == "1");
            assert!(!is_required, "no golden file {}", path.display());
            eprintln!("skipped {name}: no golden file {}", path.display());
            return None;
        }
        Some(Self::read(path))
    }

    /// Reads a safetensors file.
    pub(crate) fn read(path: PathBuf) -> Self {
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("a safetensors header");
        let metadata = header.metadata().clone().unwrap_or_default();
        let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
        let tensors = file.tensors().into_iter().map(|(key, view)| {
            let (shape, bytes) = (view.shape().to_vec(), view.data());
            let data = match view.dtype() {
                Dtype::F32 => TensorData::new(words(bytes, f32::from_le_bytes), shape),
                Dtype::F64 => TensorData::new(words(bytes, f64::from_le_bytes), shape),
                Dtype::I32 => TensorData::new(words(bytes, i32::from_le_bytes), shape),
                Dtype::I64 => TensorData::new(words(bytes, i64::from_le_bytes), shape),
                Dtype::U8 | Dtype::BOOL => TensorData::new(bytes.to_vec(), shape),
                other => panic!("{key}: golden files hold no {other:?}"),
            };
            (key, data)
        });
        Self {
            metadata,
            tensors: tensors.collect(),
            path,
        }
    }

    /// The file beside it with another ending.
    pub(crate) fn beside(&self, extension: &str) -> PathBuf {
        self.path.with_extension(extension)
    }

    /// Value of a metadata entry.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.metadata
            .get(key)
            .unwrap_or_else(|| panic!("the metadata lack `{key}`"))
    }

    /// Number in a metadata entry.
    pub(crate) fn number<T: FromStr>(&self, key: &str) -> T {
        let text = self.text(key);
        text.parse()
            .unwrap_or_else(|_| panic!("`{key}` = `{text}` is no number"))
    }

    /// Length of axis `axis` of the stored tensor `key`.
    pub(crate) fn dim(&self, key: &str, axis: usize) -> usize {
        self.data(key).shape[axis]
    }

    /// Whole numbers stored as a tensor of any type.
    pub(crate) fn counts(&self, key: &str) -> Vec<usize> {
        let numbers = self.data(key).iter::<f32>().collect::<Vec<f32>>();
        numbers.into_iter().map(|n| n as usize).collect()
    }

    /// Numbers of a metadata entry that holds a JSON list.
    pub(crate) fn list(&self, key: &str) -> Vec<usize> {
        serde_json::from_str(self.text(key)).unwrap_or_else(|e| panic!("`{key}`: {e}"))
    }

    /// Keys that begin with `prefix`, without it, sorted.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        let keys = self.tensors.keys().filter_map(|k| k.strip_prefix(prefix));
        let mut keys: Vec<String> = keys.map(str::to_owned).collect();
        keys.sort();
        keys
    }

    /// Contents of every key that begins with `prefix`, which is left out.
    pub(crate) fn all(&self, prefix: &str) -> BTreeMap<String, TensorData> {
        let keys = self.keys(prefix).into_iter();
        keys.map(|key| (key.clone(), self.data(&format!("{prefix}{key}"))))
            .collect()
    }

    /// Contents of `key` as stored, where it exists.
    pub(crate) fn get(&self, key: &str) -> Option<TensorData> {
        self.tensors.get(key).cloned()
    }

    /// Contents of `key` as stored.
    pub(crate) fn data(&self, key: &str) -> TensorData {
        self.get(key)
            .unwrap_or_else(|| panic!("the file lacks `{key}`"))
    }

    /// Float tensor `key` on the default device.
    pub(crate) fn tensor<B: Backend, const D: usize>(&self, key: &str) -> Tensor<B, D> {
        Tensor::from_data(self.data(key).convert::<f32>(), &Default::default())
    }

    /// Compares `found` with the stored tensor `key`; a number is stored without dimensions.
    ///
    /// # Panics
    ///
    /// With key, worst element, expected and found value, if they differ.
    pub(crate) fn check(&self, key: &str, found: TensorData, tolerance: Tolerance) {
        let expected = self.data(key);
        let shape = if expected.shape.is_empty() {
            vec![1]
        } else {
            expected.shape.to_vec()
        };
        assert_eq!(found.shape.to_vec(), shape, "{key}: shape of the result");
        let expected = expected
            .convert::<f32>()
            .to_vec::<f32>()
            .expect("converted to f32");
        let found = found
            .convert::<f32>()
            .to_vec::<f32>()
            .expect("converted to f32");
        let largest = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        let allowed = match tolerance {
            Tolerance::Absolute(t) => t,
            Tolerance::RelativeToMaxAnd(t, constant) => t * largest + constant,
            Tolerance::RelativeToMax(t) | Tolerance::RelativeToMaxButTwo(t) => t * largest,
        };
        let difference = |i: &usize| {
            let d = (expected[*i] - found[*i]).abs();
            if d.is_nan() { f32::INFINITY } else { d }
        };
        let mut order: Vec<usize> = (0..expected.len()).collect();
        order.sort_by(|a, b| difference(b).total_cmp(&difference(a)));
        let is_lenient = matches!(tolerance, Tolerance::RelativeToMaxButTwo(_));
        let is_excused = |i: &&usize| is_lenient && difference(i) <= 10.0 * allowed;
        let excused = order.iter().take(2).take_while(is_excused).count();
        let Some(&worst) = order.get(excused) else {
            return;
        };
        assert!(
            difference(&worst) <= allowed,
            "{key}: worst element {worst} of shape {shape:?}: expected {}, got {} \
             (difference {}, allowed {allowed})",
            expected[worst],
            found[worst],
            difference(&worst),
        );
    }
}

/// Weights that `cargo xtask fetch NAME` left in the cache, or a note that the test is skipped.
pub(crate) fn cached(name: &str) -> Option<BTreeMap<String, TensorData>> {
    let workspace = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let cache = std::env::var_os("WORDPAINT_CACHE").unwrap_or_else(|| "cache".into());
    let path = workspace
        .join(cache)
        .join(format!("weights/{name}.safetensors"));
    if !path.is_file() {
        eprintln!("skipped: {name} is not in the cache; `cargo xtask fetch {name}` gets it");
        return None;
    }
    Some(Golden::read(path).all(""))
}

fn words<const N: usize, T>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
    bytes
        .chunks_exact(N)
        .map(|w| read(w.try_into().expect("a chunk has N bytes")))
        .collect()
}
