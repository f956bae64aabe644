//! Wrong values in `[model]` tables, and the bounds of right ones.

use std::ops::RangeInclusive;

/// A wrong value in a `[model]` table, or one that contradicts it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {message}")]
pub struct Problem {
    /// Key inside `table`, dotted.
    pub key: String,
    /// What is wrong and what is accepted.
    pub message: String,
    /// Table of the experiment: `model`, or what it contradicts.
    pub table: &'static str,
    /// What would be right.
    pub expected: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at `key`.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
            table: "model",
            expected: None,
            help: None,
        }
    }

    /// A problem with the number of samples of a batch.
    pub fn of_batch_size(message: impl Into<String>) -> Self {
        Self {
            table: "train",
            ..Self::new("batch_size", message)
        }
    }

    /// The same with what would be right.
    #[must_use]
    pub fn with_expected(self, expected: impl Into<String>) -> Self {
        Self {
            expected: Some(expected.into()),
            ..self
        }
    }

    /// The same with what to do.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

/// Widest layer and longest vector. Sizes of networks are products of a few of these, which 64 bits
/// hold.
pub const WIDEST: usize = 1 << 16;
/// Largest side of an image in pixels; one such image takes 768 MiB in single precision.
pub const LARGEST_SIDE: usize = 1 << 13;
/// Most words read of a caption; scores of words and places grow with it.
pub const MOST_WORDS: usize = 1 << 12;
/// Most ids of words.
pub const LARGEST_VOCABULARY: usize = 1 << 24;
/// Smallest and largest factor: their products with a loss stay inside single precision.
pub const FACTORS: RangeInclusive<f64> = 1e-30..=1e30;
/// Smallest and largest divisor or sharpness: exponentials are taken of what they scale.
pub const SHARPNESS: RangeInclusive<f64> = 1e-6..=1e6;

/// Refuses a whole number out of `bounds`.
///
/// # Errors
///
/// Names it.
pub fn within(key: &str, value: usize, bounds: RangeInclusive<usize>) -> Result<(), Problem> {
    let (least, most) = (bounds.start(), bounds.end());
    if value < *least {
        return Err(Problem::new(key, format!("must be at least {least}")));
    }
    if value > *most {
        return Err(Problem::new(key, format!("must be at most {most}")));
    }
    Ok(())
}

/// Refuses widths and lengths of 0 and such as no machine holds.
///
/// # Errors
///
/// Names the first.
pub fn counts(counts: &[(&str, usize)]) -> Result<(), Problem> {
    let mut counts = counts.iter();
    counts.try_for_each(|(key, value)| within(key, *value, 1..=WIDEST))
}

/// Refuses weights below 0, and such as single precision does not hold.
///
/// # Errors
///
/// Names the first.
pub fn weights(weights: &[(&str, f64)]) -> Result<(), Problem> {
    let is_right = |value: f64| value == 0.0 || FACTORS.contains(&value);
    match weights.iter().find(|(_, value)| !is_right(*value)) {
        Some((key, _)) => {
            let (least, most) = (FACTORS.start(), FACTORS.end());
            let message = format!("must be 0 or a positive number, from {least:e} to {most:e}");
            Err(Problem::new(*key, message))
        }
        None => Ok(()),
    }
}

/// Refuses divisors and factors inside exponentials that are not positive or absurd.
///
/// # Errors
///
/// Names it.
pub fn sharpness(key: &str, value: f64) -> Result<(), Problem> {
    if SHARPNESS.contains(&value) {
        return Ok(());
    }
    let (least, most) = (SHARPNESS.start(), SHARPNESS.end());
    let message = format!("must be a positive number, from {least:e} to {most:e}");
    Err(Problem::new(key, message))
}

/// Refuses a side of an image that is no multiple of `unit`, or too large.
///
/// # Errors
///
/// Names it.
pub fn side(key: &str, value: usize, unit: usize) -> Result<(), Problem> {
    if value > 0 && value <= LARGEST_SIDE && value.is_multiple_of(unit) {
        return Ok(());
    }
    let message = match unit {
        1 => format!("must be at least 1 and at most {LARGEST_SIDE}"),
        _ => format!("must be a multiple of {unit}, at most {LARGEST_SIDE}"),
    };
    Err(Problem::new(key, message))
}

/// Refuses a share that is not from 0 to below 1.
///
/// # Errors
///
/// Names it.
pub fn share(key: &str, value: f64) -> Result<(), Problem> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(Problem::new(key, "must be at least 0 and below 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wrong_value_is_named() {
        let key = |result: Result<(), Problem>| result.err().map(|problem| problem.key);

        assert_eq!(
            key(counts(&[("a", 1), ("b", 0), ("c", 0)])).as_deref(),
            Some("b")
        );
        assert_eq!(key(counts(&[("a", 1)])), None);
        for (count, key_of) in [
            (WIDEST, None),
            (WIDEST + 1, Some("a")),
            (usize::MAX, Some("a")),
        ] {
            assert_eq!(key(counts(&[("a", count)])).as_deref(), key_of, "{count}");
        }
        for wrong in [-1e-9, f64::NAN, f64::INFINITY, 1e-300, 1e300] {
            let found = weights(&[("a", 0.0), ("b", wrong)]);
            assert_eq!(key(found).as_deref(), Some("b"), "{wrong}");
        }
        assert_eq!(key(weights(&[("a", 0.0), ("b", 3.0)])), None);
        for wrong in [-0.1, 1.0, f64::NAN] {
            assert_eq!(key(share("a", wrong)).as_deref(), Some("a"), "{wrong}");
        }
        assert_eq!(key(share("a", 0.0)), None);
    }
}
