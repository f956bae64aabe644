//! Statistics and distance at the size of published evaluations, beside numpy and scipy where
//! `WORDPAINT_PYTHON` names a Python that has them.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use wordpaint_metrics::{Gaussian, GaussianStats, frechet_distance};
use wordpaint_rng::Rng;

const ROWS: usize = 30_000;
const DIMS: usize = 2048;
/// Rows per chunk of the files.
const CHUNK: usize = 500;

/// What the common tools do: features in `f64` in memory, numpy's covariance, scipy's root.
const PEER: &str = r#"
import sys, time
import numpy as np
from scipy import linalg
dims = int(sys.argv[1])
took, stats = 0.0, []
for path in sys.argv[2:]:
    rows = np.fromfile(path, dtype="<f4").reshape(-1, dims).astype(np.float64)
    start = time.perf_counter()
    stats.append((rows.mean(0), np.cov(rows, rowvar=False)))
    took += time.perf_counter() - start
    del rows
(m, s), (n, t) = stats
start = time.perf_counter()
root = linalg.sqrtm(s.dot(t))
distance = ((m - n) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * np.trace(root.real)
print(took, time.perf_counter() - start, repr(float(distance)))
"#;

/// Largest resident size of the process in MB, where the system tells.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// Cheap features with structure: pool3 is non-negative with a mean of about 0.4.
fn chunk(set: u64, number: usize) -> Vec<f32> {
    let mut rng = Rng::new(&[set, number as u64]);
    let shared: Vec<f32> = (0..CHUNK).map(|_| rng.f(0.0, 0.5)).collect();
    (0..CHUNK * DIMS)
        .map(|i| rng.f(0.0, 0.5) + shared[i / DIMS] * (i % 7) as f32 * 0.1)
        .collect()
}

/// A set of features on disk.
struct Features(PathBuf);

impl Features {
    fn write(folder: &Path, set: u64) -> Self {
        let path = folder.join(format!("wordpaint-scale-{}-{set}.f32", std::process::id()));
        let mut file = File::create(&path).expect("a temporary file");
        for number in 0..ROWS / CHUNK {
            let bytes: Vec<u8> = chunk(set, number)
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect();
            file.write_all(&bytes).expect("room for 250 MB");
        }
        Self(path)
    }

    /// The rows from `range`, `size` at a time.
    fn chunks(&self, range: std::ops::Range<usize>, size: usize) -> impl Iterator<Item = Vec<f32>> {
        let mut file = File::open(&self.0).expect("written");
        std::io::Seek::seek(
            &mut file,
            std::io::SeekFrom::Start((range.start * DIMS * 4) as u64),
        )
        .expect("inside");
        let mut left = range.len();
        std::iter::from_fn(move || {
            let rows = size.min(left);
            left -= rows;
            let mut bytes = vec![0; rows * DIMS * 4];
            file.read_exact(&mut bytes).expect("whole");
            let (words, _) = bytes.as_chunks::<4>();
            (rows > 0).then(|| words.iter().map(|&b| f32::from_le_bytes(b)).collect())
        })
    }
}

impl Drop for Features {
    fn drop(&mut self) {
        // Nothing follows from a file that is left in the temporary folder.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn stats(chunks: impl Iterator<Item = Vec<f32>>, seconds: &mut f64) -> GaussianStats {
    let mut stats = GaussianStats::new(DIMS);
    for rows in chunks {
        let start = Instant::now();
        stats.push(&rows).expect("finite");
        *seconds += start.elapsed().as_secs_f64();
    }
    stats
}

/// Largest difference relative to the largest value.
fn difference(a: &[f64], b: &[f64]) -> f64 {
    let scale = a.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let each = a.iter().zip(b).map(|(x, y)| (x - y).abs());
    each.fold(0.0, f64::max) / scale
}

/// Chunks of other sizes, the second half first, in three accumulators.
fn merged(features: &Features) -> Gaussian {
    let mut total = GaussianStats::new(DIMS);
    for (range, size) in [(20_001..ROWS, 777), (12_345..20_001, 1), (0..12_345, 4096)] {
        let part = stats(features.chunks(range, size), &mut 0.0);
        total.merge(part).expect("one length");
    }
    total.finish().expect("two rows")
}

fn peer(python: OsString, sets: &[Features]) -> [f64; 3] {
    let output = Command::new(python)
        .args(["-c", PEER, &DIMS.to_string()])
        .args(sets.iter().map(|set| &set.0))
        .output()
        .expect("Python starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(|word| word.parse().expect("a number"))
        .collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    numbers.try_into().unwrap_or_else(|_| panic!("{errors}"))
}

#[test]
#[ignore = "slow: two sets of 30,000 x 2048 features"]
fn thirty_thousand_rows_of_2048_need_less_than_400_mb() {
    let folder = std::env::temp_dir();
    let sets = [0, 1].map(|set| Features::write(&folder, set));
    let before = peak();
    let mut waited = 0.0;
    let [one, two] = [0, 1].map(|i| {
        let chunks = sets[i].chunks(0..ROWS, CHUNK);
        let stats = stats(chunks, &mut waited);
        let start = Instant::now();
        let gaussian = stats.finish().expect("two rows");
        waited += start.elapsed().as_secs_f64();
        gaussian
    });
    let start = Instant::now();
    let distance = frechet_distance(&one, &two).expect("one length").distance;
    let decomposed = start.elapsed().as_secs_f64();
    let after = peak();
    eprintln!("ours: statistics {waited:.2} s, distance {decomposed:.2} s, value {distance:.9}");

    assert!(distance > 0.0 && distance < 50.0, "{distance}");
    if let (Some(before), Some(after)) = (before, after) {
        eprintln!("peak {:.0} MB above the start", after - before);
        assert!(after - before < 400.0, "{before} to {after} MB");
    }
    drop(two);
    let other = merged(&sets[0]);
    let [mean, covariance] = [
        difference(&one.mean, &other.mean),
        difference(&one.covariance, &other.covariance),
    ];
    eprintln!("other chunks, order and merging: mean {mean:.1e}, covariance {covariance:.1e}");
    assert_eq!(other.count, ROWS as u64);
    assert!(mean < 1e-10 && covariance < 1e-10, "{mean} {covariance}");

    let Some(python) = std::env::var_os("WORDPAINT_PYTHON") else {
        eprintln!("WORDPAINT_PYTHON is not set: no comparison with numpy and scipy");
        return;
    };
    let [statistics, root, value] = peer(python, &sets);
    eprintln!(
        "numpy and scipy: statistics {statistics:.2} s, distance {root:.2} s, value {value:.9}"
    );
    assert!(
        (distance - value).abs() < 1e-6 * value,
        "{distance} {value}"
    );
    assert!(
        waited + decomposed < statistics + root,
        "ours {waited:.2} + {decomposed:.2} s, numpy and scipy {statistics:.2} + {root:.2} s"
    );
}
