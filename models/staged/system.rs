//! Generator, discriminator and text encoder, and how they train.

use burn::module::Module;
use burn::prelude::Tensor;

use super::conditioning::Gaussian;
use super::config::{Config, Variant};
use super::discriminator::Discriminator;
use super::generator::{Draw, Generator, Output};
use super::objective::{discriminator_parts, generator_parts, summed};
use super::reader::Caption;
use crate::auxiliary::{Generation, pretrained_text, sum};
use crate::backend::{AutodiffBackend, Backend};
use crate::batch::Text;
use crate::losses::gaussian_kl::gaussian_kl;
use crate::nn::word_attention::MaskMode;
use crate::noise::Noise;
use crate::state::drawn;
use crate::system::{
    Condition, Frozen, Generate, Generated, Iteration, LossTerms, Parts, System, Train,
};
use crate::text::lstm::{Encoder, Words};

/// A staged system.
#[derive(Module, Debug)]
pub struct Staged<B: Backend, F: Variant> {
    /// One per painted size, ascending; none where images are only made.
    pub discriminators: Vec<Discriminator<B>>,
    /// Paints.
    pub generator: Generator<B>,
    /// Reads captions; taken over from its pretraining and never trained here.
    pub text: Encoder<B>,
    #[module(skip)]
    config: Config<F>,
}

impl<B: Backend, F: Variant> Staged<B, F> {
    /// The same with another text encoder, which the caller has checked to fit.
    #[must_use]
    pub fn with_text(self, text: Encoder<B>) -> Self {
        Self { text, ..self }
    }

    /// Random numbers of `branch`.
    fn draw(&self, noise: Noise, branch: usize, batch: usize, device: &B::Device) -> Draw<B> {
        let draw = self.config.auxiliary.contrastive.draw(branch);
        let normal =
            |name: &str, dim| noise.normal(&format!("{name}/{draw}"), [batch, dim], device);
        Draw {
            z: normal("z", self.config.noise_dim),
            // Published: drawn in evaluation, too.
            epsilon: normal("epsilon", self.config.condition_dim),
        }
    }

    /// Encodes and paints the caption at `branch` of every sample.
    fn paint(&self, text: &Text<B>, noise: Noise, branch: usize) -> (Words<B>, Output<B>) {
        let (ids, lengths) = text.caption(branch);
        let words = self.text.encode(ids, &lengths).detach();
        let [batch, _] = words.sentence.dims();
        let draw = self.draw(noise, branch, batch, &words.sentence.device());
        let caption = Caption {
            words: words.words.clone(),
            padding: words.padding.clone(),
        };
        let painted = self
            .generator
            .forward(words.sentence.clone(), &caption, draw);
        (words, painted)
    }
}

impl<B: Backend, F: Variant> System<B> for Staged<B, F> {
    type Config = Config<F>;

    fn with_parts(config: &Config<F>, parts: Parts, device: &B::Device) -> Self {
        let discriminators = match parts {
            Parts::All => config.discriminators(),
            Parts::ForGeneration => Vec::new(),
        };
        drawn::<B, _>(Self {
            discriminators: discriminators.iter().map(|d| d.init(device)).collect(),
            generator: config.generator().init(device),
            text: config.text.init(device),
            config: config.clone(),
        })
    }

    fn generator(&self) -> Option<&dyn Generate<B>> {
        Some(self)
    }
}

/// One branch of an iteration: a caption of every sample and what was painted from it.
#[derive(Debug, Clone)]
pub struct Branch<B: Backend> {
    /// Features of the captions, without a way back.
    pub words: Words<B>,
    /// Images of every painted size.
    pub images: Vec<Tensor<B, 4>>,
    /// Distribution of the condition.
    pub condition: Gaussian<B>,
}

impl<B: AutodiffBackend, F: Variant> Train<B> for Staged<B, F> {
    type Shared = Vec<Branch<B>>;

    fn begin(&self, iteration: &Iteration<B>) -> Vec<Branch<B>> {
        let branch = |i| {
            let (words, painted) = self.paint(&iteration.batch.text, iteration.noise, i);
            Branch {
                words,
                images: painted.images,
                condition: painted.condition,
            }
        };
        (0..self.config.auxiliary.contrastive.branches())
            .map(branch)
            .collect()
    }

    fn losses(
        &self,
        phase: &'static str,
        iteration: &Iteration<B>,
        branches: &Vec<Branch<B>>,
    ) -> LossTerms<B> {
        if phase == "g" {
            return self.generator_terms(iteration, branches);
        }
        let sides = self.config.generator().sides();
        let position = sides.iter().position(|side| phase == format!("d{side}"));
        let i = position.expect("phases are those of the plan");
        let real = iteration.batch.images[i].clone();
        let critic = &self.discriminators[i];
        let full = self.config.auxiliary.contrastive.full(branches);
        let parts = full.iter().map(|branch| {
            let fake = branch.images[i].clone().detach();
            discriminator_parts(critic, real.clone(), fake, branch.words.sentence.clone())
        });
        summed(LossTerms::new(), &format!("{phase}/"), parts)
    }

    fn initialise_from(self, frozen: &Frozen) -> Self {
        Self {
            text: pretrained_text(frozen).unwrap_or(self.text),
            ..self
        }
    }
}

impl<B: AutodiffBackend, F: Variant> Staged<B, F> {
    fn generator_terms(&self, iteration: &Iteration<B>, branches: &[Branch<B>]) -> LossTerms<B> {
        let config = &self.config;
        let full = config.auxiliary.contrastive.full(branches);
        let mut terms = LossTerms::new();
        for (i, side) in config.generator().sides().into_iter().enumerate() {
            // Its weights need no gradient here; running statistics are shared with the clone.
            let critic = self.discriminators[i].clone().no_grad();
            let parts = full.iter().map(|branch| {
                generator_parts(
                    &critic,
                    branch.images[i].clone(),
                    branch.words.sentence.clone(),
                )
            });
            terms = summed(terms, &format!("g/{side}-"), parts);
        }
        let kl = || {
            let each = full.iter().map(|branch| {
                let Gaussian { mean, log_variance } = branch.condition.clone();
                gaussian_kl(mean, log_variance)
            });
            sum(each)
        };
        terms = terms.with("g/kl", config.kl_weight, kl);
        let guided = branches.iter().map(|branch| Generation {
            words: branch.words.clone(),
            image: branch.images.last().expect("a stage paints").clone(),
        });
        let guided: Vec<Generation<B>> = guided.collect();
        config.auxiliary.terms(terms, iteration, &guided)
    }
}

impl<B: Backend, F: Variant> Generate<B> for Staged<B, F> {
    fn generate(&self, condition: &Condition<B>, _frozen: &Frozen, noise: Noise) -> Generated<B> {
        let (_, painted) = self.paint(&condition.text, noise, 0);
        Generated {
            images: painted.images,
            attention: painted.attention,
            masks: Vec::new(),
        }
    }

    /// Published masks are those of other samples.
    fn mixes_samples(&self) -> bool {
        self.config.mask == MaskMode::Tiled
    }
}
