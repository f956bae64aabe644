//! Supervised contrast (Khosla et al.): rows with a common label are pulled together.

use burn::prelude::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::losses::similarity::{NEVER, log_sum_exp, same_class, unit_rows};

/// How much two samples with several labels belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// 1 with a common label, else 0.
    #[default]
    Any,
    /// Common labels over all labels of the two.
    Jaccard,
}

/// Which rows are compared when there are several kinds (images and texts).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Every two rows.
    #[default]
    All,
    /// Rows of different kinds only.
    Inter,
    /// Rows of the same kind only.
    Inner,
}

/// Which rows count in the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchors {
    /// All; one without positives adds 0 (published single-label code).
    All,
    /// Those with positives.
    WithPositives,
}

/// What is compared with what; no gradient passes.
#[derive(Debug, Clone)]
pub struct Pairs<B: Backend> {
    /// Weight of every pair as a positive, `[rows, rows]`.
    weights: Tensor<B, 2>,
    /// 1 where two rows are compared at all, `[rows, rows]`; never a row with itself.
    compared: Tensor<B, 2>,
}

/// Weights of positives between samples, `[batch, batch]`, 1 where two have the same class.
pub fn class_weights<B: Backend>(classes: Tensor<B, 1, Int>) -> Tensor<B, 2> {
    same_class(classes)
}

/// Weights of positives between samples with several labels.
///
/// # Shapes
///
/// - `labels`: `[batch, categories]`, 0 or 1
/// - output: `[batch, batch]`; a sample without labels has weight 0 everywhere
pub fn label_weights<B: Backend>(labels: Tensor<B, 2>, weighting: Weighting) -> Tensor<B, 2> {
    let count = labels.clone().sum_dim(1);
    let common = labels.clone().matmul(labels.transpose());
    match weighting {
        Weighting::Any => common.greater_elem(0.0).float(),
        Weighting::Jaccard => {
            let all = count.clone() + count.transpose() - common.clone();
            // The union is a whole number: only an empty one is changed.
            common / all.clamp_min(1.0)
        }
    }
}

impl<B: Backend> Pairs<B> {
    /// Pairs of `views` views of every sample, each a kind of its own, stacked view after view.
    /// With `has_own`, the views of one sample have at least weight 1 for each other, whatever its
    /// labels.
    ///
    /// # Shapes
    ///
    /// - `weights`: `[batch, batch]`, of samples
    /// - result: over `views * batch` rows
    pub fn new(weights: Tensor<B, 2>, views: usize, scope: Scope, has_own: bool) -> Self {
        Self::of_kinds(weights, &vec![1; views], scope, has_own)
    }

    /// As [`Self::new`], where every kind (images, texts) has several views of every sample.
    pub fn of_kinds(weights: Tensor<B, 2>, kinds: &[usize], scope: Scope, has_own: bool) -> Self {
        let views = kinds.iter().sum();
        let device = weights.device();
        let [batch, _] = weights.dims();
        let rows = batch * views;
        let tiled = tile(weights, views);
        let own = tile(Tensor::<B, 2>::eye(batch, &device), views);
        let kinds = kinds
            .iter()
            .enumerate()
            .flat_map(|(kind, views)| std::iter::repeat_n(kind as i32, views * batch));
        let kinds = TensorData::new(kinds.collect::<Vec<i32>>(), [rows]);
        let same_kind = same_class(Tensor::<B, 1, Int>::from_data(kinds, &device));
        let others = Tensor::<B, 2>::eye(rows, &device).neg() + 1.0;
        let compared = match scope {
            Scope::All => others,
            Scope::Inter => same_kind.neg() + 1.0,
            Scope::Inner => others * same_kind,
        };
        let weights = if has_own {
            tiled.clone() + own * (tiled.neg() + 1.0).clamp_min(0.0)
        } else {
            tiled
        };
        Self {
            weights: weights * compared.clone(),
            compared,
        }
    }

    /// The loss of `rows`:
    /// `mean_i 1/W_i sum_p w_ip (log sum_a exp(z_i z_a / t) - z_i z_p / t)` with `W_i = sum_p w_ip`
    /// over unit rows `z`; 0 without any positive.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[views * batch, dim]`, of any length
    /// - output: `[1]`
    pub fn loss(&self, rows: Tensor<B, 2>, temperature: f64, anchors: Anchors) -> Tensor<B, 1> {
        let rows = unit_rows(rows);
        let scores = rows.clone().matmul(rows.transpose()) / temperature;
        let ignored = (self.compared.clone().neg() + 1.0) * NEVER;
        let all = log_sum_exp(scores.clone() + ignored, 1);
        let total = self.weights.clone().sum_dim(1);
        let is_alone = total.clone().equal_elem(0.0).float();
        let costs = (self.weights.clone() * (all - scores)).sum_dim(1);
        let each = costs / (total + is_alone.clone());
        match anchors {
            Anchors::All => each.mean(),
            Anchors::WithPositives => {
                let counted = (is_alone.neg() + 1.0).sum().clamp_min(1.0);
                each.sum() / counted
            }
        }
    }
}

/// `x` as every one of `views` by `views` blocks.
fn tile<B: Backend>(x: Tensor<B, 2>, views: usize) -> Tensor<B, 2> {
    let row = Tensor::cat(vec![x; views], 1);
    Tensor::cat(vec![row; views], 0)
}

/// The published single-label loss over several views of every sample. Without `classes`, only the
/// views of one sample belong together.
///
/// # Shapes
///
/// - `features`: `[batch, views, dim]`, of any length
/// - `classes`: `[batch]`
/// - output: `[1]`
pub fn sup_con<B: Backend>(
    features: Tensor<B, 3>,
    classes: Option<Tensor<B, 1, Int>>,
    temperature: f64,
    base_temperature: f64,
) -> Tensor<B, 1> {
    let [batch, views, dim] = features.dims();
    let weights = match classes {
        Some(classes) => class_weights(classes),
        None => Tensor::eye(batch, &features.device()),
    };
    let rows = features.swap_dims(0, 1).reshape([views * batch, dim]);
    let pairs = Pairs::new(weights, views, Scope::All, false);
    pairs.loss(rows, temperature, Anchors::All) * (temperature / base_temperature)
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::tensor::Distribution;

    use super::*;
    use crate::losses::nt_xent::nt_xent;

    fn random(rows: usize) -> Tensor<Flex, 2> {
        Tensor::random(
            [rows, 4],
            Distribution::Normal(0.0, 1.0),
            &burn_flex::FlexDevice,
        )
    }

    fn ints(values: &[i32]) -> Tensor<Flex, 1, Int> {
        Tensor::from_data(values, &burn_flex::FlexDevice)
    }

    #[test]
    fn two_views_of_distinct_samples_are_nt_xent() {
        let (first, second) = (random(5), random(5));
        let views = Tensor::stack(vec![first.clone(), second.clone()], 1);

        let supervised = sup_con(views, Some(ints(&[0, 1, 2, 3, 4])), 0.3, 0.3);

        let expected = nt_xent(first, second, 0.3).into_scalar();
        assert!((supervised.into_scalar() - expected).abs() < 1e-6);
    }

    #[test]
    fn one_hot_labels_are_classes() {
        let device = burn_flex::FlexDevice;
        let classes = ints(&[2, 0, 2, 1]);
        let labels = classes.clone().one_hot::<2>(3).float();
        let rows = random(8);

        for weighting in [Weighting::Any, Weighting::Jaccard] {
            let by_class = Pairs::new(class_weights(classes.clone()), 2, Scope::All, true);
            let by_label = Pairs::new(
                label_weights(labels.clone(), weighting),
                2,
                Scope::All,
                true,
            );
            let [a, b] = [by_class, by_label].map(|p| {
                p.loss(rows.clone(), 0.5, Anchors::WithPositives)
                    .into_scalar()
            });
            assert!((a - b).abs() < 1e-6, "{a} {b} on {device:?}");
        }
    }

    #[test]
    fn without_positives_loss_and_gradient_are_zero() {
        let device = burn_flex::FlexDevice;
        let rows = Tensor::<Autodiff<Flex>, 2>::from_data(random(3).into_data(), &device);
        let rows = rows.require_grad();
        let pairs = Pairs::new(Tensor::zeros([3, 3], &device), 1, Scope::All, false);

        let loss = pairs.loss(rows.clone(), 0.1, Anchors::WithPositives);
        let gradient = rows.grad(&loss.backward()).expect("the input is tracked");

        assert_eq!(loss.into_scalar(), 0.0);
        assert_eq!(gradient.abs().max().into_scalar(), 0.0);
    }

    #[test]
    fn the_scope_chooses_positives_and_negatives() {
        let device = burn_flex::FlexDevice;
        // Two samples of one class; images along x, texts along y: no gradient between the views.
        let rows = Tensor::<Flex, 2>::from_floats(
            [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]],
            &device,
        );
        let value = |scope| {
            let pairs = Pairs::new(class_weights(ints(&[0, 0])), 2, scope, false);
            pairs.loss(rows.clone(), 1.0, Anchors::All).into_scalar()
        };

        // One positive and no negative; two positives alike; one of similarity 1 and two of 0.
        assert!(value(Scope::Inner).abs() < 1e-6);
        assert!((value(Scope::Inter) - 2.0_f32.ln()).abs() < 1e-6);
        let expected = (std::f32::consts::E + 2.0).ln() - 1.0 / 3.0;
        assert!((value(Scope::All) - expected).abs() < 1e-6);
    }
}
