//! Published networks of any family, as a finished run.

use std::collections::BTreeSet;

use wordpaint_data::tokenizers::byte_pairs::read_merges;
use wordpaint_data::vocabulary::Vocabulary;
use wordpaint_models::backend::Backend;
use wordpaint_models::import::import;
use wordpaint_models::published::{Arrays, Companion, PublishedFiles, PublishedNetworks, Role};
use wordpaint_models::state::{load_named, named_tensors};
use wordpaint_models::system::{Family, Parts, System};
use wordpaint_models::text::lstm::Encoder;

use super::text_encoder::{check_count, read_vocabulary};
use super::{Import, Imported};
use crate::config;
use crate::launch::LaunchError;
use crate::setup::SetupError;

impl Import {
    /// Loads the files into a system of the experiment that they build on, with what they decide and
    /// the user's settings on top, and writes a finished run.
    pub(super) fn networks<F: Family, B: Backend>(
        &self,
        published: &'static dyn PublishedNetworks<F::Config>,
        device: &B::Device,
    ) -> Result<Imported, LaunchError> {
        self.check_companions(published)?;
        let arrays = self.read_all(published)?;
        let has = |role: Role| {
            let mut companions = published.companions().into_iter();
            companions.any(|companion| companion.role == role)
        };
        // It decides the words and the length of their features.
        let text_encoder = if has(Role::TextEncoder) {
            Some(self.text_encoder::<B>(published.base(), device)?)
        } else {
            None
        };
        let mut settings = text_encoder
            .as_ref()
            .map_or_else(Vec::new, |r| r.settings.clone());
        settings.extend(published.settings(&arrays));
        let words = self.own_words(published, &arrays)?;
        let experiment = self.experiment(published.base(), settings)?;
        let config = experiment.config_of::<F>()?;
        if let Some(text_encoder) = &text_encoder {
            text_encoder.check(&config)?;
        }
        self.check_discriminators(published.companions(), published.discriminators(&config))?;

        let system = if published.is_trainable(&arrays) {
            F::System::<B>::init(&config, device)
        } else {
            F::System::<B>::with_parts(&config, Parts::ForGeneration, device)
        };
        let translate = |name: &str| published.key(name, &config, &arrays);
        let (mut system, mut report) = import::<B, _>(system, &arrays, translate);
        if let Some(text_encoder) = &text_encoder {
            let (filled, loaded) = with_text::<B, _>(system, &text_encoder.text);
            report.ours.missing.retain(|name| !loaded.contains(name));
            system = filled;
        }
        let what = format!("{}`{}` as published", published.called(), self.family);
        self.check(&report.ours, &what)?;
        let words = words.or_else(|| text_encoder.map(|text_encoder| text_encoder.vocabulary));
        self.keep(&experiment, &system, &report, translate, words.as_ref())
    }

    /// The words of a text encoder among the arrays, where there has to be one.
    fn own_words(
        &self,
        files: &dyn PublishedFiles,
        arrays: &Arrays,
    ) -> Result<Option<Vocabulary>, LaunchError> {
        let known = files.words(arrays);
        if let (Some(known), Some(path)) = (known, &self.merges) {
            return Ok(Some(read_merges(path, known).map_err(SetupError::from)?));
        }
        let is_own = |file: &Companion| file.role == Role::Vocabulary && file.needed.is_some();
        let (true, Some(path)) = (files.companions().iter().any(is_own), &self.vocabulary) else {
            return Ok(None);
        };
        let list = read_vocabulary(path)?;
        if let Some(known) = known {
            check_count(path, list.len(), &self.file, known)?;
        }
        Ok(Some(list))
    }

    /// Refuses other than one discriminator per size, or none.
    fn check_discriminators(
        &self,
        companions: Vec<Companion>,
        sizes: usize,
    ) -> Result<(), LaunchError> {
        let is_per_size = companions
            .into_iter()
            .any(|file| file.role == Role::Discriminator && file.is_per_size);
        let count = self.discriminators.len();
        if !is_per_size || count == 0 || count == sizes {
            return Ok(());
        }
        Err(LaunchError::Request(format!(
            "the generator paints at {sizes} sizes, {count} discriminators are given; give \
             `--discriminator FILE` once per size, the smallest first, or not at all"
        )))
    }

    /// The experiment `base` with `settings` and the user's on top.
    fn experiment(
        &self,
        base: &str,
        mut settings: Vec<String>,
    ) -> Result<config::Experiment, LaunchError> {
        let key = |setting: &str| setting.split('=').next().unwrap_or_default().to_owned();
        let given: BTreeSet<String> = self.overrides.iter().map(|s| key(s)).collect();
        settings.retain(|setting| !given.contains(&key(setting)));
        settings.extend(self.overrides.iter().cloned());
        let mut experiment = config::load(base, &settings, false)?;
        experiment.name = format!("{}-imported", self.family);
        experiment.title = format!("{} with the published weights {}", self.family, self.stem());
        experiment.expect.clear();
        Ok(experiment)
    }
}

/// `system` with the weights of `text` as its text encoder, whose sizes the caller has checked, and the
/// names of the parameters that they fill.
fn with_text<B: Backend, S: System<B>>(system: S, text: &Encoder<B>) -> (S, BTreeSet<String>) {
    let mut weights: Arrays = named_tensors::<B, _>(text).into_iter().collect();
    let (system, report) = load_named::<B, _>(system, |name, _| {
        weights.remove(name.strip_prefix("text.")?)
    });
    (system, report.loaded.into_iter().collect())
}
