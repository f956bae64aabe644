//! Generator, discriminator and text encoder, and how they train.

use burn::module::Module;
use burn::prelude::Tensor;

use super::config::{Config, ENCODERS, HINGE, PENALTY, Variant};
use super::discriminator::{Discriminator, critic};
use super::fine_tuning::{self, FineTuning, taken_over, with_heads};
use super::generator::{Generator, Output};
use super::objective::{HALF, Hinge, Mismatched, hinge, mismatched_logits};
use crate::auxiliary::{Generation, pretrained_text, sum};
use crate::backend::{AutodiffBackend, Backend};
use crate::batch::{Batch, Text};
use crate::losses::contrastive::Method;
use crate::losses::gradient_penalty::{InputGradients, PenaltyStep, RealAndFake};
use crate::noise::Noise;
use crate::state::drawn;
use crate::system::{
    Condition, Frozen, Generate, Generated, Iteration, LossTerms, Parts, System, Train,
};
use crate::text::lstm::{Encoder, Words};
use crate::vision::matching::Damsm;
use crate::vision::region_heads::RegionHeads;

/// Standard deviations within which the noise of generated images is drawn.
const LIMIT: f32 = 2.0; // DF-GAN since 2022, lib/utils.py

/// A one-stage system.
#[derive(Module, Debug)]
pub struct OneStage<B: Backend, F: Variant> {
    /// None where images are only made.
    pub discriminator: Option<Discriminator<B>>,
    /// Makes images.
    pub generator: Generator<B>,
    /// Reads captions; taken over from its pretraining.
    pub text: Encoder<B>,
    /// Projections of the pretrained image encoder, where both encoders are trained.
    pub heads: Option<RegionHeads<B>>,
    #[module(skip)]
    config: Config<F>,
}

impl<B: Backend, F: Variant> OneStage<B, F> {
    /// The same with another text encoder, which the caller has checked to fit.
    #[must_use]
    pub fn with_text(self, text: Encoder<B>) -> Self {
        Self { text, ..self }
    }

    /// The discriminator of a system in training.
    ///
    /// # Panics
    ///
    /// If images are only made.
    pub fn critic(&self) -> &Discriminator<B> {
        let critic = self.discriminator.as_ref();
        critic.expect("training begins with `System::init`")
    }

    /// Features of the caption at `view` of every sample, without a way back.
    fn read(&self, text: &Text<B>, view: usize) -> Words<B> {
        let (ids, lengths) = text.caption(view);
        self.text.encode(ids, &lengths).detach()
    }

    /// Whether mismatched pairs count, 1 or 0 each, `[pairs]`; `None` where all do. Samples that
    /// share a label are positives of each other where labels decide in the contrastive loss.
    fn counted(&self, batch: &Batch<B>) -> Option<Tensor<B, 1>> {
        if !matches!(
            self.config.auxiliary.contrastive.method,
            Method::SupCon | Method::UniCl
        ) {
            return None;
        }
        let count = batch.len();
        let next = |i: usize| (i + 1) % count;
        let pairs = match self.config.mismatched {
            Mismatched::Successor => count - 1,
            Mismatched::Cyclic => count,
        };
        let device = batch.classes.device();
        let successors: Vec<i32> = (0..pairs).map(|i| next(i) as i32).collect();
        let successors = Tensor::from_ints(successors.as_slice(), &device);
        let shares = if let Some(labels) = &batch.labels {
            let own = labels.clone().narrow(0, 0, pairs);
            let common = (own * labels.clone().select(0, successors)).sum_dim(1);
            common.flatten::<1>(0, 1).greater_elem(0.5)
        } else {
            let own = batch.classes.clone().narrow(0, 0, pairs);
            own.equal(batch.classes.clone().select(0, successors))
        };
        Some(shares.bool_not().float())
    }
}

impl<B: Backend, F: Variant> System<B> for OneStage<B, F> {
    type Config = Config<F>;

    fn with_parts(config: &Config<F>, parts: Parts, device: &B::Device) -> Self {
        let is_whole = parts == Parts::All;
        let FineTuning {
            channels, pooled, ..
        } = config.fine_tuning;
        let heads = || RegionHeads::init(channels, pooled, config.text.encoder.dim, device);
        drawn::<B, _>(Self {
            discriminator: is_whole.then(|| config.discriminator().init(device)),
            generator: config.generator().init(device),
            text: config.text.init(device),
            heads: (is_whole && config.fine_tuning.is_on()).then(heads),
            config: config.clone(),
        })
    }

    fn generator(&self) -> Option<&dyn Generate<B>> {
        Some(self)
    }
}

/// One view of an iteration: a caption of every sample and the images generated from it.
pub type View<B> = Generation<B>;

impl<B: AutodiffBackend, F: Variant> Train<B> for OneStage<B, F> {
    type Shared = Vec<View<B>>;

    fn begin(&self, iteration: &Iteration<B>) -> Vec<View<B>> {
        let view = |i| {
            let words = self.read_in_training(iteration, i).detach();
            let shape = [words.sentence.dims()[0], self.config.noise_dim];
            let device = words.sentence.device();
            let purpose = format!("z/{}", self.config.auxiliary.contrastive.draw(i));
            let z = iteration.noise.normal(&purpose, shape, &device);
            let image = self.generator.forward(z, words.sentence.clone()).image;
            Generation { words, image }
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
        match phase {
            ENCODERS => self.encoder_terms(iteration),
            HINGE => self.hinge_terms(iteration, self.config.auxiliary.contrastive.full(views)),
            PENALTY => self.penalty_terms(iteration, self.config.auxiliary.contrastive.full(views)),
            _ => self.generator_terms(iteration, views),
        }
    }

    fn initialise_from(self, frozen: &Frozen) -> Self {
        match (self.heads, frozen.find::<Damsm<B>>()) {
            // They go on learning, unlike the frozen pair.
            (Some(heads), Some(damsm)) => Self {
                text: taken_over(self.text, &damsm.text),
                heads: Some(taken_over(heads, damsm.heads())),
                ..self
            },
            (heads, _) => Self {
                text: pretrained_text(frozen).unwrap_or(self.text),
                heads,
                ..self
            },
        }
    }
}

impl<B: AutodiffBackend, F: Variant> OneStage<B, F> {
    fn hinge_terms(&self, iteration: &Iteration<B>, views: &[View<B>]) -> LossTerms<B> {
        let (config, discriminator) = (&self.config, self.critic());
        let (batch, penalty) = (&iteration.batch, &config.penalty);
        let is_joint = penalty.is_on(PenaltyStep::Joint);
        let counted = self.counted(batch);
        // All views have the same real images.
        let is_shared = !(is_joint && penalty.kind.is_at_real());
        let shared = is_shared.then(|| discriminator.features(batch.real()));
        let mut penalties = Vec::new();
        let mut sums: Option<Hinge<B>> = None;
        for (i, view) in views.iter().enumerate() {
            let sentence = view.words.sentence.clone();
            let (features, real, at_real) = if let Some(features) = &shared {
                let logits = discriminator.logits(features.clone(), sentence.clone());
                (features.clone(), logits, None)
            } else {
                let scored = critic(discriminator, batch.real(), sentence.clone());
                let at_real = InputGradients::of(&scored.gradients);
                (scored.features, scored.logits, Some(at_real))
            };
            if is_joint {
                penalties.push(self.penalty(iteration, (i, view), at_real));
            }
            let fake = discriminator.features(view.image.clone().detach());
            let fake = discriminator.logits(fake, sentence.clone());
            let mismatched =
                mismatched_logits(discriminator, features, sentence, config.mismatched);
            let one = hinge(real, mismatched, fake, counted.clone());
            sums = Some(match sums {
                None => one,
                Some(all) => Hinge {
                    real: all.real + one.real,
                    mismatched: all.mismatched + one.mismatched,
                    fake: all.fake + one.fake,
                },
            });
        }
        let sums = sums.expect("there is a view");
        let terms = LossTerms::new()
            .with("d/real", 1.0, || sums.real)
            .with("d/mismatched", HALF, || sums.mismatched)
            .with("d/fake", HALF, || sums.fake);
        if is_joint {
            terms.with("d/penalty", penalty.weight, || sum(penalties.into_iter()))
        } else {
            terms
        }
    }

    fn penalty_terms(&self, iteration: &Iteration<B>, views: &[View<B>]) -> LossTerms<B> {
        let penalty = &self.config.penalty;
        let value = || {
            let views = views.iter().enumerate();
            let each = views.map(|view| self.penalty(iteration, view, None));
            sum(each) + self.critic().biases() * 0.0
        };
        LossTerms::new().with(penalty.kind.term(), penalty.weight, value)
    }

    /// The penalty of a view without its weight; `at_real` holds the gradients at the real images
    /// where they are known already.
    fn penalty(
        &self,
        iteration: &Iteration<B>,
        (i, view): (usize, &View<B>),
        at_real: Option<InputGradients<B>>,
    ) -> Tensor<B, 1> {
        let sentence = || view.words.sentence.clone();
        let scored = RealAndFake {
            real: (iteration.batch.real(), sentence()),
            fake: (view.image.clone().detach(), sentence()),
        };
        let purpose = format!("between/{i}");
        let noise = (iteration.noise, purpose.as_str());
        let penalty = &self.config.penalty;
        penalty.value(self.critic(), &scored, at_real, noise)
    }

    /// Features of the caption at `view` of every sample, with dropout where the encoder is
    /// trained.
    fn read_in_training(&self, iteration: &Iteration<B>, view: usize) -> Words<B> {
        let (ids, lengths) = iteration.batch.text.caption(view);
        if self.heads.is_none() {
            return self.text.encode(ids, &lengths);
        }
        let purpose = format!("dropout/{view}");
        self.text
            .encode_with(ids, &lengths, iteration.noise, &purpose)
    }

    fn encoder_terms(&self, iteration: &Iteration<B>) -> LossTerms<B> {
        let heads = self
            .heads
            .as_ref()
            .expect("this phase is planned with them");
        let damsm = iteration.frozen.get::<Damsm<B>>();
        let views = 0..self.config.auxiliary.contrastive.num_full_views();
        let captions: Vec<Words<B>> = views
            .map(|view| self.read_in_training(iteration, view))
            .collect();
        let Config {
            fine_tuning,
            auxiliary,
            ..
        } = &self.config;
        let settings = (fine_tuning, &auxiliary.gammas, auxiliary.align_corners);
        fine_tuning::terms(settings, heads, &captions, (damsm, &iteration.batch))
    }

    fn generator_terms(&self, iteration: &Iteration<B>, views: &[View<B>]) -> LossTerms<B> {
        // Its weights need no gradient here.
        let discriminator = self.critic().clone().no_grad();
        let adversarial = || {
            let full = self.config.auxiliary.contrastive.full(views);
            sum(full.iter().map(|view| {
                let features = discriminator.features(view.image.clone());
                let sentence = view.words.sentence.clone();
                discriminator.logits(features, sentence).mean().neg()
            }))
        };
        let terms = LossTerms::new().with("g/adversarial", 1.0, adversarial);
        let auxiliary = &self.config.auxiliary;
        match &self.heads {
            None => auxiliary.terms(terms, iteration, views),
            Some(heads) => auxiliary.terms(terms, &with_heads(iteration, heads), views),
        }
    }
}

impl<B: Backend, F: Variant> Generate<B> for OneStage<B, F> {
    fn generate(&self, condition: &Condition<B>, _frozen: &Frozen, noise: Noise) -> Generated<B> {
        let sentence = match condition.text.embeddings {
            Some(_) => condition.text.first_embedding(),
            None => self.read(&condition.text, 0).sentence,
        };
        let shape = [sentence.dims()[0], self.config.noise_dim];
        let device = sentence.device();
        let truncation = self.config.truncation;
        let z = if truncation > 0.0 {
            noise.truncated_normal("z/0", shape, LIMIT, &device) * truncation
        } else {
            noise.normal("z/0", shape, &device)
        };
        let Output { image, masks } = self.generator.forward(z, sentence);
        Generated {
            masks,
            ..Generated::of(vec![image])
        }
    }

    fn sentences(&self, text: &Text<B>) -> Option<Tensor<B, 2>> {
        Some(self.read(text, 0).sentence)
    }
}
