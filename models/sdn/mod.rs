//! SDN: Symmetrical Distillation Networks (Yuan & Peng, ACM MM 2018).

mod config;
mod generator;
mod keys;
mod objective;

use burn::module::Module;
use burn::prelude::Tensor;

use crate::backend::{AutodiffBackend, Backend};
use crate::batch::Text;
use crate::noise::Noise;
use crate::published::Published;
use crate::system::{
    self, Condition, Frozen, Generate, Generated, Info, Iteration, LossTerms, Parts, Role, System,
    Train,
};
use crate::vision::vgg::Vgg;

pub use config::{Config, DiverseFrom, Init, Taps};
pub use generator::{Generator, Output};
pub use keys::published_layer;
pub use objective::{HeadTerm, Stage, choose, head_terms, total_per_head, wanted_maps};

/// The family in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Family;

impl system::Family for Family {
    const INFO: Info = Info {
        name: "sdn",
        title: "Symmetrical Distillation Networks: a generator taught by the layers of a VGG",
        paper: "Yuan & Peng, Text-to-image Synthesis via Symmetrical Distillation Networks, ACM MM 2018",
        role: Role::Generator,
    };

    type Config = Config;
    type System<B: Backend> = Sdn<B>;

    fn weights() -> Published<Config> {
        Published::Nothing(keys::NO_WEIGHTS)
    }
}

/// A generator that learns from the layers of a frozen VGG.
#[derive(Module, Debug)]
pub struct Sdn<B: Backend> {
    /// Text to image.
    pub generator: Generator<B>,
    #[module(skip)]
    config: Config,
}

impl<B: Backend> Sdn<B> {
    /// Input of the generator, `[batch, text_dim]`.
    fn text(&self, text: &Text<B>) -> Tensor<B, 2> {
        text.first_embedding() * self.config.text_gain
    }
}

impl<B: Backend> System<B> for Sdn<B> {
    type Config = Config;

    fn with_parts(config: &Config, _parts: Parts, device: &B::Device) -> Self {
        Self {
            generator: Generator::init(config, device),
            config: config.clone(),
        }
    }

    fn generator(&self) -> Option<&dyn Generate<B>> {
        Some(self)
    }
}

impl<B: AutodiffBackend> Train<B> for Sdn<B> {
    /// One phase has nothing to share.
    type Shared = ();

    fn begin(&self, _iteration: &Iteration<B>) {}

    fn losses(&self, _phase: &'static str, iteration: &Iteration<B>, _shared: &()) -> LossTerms<B> {
        let stage = Stage::from_name(iteration.stage).expect("the loop runs stages of the plan");
        let teacher = iteration.frozen.get::<Vgg<B>>();
        let text = self.text(&iteration.batch.text);
        let output = self
            .generator
            .forward(text, &wanted_maps(&self.config, stage));
        let real = self
            .config
            .preprocessing
            .apply(iteration.batch.real().inner());
        let terms = head_terms(&self.config, stage, output, teacher, real);
        choose(terms, self.config.soft_minimum)
    }

    fn enter_stage(self, stage: &'static str, noise: Noise) -> Self {
        let has_features = Stage::from_name(stage).is_some_and(Stage::has_features);
        let is_parting = self.config.heads > 1 && self.config.diverse_from == DiverseFrom::Stage2;
        if has_features && is_parting {
            return Self {
                generator: self.generator.part_heads(noise),
                ..self
            };
        }
        self
    }
}

impl<B: Backend> Generate<B> for Sdn<B> {
    /// One image per head; SDN draws no noise.
    fn generate(&self, condition: &Condition<B>, _frozen: &Frozen, _noise: Noise) -> Generated<B> {
        let output = self.generator.forward(self.text(&condition.text), &[]);
        let heads = output.images.split(3, 1);
        let show = |image| self.config.preprocessing.invert(image).clamp(-1.0, 1.0);
        Generated::of(heads.into_iter().map(show).collect())
    }

    fn draws_noise(&self) -> bool {
        false
    }
}
