//! `wordpaint data prepare`.

use std::path::PathBuf;
use std::process::ExitCode;

use wordpaint_data::prepare::Prepared;

use super::{Outcome, output};

/// Make vocabulary and word ids of a dataset's captions, for word-level systems.
///
/// Captions are split as the published AttnGAN code does: in lower case, at everything but letters,
/// digits and underscores, without what is not ASCII. Every word of the training and test captions
/// gets an id in the order of first use; id 0 is `<end>`.
///
/// Written are `vocabulary.json` (a list of words, the id is the position), `captions.json` (keys,
/// classes and word ids of both splits) and what AttnGAN reads: `captions.pickle`,
/// `{train,test}/filenames.pickle` and, for data with classes, `{train,test}/class_info.pickle`.
/// Nothing is overwritten. With the data's own folder as DIR the result opens as `attngan:DIR`.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
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
