//! The data pipeline.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wordpaint_models::system::{Sampling, TextForm};

use super::{Prepared, Section};
use crate::config;
use crate::data::{Loader, Source};
use crate::launch::LaunchError;
use crate::setup::{self, SetupError};

/// Samples per batch.
const BATCH: usize = 16;

/// An epoch of pictures without text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loading {
    /// Experiment whose quick form names the data.
    pub experiment: String,
    /// Pictures.
    pub images: usize,
    /// Whether they have been read before and wait in memory.
    pub is_in_memory: bool,
}

impl Loading {
    pub(super) fn prepare(&self) -> Prepared {
        let case = self.clone();
        let mut known: Option<Loader> = None;
        Prepared {
            call: Box::new(move || {
                if !case.is_in_memory || known.is_none() {
                    known = Some(case.loader()?);
                }
                let loader = known.as_ref().expect("made above");
                for batch in loader.epoch(0, 0) {
                    drop(batch.map_err(SetupError::from)?);
                }
                Ok(Vec::<Section>::new())
            }),
            parameters: None,
        }
    }

    fn loader(&self) -> Result<Loader, LaunchError> {
        let experiment = config::load(&self.experiment, &[], true)?;
        let needs = experiment.family_facts()?.needs;
        let dataset = setup::dataset(&experiment)?;
        let mut source = Source::new(dataset, &experiment.data, experiment.data.split, needs)
            .map_err(SetupError::from)?;
        source.needs.text = TextForm::None;
        source.needs.sampling = Sampling::Images;
        source.needs.captions = 0;
        source.split.indices.truncate(self.images);
        source.split.classes.truncate(self.images);
        Ok(Loader::new(Arc::new(source), BATCH, 0, 0)?)
    }
}
