//! The captions that sample grids are made of.

use wordpaint_models::backend::Backend;
use wordpaint_models::system::Frozen;

use crate::config::Experiment;
use crate::data::Source;
use crate::data::batch::text_batch;
use crate::setup::{SetupError, chosen_caption};
use crate::train::monitor::{Monitor, TrainingMetric};
use crate::train::preview::Preview;

/// Columns of a grid.
const COLUMNS: usize = 4;

/// The images of `source` with one caption each as the fixed captions of sample grids, made with the
/// `frozen` networks; `training_metric` measures more than what is shown.
///
/// # Errors
///
/// If a caption cannot be read.
pub(super) fn of<B: Backend>(
    experiment: &Experiment,
    source: Source,
    training_metric: Option<Box<dyn TrainingMetric<B>>>,
    frozen: Frozen,
    device: &B::Device,
) -> Result<Preview<B>, SetupError> {
    let caption = experiment.evaluate.caption;
    let images = source.split.indices.clone();
    let captions = images
        .iter()
        .map(|&index| chosen_caption(source.dataset.record(index)?.captions, caption))
        .collect::<Result<Vec<_>, SetupError>>()?;
    let batch = text_batch(&source, &images, caption)?.upload::<B>(&source, device);
    Ok(Preview {
        captions,
        text: batch.text,
        frozen,
        seed: experiment.train.seed,
        columns: COLUMNS,
        monitor: Monitor::new(
            source,
            images,
            experiment.train.monitor_share,
            training_metric,
        ),
    })
}
