//! `wordpaint data preview`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;
use image::RgbImage;
use image::imageops::{self, FilterType};
use wordpaint_data::{DataError, ImageSize, Record, TextImageDataset};

use super::{Outcome, output};
use crate::data::stats::evenly;
use crate::picture::{Cell, grid, png};
use crate::run::folder::write_atomic;

/// Longest side of an image on the sheet, in pixels.
const LONGEST: u32 = 224;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Dataset address (`cub:data/cub`, `synth:birds?preset=small`).
    uri: String,
    /// PNG file to write.
    #[arg(short = 'o', long, value_name = "FILE")]
    out: PathBuf,
    /// Images on the sheet, evenly spread over the dataset.
    #[arg(short = 'n', value_name = "N", default_value_t = 16, value_parser = RangedU64ValueParser::<usize>::new().range(1..=400))]
    count: usize,
}

pub(in crate::cli) fn run(args: Args) -> Outcome {
    let dataset = wordpaint_data::open(&args.uri)?;
    wordpaint_files::check(&args.out)?;
    let items = evenly(dataset.len(), args.count)
        .into_iter()
        .map(|index| Ok((dataset.record(index)?, small(&*dataset, index)?)))
        .collect::<Result<Vec<(Record, RgbImage)>, DataError>>()?;
    let cells: Vec<Cell<'_>> = items
        .iter()
        .enumerate()
        .map(|(place, (record, image))| Cell {
            image: image.clone(),
            caption: caption(record, place),
        })
        .collect();
    let columns = (cells.len() as f64).sqrt().ceil() as usize;
    write_atomic(&args.out, &png(&grid(&cells, columns)))?;
    output::line(&args.out.display().to_string());
    Ok(ExitCode::SUCCESS)
}

/// The captions in turn, so that a sheet shows their variety.
fn caption(record: &Record, place: usize) -> &str {
    match record.captions.len() {
        0 => &record.key,
        count => &record.captions[place % count],
    }
}

/// An image, made smaller where it is larger than a cell.
fn small(dataset: &dyn TextImageDataset, index: usize) -> Result<RgbImage, DataError> {
    let image = dataset.image(index, ImageSize::Native)?;
    let (width, height) = image.dimensions();
    let longest = width.max(height);
    if longest <= LONGEST {
        return Ok(image);
    }
    let scaled = |side: u32| (side * LONGEST / longest).max(1);
    let (width, height) = (scaled(width), scaled(height));
    Ok(imageops::resize(
        &image,
        width,
        height,
        FilterType::Triangle,
    ))
}
