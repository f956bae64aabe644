//! `wordpaint evaluate rank`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::super::{Outcome, output};
use crate::evaluate::rank::collect::{Findings, collect, csv, mean_concordance};
use crate::evaluate::rank::prepare::{Study, prepare};
use crate::evaluate::rank::stored::store;
use crate::run::folder::write_atomic;

/// The two ends of a study.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Make a page per person for blind ranking, and the key to it.
    Prepare(PrepareArgs),
    /// Turn the people's answers into mean ranks.
    Collect(CollectArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct PrepareArgs {
    /// A method and its folder of images; once per method.
    #[arg(long = "method", value_name = "NAME=DIR", required = true, value_parser = method)]
    methods: Vec<(String, PathBuf)>,
    /// Text file with a line `image name<TAB>caption` per text.
    #[arg(long, value_name = "FILE")]
    captions: PathBuf,
    /// How many texts are asked about.
    #[arg(long, value_name = "N", default_value_t = 50)]
    texts: usize,
    /// How many people are asked.
    #[arg(long, value_name = "N", default_value_t = 10)]
    people: usize,
    /// Share of questions that come twice, to see how consistent people are.
    #[arg(long, value_name = "SHARE", default_value_t = 0.02, value_parser = share)]
    repeats: f64,
    /// Seed of texts and orders.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder for the pages and `key.json`, which must not go to the people.
    #[arg(short = 'o', value_name = "DIR")]
    folder: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct CollectArgs {
    /// The `key.json` of the study.
    key: PathBuf,
    /// The files that the pages saved.
    #[arg(required = true)]
    answers: Vec<PathBuf>,
    /// Also store a method's ranks in the run that made its images, for its report; once per method.
    #[arg(long = "into", value_name = "NAME=RUN", value_parser = method)]
    runs: Vec<(String, PathBuf)>,
    /// Accept people who ranked different texts.
    #[arg(long)]
    allow_unbalanced: bool,
    /// Also write the numbers to this CSV file.
    #[arg(short = 'o', value_name = "FILE")]
    file: Option<PathBuf>,
}

fn method(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, folder)) if !name.is_empty() && !folder.is_empty() => {
            Ok((name.to_owned(), folder.into()))
        }
        _ => Err("expected NAME=FOLDER".into()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a share between 0 and 1".into()),
    }
}

pub(super) fn run(verb: Verb) -> Outcome {
    match verb {
        Verb::Prepare(args) => {
            let study = Study {
                methods: args.methods,
                captions: args.captions,
                texts: args.texts,
                users: args.people,
                repeats: args.repeats,
                seed: args.seed,
            };
            for path in prepare(&study, &args.folder)? {
                output::line(&path.display().to_string());
            }
        }
        Verb::Collect(args) => {
            if let Some(file) = &args.file {
                wordpaint_files::check(file)?;
            }
            let findings = collect(&args.key, &args.answers, args.allow_unbalanced)?;
            let stored = store(&findings, &args.runs)?;
            print(&findings);
            for path in stored {
                output::line(&path.display().to_string());
            }
            if let Some(file) = args.file {
                write_atomic(&file, csv(&findings).as_bytes())?;
                output::line(&file.display().to_string());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(findings: &Findings) {
    for result in &findings.tasks {
        let summary = &result.summary;
        output::line(&format!(
            "{} rank, 1 = best ({} people, {} texts, {} rankings)",
            result.task.name(),
            result.users,
            result.texts,
            summary.count
        ));
        let head = [
            "method",
            "mean \u{b1} SD",
            "95 % over texts",
            "SD of people",
            "strength",
        ];
        let mut rows = vec![head.map(str::to_owned)];
        for (name, method) in findings.methods.iter().zip(&summary.methods) {
            rows.push([
                name.clone(),
                format!("{:.2} \u{b1} {:.2}", method.mean, method.std),
                format!("{:.2} to {:.2}", method.interval.low, method.interval.high),
                format!("{:.2}", method.std_users),
                format!("{:.3}", method.strength),
            ]);
        }
        output::table(&rows);
        let mut line = format!("Friedman {:.2}", summary.friedman);
        if let Some(w) = mean_concordance(summary) {
            line = format!("Kendall's W {w:.3} (mean over texts), {line}");
        }
        if let Some((share, pairs)) = result.consistency {
            line = format!("{line}, repeated pairs ordered alike {share:.2} (of {pairs})");
        }
        output::line(&line);
        output::line("");
    }
    for note in &findings.notes {
        output::line(&format!("note: {note}"));
    }
}
