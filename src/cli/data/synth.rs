//! `wordpaint data synth`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use wordpaint_data::synth::{Layout, export};

use super::{Outcome, output};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// What to draw.
    #[arg(value_enum, required_unless_present = "uri")]
    kind: Option<Subject>,
    /// Folder layout, `attngan`, `coco`, `cub` or `oxford`.
    #[arg(long)]
    layout: Layout,
    /// Folder to write; it must not exist or be empty.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many classes and images or scenes: nano, tiny, small, many or full.
    #[arg(long, value_name = "P", default_value = "tiny")]
    preset: String,
    /// Side of the images in pixels.
    #[arg(long, value_name = "PX", default_value_t = 64)]
    size: u32,
    /// Another seed draws other species.
    #[arg(long, value_name = "S", default_value_t = 7)]
    seed: u64,
    /// The whole address (`synth:birds?classes=7&per_class=11`, `emoji:scenes`) in place of the
    /// options.
    #[arg(long, value_name = "URI", conflicts_with_all = ["kind", "preset", "size", "seed"])]
    uri: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Subject {
    /// Birds of invented species.
    Birds,
    /// Flowers of invented species.
    Flowers,
    /// Landscapes with several things, in 80 categories.
    Scenes,
}

pub(in crate::cli) fn run(args: Args) -> Outcome {
    let uri = args.uri.unwrap_or_else(|| {
        let kind = match args.kind {
            Some(Subject::Flowers) => "flowers",
            Some(Subject::Scenes) => "scenes",
            Some(Subject::Birds) | None => "birds",
        };
        let (preset, size, seed) = (args.preset, args.size, args.seed);
        format!("synth:{kind}?preset={preset}&size={size}&seed={seed}")
    });
    let progress = output::Progress::new("drawing");
    let mut images = 0;
    export(&uri, args.layout, &args.out, &mut |done, total| {
        images = total;
        progress.set(done, total);
    })?;
    drop(progress);
    output::status(&format!("{images} images of {uri} written"));
    output::line(&format!("{}:{}", args.layout.name(), args.out.display()));
    Ok(ExitCode::SUCCESS)
}
