//! Published one-stage systems: DF-GAN in both versions and SSA-GAN.

use wordpaint_models::backend::Backend;
use wordpaint_models::import::Source;
use wordpaint_models::one_stage::config::{Config, Flavour};
use wordpaint_models::one_stage::generator::Architecture;
use wordpaint_models::one_stage::keys::{discriminator_key, generator_key};
use wordpaint_models::one_stage::system::OneStage;
use wordpaint_models::system::{Family, Parts, System};
use wordpaint_models::{df_gan, ssa_gan};

use super::{Arrays, Import, Imported, find, setting, size};
use crate::launch::LaunchError;
use crate::setup::SetupError;

/// Most blocks that are counted: images of 4 << 12 pixels.
const MOST: usize = 13;
/// Side of the first map.
const FIRST_SIDE: usize = 4;
/// Places of the three networks in our names of arrays.
const NETWORKS: [&str; 3] = ["netG.", "netD.", "netC."];

impl Import {
    /// SSA-GAN, from its generator and, where it is given, its discriminator.
    pub(super) fn ssa_gan<B: Backend>(&self, device: &B::Device) -> Result<Imported, LaunchError> {
        self.one_stage::<ssa_gan::Masked, ssa_gan::Family, B>("ssa-gan-cub", device)
    }

    /// DF-GAN, likewise, or from the one file of a training state.
    pub(super) fn df_gan<B: Backend>(&self, device: &B::Device) -> Result<Imported, LaunchError> {
        self.one_stage::<df_gan::Deep, df_gan::Family, B>("df-gan-cub", device)
    }

    fn one_stage<L, F, B>(&self, base: &str, device: &B::Device) -> Result<Imported, LaunchError>
    where
        L: Flavour,
        F: Family<Config = Config<L>, System<B> = OneStage<B, L>>,
        B: Backend,
    {
        let mut arrays = named(self.read(&self.file)?, NETWORKS[0]);
        match &self.discriminators[..] {
            [] => {}
            [path] => arrays.extend(named(self.read(path)?, NETWORKS[1])),
            several => {
                return Err(LaunchError::Request(format!(
                    "`{}` has one discriminator, {} are given",
                    self.family,
                    several.len()
                )));
            }
        }
        let Some(architecture) = architecture(&arrays) else {
            return Err(self.no_generator("a generator of `df-gan` or `ssa-gan`"));
        };
        if !L::ARCHITECTURES.contains(&architecture) {
            let other = match architecture {
                Architecture::SsaGan => ssa_gan::INFO.name,
                _ => df_gan::INFO.name,
            };
            return Err(SetupError::Weights {
                path: self.file.clone(),
                message: format!(
                    "is a generator of `{other}`; `wordpaint import {other}` takes it"
                ),
            }
            .into());
        }
        let reader = self.reader::<B>(base, device)?;
        let mut settings = reader.settings.clone();
        settings.extend(sizes(&arrays, architecture));
        let experiment = self.experiment(base, settings)?;
        let config: F::Config = experiment.family_config()?;
        reader.check(&config)?;
        let translate = |name: &str| published_key(name, architecture);
        let is_judged = arrays.keys().any(|key| key.starts_with(NETWORKS[1]));
        let system = if is_judged {
            F::System::<B>::init(&config, device)
        } else {
            F::System::<B>::with_parts(&config, Parts::ForGeneration, device)
        };
        let (system, report) = self.fill_but_text::<B, _>(system, &arrays, translate)?;
        let system = system.with_text(reader.text);
        let words = Some(&reader.vocabulary);
        self.keep(&experiment, &system, &report, translate, words)
    }

    fn no_generator(&self, what: &str) -> LaunchError {
        SetupError::Weights {
            path: self.file.clone(),
            message: format!("is not {what}; give the published file"),
        }
        .into()
    }
}

/// Arrays by network: names inside a training state lose the way to it, and their data-parallel
/// wrapper; those of a bare state dictionary are of `network`.
fn named(arrays: Arrays, network: &str) -> Arrays {
    let plain = |name: String| {
        let inner = name.strip_prefix("model.").unwrap_or(&name);
        let place = NETWORKS.iter().find(|place| inner.starts_with(*place));
        let (place, rest) = match place {
            Some(place) => (*place, &inner[place.len()..]),
            None => (network, name.as_str()),
        };
        format!("{place}{}", rest.strip_prefix("module.").unwrap_or(rest))
    };
    arrays
        .into_iter()
        .map(|(name, data)| (plain(name), data))
        .collect()
}

/// Which published generator the arrays hold.
fn architecture(arrays: &Arrays) -> Option<Architecture> {
    let has = |key: &str| find(arrays, &format!("netG.{key}")).is_some();
    if has("GBlocks.0.c1.weight") {
        Some(Architecture::DfGan2022)
    } else if has("block0.affine0.batch_norm2d.running_mean") {
        Some(Architecture::SsaGan)
    } else if has("block0.affine1.fc_gamma.linear1.weight") {
        Some(Architecture::DfGan2020)
    } else {
        None
    }
}

/// Published name of a parameter, with its network in front.
fn published_key(name: &str, architecture: Architecture) -> Option<Source> {
    let (source, network) = match name.split_once('.')? {
        ("generator", rest) => (generator_key(rest, architecture)?, NETWORKS[0]),
        ("discriminator", rest) => {
            let source = discriminator_key(rest, architecture)?;
            let is_placed = NETWORKS.iter().any(|place| source.key.starts_with(place));
            (source, if is_placed { "" } else { NETWORKS[1] })
        }
        _ => return None,
    };
    Some(Source {
        key: format!("{network}{}", source.key),
        ..source
    })
}

/// Settings of `[model]` that the arrays decide.
fn sizes(arrays: &Arrays, architecture: Architecture) -> Vec<String> {
    let of = |key: &str, axis: usize| size(arrays, &format!("netG.{key}"), axis);
    let mut settings = vec![format!("model.architecture={}", architecture.name())];
    let is_new = architecture == Architecture::DfGan2022;
    let (block, head, condition) = match architecture {
        Architecture::SsaGan => ("block", "conv_img.2", "block0.affine0"),
        Architecture::DfGan2020 => ("block", "conv_img.1", "block0.affine0"),
        Architecture::DfGan2022 => ("GBlocks.", "to_rgb.1", "GBlocks.0.fuse1.affine0"),
    };
    let is_there = |i: &usize| find(arrays, &format!("netG.{block}{i}.c1.weight")).is_some();
    let blocks = (0..MOST).take_while(is_there).count();
    // Before 2022 the first block does not double.
    let doublings = if is_new {
        blocks
    } else {
        blocks.saturating_sub(1)
    };
    setting(&mut settings, "resolution", Some(FIRST_SIDE << doublings));
    let width = of(&format!("{head}.weight"), 1);
    setting(&mut settings, "generator_width", width);
    setting(&mut settings, "mask_width", of("conv_mask.0.weight", 0));
    let noise = of("fc.weight", 1);
    setting(&mut settings, "noise_dim", noise);
    let joined = of(&format!("{condition}.fc_gamma.linear1.weight"), 1);
    let text = if is_new {
        joined.zip(noise).and_then(|(j, n)| j.checked_sub(n))
    } else {
        joined
    };
    setting(&mut settings, "encoder.dim", text);
    let judge = size(arrays, "netD.conv_img.weight", 0);
    setting(&mut settings, "discriminator_width", judge);
    if architecture == Architecture::DfGan2020 {
        let others = [
            "mismatched=successor",
            "penalty.step=separate",
            "truncation=0.0",
        ];
        settings.extend(others.map(|other| format!("model.{other}")));
    }
    settings
}
