//! `wordpaint data prepare`.

use std::path::PathBuf;
use std::process::ExitCode;

use wordpaint_data::prepare::Prepared;

use super::{Outcome, output};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Dataset address (`folder:data/mine`, `cub:data/cub`, `coco:data/coco`).
    uri: String,
    /// Folder to write into.
    #[arg(short = 'o', long, value_name = "DIR")]
    out: PathBuf,
    /// Captions per image, the first that have a word; without it as many as every image has.
    #[arg(long, value_name = "N")]
    captions: Option<usize>,
}

pub(in crate::cli) fn run(args: Args) -> Outcome {
    let dataset = wordpaint_data::open(&args.uri)?;
    wordpaint_files::check_folder(&args.out)?;
    let progress = output::Progress::new("reading");
    let prepared = Prepared::of(&*dataset, args.captions, &mut |done, total| {
        progress.set(done, total);
    })?;
    drop(progress);
    prepared.write(&args.out)?;
    output::status(&format!(
        "{} words; {} captions of each of {} training and {} test images",
        prepared.words.len() - 1,
        prepared.captions_per_image,
        prepared.train.keys.len(),
        prepared.test.keys.len()
    ));
    output::line(&args.out.display().to_string());
    Ok(ExitCode::SUCCESS)
}
