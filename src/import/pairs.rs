//! Published encoders that match words with regions, and the systems that learn from them.

use std::path::Path;

use wordpaint_models::backend::Backend;
use wordpaint_models::import::{Source, import};
use wordpaint_models::staged::config::{Config, Flavour};
use wordpaint_models::staged::discriminator::Bounds;
use wordpaint_models::staged::keys::{discriminator_key, generator_key};
use wordpaint_models::staged::reader::ReaderKind;
use wordpaint_models::staged::system::Staged;
use wordpaint_models::system::{Family, Parts, System};
use wordpaint_models::{attngan, damsm, dm_gan};

use super::reader::{check_count, read_vocabulary};
use super::{Arrays, Import, Imported, find, setting, size};
use crate::launch::LaunchError;
use crate::setup::SetupError;

/// Most arrays of one kind that are counted (residual blocks of a stage).
const MOST: usize = 16;

impl Import {
    /// Text and image encoder of one pretraining.
    pub(super) fn pair<B: Backend>(&self, device: &B::Device) -> Result<Imported, LaunchError> {
        let Some(image) = &self.image else {
            return Err(LaunchError::Request(
                "text and image encoder were published as two files; give the second with \
                 `--image FILE`"
                    .into(),
            ));
        };
        let Some(vocabulary) = &self.vocabulary else {
            return Err(LaunchError::Request(
                "a text encoder knows words by number; give the `captions.pickle` it was trained \
                 with as `--vocabulary FILE`"
                    .into(),
            ));
        };
        let arrays = self.beside(image, ["text encoder", "image encoder"])?;
        let of = |key: &str, axis: usize| size(&arrays, key, axis);
        let mut settings = Vec::new();
        let (rows, hidden) = (of("rnn.weight_hh_l0", 0), of("rnn.weight_hh_l0", 1));
        if rows
            .zip(hidden)
            .is_some_and(|(rows, hidden)| rows == 3 * hidden)
        {
            settings.push("model.encoder.kind=gru".into());
        }
        setting(
            &mut settings,
            "encoder.embedding_dim",
            of("encoder.weight", 1),
        );
        setting(&mut settings, "vocabulary", of("encoder.weight", 0));
        setting(&mut settings, "encoder.dim", of("emb_features.weight", 0));
        let width = of("Conv2d_1a_3x3.conv.weight", 0);
        let divisor = width.and_then(|width| 32_usize.checked_div(width));
        setting(&mut settings, "trunk.divisor", divisor);

        let list = read_vocabulary(vocabulary)?;
        if let Some(known) = of("encoder.weight", 0) {
            check_count(vocabulary, list.len(), &self.file, known)?;
        }
        let experiment = self.experiment("damsm-cub", settings)?;
        let config: damsm::Config = experiment.family_config()?;
        let system = damsm::Pretraining::<B>::init(&config, device);
        let (system, report) = import::<B, _>(system, &arrays, damsm::published_key);
        self.check(&report.ours, "a pair of encoders of `damsm` as published")?;
        self.keep(
            &experiment,
            &system,
            &report,
            damsm::published_key,
            Some(&list),
        )
    }

    /// AttnGAN, from its generator and, where they are given, its discriminators.
    pub(super) fn attngan<B: Backend>(&self, device: &B::Device) -> Result<Imported, LaunchError> {
        self.staged::<attngan::Attentional, attngan::Family, B>("attngan-cub", device)
    }

    /// DM-GAN, likewise.
    pub(super) fn dm_gan<B: Backend>(&self, device: &B::Device) -> Result<Imported, LaunchError> {
        self.staged::<dm_gan::Remembering, dm_gan::Family, B>("dm-gan-cub", device)
    }

    fn staged<L, F, B>(&self, base: &str, device: &B::Device) -> Result<Imported, LaunchError>
    where
        L: Flavour,
        F: Family<Config = Config<L>, System<B> = Staged<B, L>>,
        B: Backend,
    {
        let mut arrays = self.read(&self.file)?;
        self.check_reader::<L>(&arrays)?;
        for (i, path) in self.discriminators.iter().enumerate() {
            let judge = self.read(path)?;
            check_bounds::<L>(path, &judge)?;
            let named = judge.into_iter().map(|(name, data)| {
                let plain = name.strip_prefix("module.").unwrap_or(&name);
                (format!("netD{i}.{plain}"), data)
            });
            arrays.extend(named);
        }
        // It decides the words and the length of their features.
        let reader = self.reader::<B>(base, device)?;
        let mut settings = reader.settings.clone();
        settings.extend(sizes(&arrays));
        settings.push("model.mask=tiled".into());
        let experiment = self.experiment(base, settings)?;
        let config: F::Config = experiment.family_config()?;
        reader.check(&config)?;

        let sides = config.generator().sides();
        if !self.discriminators.is_empty() && self.discriminators.len() != sides.len() {
            return Err(LaunchError::Request(format!(
                "the generator paints at {} sizes, {} discriminators are given; give \
                 `--discriminator FILE` once per size, the smallest first, or not at all",
                sides.len(),
                self.discriminators.len()
            )));
        }
        let translate = |name: &str| published_key(name, &config);
        let system = if self.discriminators.is_empty() {
            F::System::<B>::with_parts(&config, Parts::ForGeneration, device)
        } else {
            F::System::<B>::init(&config, device)
        };
        let (system, report) = self.fill_but_text::<B, _>(system, &arrays, translate)?;
        let system = system.with_text(reader.text);
        let words = Some(&reader.vocabulary);
        self.keep(&experiment, &system, &report, translate, words)
    }

    /// Refuses the generator of the other system.
    fn check_reader<L: Flavour>(&self, arrays: &Arrays) -> Result<(), LaunchError> {
        let (other, key) = match L::READER {
            ReaderKind::Attention => (dm_gan::INFO.name, "h_net2.A.weight"),
            ReaderKind::Memory => (attngan::INFO.name, "h_net2.att.conv_context.weight"),
        };
        if find(arrays, key).is_none() {
            return Ok(());
        }
        Err(SetupError::Weights {
            path: self.file.clone(),
            message: format!(
                "is a generator of `{other}` (it holds `{key}`); `wordpaint import {other}` takes \
                 it"
            ),
        }
        .into())
    }
}

/// Refuses a discriminator of the other system.
fn check_bounds<L: Flavour>(path: &Path, arrays: &Arrays) -> Result<(), LaunchError> {
    let has = |key: &str| find(arrays, key).is_some();
    let is_spectral = has("img_code_s16.0.module.weight_bar");
    let is_normed = has("img_code_s16.0.weight");
    let problem = match (L::BOUNDS, is_spectral, is_normed) {
        (Bounds::BatchNorm, true, _) => "a discriminator of `dm-gan`, with spectral normalisation",
        (Bounds::Spectral, _, true) => "a discriminator of `attngan`, with batch normalisation",
        (_, false, false) => "no discriminator of `attngan` or `dm-gan`",
        _ => return Ok(()),
    };
    Err(SetupError::Weights {
        path: path.to_path_buf(),
        message: format!("is {problem}"),
    }
    .into())
}

/// Published name of a parameter; those of discriminator `i` begin with `netDi.`.
fn published_key<L: Flavour>(name: &str, config: &Config<L>) -> Option<Source> {
    if let Some(rest) = name.strip_prefix("generator.") {
        return generator_key(rest, config.has_last_image_only);
    }
    let (number, rest) = name.strip_prefix("discriminators.")?.split_once('.')?;
    let doublings = config
        .discriminators()
        .get(number.parse::<usize>().ok()?)?
        .doublings;
    let source = discriminator_key(rest, doublings, L::BOUNDS)?;
    Some(Source {
        key: format!("netD{number}.{}", source.key),
        ..source
    })
}

/// Settings of `[model]` that the arrays of a generator decide.
fn sizes(arrays: &Arrays) -> Vec<String> {
    let of = |key: &str, axis: usize| size(arrays, key, axis);
    let mut settings = Vec::new();
    let is_single = find(arrays, "img_net.img.0.weight").is_some();
    settings.push(format!("model.has_last_image_only={is_single}"));
    let stage = |i: &usize| find(arrays, &format!("h_net{i}.upsample.1.weight")).is_some();
    let stages = 1 + (2..=3).filter(stage).count();
    setting(&mut settings, "stages", Some(stages));
    let residual = |r: &usize| {
        let key = format!("h_net2.residual.{r}.block.0.weight");
        find(arrays, &key).is_some()
    };
    setting(
        &mut settings,
        "residuals",
        Some((0..MOST).filter(residual).count()),
    );
    let head = if is_single { "img_net" } else { "img_net1" };
    setting(
        &mut settings,
        "generator_width",
        of(&format!("{head}.img.0.weight"), 1),
    );
    let condition = of("ca_net.fc.weight", 0).map(|rows| rows / 4);
    setting(&mut settings, "condition_dim", condition);
    setting(&mut settings, "encoder.dim", of("ca_net.fc.weight", 1));
    let joined = of("h_net1.fc.0.weight", 1).zip(condition);
    let noise = joined.and_then(|(joined, condition)| joined.checked_sub(condition));
    setting(&mut settings, "noise_dim", noise);
    let judge = of("netD0.img_code_s16.0.weight", 0)
        .or_else(|| of("netD0.img_code_s16.0.module.weight_bar", 0));
    setting(&mut settings, "discriminator_width", judge);
    settings
}
