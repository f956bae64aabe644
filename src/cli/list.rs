//! `wordpaint list`.

use std::process::ExitCode;

use serde_json::json;
use wordpaint_models::registry::FAMILIES;

use super::{Outcome, output};
use crate::config::Library;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// For programs.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Outcome {
    let experiments = Library::default().summaries()?;
    if args.json {
        let families: Vec<_> = FAMILIES
            .iter()
            .map(|info| json!({ "name": info.name, "title": info.title, "paper": info.paper }))
            .collect();
        output::json(&json!({ "families": families, "experiments": experiments }));
        return Ok(ExitCode::SUCCESS);
    }
    output::line("Families");
    let row = |info: &wordpaint_models::system::Info| {
        [
            format!("  {}", info.name),
            info.title.into(),
            info.paper.into(),
        ]
    };
    output::table(&FAMILIES.iter().map(row).collect::<Vec<_>>());
    output::line("");
    output::line("Experiments (quick: has a short form on built-in data)");
    let rows: Vec<_> = experiments
        .into_iter()
        .map(|summary| {
            let quick = if summary.has_quick_form { "quick" } else { "" };
            let name = format!("  {}", summary.name);
            [name, quick.into(), summary.title, summary.aim]
        })
        .collect();
    output::table(&rows);
    Ok(ExitCode::SUCCESS)
}
