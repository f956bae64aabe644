//! What a report says in two lines: the most telling number, and what to do next.

use super::format;
use super::headlines;
use super::run::Run;
use crate::evaluate::Subject;

/// Runs named with their number; of more only the count is told.
const NAMED: usize = 3;
/// Captions to try, by a word in the address of the data.
const CAPTIONS: [(&str, &str); 5] = [
    ("birds", "a small blue bird with a yellow belly"),
    ("cub", "a small blue bird with a yellow belly"),
    ("flowers", "a flower with pink petals and a yellow centre"),
    ("oxford", "a flower with pink petals and a yellow centre"),
    ("coco", "a group of people on a beach"),
];

/// The most telling number and what to do next, each in one line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Closing {
    /// With what it stands beside: chance, a control, real images.
    pub number: String,
    /// With a command of this program behind the last colon.
    pub next: String,
}

impl Closing {
    /// Of a report over `runs`.
    pub(super) fn of<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Self {
        let runs: Vec<&Run> = runs.into_iter().collect();
        Self {
            number: number(&runs),
            next: runs.first().map_or_else(String::new, |_| next(&runs)),
        }
    }
}

/// Of several runs the same number of each, beside the chance and real images of the first.
fn number(runs: &[&Run]) -> String {
    let measured = runs.iter().filter_map(|run| {
        let evaluations = run.evaluations.iter().map(|(evaluation, _)| evaluation);
        let metrics = headlines::metrics(evaluations);
        let metric = *headlines::columns(&metrics).first()?;
        Some((*run, metric, headlines::keys(&metrics).into_iter().next()?))
    });
    let measured: Vec<_> = measured.collect();
    let Some((_, first, key)) = measured.first() else {
        return "none, nothing was measured".into();
    };
    let same = measured.iter().filter(|(_, m, _)| m.label == first.label);
    let same: Vec<_> = same.collect();
    let mut values: Vec<String> = same
        .iter()
        .take(NAMED)
        .map(|(run, metric, _)| match runs {
            [_] => format::with_interval(metric),
            _ => format!("{} {}", label_of(run, runs), format::with_interval(metric)),
        })
        .collect();
    if same.len() > NAMED {
        values.push(format!("{} more in the report", same.len() - NAMED));
    }
    let beside = key.references.iter().map(|(name, v)| format!("{name} {v}"));
    let count = format!("n = {}", format::count(first.count as u64));
    let beside: Vec<String> = beside.chain([count]).collect();
    format!(
        "{} {} ({})",
        first.label,
        values.join(", "),
        beside.join("; ")
    )
}

/// Its experiment or, where others are of the same, its folder.
fn label_of<'a>(run: &'a Run, runs: &[&Run]) -> &'a str {
    let same = runs.iter().filter(|other| other.name() == run.name());
    if same.count() > 1 {
        &run.label
    } else {
        run.name()
    }
}

fn next(runs: &[&Run]) -> String {
    let folder = |run: &Run| run.folder.display().to_string();
    if let Some(run) = runs.iter().find(|run| run.environment.finished.is_none()) {
        return format!("train to the end: wordpaint resume {}", folder(run));
    }
    let subject = |run: &Run| Subject::of(&run.head.family);
    let is_due = |run: &&&Run| run.evaluations.is_empty() && subject(run).is_some();
    if let Some(run) = runs.iter().find(is_due) {
        return format!("measure it: wordpaint evaluate {}", folder(run));
    }
    let generator = runs
        .iter()
        .find(|run| subject(run) == Some(Subject::Images));
    let Some(run) = generator else {
        return "train a system that learns from it, one of: wordpaint list".into();
    };
    let data = &run.environment.data_uri;
    let caption = CAPTIONS.iter().find(|(word, _)| data.contains(word));
    let caption = caption.map_or("a caption of your own", |(_, caption)| caption);
    format!(
        "paint captions of your own: wordpaint generate --from {} \"{caption}\"",
        folder(run)
    )
}
