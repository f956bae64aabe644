//! GAN-INT-CLS (Reed et al., ICML 2016), in the authors' version and in the PyTorch port.

mod config;
mod discriminator;
mod generator;
mod keys;
mod objective;

use burn::module::Module;
use burn::prelude::Tensor;

use crate::backend::{AutodiffBackend, Backend};
use crate::batch::Text;
use crate::nn::conv::zero_biases;
use crate::noise::Noise;
use crate::state::drawn;
use crate::system::{self, Generate, Generated, Info, Iteration, LossTerms, Role, System, Train};

pub use config::{Architecture, Config, IMAGE_SIZE, Variant};
pub use discriminator::{Discriminator, Verdict};
pub use generator::Generator;
pub use keys::{port_key, reed_key};
pub use objective::{discriminator_terms, generator_terms, mean_text, with_midpoints};

/// Facts about the family.
pub const INFO: Info = Info {
    name: "gan-int-cls",
    title: "GAN-INT-CLS: a matching-aware discriminator and interpolated texts",
    paper: "Reed et al., Generative Adversarial Text to Image Synthesis, ICML 2016",
    role: Role::Generator,
};

/// The family in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Family;

impl system::Family for Family {
    type Config = Config;
    type System<B: Backend> = GanIntCls<B>;
}

/// Both players.
#[derive(Module, Debug)]
pub struct GanIntCls<B: Backend> {
    /// Judges pairs of image and text.
    pub discriminator: Discriminator<B>,
    /// Paints.
    pub generator: Generator<B>,
    #[module(skip)]
    config: Config,
}

impl<B: Backend> System<B> for GanIntCls<B> {
    type Config = Config;

    const INFO: Info = INFO;

    fn init(config: &Config, device: &B::Device) -> Self {
        drawn::<B, _>(Self {
            discriminator: Discriminator::init(config, device),
            generator: Generator::init(config, device),
            config: config.clone(),
        })
    }

    fn generator(&self) -> Option<&dyn Generate<B>> {
        Some(self)
    }
}

/// What the discriminator's and the generator's step have in common.
#[derive(Debug, Clone)]
pub struct Shared<B: Backend> {
    /// Mean embeddings, `[batch, dim]`.
    text: Tensor<B, 2>,
    /// Images for the discriminator's step, without a way back to the generator.
    fake: Tensor<B, 4>,
}

impl<B: Backend> GanIntCls<B> {
    /// Fakes for noise that is drawn for `purpose`.
    fn paint(&self, text: Tensor<B, 2>, noise: Noise, purpose: &str) -> Tensor<B, 4> {
        let shape = [text.dims()[0], self.config.noise_dim];
        let z = noise.normal(purpose, shape, &text.device());
        self.generator.forward(text, z)
    }
}

impl<B: AutodiffBackend> Train<B> for GanIntCls<B> {
    type Shared = Shared<B>;

    fn begin(&self, iteration: &Iteration<B>) -> Shared<B> {
        let text = mean_text(iteration.batch.text.sentence_embeddings());
        let fake = self.paint(text.clone(), iteration.noise, "z/discriminator");
        Shared {
            text,
            fake: fake.detach(),
        }
    }

    fn losses(
        &self,
        phase: &'static str,
        iteration: &Iteration<B>,
        shared: &Shared<B>,
    ) -> LossTerms<B> {
        let real = iteration.batch.real();
        let text = shared.text.clone();
        if phase == "d" {
            return discriminator_terms(
                &self.config,
                &self.discriminator,
                real,
                iteration.batch.mismatched.clone(),
                shared.fake.clone(),
                text,
            );
        }
        let conditions = if self.config.variant.has_midpoints() {
            with_midpoints(text)
        } else {
            text
        };
        // Published: new noise, not that of the discriminator's step.
        let fake = self.paint(conditions.clone(), iteration.noise, "z/generator");
        // Its weights need no gradient here; the running statistics are shared with the clone.
        let judge = self.discriminator.clone().no_grad();
        generator_terms(&self.config, &judge, real, fake, conditions)
    }

    /// The authors' code sets convolution biases back to 0 before every update.
    fn constrain(self, phase: &'static str) -> Self {
        match (self.config.architecture, phase) {
            (Architecture::Port, _) => self,
            (Architecture::Reed, "d") => Self {
                discriminator: zero_biases(self.discriminator),
                ..self
            },
            (Architecture::Reed, _) => Self {
                generator: zero_biases(self.generator),
                ..self
            },
        }
    }
}

impl<B: Backend> Generate<B> for GanIntCls<B> {
    fn generate(&self, text: &Text<B>, noise: Noise) -> Generated<B> {
        Generated::of(vec![self.paint(text.first_embedding(), noise, "z")])
    }
}
