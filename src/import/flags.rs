//! Which families have published weights, which files belong to which of them, and what the help says
//! about it.

use std::path::{Path, PathBuf};

use wordpaint_models::for_family;
use wordpaint_models::published::{Companion, Published, PublishedFiles, Role};
use wordpaint_models::registry::FAMILIES;
use wordpaint_models::system::Family;

use super::Import;
use crate::launch::LaunchError;

/// A family with published weights.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) name: &'static str,
    /// Its files; `None` where a backbone becomes a file of weights.
    pub(super) files: Option<&'static dyn PublishedFiles>,
}

impl Known {
    fn companion(self, role: Role) -> Option<Companion> {
        let companions = self.files?.companions();
        companions.into_iter().find(|file| file.role == role)
    }
}

fn known_of<F: Family>(name: &'static str) -> Option<Known> {
    let files: Option<&'static dyn PublishedFiles> = match F::weights() {
        Published::Networks(published) => Some(published),
        Published::Backbone { .. } => None,
        Published::Nothing(_) | Published::Unknown => return None,
    };
    Some(Known { name, files })
}

/// Families with published weights: those that become runs, then those that become weights files,
/// as the registry has them.
pub(super) fn published() -> Vec<Known> {
    let known = FAMILIES.iter().filter_map(|info| {
        let name = info.name;
        for_family!(name, F => known_of::<F>(name)).flatten()
    });
    let (runs, weights): (Vec<_>, Vec<_>) = known.partition(|known| known.files.is_some());
    [runs, weights].concat()
}

/// Names of the families with a file of `role` and what their file says.
fn with(role: Role) -> Vec<(&'static str, Companion)> {
    let companion = |known: Known| Some((known.name, known.companion(role)?));
    published().into_iter().filter_map(companion).collect()
}

const fn flag(role: Role) -> &'static str {
    match role {
        Role::Discriminator => "--discriminator",
        Role::ImageEncoder => "--image",
        Role::TextEncoder => "--text",
        Role::Vocabulary => "--vocabulary",
        Role::Merges => "--merges",
    }
}

/// What to do about a missing file of `role`.
pub(super) fn remedy(role: Role) -> String {
    let flag = flag(role);
    match role {
        Role::Vocabulary => {
            format!("give the `captions.pickle` it was trained with as `{flag} FILE`")
        }
        Role::Merges => format!(
            "give CLIP's `bpe_simple_vocab_16e6.txt.gz`, which `cargo xtask fetch clip-bpe` gets, as \
             `{flag} FILE`"
        ),
        _ => format!("give the second with `{flag} FILE`"),
    }
}

impl Import {
    /// The files given for `role`.
    pub(super) fn given(&self, role: Role) -> Vec<&Path> {
        let one = match role {
            Role::Discriminator => {
                return self.discriminators.iter().map(PathBuf::as_path).collect();
            }
            Role::ImageEncoder => &self.image,
            Role::TextEncoder => &self.text,
            Role::Vocabulary => &self.vocabulary,
            Role::Merges => &self.merges,
        };
        one.iter().map(PathBuf::as_path).collect()
    }

    /// Refuses files that the family does not have.
    pub(super) fn check_flags(&self) -> Result<(), LaunchError> {
        for role in Role::ALL {
            let names: Vec<&str> = with(role).into_iter().map(|(name, _)| name).collect();
            if !self.given(role).is_empty() && !names.contains(&self.family.as_str()) {
                return Err(LaunchError::Request(format!(
                    "`{}` belongs to `{}`, not to `{}`",
                    flag(role),
                    names.join("`, `"),
                    self.family
                )));
            }
        }
        Ok(())
    }

    /// Refuses to do without a file that is needed, and a second one where there is one.
    pub(super) fn check_companions(&self, files: &dyn PublishedFiles) -> Result<(), LaunchError> {
        for companion in files.companions() {
            let count = self.given(companion.role).len();
            let problem = match companion.needed {
                Some(because) if count != 1 => {
                    format!("{because}; {}", remedy(companion.role))
                }
                None if count > 1 && !companion.is_per_size => format!(
                    "`{}` has one {}, {count} are given",
                    self.family,
                    companion.role.noun()
                ),
                _ => continue,
            };
            return Err(LaunchError::Request(problem));
        }
        Ok(())
    }
}

/// `a, b or c`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).into(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Help of the family.
pub fn families_help() -> String {
    let known = published();
    let names: Vec<&str> = known.iter().map(|known| known.name).collect();
    let is_torch7 = |known: &&Known| known.files.is_some_and(|files| files.torch7().is_some());
    let torch7: Vec<&str> = known.iter().filter(is_torch7).map(|k| k.name).collect();
    format!(
        "{} (.pth or .safetensors; {} .t7, too)",
        listed(&names),
        torch7.join(", ")
    )
}

/// Help of the first file.
pub fn first_help() -> String {
    let mut holds: Vec<(&str, Vec<&str>)> = Vec::new();
    for known in published() {
        let Some(files) = known.files else { continue };
        match holds.iter_mut().find(|(what, _)| *what == files.first()) {
            Some((_, names)) => names.push(known.name),
            None => holds.push((files.first(), vec![known.name])),
        }
    }
    let holds = holds.into_iter();
    let holds = holds.map(|(what, names)| format!("{}: the {what}", names.join(", ")));
    let holds: Vec<String> = holds.collect();
    format!(
        "The published file ({}); it is read, never executed",
        holds.join("; ")
    )
}

/// Families with a file of `role`, for its help, with how often it is given.
pub fn role_help(role: Role) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, companion) in with(role) {
        // The words of an optional text encoder come with it.
        if role == Role::Vocabulary && companion.needed.is_none() {
            continue;
        }
        match groups.last_mut() {
            Some((when, names)) if *when == companion.when => names.push(name),
            _ => groups.push((companion.when, vec![name])),
        }
    }
    let groups = groups.into_iter().map(|(when, names)| match when {
        "" => names.join(", "),
        _ => format!("{} {when}", names.join(", ")),
    });
    groups.collect::<Vec<_>>().join("; ")
}

/// Help of the place where the result goes.
pub fn out_help() -> String {
    let known = published();
    let weights = known.iter().filter(|known| known.files.is_none());
    let weights: Vec<&str> = weights.map(|known| known.name).collect();
    let weights = weights.join(", ");
    format!(
        "Run folder to make ({weights}: weights file); without it a name under `runs` ({weights}: in \
         the cache)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn every_published_family_is_based_on_an_experiment_of_its_own() {
        for known in published() {
            let Some(files) = known.files else { continue };

            let base = config::load(files.base(), &[], false).expect("a shipped experiment");

            assert_eq!(base.family, known.name);
        }
    }

    #[test]
    fn only_families_of_one_scheme_need_evidence() {
        use wordpaint_models::published::Part;

        for known in published() {
            let Some(files) = known.files else { continue };
            let parts = [Part::First, Part::Beside(Role::Discriminator, 0)];
            let is_needed = parts.into_iter().any(|part| files.needs_evidence(part));

            assert!(!is_needed || files.scheme().is_some(), "{}", known.name);
        }
    }

    #[test]
    fn the_help_names_every_family_with_a_file_and_how_often_it_is_given() {
        let help = role_help(Role::Discriminator);

        assert!(
            help.starts_with("gan-int-cls; attngan, dm-gan once per size"),
            "{help}"
        );
        assert_eq!(role_help(Role::Vocabulary), "damsm");
    }
}
