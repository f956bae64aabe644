//! `wordpaint evaluate stats`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::super::{DeviceArg, Outcome, output};
use crate::backends::on_device;
use crate::evaluate::sets::Summary;
use crate::setup::Dirs;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A folder of images.
    folder: PathBuf,
    /// Where to write; without it beside the folder.
    #[arg(short = 'o', value_name = "FILE.npz")]
    file: Option<PathBuf>,
    /// Feature network; without it the best one in place.
    #[arg(long, value_name = "ID")]
    network: Option<String>,
    #[command(flatten)]
    device: DeviceArg,
}

pub(super) fn run(args: Args) -> Outcome {
    if let Some(file) = &args.file {
        wordpaint_files::check(file)?;
    }
    let bar = output::Progress::new("images");
    let work = Summary {
        folder: args.folder,
        file: args.file,
        network: args.network,
        dirs: Dirs::from_environment(),
        progress: &|done, total| bar.set(done, total),
    };
    let written = on_device(args.device.device, work)??;
    drop(bar);
    output::line(&format!(
        "{} images, {} features by {}",
        written.images, written.dims, written.instrument
    ));
    output::line(&written.path.display().to_string());
    Ok(ExitCode::SUCCESS)
}
