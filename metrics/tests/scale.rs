//! Statistics and distance at the size of published evaluations.

use std::time::Instant;

use wordpaint_metrics::{GaussianStats, frechet_distance};
use wordpaint_rng::Rng;

const ROWS: usize = 30_000;
const DIMS: usize = 2048;
const CHUNK: usize = 500;

/// Largest resident size of the process in MB, where the system tells.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<f64>()
        .ok()
        .map(|kb| kb / 1024.0)
}

/// Cheap features with structure: pool3 is non-negative with a mean of about 0.4.
fn chunk(set: u64, number: usize) -> Vec<f32> {
    let mut rng = Rng::new(&[set, number as u64]);
    let shared: Vec<f32> = (0..CHUNK).map(|_| rng.f(0.0, 0.5)).collect();
    (0..CHUNK * DIMS)
        .map(|i| rng.f(0.0, 0.5) + shared[i / DIMS] * (i % 7) as f32 * 0.1)
        .collect()
}

#[test]
#[ignore = "slow: two sets of 30,000 x 2048 features"]
fn thirty_thousand_rows_of_2048_need_less_than_400_mb() {
    let before = peak();
    let (mut waited, mut sets) = (0.0, Vec::new());
    for set in 0..2 {
        let mut stats = GaussianStats::new(DIMS);
        for number in 0..ROWS / CHUNK {
            let rows = chunk(set, number);
            let start = Instant::now();
            stats.push(&rows).expect("finite");
            waited += start.elapsed().as_secs_f64();
        }
        sets.push(stats.finish().expect("two rows"));
    }
    let start = Instant::now();
    let distance = frechet_distance(&sets[0], &sets[1])
        .expect("one length")
        .distance;
    let decomposed = start.elapsed().as_secs_f64();
    eprintln!("statistics {waited:.2} s, distance {decomposed:.2} s, value {distance:.6}");
    assert!(distance > 0.0 && distance < 50.0, "{distance}");
    if let (Some(before), Some(after)) = (before, peak()) {
        eprintln!("peak {:.0} MB above the start", after - before);
        assert!(after - before < 400.0, "{before} to {after} MB");
    }
}
