//! Contrastive terms that an experiment adds to any system.

use burn::prelude::{Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::losses::nt_xent::nt_xent;
use crate::losses::sup_con::{Anchors, Pairs, Scope, Weighting, class_weights, label_weights};
use crate::losses::unicl::unicl;
use crate::system::{BatchFacts, Problem, SmallestBatch, check};

/// What is pulled together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Nothing: one caption per image.
    #[default]
    None,
    /// The two views of a sample (T2I_CL).
    NtXent,
    /// Images and sentences with common labels.
    SupCon,
    /// Images and sentences with common labels, across the two only (control).
    UniCl,
}

/// The two views of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pairing {
    /// Two captions of the same image (T2I_CL).
    #[default]
    Captions,
    /// A sample in the first half of the batch and its positive in the second (`data.positives`).
    Halves,
}

/// What the second of two captions per image takes part in while the generator is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecondView {
    /// Every term, as the first (published code of SSA-GAN with T2I_CL's loss).
    #[default]
    Full,
    /// The contrastive terms only: no discriminator gets what was generated from it.
    ContrastiveOnly,
}

impl SecondView {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What the second of two captions per image is generated from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewNoise {
    /// Random numbers of its own. The published code of T2I_CL hands one tensor to both, but in
    /// another order of the samples each.
    #[default]
    Independent,
    /// Those of the first, so that the two images differ by their captions alone.
    Shared,
}

impl ViewNoise {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `[model.contrastive]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContrastiveLoss {
    /// What is pulled together.
    pub method: Method,
    /// The two views of a sample; `captions` takes two captions per image.
    pub views: Pairing,
    /// Factor in the loss; that of the published code where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Divides the similarities.
    pub temperature: f64,
    /// Which rows are compared (`sup-con`).
    pub scope: Scope,
    /// Weight of a pair of samples with several labels (`sup-con`).
    pub weighting: Weighting,
    /// Whether an image and its own captions always belong together (`sup-con`).
    pub has_own_pairs: bool,
    /// Factor of NT-Xent between every generated image and the real one of its caption, beside
    /// whatever `method` says; 0 for none.
    #[serde(skip_serializing_if = "is_zero")]
    pub real_to_fake: f64,
    /// What the second of two captions per image takes part in.
    #[serde(
        rename = "second_branch",
        skip_serializing_if = "SecondView::is_default"
    )]
    pub second_view: SecondView,
    /// What the second of two captions per image is generated from.
    #[serde(skip_serializing_if = "ViewNoise::is_default")]
    pub noise: ViewNoise,
    /// Whether the two captions of an image are never the same one (the published code of T2I_CL
    /// draws them independently).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub distinct_captions: bool,
}

/// Whether a weight need not be written.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
pub(crate) fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl Default for ContrastiveLoss {
    /// Off.
    fn default() -> Self {
        Self {
            method: Method::None,
            views: Pairing::Captions,
            weight: None,
            temperature: 0.5, // T2I_CL, cfg/*.yml
            scope: Scope::All,
            weighting: Weighting::Any,
            has_own_pairs: true,
            real_to_fake: 0.0,
            second_view: SecondView::Full,
            noise: ViewNoise::Independent,
            distinct_captions: false,
        }
    }
}

/// Codes of a batch in which every sample has two views (two captions, or two images generated from
/// them).
#[derive(Debug, Clone)]
pub struct Views<B: Backend> {
    /// What NT-Xent pulls together, `[batch, dim]` each (half of it where the second half of a
    /// batch are the positives).
    pub positives: Option<[Tensor<B, 2>; 2]>,
    /// Codes of images, `[batch, dim]` each; a single one where both views share the image.
    pub images: Vec<Tensor<B, 2>>,
    /// Codes of sentences, `[batch, dim]` each.
    pub sentences: Vec<Tensor<B, 2>>,
    /// `[batch]`.
    pub classes: Tensor<B, 1, Int>,
    /// Multi-hot, `[batch, categories]`; they count instead of the classes where there are any.
    pub labels: Option<Tensor<B, 2>>,
}

/// Both halves of a batch.
pub fn halves<B: Backend, const D: usize>(x: &Tensor<B, D>) -> [Tensor<B, D>; 2] {
    let half = x.dims()[0] / 2;
    [
        x.clone().narrow(0, 0, half),
        x.clone().narrow(0, half, half),
    ]
}

impl ContrastiveLoss {
    /// Views of a step: captions per image.
    pub const fn num_views(&self) -> usize {
        match (self.method, self.views) {
            (Method::None, _) | (_, Pairing::Halves) => 1,
            (_, Pairing::Captions) => 2,
        }
    }

    /// Those of `views` that take part in every term.
    pub fn full<'a, T>(&self, views: &'a [T]) -> &'a [T] {
        &views[..self.num_full_views()]
    }

    /// Number of views that take part in every term.
    pub const fn num_full_views(&self) -> usize {
        match self.second_view {
            SecondView::Full => self.num_views(),
            SecondView::ContrastiveOnly => 1,
        }
    }

    /// Which draw of random numbers `view` is generated from.
    pub const fn draw(&self, view: usize) -> usize {
        match self.noise {
            ViewNoise::Independent => view,
            ViewNoise::Shared => 0,
        }
    }

    /// Whether the two halves of a batch are the views.
    pub const fn has_halves(&self) -> bool {
        !matches!(self.method, Method::None) && matches!(self.views, Pairing::Halves)
    }

    /// Fewest samples of a batch, beside those that the other losses of a system need.
    pub fn smallest_batch(&self, others: SmallestBatch) -> SmallestBatch {
        if self.has_halves() {
            return SmallestBatch::new(4, "a pair is told from the other pairs of the batch");
        }
        others
    }

    /// Whether classes say what belongs together.
    pub const fn compares_classes(&self) -> bool {
        matches!(self.method, Method::SupCon | Method::UniCl)
    }

    /// Whether anything is pulled together, with `weight` where nothing is said.
    pub fn is_on(&self, weight: f64) -> bool {
        self.method != Method::None && self.weight.unwrap_or(weight) != 0.0
    }

    /// The first wrong key, with what is accepted.
    ///
    /// # Errors
    ///
    /// If a number is out of range, or something is set for a second caption that is not there.
    pub fn check(&self) -> Result<(), Problem> {
        check::weights(&[
            ("weight", self.weight.unwrap_or(0.0)),
            ("real_to_fake", self.real_to_fake),
        ])?;
        check::sharpness("temperature", self.temperature)?;
        if self.num_views() > 1 {
            return Ok(());
        }
        let of_two = [
            ("second_branch", self.second_view != SecondView::Full),
            ("noise", self.noise != ViewNoise::Independent),
            ("distinct_captions", self.distinct_captions),
        ];
        let idle = of_two.into_iter().find(|(_, is_set)| *is_set);
        idle.map_or(Ok(()), |(key, _)| {
            let message = "is set, but there is one caption per image; it takes a `method` and \
                           `views` = `captions`";
            Err(Problem::new(key, message))
        })
    }

    /// The loss against the batches it is given, and its keys against each other.
    ///
    /// # Errors
    ///
    /// If a batch has nothing in common to pull together, or something is set that changes nothing.
    pub fn check_batch(&self, batch: &BatchFacts) -> Result<(), Problem> {
        if self.method == Method::NtXent {
            if self.has_halves() && !batch.has_positives {
                return Err(Problem::new(
                    "contrastive.views",
                    "is `halves`, but without `data.positives` the two halves of a batch have nothing \
                     in common for `nt-xent` to pull together",
                )
                .with_expected(
                    "`data.positives` = `caption` (the same image) or `label`, or `views` = `captions`",
                ));
            }
            if batch.has_positives && self.views == Pairing::Captions {
                return Err(Problem::new(
                    "contrastive.views",
                    "is `captions`, but `data.positives` puts what belongs together into one batch, \
                     where `nt-xent` would push it apart",
                )
                .with_expected("`halves`, or no `data.positives`"));
            }
        }
        if self.has_halves() && !batch.samples.is_multiple_of(2) {
            let samples = batch.samples;
            let message = format!("is {samples}, but `model.contrastive.views` halves the batch");
            return Err(Problem::of_batch_size(message).with_expected("an even number"));
        }
        self.check_idle()
    }

    /// Keys that another method would need.
    fn check_idle(&self) -> Result<(), Problem> {
        let is_supervised = match self.method {
            Method::None | Method::SupCon => return Ok(()),
            Method::UniCl => true,
            Method::NtXent => false,
        };
        let idle = [
            ("scope", self.scope != Scope::All),
            (
                "weighting",
                !is_supervised && self.weighting != Weighting::Any,
            ),
            ("has_own_pairs", !self.has_own_pairs),
        ];
        let Some((key, _)) = idle.into_iter().find(|(_, is_idle)| *is_idle) else {
            return Ok(());
        };
        let methods = match key {
            "weighting" => "`sup-con` and `uni-cl`",
            _ => "`sup-con`",
        };
        let message = format!("is set, but changes {methods} only");
        Err(Problem::new(format!("contrastive.{key}"), message)
            .with_help("take it out or choose another `model.contrastive.method`"))
    }

    /// NT-Xent between codes of generated and of real images, `[batch, dim]` each, `[1]`.
    pub fn with_real<B: Backend>(&self, fake: Tensor<B, 2>, real: Tensor<B, 2>) -> Tensor<B, 1> {
        nt_xent(fake, real, self.temperature)
    }

    /// The unweighted loss, `[1]`; `None` where nothing is pulled together.
    pub fn loss<B: Backend>(&self, views: Views<B>) -> Option<Tensor<B, 1>> {
        let similarity = |views: &Views<B>| match &views.labels {
            Some(labels) => label_weights(labels.clone(), self.weighting),
            None => class_weights(views.classes.clone()),
        };
        match self.method {
            Method::None => None,
            Method::NtXent => {
                let [first, second] = views.positives?;
                Some(nt_xent(first, second, self.temperature))
            }
            Method::SupCon => {
                let weights = similarity(&views);
                let pairs = Pairs::of_kinds(
                    weights,
                    &[views.images.len(), views.sentences.len()],
                    self.scope,
                    self.has_own_pairs,
                );
                let rows: Vec<_> = views.images.into_iter().chain(views.sentences).collect();
                let rows = Tensor::cat(rows, 0);
                Some(pairs.loss(rows, self.temperature, Anchors::WithPositives))
            }
            Method::UniCl => {
                let weights = similarity(&views);
                let images = Tensor::cat(views.images.clone(), 0);
                let sentences = Tensor::cat(views.sentences.clone(), 0);
                let counts = [views.images.len(), views.sentences.len()];
                Some(unicl(images, sentences, weights, counts, self.temperature))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::Distribution;

    use super::*;

    fn code() -> Tensor<Flex, 2> {
        Tensor::random(
            [3, 4],
            Distribution::Normal(0.0, 1.0),
            &burn_flex::FlexDevice,
        )
    }

    fn views() -> Views<Flex> {
        let sentences = vec![code(), code()];
        Views {
            positives: Some([sentences[0].clone(), sentences[1].clone()]),
            images: vec![code()],
            sentences,
            classes: Tensor::from_ints([0, 1, 0], &burn_flex::FlexDevice),
            labels: None,
        }
    }

    fn loss(contrastive: &ContrastiveLoss, views: Views<Flex>) -> Option<f32> {
        contrastive.loss(views).map(Tensor::into_scalar)
    }

    #[test]
    fn the_method_chooses_the_loss() {
        let views = views();
        let with = |method| ContrastiveLoss {
            method,
            ..ContrastiveLoss::default()
        };

        assert_eq!(loss(&with(Method::None), views.clone()), None);
        let [first, second] = views.positives.clone().expect("set above");
        let expected = nt_xent(first, second, 0.5).into_scalar();
        assert_eq!(loss(&with(Method::NtXent), views.clone()), Some(expected));
        let others = [Method::SupCon, Method::UniCl].map(|m| loss(&with(m), views.clone()));
        assert!(
            others[0] != others[1] && others.iter().all(Option::is_some),
            "{others:?}"
        );
    }

    #[test]
    fn a_second_view_is_left_out_only_where_there_is_one() {
        let with = |method, views, second_view| ContrastiveLoss {
            method,
            views,
            second_view,
            ..ContrastiveLoss::default()
        };
        let only = SecondView::ContrastiveOnly;
        let taken = |contrastive: &ContrastiveLoss| {
            contrastive
                .full(&[0, 1][..contrastive.num_views()])
                .to_vec()
        };

        let two = with(Method::NtXent, Pairing::Captions, only);
        assert_eq!((two.check(), taken(&two)), (Ok(()), vec![0]));
        let full = with(Method::NtXent, Pairing::Captions, SecondView::Full);
        assert_eq!((full.check(), taken(&full)), (Ok(()), vec![0, 1]));
        for (method, views) in [
            (Method::None, Pairing::Captions),
            (Method::NtXent, Pairing::Halves),
        ] {
            let one = with(method, views, only);
            assert_eq!(one.check().expect_err("one caption").key, "second_branch");
            assert_eq!(taken(&one), [0]);
        }
    }

    #[test]
    fn exchanging_the_views_changes_nothing() {
        let supervised = ContrastiveLoss {
            method: Method::SupCon,
            ..ContrastiveLoss::default()
        };
        let views = views();
        let mut exchanged = views.clone();
        exchanged.sentences.reverse();

        let [a, b] = [views, exchanged].map(|v| loss(&supervised, v).expect("switched on"));
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}
