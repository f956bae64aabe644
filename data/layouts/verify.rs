//! Comparison of a folder with what was published.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::decode::decode_rgb;
use super::entry::Entry;
use super::splits::Subset;
use crate::dataset::Progress;
use crate::scheme::{DataFacts, Extra, Sizes};

/// Counts of the published set.
#[derive(Debug, Clone)]
pub(super) struct Published {
    /// Classes for training, validation and test; `None` where every image is a class of its own.
    pub(super) classes: Option<[usize; 3]>,
    /// Images for training and validation together, and for test.
    pub(super) images: [usize; 2],
    /// Captions per image.
    pub(super) captions: RangeInclusive<usize>,
}

impl Published {
    /// What is known of a folder before it is opened; `extras` may come with it.
    pub(super) fn facts(&self, extras: &'static [Extra]) -> DataFacts {
        let [train, test] = self.images;
        DataFacts {
            captions: Some(*self.captions.end()),
            extras,
            sizes: Some(Sizes {
                classes: self.classes.unwrap_or([train, 0, test]),
                images: self.images,
                is_class_disjoint: true,
            }),
        }
    }
}

/// Files named in one finding; the rest is counted.
const EXAMPLES: usize = 3;

pub(super) fn verify(
    classes: &[String],
    entries: &[Entry],
    published: Option<&Published>,
    progress: Progress<'_>,
) -> Vec<String> {
    let mut findings = Vec::new();
    if let Some(published) = published {
        counts(classes, entries, published, &mut findings);
    }
    let mut has_image = vec![false; classes.len()];
    for entry in entries {
        has_image[entry.class] = true;
    }
    for (name, _) in classes.iter().zip(has_image).filter(|(_, has)| !has) {
        findings.push(format!("class `{name}` has no image"));
    }
    let done = AtomicUsize::new(0);
    let image_problems: Vec<String> = entries
        .par_iter()
        .filter_map(|entry| {
            let problem = image_problem(entry);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, entries.len());
            problem
        })
        .collect();
    let caption_problems: Vec<String> = entries
        .par_iter()
        .filter_map(|entry| caption_problem(entry, published.map(|p| &p.captions)))
        .collect();
    summarise("images", &image_problems, entries.len(), &mut findings);
    summarise(
        "caption files",
        &caption_problems,
        entries.len(),
        &mut findings,
    );
    findings
}

fn counts(classes: &[String], entries: &[Entry], published: &Published, out: &mut Vec<String>) {
    let [trainval, test] = published.images;
    let mut expect = |what: &str, found: usize, expected: usize| {
        if found != expected {
            out.push(format!("{what}: {found} found, {expected} published"));
        }
    };
    if let Some(expected) = published.classes {
        expect("classes", classes.len(), expected.iter().sum());
    }
    expect("images", entries.len(), trainval + test);
    if entries.iter().all(|e| e.subset.is_none()) {
        out.push(
            "no class-disjoint split: put trainclasses.txt, valclasses.txt and testclasses.txt of \
             the caption archive, or train/filenames.pickle and test/filenames.pickle, beside the \
             captions"
                .into(),
        );
        return;
    }
    let in_subset = |s: Subset| entries.iter().filter(move |e| e.subset == Some(s));
    let classes_of = |s: Subset| in_subset(s).map(|e| e.class).collect::<HashSet<_>>().len();
    if let Some([train_classes, val_classes, test_classes]) = published.classes {
        if in_subset(Subset::Val).next().is_some() {
            expect("training classes", classes_of(Subset::Train), train_classes);
            expect("validation classes", classes_of(Subset::Val), val_classes);
        } else {
            let expected = train_classes + val_classes;
            let what = "training and validation classes";
            expect(what, classes_of(Subset::Train), expected);
        }
        expect("test classes", classes_of(Subset::Test), test_classes);
    }
    let training = in_subset(Subset::Train).count() + in_subset(Subset::Val).count();
    expect("training and validation images", training, trainval);
    expect("test images", in_subset(Subset::Test).count(), test);
}

fn image_problem(entry: &Entry) -> Option<String> {
    let (width, height) = match decode_rgb(&entry.image) {
        Ok(image) => image.dimensions(),
        Err(error) => return Some(error.to_string()),
    };
    let b = entry.bounding_box?;
    let reaches_in = b.width >= 1.0
        && b.height >= 1.0
        && b.x < width as f32
        && b.y < height as f32
        && b.x + b.width > 0.0
        && b.y + b.height > 0.0;
    (!reaches_in).then(|| {
        format!(
            "{}: bounding box {b:?} outside of {width} x {height}",
            entry.image.display()
        )
    })
}

fn caption_problem(entry: &Entry, expected: Option<&RangeInclusive<usize>>) -> Option<String> {
    let place = match entry.captions.path() {
        Some(path) if !path.is_file() => return Some(format!("{} is missing", path.display())),
        Some(path) => path.display().to_string(),
        None => format!("image `{}`", entry.key),
    };
    match entry.captions.read() {
        Err(error) => Some(error.to_string()),
        Ok(captions) => expected
            .filter(|expected| !expected.contains(&captions.len()))
            .map(|expected| {
                let (low, high) = (expected.start(), expected.end());
                let published = if low == high {
                    low.to_string()
                } else {
                    format!("{low} to {high}")
                };
                format!(
                    "{place}: {} captions, {published} published",
                    captions.len()
                )
            }),
    }
}

pub(super) fn summarise(what: &str, problems: &[String], total: usize, out: &mut Vec<String>) {
    if problems.is_empty() {
        return;
    }
    let examples = problems[..problems.len().min(EXAMPLES)].join("; ");
    let more = problems.len().saturating_sub(EXAMPLES);
    let rest = if more > 0 {
        format!("; and {more} more")
    } else {
        String::new()
    };
    out.push(format!(
        "{} of {total} {what}: {examples}{rest}",
        problems.len()
    ));
}
