//! `wordpaint import`.

use std::path::PathBuf;
use std::process::ExitCode;

use wordpaint_models::published::Role;

use super::{DeviceArg, Outcome, output};
use crate::backends::on_device;
use crate::import::{Import, families_help, first_help, out_help, role_help};
use crate::setup::Dirs;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(help = families_help())]
    family: String,
    #[arg(help = first_help())]
    file: PathBuf,
    /// Settings of the run, `key.path=value` (`text.encoder=RUN`); sizes are read off the file.
    overrides: Vec<String>,
    #[arg(long, value_name = "FILE", help = format!(
        "File of the discriminator ({})", role_help(Role::Discriminator)
    ))]
    discriminator: Vec<PathBuf>,
    #[arg(long, value_name = "FILE", help = format!(
        "File of the image encoder ({})", role_help(Role::ImageEncoder)
    ))]
    image: Option<PathBuf>,
    #[arg(long, value_name = "FILE", help = format!(
        "File of the text encoder ({}), where no pretraining is named by `text.encoder`",
        role_help(Role::TextEncoder)
    ))]
    text: Option<PathBuf>,
    #[arg(long, value_name = "FILE", help = format!(
        "The words of the text encoder ({}, or with `--text`): captions.pickle, or a JSON list",
        role_help(Role::Vocabulary)
    ))]
    vocabulary: Option<PathBuf>,
    #[arg(long, value_name = "FILE", help = format!(
        "The pairs of bytes of the text encoder ({}): bpe_simple_vocab_16e6.txt.gz, which `cargo xtask \
         fetch clip-bpe` gets", role_help(Role::Merges)
    ))]
    merges: Option<PathBuf>,
    #[arg(short = 'o', value_name = "RUN", help = out_help())]
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
        merges: args.merges,
        out: args.out,
        overrides: args.overrides,
        allow_non_finite: args.allow_non_finite,
        dirs: Dirs::from_environment(),
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
