//! Checking what was loaded, and writing the run.

use std::path::Path;

use burn::module::Module;
use serde_json::json;
use wordpaint_data::vocabulary::Vocabulary;
use wordpaint_files::Scratch;
use wordpaint_models::backend::Backend;
use wordpaint_models::import::{ImportReport, Source};
use wordpaint_models::state::{LoadReport, named_tensors};

use super::{Import, Imported};
use crate::config;
use crate::launch::LaunchError;
use crate::run::checkpoint::{self, CheckpointError};
use crate::run::folder::{RunFolder, now};
use crate::run::manifest::{self, Manifest};
use crate::run::slug::slug;
use crate::run::weights::to_safetensors;
use crate::setup::{SetupError, words};
use crate::train::saving::Place;

impl Import {
    pub(super) fn stem(&self) -> String {
        let stem = self.file.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    /// Writes a finished run of `system`.
    pub(super) fn keep<B: Backend, M: Module<B>>(
        &self,
        experiment: &config::Experiment,
        system: &M,
        report: &ImportReport,
        translate: impl Fn(&str) -> Option<Source>,
        vocabulary: Option<&Vocabulary>,
    ) -> Result<Imported, LaunchError> {
        let out = self.out.clone().unwrap_or_else(|| {
            let name = format!("{}-{}", experiment.name, slug(&self.stem()));
            self.dirs.runs.join(name)
        });
        let resolved = experiment.to_toml();
        let model = to_safetensors(&named_tensors::<B, _>(system));
        self.write_run(&out, &resolved, model, vocabulary)?;
        let source = |name: &String| translate(name).map(|source| source.key).unwrap_or_default();
        Ok(Imported {
            path: out,
            mapped: report
                .ours
                .loaded
                .iter()
                .map(|n| (n.clone(), source(n)))
                .collect(),
            unmapped: report.unused.clone(),
        })
    }

    /// The run appears by one rename.
    fn write_run(
        &self,
        out: &Path,
        resolved: &str,
        model: Vec<u8>,
        vocabulary: Option<&Vocabulary>,
    ) -> Result<(), LaunchError> {
        let is_taken = std::fs::read_dir(out).is_ok_and(|mut folder| folder.next().is_some());
        if is_taken || out.is_file() {
            return Err(LaunchError::Request(format!(
                "{} is there already; choose another folder with `-o`",
                out.display()
            )));
        }
        let scratch = Scratch::beside(out)?;
        let run = RunFolder::within(scratch.path(), resolved)?;
        Manifest::new(&run, resolved, None).write(&run)?;
        if let Some(vocabulary) = vocabulary {
            words::keep(&run, vocabulary)?;
        }
        let place = Place {
            is_finished: true,
            ..Place::default()
        };
        let place = serde_json::to_vec_pretty(&place).expect("a place is plain data");
        let files = [
            ("model.safetensors", model),
            ("place.json", place),
            ("config.toml", resolved.as_bytes().to_vec()),
        ];
        let copy = manifest::copy(&run)?.map(|copy| (manifest::COPY, copy));
        let files = files.into_iter().chain(copy);
        let files = files.map(Ok::<_, CheckpointError>);
        checkpoint::save(&run.checkpoints(), 0, files, 1)?;
        run.update_environment(json!({
            "wordpaint": "wordpaint",
            "version": env!("CARGO_PKG_VERSION"),
            "imported_from": self.file.display().to_string(),
            "finished": now(),
        }))?;
        Ok(scratch.publish(out)?)
    }

    /// Refuses a file that does not fill every parameter.
    pub(super) fn check(&self, report: &LoadReport, what: &str) -> Result<(), LaunchError> {
        if report.is_complete() {
            return Ok(());
        }
        let missing = report
            .missing
            .iter()
            .map(|name| format!("{name}: nothing in the file"));
        let problems: Vec<String> = report.mismatched.iter().cloned().chain(missing).collect();
        let shown = problems[..problems.len().min(5)].join("; ");
        let more = match problems.len() {
            0..=5 => String::new(),
            n => format!("; and {} more", n - 5),
        };
        Err(SetupError::Weights {
            path: self.file.clone(),
            message: format!("is not {what}: {shown}{more}"),
        }
        .into())
    }
}
