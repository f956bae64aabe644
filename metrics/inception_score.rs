//! Inception Score from class probabilities.

use serde::{Deserialize, Serialize};

use crate::{MetricError, Moments};

/// How rows are divided into splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitRule {
    /// Split `k` of `K` holds rows `floor(k N / K)` to `floor((k + 1) N / K)` (StackGAN's code).
    FloorBounds,
    /// Chunks of `floor(N / K)` rows; the tail is dropped (inception-score-pytorch).
    EqualChunks,
}

/// Score of each split, their mean and population standard deviation.
#[derive(Debug, Clone, PartialEq)]
pub struct InceptionScores {
    /// One score per split.
    pub splits: Vec<f64>,
    /// Mean over splits.
    pub mean: f64,
    /// Population standard deviation over splits.
    pub std: f64,
    /// Rows used.
    pub count: u64,
}

/// Accumulates class probabilities; rows come in any order with their position.
///
/// The mean divergence of a split is its mean negative entropy plus the entropy of its mean
/// distribution, so no row has to be kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InceptionScore {
    total: usize,
    rule: SplitRule,
    classes: usize,
    splits: Vec<Split>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Split {
    count: u64,
    sums: Vec<f64>,
    /// Sum of `sum_y p log p` over rows.
    negative_entropy: f64,
}

impl InceptionScore {
    /// For `total` rows of `classes` probabilities in `splits` splits.
    ///
    /// # Errors
    ///
    /// If there are fewer rows than splits, or no classes.
    pub fn new(
        total: usize,
        classes: usize,
        splits: usize,
        rule: SplitRule,
    ) -> Result<Self, MetricError> {
        if splits == 0 || classes == 0 || total < splits {
            return Err(MetricError::TooFew {
                what: "an Inception Score",
                needed: splits.max(1),
                got: if classes == 0 { 0 } else { total },
            });
        }
        let split = Split {
            count: 0,
            sums: vec![0.0; classes],
            negative_entropy: 0.0,
        };
        Ok(Self {
            total,
            rule,
            classes,
            splits: vec![split; splits],
        })
    }

    /// Takes in the row at `position` as scores before the softmax.
    ///
    /// # Errors
    ///
    /// If a value is not finite, or the number of classes or the position is wrong.
    pub fn push_logits(&mut self, position: usize, logits: &[f32]) -> Result<(), MetricError> {
        crate::rows::finite(logits, logits.len().max(1), position)?;
        let top = logits
            .iter()
            .fold(f64::NEG_INFINITY, |m, &v| m.max(f64::from(v)));
        let shifted = logits.iter().map(|&v| f64::from(v) - top);
        let log_sum = shifted.clone().map(f64::exp).sum::<f64>().ln();
        self.push(
            position,
            shifted.map(|v| v - log_sum).map(|log| (log.exp(), log)),
            logits.len(),
        )
    }

    /// Takes in the row at `position` as probabilities; a probability of 0 adds nothing.
    ///
    /// # Errors
    ///
    /// If a value is negative or not finite, or the number of classes or the position is wrong.
    pub fn push_probabilities(&mut self, position: usize, row: &[f32]) -> Result<(), MetricError> {
        if let Some(column) = row.iter().position(|v| !v.is_finite() || *v < 0.0) {
            return Err(MetricError::NotFinite {
                row: position,
                column,
            });
        }
        let pairs = row.iter().map(|&p| {
            let p = f64::from(p);
            (p, if p > 0.0 { p.ln() } else { 0.0 })
        });
        self.push(position, pairs, row.len())
    }

    fn push(
        &mut self,
        position: usize,
        row: impl Iterator<Item = (f64, f64)>,
        classes: usize,
    ) -> Result<(), MetricError> {
        crate::rows::same_dims(self.classes, classes)?;
        if position >= self.total {
            return Err(MetricError::Invalid(format!(
                "row {position} of {} rows was given",
                self.total
            )));
        }
        let Some(split) = self.split(position) else {
            return Ok(());
        };
        let split = &mut self.splits[split];
        split.count += 1;
        for (sum, (p, log)) in split.sums.iter_mut().zip(row) {
            *sum += p;
            split.negative_entropy += p * log;
        }
        Ok(())
    }

    fn split(&self, position: usize) -> Option<usize> {
        let count = self.splits.len();
        match self.rule {
            // The largest k with floor(k N / K) <= position.
            SplitRule::FloorBounds => Some(((position + 1) * count - 1) / self.total),
            SplitRule::EqualChunks => {
                Some(position / (self.total / count)).filter(|&split| split < count)
            }
        }
    }

    /// Takes in everything `other`, made for the same rows, has seen.
    ///
    /// # Errors
    ///
    /// If it was made for other rows.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricError> {
        let key = |s: &Self| (s.total, s.rule, s.classes, s.splits.len());
        if key(self) != key(other) {
            return Err(MetricError::Invalid(
                "two Inception Scores of different rows or splits cannot be merged".into(),
            ));
        }
        for (own, theirs) in self.splits.iter_mut().zip(&other.splits) {
            own.count += theirs.count;
            own.negative_entropy += theirs.negative_entropy;
            for (sum, add) in own.sums.iter_mut().zip(&theirs.sums) {
                *sum += add;
            }
        }
        Ok(())
    }

    /// The scores.
    ///
    /// # Errors
    ///
    /// If a split has seen no row.
    pub fn finish(&self) -> Result<InceptionScores, MetricError> {
        let splits = self
            .splits
            .iter()
            .map(Split::score)
            .collect::<Result<Vec<_>, _>>()?;
        let moments: Moments = splits.iter().copied().collect();
        Ok(InceptionScores {
            mean: moments.mean(),
            std: moments.std(),
            count: self.splits.iter().map(|split| split.count).sum(),
            splits,
        })
    }
}

impl Split {
    fn score(&self) -> Result<f64, MetricError> {
        if self.count == 0 {
            return Err(MetricError::Empty {
                what: "Inception Score",
            });
        }
        let n = self.count as f64;
        let means = self.sums.iter().map(|sum| sum / n).filter(|&q| q > 0.0);
        let marginal: f64 = means.map(|q| q * q.ln()).sum();
        Ok((self.negative_entropy / n - marginal).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(rows: &[Vec<f32>], splits: usize) -> InceptionScores {
        let mut score =
            InceptionScore::new(rows.len(), rows[0].len(), splits, SplitRule::FloorBounds)
                .expect("enough rows");
        for (i, row) in rows.iter().enumerate() {
            score.push_probabilities(i, row).expect("probabilities");
        }
        score.finish().expect("rows everywhere")
    }

    #[test]
    fn uniform_rows_score_1_and_one_hot_rows_the_number_of_classes() {
        assert!((score(&vec![vec![0.2; 5]; 20], 4).mean - 1.0).abs() < 1e-6);
        let one_hot: Vec<Vec<f32>> = (0..20)
            .map(|i| (0..5).map(|c| if c == i % 5 { 1.0 } else { 0.0 }).collect())
            .collect();
        let scores = score(&one_hot, 4);
        assert!((scores.mean - 5.0).abs() < 1e-12 && scores.std < 1e-12);
    }

    #[test]
    fn splits_are_those_of_the_floor_rule() {
        for (total, count) in [(1003, 10), (10, 3), (7, 7), (787, 10)] {
            let score =
                InceptionScore::new(total, 2, count, SplitRule::FloorBounds).expect("enough rows");
            for k in 0..count {
                for position in k * total / count..(k + 1) * total / count {
                    assert_eq!(
                        score.split(position),
                        Some(k),
                        "{position} of {total} / {count}"
                    );
                }
            }
        }
    }

    #[test]
    fn order_of_arrival_and_merging_do_not_matter() {
        let rows: Vec<Vec<f32>> = (0..30)
            .map(|i| vec![i as f32 / 40.0, 1.0 - i as f32 / 40.0])
            .collect();
        let fresh = || InceptionScore::new(30, 2, 3, SplitRule::EqualChunks).expect("enough rows");
        let (mut all, mut late, mut early) = (fresh(), fresh(), fresh());
        for (i, row) in rows.iter().enumerate() {
            all.push_probabilities(i, row).expect("probabilities");
        }
        for (i, row) in rows.iter().enumerate().rev() {
            let part = if i % 2 == 0 { &mut late } else { &mut early };
            part.push_probabilities(i, row).expect("probabilities");
        }
        late.merge(&early).expect("the same rows");
        let (a, b) = (all.finish().expect("full"), late.finish().expect("full"));
        assert!((a.mean - b.mean).abs() < 1e-12 && (a.std - b.std).abs() < 1e-12);
    }

    #[test]
    fn wrong_input_is_refused() {
        assert!(InceptionScore::new(9, 2, 10, SplitRule::FloorBounds).is_err());
        let mut score = InceptionScore::new(10, 2, 1, SplitRule::FloorBounds).expect("enough rows");
        assert!(score.push_logits(0, &[f32::NAN, 0.0]).is_err());
        assert!(score.push_logits(0, &[0.0]).is_err());
        assert!(score.push_logits(10, &[0.0, 0.0]).is_err());
        assert!(score.push_probabilities(0, &[-0.1, 1.1]).is_err());
        assert!(score.finish().is_err());
    }
}
