//! `wordpaint evaluate`, and the data it and figures look at.

use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::system::{Family, SystemConfig};

use super::{LaunchError, RunWork};
use crate::config::Experiment;
use crate::data::Source;
use crate::evaluate::features::Progress;
use crate::evaluate::reuse::Conditions;
use crate::evaluate::streamed::Streamed;
use crate::evaluate::{EvaluateError, Subject, captions, classes, embedding, protocol, retrieval};
use crate::run::folder::RunFolder;
use crate::run::manifest::Manifest;
use crate::run::results::Evaluation;
use crate::setup::opened::open;
use crate::setup::{self, Assembly, Dirs, Status};

/// `wordpaint evaluate` as work on a run.
pub struct EvaluationWork<'a> {
    /// The run.
    pub run: RunFolder,
    /// A protocol; that of the run's experiment without. Pretrained encoders and captioners
    /// have one of their own.
    pub protocol: Option<&'static protocol::Definition>,
    /// Pretraining that measures R-precision in place of the experiment's.
    pub retrieval_encoder: Option<String>,
    /// Whether what was measured before under the same conditions is enough.
    pub is_earlier_enough: bool,
    /// Where things are looked for.
    pub dirs: Dirs,
    /// Where lines about what is being done go.
    pub status: Status<'a>,
    /// Where progress goes: done and total.
    pub progress: Progress<'a>,
}

/// What an evaluation gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The numbers.
    pub evaluation: Evaluation,
    /// Whether they were there before.
    pub is_reused: bool,
}

impl RunWork for EvaluationWork<'_> {
    type Output = Measured;

    fn of(&self) -> &RunFolder {
        &self.run
    }

    fn perform<F: Family, B: AutodiffBackend>(
        self,
        device: &B::Device,
    ) -> Result<Measured, LaunchError> {
        let opened = open::<F, B::InnerBackend>(&self.run, device, &self.dirs, self.status)?;
        let mut experiment = opened.experiment.clone();
        // Protocols are about generated images.
        let is_measured =
            |subject: &Subject| *subject == Subject::Images || self.protocol.is_none();
        let Some(subject) = Subject::of(&experiment.family).filter(is_measured) else {
            return Err(EvaluateError::NoGenerator(experiment.family).into());
        };
        if let Some(encoder) = self.retrieval_encoder {
            experiment.evaluate.retrieval_encoder = encoder;
        }
        let name = &experiment.evaluate.protocol;
        let Some(definition) = self.protocol.or_else(|| protocol::find(name)) else {
            return Err(EvaluateError::Protocol(name.clone()).into());
        };
        let (run, dirs, status) = (&self.run, &self.dirs, self.status);
        let measure = match subject {
            Subject::Images => (definition.name, definition.version),
            Subject::Retrieval => (retrieval::NAME, retrieval::VERSION),
            Subject::Captions => (captions::NAME, captions::VERSION),
            Subject::Classes => (classes::NAME, classes::VERSION),
            Subject::Embeddings => (embedding::NAME, embedding::VERSION),
        };
        let conditions = Conditions::of(&opened.digest, &experiment, measure, dirs);
        if self.is_earlier_enough
            && let Some(evaluation) = conditions.earlier(run)
        {
            return Ok(Measured {
                evaluation,
                is_reused: true,
            });
        }
        let measured = |evaluation: Result<Evaluation, EvaluateError>| {
            let evaluation = evaluation?;
            conditions.note(run)?;
            Ok(Measured {
                evaluation,
                is_reused: false,
            })
        };
        let source = evaluation_source::<F, B>(run, &experiment, None, device, dirs, status)?;
        warn_of_other_data(run, &source, status)?;
        let (set, of) = (&source, &experiment);
        measured(match subject {
            Subject::Retrieval => {
                retrieval::evaluate::<B::InnerBackend>(run, of, set, device, dirs, status)
            }
            Subject::Captions => {
                captions::evaluate::<B::InnerBackend>(run, of, set, device, dirs, status)
            }
            Subject::Classes => classes::evaluate::<B::InnerBackend>(run, of, set, device, status),
            Subject::Embeddings => embedding::evaluate::<B>(run, of, set, device, dirs, status),
            Subject::Images => match opened.pipeline() {
                None => Err(EvaluateError::NoGenerator(experiment.family.clone())),
                Some(pipeline) => Streamed {
                    run,
                    experiment: &experiment,
                    pipeline,
                    checkpoint: &opened.digest,
                    source: &source,
                    device,
                    dirs,
                    status,
                    progress: self.progress,
                }
                .evaluate(definition),
            },
        })
    }
}

/// Numbers on other data than those trained on may be what is wanted, but not unknowingly.
fn warn_of_other_data(
    run: &RunFolder,
    source: &Source,
    status: Status<'_>,
) -> Result<(), LaunchError> {
    let Some(stored) = Manifest::of(run)?.and_then(|manifest| manifest.data) else {
        return Ok(());
    };
    let found = source.dataset.fingerprint();
    if stored != found {
        status(&format!(
            "the data are not those that the run was trained with: fingerprint {stored} stored, \
             {found} found"
        ));
    }
    Ok(())
}

/// The evaluation split of a run's experiment with its text, or `count` images spread over it.
///
/// # Errors
///
/// If data or encoder are missing.
pub fn evaluation_source<F: Family, B: AutodiffBackend>(
    run: &RunFolder,
    experiment: &Experiment,
    count: Option<usize>,
    device: &B::Device,
    dirs: &Dirs,
    status: Status<'_>,
) -> Result<Source, LaunchError> {
    let config = experiment.config_of::<F>()?;
    let mut needs = config.needs();
    needs.features = None;
    let dataset = setup::dataset(experiment)?;
    let assembly: Assembly<'_, B> = Assembly {
        experiment,
        run: Some(run),
        device,
        dirs,
        status,
    };
    let split = experiment.data.eval_split;
    Ok(match count {
        Some(count) => assembly.sample(dataset, split, count, needs)?,
        None => assembly.source(dataset, split, needs)?,
    })
}
