//! Differences between what a run was trained with and what is there.

use std::fmt;
use std::path::{Path, PathBuf};

/// What may differ, as `wordpaint resume --allow` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `config.toml`.
    Config,
    /// `vocabulary.json`.
    Vocabulary,
    /// Images, captions, or what generates them.
    Data,
    /// Frozen networks, the copy of the text encoder among them.
    Networks,
    /// The run that a checkpoint is of.
    Checkpoint,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Config,
        Self::Vocabulary,
        Self::Data,
        Self::Networks,
        Self::Checkpoint,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Vocabulary => "vocabulary",
            Self::Data => "data",
            Self::Networks => "networks",
            Self::Checkpoint => "checkpoint",
        }
    }

    /// The kind called `name`.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What it is about.
    pub kind: Kind,
    /// Which file, setting or network.
    pub what: String,
    /// The value that the run keeps.
    pub stored: String,
    /// The value of what is there.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            what,
            stored,
            found,
        } = self;
        write!(f, "{}: {what}: stored {stored}, found {found}", kind.name())
    }
}

/// Why a run is not opened: the differences that nobody allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Differences {
    run: PathBuf,
    all: Vec<Difference>,
    /// Kinds that were allowed already.
    allowed: Vec<Kind>,
}

impl Differences {
    /// Refuses those of `all` whose kind is not among the `allowed`.
    ///
    /// # Errors
    ///
    /// If there is one.
    pub fn refuse<'a>(
        run: &Path,
        all: impl IntoIterator<Item = &'a Difference>,
        allowed: &[Kind],
    ) -> Result<(), Self> {
        let is_refused = |difference: &&Difference| !allowed.contains(&difference.kind);
        let refused: Vec<Difference> = all.into_iter().filter(is_refused).cloned().collect();
        if refused.is_empty() {
            return Ok(());
        }
        Err(Self {
            run: run.to_path_buf(),
            all: refused,
            allowed: allowed.to_vec(),
        })
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.run.display();
        write!(f, "{run} is not what it was when it was trained:")?;
        for difference in &self.all {
            write!(f, "\n  {difference}")?;
        }
        let kinds = self.all.iter().map(|difference| difference.kind);
        let mut kinds: Vec<Kind> = kinds.chain(self.allowed.iter().copied()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        write!(f, "\n  = help: bring back what was there")?;
        if kinds.contains(&Kind::Config) {
            write!(
                f,
                " (every checkpoint in {run}/checkpoints has the config.toml it was trained with)"
            )?;
        }
        write!(f, ", or accept the difference: wordpaint resume {run}")?;
        for kind in kinds {
            write!(f, " --allow {}", kind.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_both_values_and_the_command_that_accepts_them() {
        let of = |kind: Kind| Difference {
            kind,
            what: kind.name().to_uppercase(),
            stored: "1".into(),
            found: "2".into(),
        };
        let all = [of(Kind::Data), of(Kind::Config)];

        let refused = Differences::refuse(Path::new("r"), &all, &[Kind::Data]).expect_err("config");
        let accepted = Differences::refuse(Path::new("r"), &all, &[Kind::Data, Kind::Config]);

        let said = refused.to_string();
        assert!(said.contains("config: CONFIG: stored 1, found 2"), "{said}");
        assert!(!said.contains("DATA"), "{said}");
        assert!(
            said.ends_with("wordpaint resume r --allow config --allow data"),
            "{said}"
        );
        assert_eq!(accepted, Ok(()));
    }

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of(kind.name()), Some(kind));
        }
        assert_eq!(Kind::of("everything"), None);
    }
}
