//! R-precision: is the caption an image was made from found among mismatched ones?

use serde::{Deserialize, Serialize};
use wordpaint_rng::{Rng, key};

use crate::{MetricError, Moments};

/// Smallest product of lengths (DM-GAN's evaluation code).
const MIN_NORM: f64 = 1e-8;

/// Where the true caption of one image stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retrieval {
    /// Mismatched captions that are more similar than the true one.
    pub above: usize,
    /// Mismatched captions that are exactly as similar.
    pub ties: usize,
}

impl Retrieval {
    /// The published rule: the first largest similarity is the true caption's, so ties count as
    /// hits, and an encoder that says the same of everything scores 100 %.
    pub const fn is_hit_published(self) -> bool {
        self.above == 0
    }

    /// The rule without that loophole: the true caption alone is the most similar.
    pub const fn is_hit(self) -> bool {
        self.above + self.ties == 0
    }

    /// Rank of the true caption, 1 = first, ties in its favour as published.
    pub const fn rank(self) -> usize {
        self.above + 1
    }
}

/// Cosine with the published guard against short vectors.
///
/// # Panics
///
/// If the lengths differ.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "embeddings of one length");
    let dot = |x: &[f32], y: &[f32]| -> f64 {
        x.iter()
            .zip(y)
            .map(|(&x, &y)| f64::from(x) * f64::from(y))
            .sum()
    };
    dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt()).max(MIN_NORM)
}

/// Ranks the true caption among mismatched ones by cosine with the image.
///
/// # Errors
///
/// If there are no mismatched captions, lengths differ or a value is not finite.
pub fn retrieve<'a>(
    image: &[f32],
    truth: &[f32],
    mismatched: impl IntoIterator<Item = &'a [f32]>,
) -> Result<Retrieval, MetricError> {
    let similarity = |text: &[f32]| {
        crate::rows::same_dims(image.len(), text.len())?;
        let value = cosine(image, text);
        if value.is_finite() {
            Ok(value)
        } else {
            Err(MetricError::Invalid("an embedding is not finite".into()))
        }
    };
    let own = similarity(truth)?;
    let mut retrieval = Retrieval { above: 0, ties: 0 };
    let mut count = 0;
    for text in mismatched {
        let other = similarity(text)?;
        retrieval.above += usize::from(other > own);
        retrieval.ties += usize::from(other == own);
        count += 1;
    }
    if count == 0 {
        return Err(MetricError::Empty {
            what: "R-precision (mismatched captions)",
        });
    }
    Ok(retrieval)
}

/// How folds are averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoldRule {
    /// Every row of a fold counts.
    Whole,
    /// The last row of every fold is left out, as the published code does.
    PublishedOffByOne,
}

/// Shares of hits over folds.
#[derive(Debug, Clone, PartialEq)]
pub struct Folds {
    /// Share of each fold.
    pub folds: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// Their population standard deviation.
    pub std: f64,
}

/// Shares of `hits`, shuffled by `permutation`, in `count` folds of equal size; a tail that fills
/// no fold is left out.
///
/// # Errors
///
/// If there are fewer hits than folds (than twice the folds for the published rule).
pub fn folds(
    hits: &[bool],
    permutation: &[usize],
    count: usize,
    rule: FoldRule,
) -> Result<Folds, MetricError> {
    let size = permutation.len().checked_div(count).unwrap_or(0);
    let used = match rule {
        FoldRule::Whole => size,
        FoldRule::PublishedOffByOne => size.saturating_sub(1),
    };
    if used == 0 {
        return Err(MetricError::TooFew {
            what: "the folds of R-precision",
            needed: count.max(1) * (1 + usize::from(rule == FoldRule::PublishedOffByOne)),
            got: permutation.len(),
        });
    }
    let folds: Vec<f64> = permutation
        .chunks_exact(size)
        .take(count)
        .map(|fold| fold[..used].iter().filter(|&&row| hits[row]).count() as f64 / used as f64)
        .collect();
    let moments: Moments = folds.iter().copied().collect();
    Ok(Folds {
        mean: moments.mean(),
        std: moments.std(),
        folds,
    })
}

/// A random order of `count` rows for [`folds`].
pub fn permutation(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    Rng::new(&[seed, key("r-precision folds")]).shuffle(&mut order);
    order
}

/// A caption by image and position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caption {
    /// Image.
    pub image: usize,
    /// Position among the captions of the image.
    pub caption: usize,
}

/// Draws mismatched captions for one query as published: a random image of another class, then one
/// of its `captions` captions; a caption may be drawn twice. Where every image is a class of its
/// own (COCO), `classes` are image numbers.
///
/// # Errors
///
/// If no image has another class.
pub fn draw_mismatched(
    classes: &[usize],
    class: usize,
    captions: usize,
    count: usize,
    query: u64,
    seed: u64,
) -> Result<Vec<Caption>, MetricError> {
    if captions == 0 || classes.iter().all(|&other| other == class) {
        return Err(MetricError::Invalid(
            "no image of another class has a caption to draw".into(),
        ));
    }
    let mut rng = Rng::new(&[seed, key("mismatched captions"), query]);
    Ok((0..count)
        .map(|_| {
            loop {
                let image = rng.n(classes.len());
                if classes[image] != class {
                    break Caption {
                        image,
                        caption: rng.n(captions),
                    };
                }
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(rows: usize, dims: usize, seed: u64) -> Vec<Vec<f32>> {
        let mut rng = Rng::new(&[seed]);
        (0..rows)
            .map(|_| (0..dims).map(|_| rng.normal()).collect())
            .collect()
    }

    fn share(images: &[Vec<f32>], texts: &[Vec<f32>], rule: fn(Retrieval) -> bool) -> f64 {
        let classes: Vec<usize> = (0..texts.len()).collect();
        let hits = images.iter().enumerate().filter(|(i, image)| {
            let drawn = draw_mismatched(&classes, *i, 1, 99, *i as u64, 5).expect("others");
            let others = drawn.iter().map(|c| texts[c.image].as_slice());
            rule(retrieve(image, &texts[*i], others).expect("finite"))
        });
        hits.count() as f64 / images.len() as f64
    }

    #[test]
    fn perfect_random_and_constant_encoders_score_as_they_should() {
        let (texts, images) = (random(400, 8, 1), random(400, 8, 2));
        let constant = vec![vec![1.0; 8]; 400];
        assert_eq!(share(&texts, &texts, Retrieval::is_hit), 1.0);
        let chance = share(&images, &texts, Retrieval::is_hit);
        assert!(chance < 0.03, "{chance}");
        assert_eq!(share(&constant, &constant, Retrieval::is_hit), 0.0);
        assert_eq!(
            share(&constant, &constant, Retrieval::is_hit_published),
            1.0
        );
    }

    #[test]
    fn mismatched_captions_are_of_other_classes() {
        let classes = [0, 0, 1, 2, 0];
        let drawn = draw_mismatched(&classes, 0, 10, 99, 3, 1).expect("two others");
        assert_eq!(drawn.len(), 99);
        assert!(
            drawn
                .iter()
                .all(|c| classes[c.image] != 0 && c.caption < 10)
        );
        assert!(draw_mismatched(&[4, 4], 4, 10, 9, 0, 1).is_err());
    }

    #[test]
    fn wrong_input_is_refused() {
        assert!(retrieve(&[1.0], &[1.0], []).is_err());
        assert!(retrieve(&[1.0], &[f32::NAN], [[1.0].as_slice()]).is_err());
        assert!(retrieve(&[1.0], &[1.0, 2.0], [[1.0].as_slice()]).is_err());
        assert!(folds(&[true; 5], &permutation(5, 0), 10, FoldRule::Whole).is_err());
        assert!(
            folds(
                &[true; 10],
                &permutation(10, 0),
                10,
                FoldRule::PublishedOffByOne
            )
            .is_err()
        );
    }
}
