//! GAN-INT-CLS (Reed et al., ICML 2016), in the authors' version and in the PyTorch port.

mod config;
mod discriminator;
mod generator;
mod keys;
mod objective;

use burn::module::Module;
use burn::prelude::Tensor;

use crate::backend::{AutodiffBackend, Backend};
use crate::nn::conv::zero_biases;
use crate::noise::Noise;
use crate::published::Published;
use crate::state::drawn;
use crate::system::{
    self, Condition, Frozen, Generate, Generated, Info, Iteration, LossTerms, Parts, Role, System,
    Train,
};

pub use config::{Architecture, Config, IMAGE_SIZE, Variant};
pub use discriminator::{Discriminator, Verdict};
pub use generator::Generator;
pub use keys::{port_key, reed_key};
pub use objective::{discriminator_terms, generator_terms, mean_text, with_midpoints};

/// The family in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Family;

impl system::Family for Family {
    const INFO: Info = Info {
        name: "gan-int-cls",
        title: "GAN-INT-CLS: a matching-aware discriminator and interpolated texts",
        paper: "Reed et al., Generative Adversarial Text to Image Synthesis, ICML 2016",
        role: Role::Generator,
    };

    type Config = Config;
    type System<B: Backend> = GanIntCls<B>;

    fn weights() -> Published<Config> {
        Published::Networks(&keys::Files)
    }
}

/// Generator and discriminator.
#[derive(Module, Debug)]
pub struct GanIntCls<B: Backend> {
    /// Discriminator of pairs of image and text; none where images are only made.
    pub discriminator: Option<Discriminator<B>>,
    /// Makes images.
    pub generator: Generator<B>,
    #[module(skip)]
    config: Config,
}

impl<B: Backend> System<B> for GanIntCls<B> {
    type Config = Config;

    fn with_parts(config: &Config, parts: Parts, device: &B::Device) -> Self {
        let discriminator = || Discriminator::init(config, device);
        drawn::<B, _>(Self {
            discriminator: (parts == Parts::All).then(discriminator),
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
    /// The discriminator of a system in training.
    ///
    /// # Panics
    ///
    /// If images are only made.
    pub fn critic(&self) -> &Discriminator<B> {
        let discriminator = self.discriminator.as_ref();
        discriminator.expect("training begins with all parts")
    }

    /// Fakes for noise that is drawn for `purpose`.
    fn sample(&self, text: Tensor<B, 2>, noise: Noise, purpose: &str) -> Tensor<B, 4> {
        let shape = [text.dims()[0], self.config.noise_dim];
        let z = noise.normal(purpose, shape, &text.device());
        self.generator.forward(text, z)
    }
}

impl<B: AutodiffBackend> Train<B> for GanIntCls<B> {
    type Shared = Shared<B>;

    fn begin(&self, iteration: &Iteration<B>) -> Shared<B> {
        let text = mean_text(iteration.batch.text.sentence_embeddings());
        let fake = self.sample(text.clone(), iteration.noise, "z/discriminator");
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
                self.critic(),
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
        let fake = self.sample(conditions.clone(), iteration.noise, "z/generator");
        // Its weights need no gradient here; the running statistics are shared with the clone.
        let critic = self.critic().clone().no_grad();
        generator_terms(&self.config, &critic, real, fake, conditions)
    }

    /// The authors' code sets convolution biases back to 0 before every update.
    fn constrain(self, phase: &'static str) -> Self {
        match (self.config.architecture, phase) {
            (Architecture::Port, _) => self,
            (Architecture::Reed, "d") => Self {
                discriminator: self.discriminator.map(zero_biases),
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
    fn generate(&self, condition: &Condition<B>, _frozen: &Frozen, noise: Noise) -> Generated<B> {
        let text = condition.text.first_embedding();
        Generated::of(vec![self.sample(text, noise, "z")])
    }
}
