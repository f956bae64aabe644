//! The published files of the staged systems.

use std::marker::PhantomData;

use super::config::{Config, Variant};
use super::discriminator::Normalization;
use super::keys::{discriminator_key, generator_key};
use super::word_module::WordModule;
use crate::import::Source;
use crate::published::{
    Arrays, Companion, Part, PublishedFiles, PublishedNetworks, Role, find, setting, size,
};

/// Most arrays of one kind that are counted (residual blocks of a stage).
const MOST: usize = 16;

/// Files of the family `F`.
pub struct Files<F: Variant> {
    /// Experiment that an imported run is based on.
    pub base: &'static str,
    /// The family.
    pub family: PhantomData<F>,
}

impl<F: Variant> PublishedFiles for Files<F> {
    fn base(&self) -> &'static str {
        self.base
    }

    fn first(&self) -> &'static str {
        "generator"
    }

    fn companions(&self) -> Vec<Companion> {
        Companion::of_generator(Companion {
            is_per_size: true,
            when: "once per size, the smallest first, or not at all",
            ..Companion::optional(Role::Discriminator)
        })
    }

    /// Those of discriminator `i` begin with `netDi.`.
    fn named(&self, arrays: Arrays, part: Part) -> Arrays {
        let Part::Beside(Role::Discriminator, i) = part else {
            return arrays;
        };
        let named = arrays.into_iter().map(|(name, data)| {
            let plain = name.strip_prefix("module.").unwrap_or(&name);
            (format!("netD{i}.{plain}"), data)
        });
        named.collect()
    }

    fn settings(&self, arrays: &Arrays) -> Vec<String> {
        let mut settings = sizes(arrays);
        settings.push("model.mask=tiled".into());
        settings
    }

    fn is_trainable(&self, arrays: &Arrays) -> bool {
        arrays.keys().any(|key| key.starts_with("netD"))
    }

    fn scheme(&self) -> Option<&'static str> {
        Some("staged")
    }

    fn evidence(&self, part: Part, arrays: &Arrays) -> Option<&'static str> {
        let (key, evidence) = match (part, F::WORDS, F::NORMALIZATION) {
            (Part::First, WordModule::Attention, _) => (
                "h_net2.att.conv_context.weight".to_owned(),
                " (it holds `h_net2.att.conv_context.weight`)",
            ),
            (Part::First, WordModule::Memory, _) => (
                "h_net2.A.weight".to_owned(),
                " (it holds `h_net2.A.weight`)",
            ),
            (Part::Beside(_, i), _, Normalization::BatchNorm) => (
                format!("netD{i}.img_code_s16.0.weight"),
                ", with batch normalisation",
            ),
            (Part::Beside(_, i), _, Normalization::Spectral) => (
                format!("netD{i}.img_code_s16.0.module.weight_bar"),
                ", with spectral normalisation",
            ),
        };
        find(arrays, &key).map(|_| evidence)
    }

    /// A generator of one stage reads no words.
    fn needs_evidence(&self, part: Part) -> bool {
        part != Part::First
    }
}

impl<F: Variant> PublishedNetworks<Config<F>> for Files<F> {
    fn key(&self, name: &str, config: &Config<F>, _arrays: &Arrays) -> Option<Source> {
        if let Some(rest) = name.strip_prefix("generator.") {
            return generator_key(rest, config.has_last_image_only);
        }
        let (number, rest) = name.strip_prefix("discriminators.")?.split_once('.')?;
        let upsampling_steps = config
            .discriminators()
            .get(number.parse::<usize>().ok()?)?
            .upsampling_steps;
        let source = discriminator_key(rest, upsampling_steps, F::NORMALIZATION)?;
        Some(Source {
            key: format!("netD{number}.{}", source.key),
            ..source
        })
    }

    fn discriminators(&self, config: &Config<F>) -> usize {
        config.generator().sides().len()
    }
}

/// Settings that the arrays of a generator and of the first discriminator decide.
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
    let residuals = (0..MOST).filter(residual).count();
    setting(&mut settings, "residuals", Some(residuals));
    let head = if is_single { "img_net" } else { "img_net1" };
    let width = of(&format!("{head}.img.0.weight"), 1);
    setting(&mut settings, "generator_width", width);
    let condition = of("ca_net.fc.weight", 0).map(|rows| rows / 4);
    setting(&mut settings, "condition_dim", condition);
    setting(&mut settings, "encoder.dim", of("ca_net.fc.weight", 1));
    let joined = of("h_net1.fc.0.weight", 1).zip(condition);
    let noise = joined.and_then(|(joined, condition)| joined.checked_sub(condition));
    setting(&mut settings, "noise_dim", noise);
    let width = of("netD0.img_code_s16.0.weight", 0)
        .or_else(|| of("netD0.img_code_s16.0.module.weight_bar", 0));
    setting(&mut settings, "discriminator_width", width);
    settings
}
