//! Do images show what was asked for? Counts per attribute, beside what chance would give.

use serde::{Deserialize, Serialize};

use crate::interval::bootstrap;
use crate::{Interval, MetricError, wilson};

/// What was asked for and what a probe predicted, image by image.
///
/// Each attribute (colour of the wing, shape of the flower) has classes numbered from 0. A caption
/// may leave an attribute open; such images do not count for it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Agreement {
    attributes: Vec<String>,
    asked: Vec<Vec<Option<usize>>>,
    #[serde(rename = "seen")]
    predicted: Vec<Vec<usize>>,
}

/// Agreement of one attribute, or the mean over attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Name of the attribute; `mean` for the mean over attributes.
    pub name: String,
    /// Share of agreement with a 95 % interval; its count is the number of captions that name the
    /// attribute (for the mean: the number of images).
    pub interval: Interval,
    /// Number of agreeing images (for the mean: summed over attributes).
    pub correct: usize,
    /// Expected share if images were paired with captions at random.
    pub chance: f64,
}

impl Agreement {
    /// Starts counting for the named attributes.
    pub fn new(attributes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let attributes = attributes.into_iter().map(Into::into).collect();
        Self {
            attributes,
            asked: Vec::new(),
            predicted: Vec::new(),
        }
    }

    /// Adds an image: classes its caption asks for (`None` = not mentioned) and classes predicted
    /// for it, both in the order of the attributes.
    ///
    /// # Panics
    ///
    /// If a list does not have one entry per attribute.
    pub fn record(&mut self, asked: &[Option<usize>], predicted: &[usize]) {
        assert_eq!(
            asked.len(),
            self.attributes.len(),
            "one asked class per attribute"
        );
        assert_eq!(
            predicted.len(),
            self.attributes.len(),
            "one predicted class per attribute"
        );
        self.asked.push(asked.to_vec());
        self.predicted.push(predicted.to_vec());
    }

    /// Adds the images of `other`, which counts the same attributes.
    pub fn merge(&mut self, other: Self) {
        assert_eq!(
            self.attributes, other.attributes,
            "the attributes must be the same"
        );
        self.asked.extend(other.asked);
        self.predicted.extend(other.predicted);
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.predicted.len()
    }

    /// Whether no image was added.
    pub fn is_empty(&self) -> bool {
        self.predicted.is_empty()
    }

    /// Share per attribute with Wilson's interval; attributes that no caption names are left out.
    pub fn shares(&self) -> Vec<Share> {
        (0..self.attributes.len())
            .filter_map(|attribute| self.share(attribute))
            .collect()
    }

    /// Mean over attributes of their shares, with a bootstrap interval over images.
    pub fn mean(&self, resamples: usize, seed: u64) -> Result<Share, MetricError> {
        let shares = self.shares();
        if shares.is_empty() {
            return Err(MetricError::Empty {
                what: "attribute agreement",
            });
        }
        let interval = bootstrap(self.len(), resamples, seed, |rows| {
            self.mean_over(rows.iter().copied())
        })?;
        Ok(Share {
            name: "mean".into(),
            interval,
            correct: shares.iter().map(|share| share.correct).sum(),
            chance: shares.iter().map(|share| share.chance).sum::<f64>() / shares.len() as f64,
        })
    }

    fn share(&self, attribute: usize) -> Option<Share> {
        let (correct, total) = self.count(attribute, 0..self.len());
        let interval = wilson(correct, total).ok()?;
        let name = self.attributes[attribute].clone();
        Some(Share {
            name,
            interval,
            correct,
            chance: self.chance(attribute, total),
        })
    }

    /// Agreeing images and captions that name the attribute, among `rows`.
    fn count(&self, attribute: usize, rows: impl Iterator<Item = usize>) -> (usize, usize) {
        rows.filter_map(|row| {
            self.asked[row][attribute].map(|class| class == self.predicted[row][attribute])
        })
        .fold((0, 0), |(correct, total), agrees| {
            (correct + usize::from(agrees), total + 1)
        })
    }

    /// Mean over the attributes named at least once among `rows`.
    fn mean_over(&self, rows: impl Iterator<Item = usize> + Clone) -> f64 {
        let shares: Vec<f64> = (0..self.attributes.len())
            .map(|attribute| self.count(attribute, rows.clone()))
            .filter(|&(_, total)| total > 0)
            .map(|(correct, total)| correct as f64 / total as f64)
            .collect();
        // A resample in which no caption names anything agrees nowhere.
        shares.iter().sum::<f64>() / shares.len().max(1) as f64
    }

    /// Mean agreement over all pairings of captions with shuffled images, in closed form: each
    /// caption meets each image equally often.
    fn chance(&self, attribute: usize, total: usize) -> f64 {
        let classes = self
            .predicted
            .iter()
            .map(|row| row[attribute] + 1)
            .max()
            .unwrap_or(0);
        let mut predicted = vec![0usize; classes];
        for row in &self.predicted {
            predicted[row[attribute]] += 1;
        }
        let met: usize = self
            .asked
            .iter()
            .filter_map(|row| row[attribute])
            .map(|class| predicted.get(class).copied().unwrap_or(0))
            .sum();
        met as f64 / (self.len() as f64 * total as f64)
    }
}

#[cfg(test)]
mod tests {
    use wordpaint_rng::Rng;

    use super::*;

    fn random(images: usize, right: f32) -> Agreement {
        let mut rng = Rng::new(&[3]);
        let mut agreement = Agreement::new(["colour", "shape"]);
        for _ in 0..images {
            let colour = rng.n(5);
            let predicted = if rng.f(0.0, 1.0) < right {
                colour
            } else {
                rng.n(5)
            };
            let shape = (rng.n(2) == 0).then(|| rng.weighted(&[0.7, 0.3]));
            agreement.record(
                &[Some(colour), shape],
                &[predicted, rng.weighted(&[0.9, 0.1])],
            );
        }
        agreement
    }

    #[test]
    fn open_attributes_do_not_count() {
        let mut agreement = Agreement::new(["colour", "shape", "never"]);
        agreement.record(&[Some(1), None, None], &[1, 0, 0]);
        agreement.record(&[Some(1), Some(2), None], &[0, 2, 0]);

        let shares = agreement.shares();

        let counts: Vec<_> = shares
            .iter()
            .map(|s| (s.name.as_str(), s.correct, s.interval.count))
            .collect();
        assert_eq!(counts, [("colour", 1, 2), ("shape", 1, 1)]);
        let mean = agreement.mean(100, 0).expect("not empty");
        assert_eq!(mean.interval.value, 0.75);
    }

    #[test]
    fn chance_is_the_mean_over_shuffled_pairings() {
        let agreement = random(60, 0.6);
        let mut rng = Rng::new(&[9]);
        let mut order: Vec<usize> = (0..agreement.len()).collect();
        let rounds = 3000;
        let mut sums = [0.0; 2];
        for _ in 0..rounds {
            rng.shuffle(&mut order);
            let mut shuffled = Agreement::new(["colour", "shape"]);
            for (asked, &i) in agreement.asked.iter().zip(&order) {
                shuffled.record(asked, &agreement.predicted[i]);
            }
            for (sum, share) in sums.iter_mut().zip(shuffled.shares()) {
                *sum += share.interval.value;
            }
        }
        for (sum, share) in sums.iter().zip(agreement.shares()) {
            let shuffled = sum / f64::from(rounds);
            assert!(
                (shuffled - share.chance).abs() < 0.01,
                "{shuffled} {share:?}"
            );
        }
    }

    #[test]
    fn agreement_far_above_chance_is_told_from_chance() {
        let mean = random(300, 0.8).mean(500, 1).expect("not empty");
        assert!(mean.interval.low > mean.chance, "{mean:?}");
        assert!(
            mean.interval.low < mean.interval.value && mean.interval.value < mean.interval.high
        );
    }

    #[test]
    fn merged_counts_equal_counts_of_all() {
        let (mut left, right) = (random(20, 0.5), random(30, 0.5));
        let mut all = left.clone();
        for (asked, predicted) in right.asked.iter().zip(&right.predicted) {
            all.record(asked, predicted);
        }
        left.merge(right);
        assert_eq!(left.shares(), all.shares());
    }

    #[test]
    fn nothing_recorded_is_an_error() {
        assert!(Agreement::new(["colour"]).mean(10, 0).is_err());
    }
}
