//! `wordpaint generate`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;

use super::{DeviceArg, Outcome, output};
use crate::backends::on_device;
use crate::launch::generation::{Generation, read_captions};
use crate::setup::Dirs;
use crate::setup::portable::{self, Origin};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Captions, each in quotes.
    #[arg(required_unless_present = "file")]
    captions: Vec<String>,
    /// A trained run, a file of `wordpaint export`, or `demo`, which comes with the program.
    #[arg(long = "from", value_name = "RUN")]
    run: PathBuf,
    /// Text file with more captions, one per line.
    #[arg(long = "captions", value_name = "FILE", id = "file")]
    file: Option<PathBuf>,
    /// Images per caption, from different noise; without it one, or all heads of a system that draws
    /// none.
    #[arg(short = 'n', value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    count: Option<usize>,
    /// Captions made into images together: more of them are faster where one does not fill the device,
    /// and rounding may differ.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    batch: usize,
    /// Seed of the noise; equal seeds give equal images.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Folder for the images; without it `generated` in the run, or here where that is a file.
    #[arg(short = 'o', value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Text encoder in place of the run's own: a run folder or experiment:NAME.
    #[arg(long, value_name = "RUN")]
    encoder: Option<String>,
    #[command(flatten)]
    device: DeviceArg,
}

pub(super) fn run(args: Args) -> Outcome {
    let dirs = Dirs::from_environment();
    let Origin { run, outputs } = portable::open(&args.run, &dirs)?;
    let mut captions = args.captions;
    if let Some(file) = &args.file {
        captions.extend(read_captions(file)?);
    }
    let work = Generation {
        folder: args.folder.unwrap_or_else(|| outputs.join("generated")),
        run,
        dirs,
        captions,
        count: args.count,
        batch: args.batch,
        seed: args.seed,
        encoder: args.encoder,
        status: &output::status,
    };
    for path in on_device(args.device.device, work)?? {
        output::line(&path.display().to_string());
    }
    Ok(ExitCode::SUCCESS)
}
