//! Systems that only make images, and the text encoder with which they begin.

use std::collections::BTreeMap;

use burn::backend::Flex;
use burn::module::AutodiffModule;
use burn::prelude::TensorData;
use wordpaint_models::auxiliary::AuxiliaryLosses;
use wordpaint_models::losses::contrastive::Method;
use wordpaint_models::noise::Noise;
use wordpaint_models::state::{load_named, named_tensors};
use wordpaint_models::system::{
    Component, Frozen, Generate, Parts, Pipeline, System, SystemConfig, Train,
};
use wordpaint_models::{attngan, df_gan, ssa_gan};

use crate::support::iterate::Fast;
use crate::support::narrow::{text, text_input};

pub(super) fn one_stage() -> df_gan::Config {
    df_gan::Config {
        resolution: 32,
        generator_width: 2,
        discriminator_width: 2,
        noise_dim: 4,
        text: text_input(),
        ..df_gan::Config::default()
    }
}

fn staged() -> attngan::Config {
    crate::staged::staged(2, Method::None)
}

/// Kinds of pretrained networks among the components, each once.
pub(super) fn pretrained(config: &impl SystemConfig) -> Vec<&'static str> {
    let components = config.components();
    let keys = components.iter().filter_map(Component::pretrained);
    let mut keys: Vec<&'static str> = keys.map(|pretrained| pretrained.key).collect();
    keys.dedup();
    keys
}

/// A system with the weights of another, but for its discriminators, makes the same images.
fn generates_without_discriminators<S: System<Flex> + Generate<Flex>>(config: &S::Config) {
    let device = Default::default();
    let system = S::init(config, &device);
    let mut values: BTreeMap<String, TensorData> = named_tensors(&system).into_iter().collect();
    let all = values.len();

    let generator = S::with_parts(config, Parts::ForGeneration, &device);
    let (generator, report) = load_named::<Flex, S>(generator, |name, _| values.remove(name));

    assert!(report.is_complete(), "{report:?}");
    let components = config.components();
    let is_discriminator = |name: &String| {
        let mut critics = components.iter().filter(|one| !one.is_for_generation);
        critics.any(|critic| name.starts_with(&critic.path))
    };
    assert!(values.keys().all(is_discriminator), "{:?}", values.keys());
    assert!(!values.is_empty() && values.len() < all);
    let generate = |system: &S| {
        let generated = Pipeline::new(system, &Frozen::new()).generate(&text(1), Noise::new(5, 0));
        generated.images.last().expect("an image").to_data()
    };
    assert_eq!(generate(&generator), generate(&system));
}

#[test]
fn images_are_made_without_discriminators() {
    generates_without_discriminators::<attngan::AttnGan<Flex>>(&staged());
    generates_without_discriminators::<df_gan::DfGan<Flex>>(&one_stage());
}

#[test]
fn without_auxiliary_losses_only_the_text_encoder_of_the_pair_is_asked_for() {
    let captioned = df_gan::Config {
        auxiliary: AuxiliaryLosses {
            caption_weight: 1.0,
            ..one_stage().auxiliary
        },
        ..one_stage()
    };

    assert_eq!(pretrained(&one_stage()), ["text-encoder"]);
    assert_eq!(pretrained(&captioned), ["damsm", "captioner"]);
    assert_eq!(pretrained(&ssa_gan::Config::default()), ["damsm"]);
    assert_eq!(pretrained(&staged()), ["damsm"]);
}

#[test]
fn a_system_begins_with_the_text_encoder_of_the_pretraining() {
    type Training = df_gan::DfGan<Fast>;
    let [system, other] = [(); 2].map(|()| Training::init(&one_stage(), &Default::default()));
    let read = |system: &Training| named_tensors(&system.text.valid());
    let own = read(&system);
    let frozen = Frozen::new().with(other.text.clone());

    let alone = system.initialise_from(&Frozen::new());
    let kept = read(&alone);
    let taken = read(&alone.initialise_from(&frozen));

    assert_eq!(kept, own);
    assert_ne!(taken, own);
    assert_eq!(taken, read(&other));
}
