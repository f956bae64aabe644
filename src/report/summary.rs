//! The few numbers that say most about a run, each with its meaning.

use super::document::{Block, Cell, Table};
use super::format;
use super::run::Run;
use super::schema::Metric;
use super::sections::basis;

/// Numbers shown at most.
const MOST: usize = 5;

/// The start of a metric's name and what it says, the most telling first.
const MEANINGS: [(&str, &str); 16] = [
    (
        "attribute_agreement",
        "How often a painted bird has what its caption names, over everything the probe can tell.",
    ),
    (
        "agreement/back",
        "How often its back has the colour that the caption names.",
    ),
    (
        "agreement/belly",
        "How often its belly has the colour that the caption names.",
    ),
    (
        "r_precision",
        "How often the caption of an image is found among 100.",
    ),
    (
        "sharpness",
        "How much fine detail the images have, as a share of that of real ones.",
    ),
    (
        "kid",
        "How far painted images lie from real ones; 0 where nothing tells them apart.",
    ),
    (
        "fid",
        "How far painted images lie from real ones; 0 where nothing tells them apart.",
    ),
    (
        "is",
        "How sure a classifier is of single images, and how different they are.",
    ),
    (
        "ssim",
        "How much an image resembles the real one of its caption.",
    ),
    (
        "caption_to_image_r1",
        "How often a caption finds its image among 100.",
    ),
    (
        "image_to_caption_r1",
        "How often an image finds its caption among 100.",
    ),
    (
        "zero_shot_top1",
        "How often an image of a class never seen is told by captions of its class.",
    ),
    (
        "colour_words",
        "How often a linear map reads the colour word of a caption off its embedding.",
    ),
    (
        "top1",
        "How often it tells the class of an image it was trained on.",
    ),
    (
        "unseen_top1",
        "How often it tells classes it never saw apart.",
    ),
    (
        "caption_perplexity",
        "Between how many words it wavers at every word of a caption; 1 is sure.",
    ),
];

/// The most telling numbers of a run; nothing where nothing was measured.
pub(super) fn table(run: &Run) -> Option<Block> {
    let measured: Vec<&Metric> = run
        .evaluations
        .iter()
        .flat_map(|(evaluation, _)| &evaluation.metrics)
        .collect();
    let telling = MEANINGS.iter().filter_map(|(name, meaning)| {
        let found = measured.iter().find(|metric| is_called(metric, name))?;
        Some((*found, *meaning))
    });
    let rows: Vec<Vec<Cell>> = telling
        .take(MOST)
        .map(|(metric, meaning)| {
            vec![
                Cell::text(&metric.label),
                Cell::number(format::with_interval(metric)).with_note(basis(metric)),
                Cell::text(meaning),
            ]
        })
        .collect();
    (!rows.is_empty()).then(|| {
        Block::Table(Table {
            caption: "With 95 % interval; chance is what captions of other images would give."
                .into(),
            head: ["Measured", "Value", "What it says"].map(Cell::text).into(),
            rows,
        })
    })
}

/// Whether a metric goes by `name`, alone or with the network behind it (`kid_efflite0`).
fn is_called(metric: &Metric, name: &str) -> bool {
    let rest = metric.name.strip_prefix(name);
    rest.is_some_and(|rest| {
        rest.is_empty() || (name == "kid" || name == "fid") && rest.starts_with('_')
    })
}
