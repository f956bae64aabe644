//! What a wrong experiment file is answered with.

use std::fmt;

use wordpaint_models::system::Problem;

/// Where a wrong value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// An experiment file.
    File {
        /// Path as a person would type it.
        path: String,
        /// Line (1-based) of the key, where one can be named.
        line: Option<usize>,
    },
    /// A `key=value` argument, as typed.
    CommandLine(String),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: None } => f.write_str(path),
            Self::File {
                path,
                line: Some(line),
            } => write!(f, "{path}:{line}"),
            Self::CommandLine(argument) => write!(f, "command line: {argument}"),
        }
    }
}

/// A wrong experiment: what is wrong, where, what was expected and what to do.
///
/// The command line prints it after `error: ` and maps it to exit code 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Box<Details>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Details {
    message: String,
    key: Option<String>,
    location: Option<Location>,
    expected: Option<String>,
    help: Option<String>,
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        let Problem {
            key,
            message,
            table,
            expected,
            help,
        } = problem;
        let error = Self::at(format!("{table}.{key}"), message);
        let details = Details {
            expected,
            help,
            ..*error.0
        };
        Self(Box::new(details))
    }
}

impl ConfigError {
    /// An error that says `message` and nothing else.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            message: message.into(),
            key: None,
            location: None,
            expected: None,
            help: None,
        }))
    }

    /// An error about the value of `key`, whose path begins the message.
    pub fn at(key: impl Into<String>, message: impl fmt::Display) -> Self {
        let key = key.into();
        Self::new(format!("`{key}` {message}")).with_key(key)
    }

    /// Names the key path (`train.stages[0].steps`) by which the place is found.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.0.key = Some(key.into());
        self
    }

    /// Says that the error came up behind the value of `key`.
    #[must_use]
    pub(super) fn within(mut self, key: &str) -> Self {
        self.0.message = format!("`{key}`: {}", self.0.message);
        self.with_key(key)
    }

    /// Adds the place.
    #[must_use]
    pub fn with_location(mut self, location: Location) -> Self {
        self.0.location = Some(location);
        self
    }

    /// Adds what would have been right.
    #[must_use]
    pub fn with_expected(mut self, expected: impl Into<String>) -> Self {
        self.0.expected = Some(expected.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Lists the `accepted` words and suggests the one nearest to `word`.
    #[must_use]
    pub fn with_accepted<S: AsRef<str>>(self, word: &str, accepted: &[S]) -> Self {
        if accepted.is_empty() {
            return self;
        }
        let list: Vec<String> = accepted
            .iter()
            .map(|a| format!("`{}`", a.as_ref()))
            .collect();
        let of = if list.len() == 1 { "" } else { "one of: " };
        let this = self.with_expected(format!("{of}{}", list.join(", ")));
        match nearest(word, accepted) {
            Some(near) => this.with_help(format!("did you mean `{near}`?")),
            None => this,
        }
    }

    /// Path of the offending key, dotted.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// Where it was written.
    pub fn location(&self) -> Option<&Location> {
        self.0.location.as_ref()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details {
            message,
            location,
            expected,
            help,
            ..
        } = &*self.0;
        f.write_str(message)?;
        if let Some(location) = location {
            write!(f, "\n  --> {location}")?;
        }
        if let Some(expected) = expected {
            write!(f, "\n  = expected {expected}")?;
        }
        if let Some(help) = help {
            write!(f, "\n  = help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// The accepted word that `word` was probably meant to be.
pub(super) fn nearest<'a, S: AsRef<str>>(word: &str, accepted: &'a [S]) -> Option<&'a str> {
    accepted
        .iter()
        .map(|a| (strsim::damerau_levenshtein(word, a.as_ref()), a.as_ref()))
        .min()
        .filter(|(distance, near)| *distance <= 2.max(near.len() / 3) && *distance < near.len())
        .map(|(_, near)| near)
        .or_else(|| {
            // `stage1-only` for `sdn-cub-stage1-only`: many edits, but clearly the same words.
            let mut within = accepted
                .iter()
                .map(AsRef::as_ref)
                .filter(|a| word.len() > 2 && (a.contains(word) || word.contains(*a)));
            within.next().filter(|_| within.next().is_none())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_where_what_was_expected_and_what_to_do() {
        let location = Location::File {
            path: "experiments/ssa-gan-cub.toml".to_owned(),
            line: Some(14),
        };

        let error = ConfigError::new("unknown key `train.lr_d`")
            .with_location(location)
            .with_accepted("lr_d", &["batch_size", "lr_g", "seed"]);

        assert_eq!(
            error.to_string(),
            "unknown key `train.lr_d`\n  --> experiments/ssa-gan-cub.toml:14\n  \
             = expected one of: `batch_size`, `lr_g`, `seed`\n  = help: did you mean `lr_g`?"
        );
    }

    #[test]
    fn a_word_like_none_of_the_accepted_ones_suggests_nothing() {
        assert_eq!(nearest("colour", &["seed", "steps"]), None);
        assert_eq!(nearest("stpes", &["seed", "steps"]), Some("steps"));
        assert_eq!(
            nearest("cub-joint", &["sdn-cub-joint", "x"]),
            Some("sdn-cub-joint")
        );
    }
}
