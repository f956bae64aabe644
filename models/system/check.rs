//! Wrong values in `[model]` tables.

/// A wrong value in a `[model]` table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {message}")]
pub struct Problem {
    /// Key inside `[model]`, dotted.
    pub key: String,
    /// What is wrong and what is accepted.
    pub message: String,
}

impl Problem {
    /// A problem at `key`.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }
}

/// Refuses counts of 0.
///
/// # Errors
///
/// Names the first.
pub fn counts(counts: &[(&str, usize)]) -> Result<(), Problem> {
    match counts.iter().find(|(_, value)| *value == 0) {
        Some((key, _)) => Err(Problem::new(*key, "must be at least 1")),
        None => Ok(()),
    }
}

/// Refuses weights below 0, and such as are no numbers.
///
/// # Errors
///
/// Names the first.
pub fn weights(weights: &[(&str, f64)]) -> Result<(), Problem> {
    let is_wrong = |value: f64| !value.is_finite() || value < 0.0;
    match weights.iter().find(|(_, value)| is_wrong(*value)) {
        Some((key, _)) => Err(Problem::new(*key, "must be 0 or a positive number")),
        None => Ok(()),
    }
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
        for wrong in [-1e-9, f64::NAN, f64::INFINITY] {
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
