//! `wordpaint data verify`.

use std::process::ExitCode;

use super::{Outcome, exit, output};
use crate::data::source::is_multi_label;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Dataset address (`cub:data/cub`).
    uri: String,
}

pub(in crate::cli) fn run(args: Args) -> Outcome {
    let dataset = wordpaint_data::open(&args.uri)?;
    output::status(&format!("looking at {} images", dataset.len()));
    let bar = output::Progress::new("images");
    let findings = dataset.verify(&|done, total| bar.set(done, total));
    drop(bar);
    for finding in &findings {
        output::line(finding);
    }
    if findings.is_empty() {
        let of = if is_multi_label(&*dataset) {
            format!("{} categories", dataset.categories().len())
        } else {
            format!("{} classes", dataset.classes().len())
        };
        output::line(&format!(
            "nothing is wrong with {}: {} images of {of}",
            dataset.uri(),
            dataset.len()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    output::status(&format!("{} findings", findings.len()));
    Ok(ExitCode::from(exit::DATA))
}
