//! `train --dry-run`: everything that can be checked without training, and without writing anything.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::prelude::Tensor;
use wordpaint_data::TextImageDataset;
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::for_family;
use wordpaint_models::system::{Family, Needs, SystemConfig, TextForm};

use super::LaunchError;
use super::training::network_digests;
use crate::backends::{Device, Work};
use crate::config::cost::bytes;
use crate::config::{Experiment, Reference, describe};
use crate::data::Loader;
use crate::data::label_noise::mislabelled;
use crate::data::source::{Source, images};
use crate::run::folder::{RunError, RunFolder};
use crate::setup::pretrained::{self, Use};
use crate::setup::{self, Dirs, SetupError, Status, memory, own_class, text, words};

/// Says what a training would find, as work on a backend.
pub struct DryRun<'a> {
    /// Resolved experiment.
    pub experiment: Experiment,
    /// Folder of the run, where one is named.
    pub run: Option<PathBuf>,
    /// Where things are looked for.
    pub dirs: Dirs,
    /// Device that would train.
    pub device: Device,
    /// Where lines about what is being done go.
    pub status: Status<'a>,
}

/// What a dry run leaves to the training itself.
pub const NOT_CHECKED: &str = "not checked: that every image decodes and every caption has words \
                               (`wordpaint data verify`), space on the disk, memory of a graphics \
                               card, and whether it learns";

impl Work for DryRun<'_> {
    /// What was found to be right, one thing a line.
    type Output = Result<Vec<String>, LaunchError>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> Self::Output {
        let family = self.experiment.family.clone();
        for_family!(family.as_str(), F => self.check::<F, B>(&device))
            .unwrap_or(Err(LaunchError::Family(family)))
    }
}

impl DryRun<'_> {
    fn check<F: Family, B: AutodiffBackend>(
        &self,
        device: &B::Device,
    ) -> Result<Vec<String>, LaunchError> {
        let Self {
            experiment, dirs, ..
        } = self;
        let config = experiment.config_of::<F>()?;
        let needs = config.needs();
        usable(
            self.run.as_deref().unwrap_or(&dirs.runs),
            self.run.is_some(),
        )?;
        let dataset = setup::dataset(experiment)?;
        let mut checked = vec![format!("data: {} opens", dataset.uri())];
        memory::check(experiment, self.device)?;
        let predicted = bytes(describe(experiment)?.memory);
        checked.push(match memory::available() {
            Some(available) if self.device.is_cpu() => {
                let available = bytes(available as f64);
                format!("memory: {predicted} predicted, {available} there")
            }
            _ => format!("memory: {predicted} predicted"),
        });
        let components = config.components();
        let purpose = Use::Beginning;
        let digests = network_digests(experiment, &components, purpose, &needs, dirs)?;
        pretrained::for_training::<B>(experiment, &components, purpose, &digests, device, dirs)?;
        for key in digests.keys() {
            checked.push(format!("`{key}`: there, and of the right sizes"));
        }
        checked.push(self.batches(Arc::clone(&dataset), &config)?);
        if F::INFO.makes_images() && experiment.train.sample_every > 0 {
            self.grid(dataset.as_ref())?;
        }
        checked.extend(self.text::<B>(dataset.as_ref(), &needs, device)?);
        self.features::<B::InnerBackend>(&needs, device)?;
        Ok(checked)
    }

    /// The batch against the split, as a training draws it.
    fn batches<C: SystemConfig>(
        &self,
        dataset: Arc<dyn TextImageDataset>,
        config: &C,
    ) -> Result<String, LaunchError> {
        let (data, train) = (&self.experiment.data, &self.experiment.train);
        let labelled = mislabelled(dataset, data.split, data.label_noise, train.seed);
        let labelled = own_class::given(
            labelled.map_err(SetupError::from)?,
            data,
            config,
            self.status,
        )?;
        let source = Source::new(labelled, data, data.split, config.needs());
        let source = Arc::new(source.map_err(SetupError::from)?);
        let count = source.split.indices.len();
        let loader = Loader::new(source, train.batch_size, train.seed, data.workers)?;
        Ok(format!(
            "batches: {} of {} samples in an epoch of the {count} images of `{:?}`",
            loader.batches_per_epoch(),
            train.batch_size,
            data.split
        ))
    }

    /// Images and captions of the sample grids.
    fn grid(&self, dataset: &dyn TextImageDataset) -> Result<(), LaunchError> {
        let Experiment { data, evaluate, .. } = &self.experiment;
        let shown = images(dataset, data.eval_split).map_err(SetupError::from)?;
        let shown = setup::spread(&shown, self.experiment.train.samples);
        for index in shown {
            let record = dataset.record(index).map_err(SetupError::from)?;
            setup::chosen_caption(record.captions, evaluate.caption)?;
        }
        Ok(())
    }

    /// The encoder of captions, or their words.
    fn text<B: AutodiffBackend>(
        &self,
        dataset: &dyn TextImageDataset,
        needs: &Needs,
        device: &B::Device,
    ) -> Result<Option<String>, LaunchError> {
        let Self {
            experiment, dirs, ..
        } = self;
        Ok(match needs.text {
            TextForm::None => None,
            TextForm::Tokens(tokens) => {
                words::tokenizer(experiment, tokens, dataset, None, dirs, self.status)?.summary()
            }
            TextForm::Embedding { dim } => {
                let from = Reference::of(&experiment.text.encoder);
                let found = if from == Reference::Precomputed {
                    text::precomputed(dataset)?.dim
                } else {
                    text::Encoder::<B::InnerBackend>::open(experiment, None, device, dirs)?.dim
                };
                setup::check_text_dim(dim, found)?;
                Some(format!("`text.encoder`: there, gives {found} numbers"))
            }
        })
    }

    /// Length of the features of images, where a system learns from them.
    fn features<B: Backend>(&self, needs: &Needs, device: &B::Device) -> Result<(), LaunchError> {
        let Some(dim) = needs.features else {
            return Ok(());
        };
        let vgg = pretrained::vgg::<B>(&self.experiment, device, &self.dirs)?;
        let side = pretrained::vgg_image_size(&self.experiment, &self.dirs)?;
        let found = vgg
            .features(Tensor::zeros([1, 3, side, side], device))
            .dims()[1];
        Ok(setup::check_feature_dim(dim, found)?)
    }
}

/// Refuses a folder that no run can be made in; `is_run` says that it is the run's own.
fn usable(folder: &Path, is_run: bool) -> Result<(), RunError> {
    if is_run {
        return RunFolder::check_new(folder);
    }
    Ok(wordpaint_files::check_folder(folder)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_or_empty_folder_is_usable_and_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let deep = folder.path().join("a/b/run");

        assert!(usable(&deep, true).is_ok());
        assert!(usable(folder.path(), true).is_ok());
        assert_eq!(folder.path().read_dir().expect("readable").count(), 0);
        std::fs::write(folder.path().join("note.txt"), "mine").expect("writes");
        assert!(usable(folder.path(), true).is_err());
        assert!(usable(folder.path(), false).is_ok());
        assert!(usable(&folder.path().join("note.txt/run"), true).is_err());
    }
}
