//! `wordpaint data`: one file per verb.

mod prepare;
mod preview;
mod stats;
mod synth;
mod verify;

use super::{Outcome, exit, output};

/// The table of verbs about datasets.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Write built-in data in the folder layout of a published dataset.
    Synth(synth::Args),
    /// Make vocabulary and word ids of a dataset's captions, for word-level systems.
    ///
    /// Captions are split as the published AttnGAN code does: in lower case, at everything but
    /// letters, digits and underscores, without what is not ASCII. Every word of the training and
    /// test captions gets an id in the order of first use; id 0 is `<end>`.
    ///
    /// Written are `vocabulary.json` (a list of words, the id is the position), `captions.json` (keys,
    /// classes and word ids of both splits) and what AttnGAN reads: `captions.pickle`,
    /// `{train,test}/filenames.pickle` and, for data with classes, `{train,test}/class_info.pickle`.
    /// Nothing is overwritten. With the data's own folder as DIR the result opens as `attngan:DIR`.
    Prepare(prepare::Args),
    /// Look at every file of a dataset and compare the counts with the published ones.
    Verify(verify::Args),
    /// Count images, classes, captions and words.
    Stats(stats::Args),
    /// Draw a sheet of images with their captions.
    Preview(preview::Args),
}

pub(super) fn run(verb: Verb) -> Outcome {
    match verb {
        Verb::Synth(args) => synth::run(args),
        Verb::Prepare(args) => prepare::run(args),
        Verb::Verify(args) => verify::run(args),
        Verb::Stats(args) => stats::run(args),
        Verb::Preview(args) => preview::run(args),
    }
}
