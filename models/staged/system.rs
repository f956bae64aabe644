//! Generator, discriminator and text encoder, and how they train.

use burn::module::Module;
use burn::prelude::Tensor;

use super::conditioning::Gaussian;
use super::config::{Config, Variant};
use super::discriminator::Discriminator;
use super::generator::{Draw, Generator, Output};
use super::objective::{discriminator_parts, generator_parts, summed};
use super::word_module::Caption;
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
    /// One per generated size, ascending; none where images are only made.
    pub discriminators: Vec<Discriminator<B>>,
    /// Makes images.
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

    /// Random numbers of `view`.
    fn draw(&self, noise: Noise, view: usize, batch: usize, device: &B::Device) -> Draw<B> {
        let draw = self.config.auxiliary.contrastive.draw(view);
        let normal =
            |name: &str, dim| noise.normal(&format!("{name}/{draw}"), [batch, dim], device);
        Draw {
            z: normal("z", self.config.noise_dim),
            // Published: drawn in evaluation, too.
            epsilon: normal("epsilon", self.config.condition_dim),
        }
    }

    /// Encodes the caption at `view` of every sample.
    fn sample(&self, text: &Text<B>, noise: Noise, view: usize) -> (Words<B>, Output<B>) {
        let (ids, lengths) = text.caption(view);
        let words = self.text.encode(ids, &lengths).detach();
        let [batch, _] = words.sentence.dims();
        let draw = self.draw(noise, view, batch, &words.sentence.device());
        let caption = Caption {
            words: words.words.clone(),
            padding: words.padding.clone(),
        };
        let output = self
            .generator
            .forward(words.sentence.clone(), &caption, draw);
        (words, output)
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

/// One view of an iteration: a caption of every sample and the images generated from it.
#[derive(Debug, Clone)]
pub struct View<B: Backend> {
    /// Features of the captions, without a way back.
    pub words: Words<B>,
    /// Images of every generated size.
    pub images: Vec<Tensor<B, 4>>,
    /// Distribution of the condition.
    pub condition: Gaussian<B>,
}

impl<B: AutodiffBackend, F: Variant> Train<B> for Staged<B, F> {
    type Shared = Vec<View<B>>;

    fn begin(&self, iteration: &Iteration<B>) -> Vec<View<B>> {
        let view = |i| {
            let (words, output) = self.sample(&iteration.batch.text, iteration.noise, i);
            View {
                words,
                images: output.images,
                condition: output.condition,
            }
        };
        (0..self.config.auxiliary.contrastive.num_views())
            .map(view)
            .collect()
    }

    fn losses(
        &self,
        phase: &'static str,
        iteration: &Iteration<B>,
        views: &Vec<View<B>>,
    ) -> LossTerms<B> {
        if phase == "g" {
            return self.generator_terms(iteration, views);
        }
        let sides = self.config.generator().sides();
        let position = sides.iter().position(|side| phase == format!("d{side}"));
        let i = position.expect("phases are those of the plan");
        let real = iteration.batch.images[i].clone();
        let critic = &self.discriminators[i];
        let full = self.config.auxiliary.contrastive.full(views);
        let parts = full.iter().map(|view| {
            let fake = view.images[i].clone().detach();
            discriminator_parts(critic, real.clone(), fake, view.words.sentence.clone())
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
    fn generator_terms(&self, iteration: &Iteration<B>, views: &[View<B>]) -> LossTerms<B> {
        let config = &self.config;
        let full = config.auxiliary.contrastive.full(views);
        let mut terms = LossTerms::new();
        for (i, side) in config.generator().sides().into_iter().enumerate() {
            // Its weights need no gradient here; running statistics are shared with the clone.
            let critic = self.discriminators[i].clone().no_grad();
            let parts = full.iter().map(|view| {
                generator_parts(&critic, view.images[i].clone(), view.words.sentence.clone())
            });
            terms = summed(terms, &format!("g/{side}-"), parts);
        }
        let kl = || {
            let each = full.iter().map(|view| {
                let Gaussian { mean, log_variance } = view.condition.clone();
                gaussian_kl(mean, log_variance)
            });
            sum(each)
        };
        terms = terms.with("g/kl", config.kl_weight, kl);
        let generations = views.iter().map(|view| Generation {
            words: view.words.clone(),
            image: view.images.last().expect("a stage paints").clone(),
        });
        let generations: Vec<Generation<B>> = generations.collect();
        config.auxiliary.terms(terms, iteration, &generations)
    }
}

impl<B: Backend, F: Variant> Generate<B> for Staged<B, F> {
    fn generate(&self, condition: &Condition<B>, _frozen: &Frozen, noise: Noise) -> Generated<B> {
        let (_, output) = self.sample(&condition.text, noise, 0);
        Generated {
            images: output.images,
            attention: output.attention,
            masks: Vec::new(),
        }
    }

    /// Published masks are those of other samples.
    fn mixes_samples(&self) -> bool {
        self.config.mask == MaskMode::Tiled
    }
}
