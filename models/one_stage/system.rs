//! Generator, discriminator and text encoder, and how they train.

use burn::module::Module;
use burn::prelude::Tensor;

use super::config::{Config, ENCODERS, HINGE, PENALTY, Variant};
use super::discriminator::{Discriminator, critic};
use super::fine_tuning::{self, FineTuning, seen_through, taken_over};
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

/// Standard deviations within which the noise of painted images is drawn.
const LIMIT: f32 = 2.0; // DF-GAN since 2022, lib/utils.py

/// A one-stage system.
#[derive(Module, Debug)]
pub struct OneStage<B: Backend, F: Variant> {
    /// Judges; none where images are only made.
    pub discriminator: Option<Discriminator<B>>,
    /// Paints.
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

    /// Features of the caption at `branch` of every sample, without a way back.
    fn read(&self, text: &Text<B>, branch: usize) -> Words<B> {
        let (ids, lengths) = text.caption(branch);
        self.text.encode(ids, &lengths).detach()
    }

    /// Whether mismatched pairs count, 1 or 0 each, `[pairs]`; `None` where all do. Samples that
    /// share a label are partners of each other when the labels guide the contrast.
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

/// One branch of an iteration: a caption of every sample and what was painted from it.
pub type Branch<B> = Generation<B>;

impl<B: AutodiffBackend, F: Variant> Train<B> for OneStage<B, F> {
    type Shared = Vec<Branch<B>>;

    fn begin(&self, iteration: &Iteration<B>) -> Vec<Branch<B>> {
        let branch = |i| {
            let words = self.read_in_training(iteration, i).detach();
            let shape = [words.sentence.dims()[0], self.config.noise_dim];
            let device = words.sentence.device();
            let purpose = format!("z/{}", self.config.auxiliary.contrastive.draw(i));
            let z = iteration.noise.normal(&purpose, shape, &device);
            let image = self.generator.forward(z, words.sentence.clone()).image;
            Generation { words, image }
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
        match phase {
            ENCODERS => self.encoder_terms(iteration),
            HINGE => self.hinge_terms(iteration, self.config.auxiliary.contrastive.full(branches)),
            PENALTY => {
                self.penalty_terms(iteration, self.config.auxiliary.contrastive.full(branches))
            }
            _ => self.generator_terms(iteration, branches),
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
    fn hinge_terms(&self, iteration: &Iteration<B>, branches: &[Branch<B>]) -> LossTerms<B> {
        let (config, discriminator) = (&self.config, self.critic());
        let (batch, penalty) = (&iteration.batch, &config.penalty);
        let is_joint = penalty.is_on(PenaltyStep::Joint);
        let counted = self.counted(batch);
        // All branches have the same real images.
        let is_shared = !(is_joint && penalty.kind.is_at_real());
        let shared = is_shared.then(|| discriminator.features(batch.real()));
        let mut penalties = Vec::new();
        let mut sums: Option<Hinge<B>> = None;
        for (i, branch) in branches.iter().enumerate() {
            let sentence = branch.words.sentence.clone();
            let (features, real, at_real) = if let Some(features) = &shared {
                let logits = discriminator.logits(features.clone(), sentence.clone());
                (features.clone(), logits, None)
            } else {
                let scored = critic(discriminator, batch.real(), sentence.clone());
                let at_real = InputGradients::of(&scored.gradients);
                (scored.features, scored.logits, Some(at_real))
            };
            if is_joint {
                penalties.push(self.penalty(iteration, (i, branch), at_real));
            }
            let fake = discriminator.features(branch.image.clone().detach());
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
        let sums = sums.expect("there is a branch");
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

    fn penalty_terms(&self, iteration: &Iteration<B>, branches: &[Branch<B>]) -> LossTerms<B> {
        let penalty = &self.config.penalty;
        let value = || {
            let branches = branches.iter().enumerate();
            let each = branches.map(|branch| self.penalty(iteration, branch, None));
            sum(each) + self.critic().biases() * 0.0
        };
        LossTerms::new().with(penalty.kind.term(), penalty.weight, value)
    }

    /// The penalty of a branch without its weight; `at_real` holds the gradients at the real images
    /// where they are known already.
    fn penalty(
        &self,
        iteration: &Iteration<B>,
        (i, branch): (usize, &Branch<B>),
        at_real: Option<InputGradients<B>>,
    ) -> Tensor<B, 1> {
        let sentence = || branch.words.sentence.clone();
        let scored = RealAndFake {
            real: (iteration.batch.real(), sentence()),
            fake: (branch.image.clone().detach(), sentence()),
        };
        let purpose = format!("between/{i}");
        let noise = (iteration.noise, purpose.as_str());
        let penalty = &self.config.penalty;
        penalty.value(self.critic(), &scored, at_real, noise)
    }

    /// Features of the caption at `branch` of every sample, with dropout where the encoder is
    /// trained.
    fn read_in_training(&self, iteration: &Iteration<B>, branch: usize) -> Words<B> {
        let (ids, lengths) = iteration.batch.text.caption(branch);
        if self.heads.is_none() {
            return self.text.encode(ids, &lengths);
        }
        let purpose = format!("dropout/{branch}");
        self.text
            .encode_with(ids, &lengths, iteration.noise, &purpose)
    }

    fn encoder_terms(&self, iteration: &Iteration<B>) -> LossTerms<B> {
        let heads = self
            .heads
            .as_ref()
            .expect("this phase is planned with them");
        let damsm = iteration.frozen.get::<Damsm<B>>();
        let branches = 0..self.config.auxiliary.contrastive.full_branches();
        let captions: Vec<Words<B>> = branches
            .map(|branch| self.read_in_training(iteration, branch))
            .collect();
        let Config {
            fine_tuning,
            auxiliary,
            ..
        } = &self.config;
        let settings = (fine_tuning, &auxiliary.gammas, auxiliary.align_corners);
        fine_tuning::terms(settings, heads, &captions, (damsm, &iteration.batch))
    }

    fn generator_terms(&self, iteration: &Iteration<B>, branches: &[Branch<B>]) -> LossTerms<B> {
        // Its weights need no gradient here.
        let discriminator = self.critic().clone().no_grad();
        let adversarial = || {
            let full = self.config.auxiliary.contrastive.full(branches);
            sum(full.iter().map(|branch| {
                let features = discriminator.features(branch.image.clone());
                let sentence = branch.words.sentence.clone();
                discriminator.logits(features, sentence).mean().neg()
            }))
        };
        let terms = LossTerms::new().with("g/adversarial", 1.0, adversarial);
        let auxiliary = &self.config.auxiliary;
        match &self.heads {
            None => auxiliary.terms(terms, iteration, branches),
            Some(heads) => auxiliary.terms(terms, &seen_through(iteration, heads), branches),
        }
    }
}

impl<B: Backend, F: Variant> Generate<B> for OneStage<B, F> {
    fn generate(&self, condition: &Condition<B>, _frozen: &Frozen, noise: Noise) -> Generated<B> {
        let sentence = self.read(&condition.text, 0).sentence;
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
}
