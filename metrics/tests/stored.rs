//! Accumulators that are written down half-way, read again and go on.

use serde::Serialize;
use serde::de::DeserializeOwned;
use wordpaint_metrics::r_precision::Retrieval;
use wordpaint_metrics::{Agreement, GaussianStats, InceptionScore, Moments, SplitRule};
use wordpaint_rng::Rng;

fn written_and_read<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let text = serde_json::to_string(value).expect("plain data");
    serde_json::from_str(&text).expect("what was written")
}

fn assert_near(a: &[f64], b: &[f64]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{a} {b}");
    }
}

#[test]
fn statistics_go_on_with_rows_that_wait_for_a_block() {
    let (rows, dims) = (1300, 5);
    let mut rng = Rng::new(&[1]);
    let data: Vec<f32> = (0..rows * dims).map(|_| 2.0 + rng.normal()).collect();
    let mut whole = GaussianStats::new(dims);
    whole.push(&data).expect("finite");
    let (first, second) = data.split_at(700 * dims);

    let mut half = GaussianStats::new(dims);
    half.push(first).expect("finite");
    let mut half = written_and_read(&half);
    half.push(second).expect("finite");

    let (found, expected) = (half.finish().expect("rows"), whole.finish().expect("rows"));
    assert_eq!(found.count, expected.count);
    assert_near(&found.mean, &expected.mean);
    assert_near(&found.covariance, &expected.covariance);
}

#[test]
fn inception_scores_go_on_in_the_middle_of_a_split() {
    let (rows, classes) = (101, 7);
    let mut rng = Rng::new(&[2]);
    let logits: Vec<Vec<f32>> = (0..rows)
        .map(|_| (0..classes).map(|_| 2.0 * rng.normal()).collect())
        .collect();
    let new = || InceptionScore::new(rows, classes, 10, SplitRule::FloorBounds).expect("rows");
    let mut whole = new();
    let mut half = new();
    for (i, row) in logits.iter().enumerate() {
        whole.push_logits(i, row).expect("finite");
        if i == 55 {
            half = written_and_read(&half);
        }
        half.push_logits(i, row).expect("finite");
    }

    let (found, expected) = (
        half.finish().expect("whole"),
        whole.finish().expect("whole"),
    );
    assert_near(&[found.mean, found.std], &[expected.mean, expected.std]);
}

#[test]
fn counts_and_moments_are_read_as_they_were_written() {
    let mut moments = Moments::default();
    moments.extend([0.1, 2.5, -3.25]);
    let read = written_and_read(&moments);
    assert_near(&[read.mean(), read.std()], &[moments.mean(), moments.std()]);

    let mut agreement = Agreement::new(["colour", "shape"]);
    agreement.record(&[Some(1), None], &[1, 0]);
    agreement.record(&[Some(2), Some(0)], &[1, 0]);
    let read = written_and_read(&agreement);
    assert_eq!(read.shares(), agreement.shares());

    let retrieval = Retrieval { above: 3, ties: 1 };
    assert_eq!(written_and_read(&retrieval), retrieval);
}
