//! `wordpaint explore`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use clap::builder::RangedU64ValueParser;

use super::{DeviceArg, Outcome, output};
use crate::backends::on_device;
use crate::explore::attention::Attention;
use crate::explore::caption_figure::CaptionFigure;
use crate::explore::interpolation::Interpolation;
use crate::explore::masks::Masks;
use crate::explore::neighbours::Neighbours;
use crate::explore::pairs::Pairs;
use crate::explore::{FIGURES, Target};
use crate::run::folder::RunFolder;
use crate::run::slug::slug;
use crate::setup::portable::{self, Origin};
use crate::setup::{Dirs, SetupError};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    figure: Figure,
}

#[derive(Debug, Subcommand)]
enum Figure {
    /// Images on the way from one caption to another.
    Interpolate(InterpolateArgs),
    /// The training images that look most like generated ones.
    Neighbours(NeighboursArgs),
    /// Where each stage read each word of a caption (attngan, dm-gan).
    Attention(FigureArgs),
    /// Where each block let a caption in (ssa-gan).
    Masks(FigureArgs),
    /// Images of two captions of the same picture, and how far they lie apart.
    Pairs(PairsArgs),
}

/// What every figure needs.
#[derive(Debug, clap::Args)]
struct Common {
    /// A trained run, a file of `wordpaint export`, or `demo`, which comes with the program.
    #[arg(long = "from", value_name = "RUN")]
    run: PathBuf,
    /// PNG file; without it `figures/` in the run, which its report shows, or here where that is a
    /// file.
    #[arg(short = 'o', value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArg,
}

#[derive(Debug, clap::Args)]
struct InterpolateArgs {
    /// First caption.
    first: String,
    /// Last caption.
    last: String,
    /// Images, both ends included.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = RangedU64ValueParser::<usize>::new().range(2..=64))]
    steps: usize,
    /// Seed of the noise, which all images share.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Text encoder in place of the run's own: a run folder or experiment:NAME.
    #[arg(long, value_name = "RUN")]
    encoder: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct NeighboursArgs {
    /// Generated images of test captions.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    count: usize,
    /// VGG in place of the run's own: experiment:NAME, cache:NAME, a run folder or a weights file.
    #[arg(long, value_name = "REF")]
    vgg: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct FigureArgs {
    /// Caption to paint.
    caption: String,
    /// Seed of the noise.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct PairsArgs {
    /// Test images whose captions are painted.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = RangedU64ValueParser::<usize>::new().range(2..=256))]
    count: usize,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: Args) -> Outcome {
    match args.figure {
        Figure::Attention(args) => attention(args),
        Figure::Masks(args) => masks(args),
        Figure::Interpolate(args) => interpolate(args),
        Figure::Neighbours(args) => neighbours(args),
        Figure::Pairs(args) => pairs(args),
    }
}

impl Common {
    /// The run, and where its picture called `name` goes.
    fn open(
        &self,
        dirs: &Dirs,
        name: String,
        title: String,
    ) -> Result<(RunFolder, Target), SetupError> {
        let Origin { run, outputs } = portable::open(&self.run, dirs)?;
        let target = match &self.file {
            Some(path) => Target::File(path.clone()),
            None if outputs != run.path() => {
                Target::File(outputs.join(FIGURES).join(format!("{name}.png")))
            }
            None => Target::Figure {
                run: run.clone(),
                name,
                title,
            },
        };
        Ok((run, target))
    }
}

fn interpolate(args: InterpolateArgs) -> Outcome {
    let dirs = Dirs::from_environment();
    let name = format!("interpolation-{}--{}", slug(&args.first), slug(&args.last));
    let title = format!(
        "From \u{201c}{}\u{201d} to \u{201c}{}\u{201d}",
        args.first, args.last
    );
    let (run, target) = args.common.open(&dirs, name, title)?;
    let work = Interpolation {
        target,
        run,
        dirs,
        captions: [args.first, args.last],
        steps: args.steps,
        seed: args.seed,
        encoder: args.encoder,
        status: &output::status,
    };
    let path = on_device(args.common.device.device, work)??;
    output::line(&path.display().to_string());
    Ok(ExitCode::SUCCESS)
}

fn neighbours(args: NeighboursArgs) -> Outcome {
    let dirs = Dirs::from_environment();
    let title = "Generated test images, each followed by the training images that look most like it \
                 (cosine similarity of VGG features)";
    let (run, target) = args.common.open(&dirs, "neighbours".into(), title.into())?;
    let work = Neighbours {
        target,
        run,
        dirs,
        count: args.count,
        vgg: args.vgg,
        status: &output::status,
    };
    let found = on_device(args.common.device.device, work)??;
    for (caption, row) in &found.rows {
        output::line(caption);
        for (key, similarity) in row {
            output::line(&format!("  {similarity:.3}  {key}"));
        }
    }
    output::line(&found.path.display().to_string());
    Ok(ExitCode::SUCCESS)
}

/// The figure `kind` of one caption.
fn caption_figure(
    args: FigureArgs,
    kind: &str,
    title: String,
) -> anyhow::Result<CaptionFigure<'static>> {
    let dirs = Dirs::from_environment();
    let name = format!("{kind}-{}", slug(&args.caption));
    let (run, target) = args.common.open(&dirs, name, title)?;
    Ok(CaptionFigure {
        target,
        run,
        dirs,
        caption: args.caption,
        seed: args.seed,
        status: &output::status,
    })
}

fn attention(args: FigureArgs) -> Outcome {
    let title = format!(
        "Where the words of \u{201c}{}\u{201d} were read, a row per stage",
        args.caption
    );
    let device = args.common.device.device;
    let work = Attention(caption_figure(args, "attention", title)?);
    let figure = on_device(device, work)??;
    for (side, words) in &figure.stages {
        output::line(&format!("stage that starts from {side} pixels"));
        for read in words {
            output::line(&format!(
                "  {:<16} mean {:5.1} %  peak {:5.1} %",
                read.word,
                100.0 * read.mean,
                100.0 * read.peak
            ));
        }
    }
    output::line(&figure.path.display().to_string());
    Ok(ExitCode::SUCCESS)
}

fn masks(args: FigureArgs) -> Outcome {
    let title = format!("Where the blocks let \u{201c}{}\u{201d} in", args.caption);
    let device = args.common.device.device;
    let work = Masks(caption_figure(args, "masks", title)?);
    let figure = on_device(device, work)??;
    for mask in &figure.masks {
        output::line(&format!(
            "{:>4} px  mean {:.3}  from {:.3} to {:.3}",
            mask.side, mask.mean, mask.least, mask.most
        ));
    }
    output::line(&figure.path.display().to_string());
    Ok(ExitCode::SUCCESS)
}

fn pairs(args: PairsArgs) -> Outcome {
    let dirs = Dirs::from_environment();
    let title = "Test images, each followed by the images of two of its captions";
    let (run, target) = args.common.open(&dirs, "pairs".into(), title.into())?;
    let work = Pairs {
        target,
        run,
        dirs,
        count: args.count,
        status: &output::status,
    };
    let compared = on_device(args.common.device.device, work)??;
    output::line(&format!(
        "two captions of one image: {:.2}  of different images: {:.2}  ratio {:.3}  (root mean \
         square of pixel differences, 0 to 255, other noise for every image, n={})",
        compared.same,
        compared.different,
        compared.same / compared.different,
        compared.count
    ));
    output::line(&compared.path.display().to_string());
    Ok(ExitCode::SUCCESS)
}
