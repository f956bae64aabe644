//! The published files of the one-stage systems.

use std::marker::PhantomData;

use super::config::{Config, Variant};
use super::generator::Architecture;
use super::keys::{discriminator_key, generator_key};
use crate::import::Source;
use crate::published::{
    Arrays, Companion, Part, PublishedFiles, PublishedNetworks, Role, find, setting, size,
};

/// Most blocks that are counted: images of 4 << 12 pixels.
const MOST: usize = 13;
/// Side of the first map.
const FIRST_SIDE: usize = 4;
/// Places of the three networks in our names of arrays.
const NETWORKS: [&str; 3] = ["netG.", "netD.", "netC."];

/// Files of the family `F`: a generator and, where it is given, its discriminator, or the one file of
/// a training state.
pub struct Files<F: Variant> {
    /// Experiment that an imported run is based on.
    pub base: &'static str,
    /// When a discriminator has a file of its own, for the help.
    pub discriminator: &'static str,
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
            when: self.discriminator,
            ..Companion::optional(Role::Discriminator)
        })
    }

    /// Names inside a training state lose the way to their network, and its data-parallel wrapper;
    /// those of a bare state dictionary are of the network of the file.
    fn named(&self, arrays: Arrays, part: Part) -> Arrays {
        let network = NETWORKS[usize::from(part != Part::First)];
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

    fn settings(&self, arrays: &Arrays) -> Vec<String> {
        architecture(arrays).map_or_else(Vec::new, |found| sizes(arrays, found))
    }

    fn is_trainable(&self, arrays: &Arrays) -> bool {
        arrays.keys().any(|key| key.starts_with(NETWORKS[1]))
    }

    fn scheme(&self) -> Option<&'static str> {
        Some("one-stage")
    }

    fn evidence(&self, part: Part, arrays: &Arrays) -> Option<&'static str> {
        let found = architecture(arrays)?;
        (part == Part::First && F::ARCHITECTURES.contains(&found)).then_some("")
    }

    fn needs_evidence(&self, part: Part) -> bool {
        part == Part::First
    }
}

impl<F: Variant> PublishedNetworks<Config<F>> for Files<F> {
    fn key(&self, name: &str, _config: &Config<F>, arrays: &Arrays) -> Option<Source> {
        let architecture = architecture(arrays)?;
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

/// Settings that the arrays decide.
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
    let upsampling_steps = if is_new {
        blocks
    } else {
        blocks.saturating_sub(1)
    };
    setting(
        &mut settings,
        "resolution",
        Some(FIRST_SIDE << upsampling_steps),
    );
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
    let width = size(arrays, "netD.conv_img.weight", 0);
    setting(&mut settings, "discriminator_width", width);
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
