//! `wordpaint import`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{DeviceArg, Outcome, output};
use crate::backends::on_device;
use crate::import::Import;
use crate::setup::Places;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// char-cnn-rnn (.pth or .t7), gan-int-cls, damsm, attngan, dm-gan, df-gan, ssa-gan (.pth) or
    /// vgg (.pth or .safetensors).
    family: String,
    /// The published file (of damsm the text encoder, of a GAN the generator); it is read, never
    /// executed.
    file: PathBuf,
    /// Settings of the run, `key.path=value` (`text.encoder=RUN`); sizes are read off the file.
    overrides: Vec<String>,
    /// File of the discriminator (gan-int-cls; df-gan before June 2022 and ssa-gan: once or not at
    /// all; attngan and dm-gan: once per size, smallest first, or not at all).
    #[arg(long, value_name = "FILE")]
    discriminator: Vec<PathBuf>,
    /// File of the image encoder (damsm).
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// File of the text encoder (attngan, dm-gan, df-gan, ssa-gan), where no pretraining is named by
    /// `text.encoder`.
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// The words of the text encoder (damsm, or with `--text`): captions.pickle, or a JSON list.
    #[arg(long, value_name = "FILE")]
    vocabulary: Option<PathBuf>,
    /// Run folder to make (vgg: weights file); without it a name under `runs` (vgg: in the cache).
    #[arg(short = 'o', value_name = "RUN")]
    out: Option<PathBuf>,
    /// Take weights that hold NaN or an infinity.
    #[arg(long)]
    allow_non_finite: bool,
    #[command(flatten)]
    device: DeviceArg,
}

pub(super) fn run(args: Args) -> Outcome {
    let work = Import {
        family: args.family,
        file: args.file,
        discriminators: args.discriminator,
        image: args.image,
        text: args.text,
        vocabulary: args.vocabulary,
        out: args.out,
        overrides: args.overrides,
        allow_non_finite: args.allow_non_finite,
        places: Places::from_environment(),
    };
    let imported = on_device(args.device.device, work)??;
    for (ours, theirs) in &imported.mapped {
        output::line(&format!("mapped    {ours} <- {theirs}"));
    }
    for key in &imported.unmapped {
        output::line(&format!("unmapped  {key}"));
    }
    output::line(&imported.path.display().to_string());
    Ok(ExitCode::SUCCESS)
}
