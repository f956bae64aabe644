//! `wordpaint data stats`.

use std::process::ExitCode;

use super::{Outcome, output};
use crate::data::stats::{Spread, Stats, stats};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Dataset address (`cub:data/cub`, `synth:birds?preset=small`).
    uri: String,
    /// Images that are decoded for their widths and heights, evenly spread.
    #[arg(long, value_name = "N", default_value_t = 500)]
    decode: usize,
    /// For programs.
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: Args) -> Outcome {
    let dataset = wordpaint_data::open(&args.uri)?;
    let progress = output::Progress::new("reading");
    let stats = stats(&*dataset, args.decode, &mut |done, total| {
        progress.set(done, total);
    })?;
    drop(progress);
    if args.json {
        output::json(&stats);
    } else {
        print(&stats);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(stats: &Stats) {
    let row = |key: &str, value: String| [key.to_owned(), value];
    let spread = |s: &Spread| format!("{} to {}, {:.1} on average", s.min, s.max, s.mean);
    let mut rows = vec![
        row("data", stats.uri.clone()),
        row("fingerprint", stats.fingerprint.clone()),
        row("images", stats.images.to_string()),
    ];
    // Where every image is a class of its own, labels say more.
    let is_multi_label = stats.categories > 0 && stats.classes == stats.images;
    if !is_multi_label {
        rows.push(row("classes", stats.classes.to_string()));
    }
    if stats.categories > 0 {
        rows.push(row("categories", stats.categories.to_string()));
        let labels = spread(&stats.labels);
        rows.push(row("labels", format!("{labels} per image")));
    }
    for size in &stats.splits {
        let name = format!("{:?}", size.split).to_lowercase();
        let value = if is_multi_label {
            format!("{} images", size.images)
        } else {
            format!("{} images of {} classes", size.images, size.classes)
        };
        rows.push(row(&name, value));
    }
    rows.push(row(
        "captions",
        format!("{} per image", spread(&stats.captions)),
    ));
    rows.push(row(
        "words",
        format!("{} per caption", spread(&stats.words)),
    ));
    rows.push(row("vocabulary", format!("{} words", stats.vocabulary)));
    let of = format!(" ({} images decoded)", stats.measured);
    rows.push(row("width", format!("{} px{of}", spread(&stats.width))));
    rows.push(row("height", format!("{} px{of}", spread(&stats.height))));
    output::table(&rows);
}
