//! From a resolved experiment to everything training and evaluation work with: data, embeddings,
//! frozen networks.

pub mod features;
pub mod memory;
pub mod missing;
pub mod networks;
pub mod opened;
pub mod own_class;
pub mod portable;
pub mod pretrained;
pub mod reference;
mod tables;
pub mod text;
pub mod trained;
pub mod weights;
pub mod words;

use std::path::PathBuf;
use std::sync::Arc;

use wordpaint_data::{DataError, Split, TextImageDataset};
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::system::{Needs, TextForm};

use crate::config::{Experiment, paths};
use crate::data::Source;
use crate::data::loader::LoaderError;
use crate::data::source::images;
use crate::run::checkpoint::CheckpointError;
use crate::run::folder::{RunError, RunFolder};

/// Why an experiment cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// Data are missing or damaged.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The split does not fit the batches.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// A run that is referred to is not there.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Its checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A weights file is missing or does not fit.
    #[error("{}: {message}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// Settings contradict what was found.
    #[error("`{key}`: {message}")]
    Setting {
        /// Key path in the experiment.
        key: &'static str,
        /// What is wrong and what to do.
        message: String,
    },
    /// The experiment that a run was made with cannot be read any more.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
}

/// Where things are looked for.
#[derive(Debug, Clone)]
pub struct Dirs {
    /// Runs.
    pub runs: PathBuf,
    /// Fetched weights and computed tables.
    pub cache: PathBuf,
}

impl Dirs {
    /// The folders of the environment.
    pub fn from_environment() -> Self {
        Self {
            runs: paths::runs(),
            cache: paths::cache(),
        }
    }
}

/// Where one line about what is being done goes.
pub type Status<'a> = &'a (dyn Fn(&str) + Sync);

/// The dataset of an experiment, opened.
///
/// # Errors
///
/// If its address is wrong or its files are missing.
pub fn dataset(experiment: &Experiment) -> Result<Arc<dyn TextImageDataset>, SetupError> {
    Ok(Arc::from(wordpaint_data::open::open(&experiment.data.uri)?))
}

/// What the data of an experiment are put together with.
pub struct Assembly<'a, B: AutodiffBackend> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// The run this is for: the text encoder is looked up there first and copied there otherwise,
    /// so that a run generates without anything else.
    pub run: Option<&'a RunFolder>,
    /// Device of the encoder and of the VGG behind image features.
    pub device: &'a B::Device,
    /// Where things are looked for.
    pub dirs: &'a Dirs,
    /// Where lines about what is being done go.
    pub status: Status<'a>,
}

impl<B: AutodiffBackend> Assembly<'_, B> {
    /// A split with the embeddings and features that `needs` asks for.
    ///
    /// # Errors
    ///
    /// If data, encoder or feature network are missing or do not fit.
    pub fn source(
        &self,
        dataset: Arc<dyn TextImageDataset>,
        split: Split,
        needs: Needs,
    ) -> Result<Source, SetupError> {
        self.complete(Source::new(dataset, &self.experiment.data, split, needs)?)
    }

    /// The same for `count` images of the split, see [`spread`]: captions of other images are
    /// neither read nor embedded.
    ///
    /// # Errors
    ///
    /// As for [`Self::source`].
    pub fn sample(
        &self,
        dataset: Arc<dyn TextImageDataset>,
        split: Split,
        count: usize,
        needs: Needs,
    ) -> Result<Source, SetupError> {
        let indices = spread(&images(dataset.as_ref(), split)?, count);
        self.complete(Source::of(dataset, &self.experiment.data, indices, needs)?)
    }

    fn complete(&self, mut source: Source) -> Result<Source, SetupError> {
        let Self {
            experiment,
            run,
            device,
            dirs,
            status,
        } = *self;
        if let TextForm::Embedding { dim } = source.needs.text {
            let table =
                text::table::<B::InnerBackend>(experiment, &source, run, device, dirs, status)?;
            check_text_dim(dim, table.dim)?;
            source.embeddings = Some(table);
        }
        if let TextForm::Tokens(tokens) = source.needs.text {
            let dataset = source.dataset.as_ref();
            let tokenizer = words::tokenizer(experiment, tokens, dataset, run, dirs, status)?;
            source.tokenizer = Some(tokenizer);
        }
        if let Some(dim) = source.needs.features {
            let vgg = pretrained::vgg::<B::InnerBackend>(experiment, device, dirs)?;
            let table = features::table(experiment, &source, &vgg, device, dirs, status)?;
            check_feature_dim(dim, table.dim)?;
            source.features = Some(table);
        }
        Ok(source)
    }
}

/// Refuses sentence embeddings of another length than the system expects.
///
/// # Errors
///
/// Names both.
pub fn check_text_dim(expected: usize, found: usize) -> Result<(), SetupError> {
    if found == expected {
        return Ok(());
    }
    Err(SetupError::Setting {
        key: "model.text_dim",
        message: format!(
            "the system expects embeddings of {expected} numbers, the encoder gives {found}; set it \
             to {found}"
        ),
    })
}

/// Refuses image features of another length than the embeddings they are compared with.
///
/// # Errors
///
/// Names both.
pub fn check_feature_dim(expected: usize, found: usize) -> Result<(), SetupError> {
    if found == expected {
        return Ok(());
    }
    Err(SetupError::Setting {
        key: "model.embedding_dim",
        message: format!(
            "image features have {found} numbers and sentence embeddings {expected}; they are \
             compared by a dot product and must be equally long"
        ),
    })
}

/// The caption of an image that `evaluate.caption` chooses.
///
/// # Errors
///
/// If the image has fewer.
pub fn chosen_caption(captions: Vec<String>, chosen: usize) -> Result<String, SetupError> {
    let count = captions.len();
    let found = captions.into_iter().nth(chosen);
    found.ok_or_else(|| SetupError::Setting {
        key: "evaluate.caption",
        message: format!("is {chosen}, but an image has {count} captions, counted from 0"),
    })
}

/// `count` of `images`, evenly spaced over the list (and so over its classes); all of them when
/// there are not more.
pub fn spread(images: &[usize], count: usize) -> Vec<usize> {
    let count = count.min(images.len());
    (0..count)
        .map(|i| images[i * images.len() / count])
        .collect()
}
