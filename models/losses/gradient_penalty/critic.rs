//! What can be penalised: a network with logits, and inputs by which they are differentiated.
//!
//! The gradient is taken on a second layer of automatic differentiation, so it is an ordinary
//! function of the parameters on the first.

use burn::backend::Autodiff;
use burn::module::{AutodiffModule, HasAutodiffModule, Module};
use burn::prelude::Tensor;

use crate::backend::{AutodiffBackend, Backend};

/// Result of the way back on the second layer.
type Slopes<B> = <Autodiff<B> as burn::tensor::backend::AutodiffBackend>::Gradients;

/// An input by which logits are differentiated: an image (pixels, or stacked features of
/// them), alone or with a sentence. The first axis of everything is the batch.
pub trait Differentiable<B: Backend>: Clone {
    /// The same on a second layer of automatic differentiation.
    type Twice: Clone;

    /// Puts it there, where it is recorded.
    fn twice(self) -> Self::Twice;

    /// Gradients by `twice`, on the first layer.
    ///
    /// # Panics
    ///
    /// If the logits do not depend on all of it.
    fn gradients(twice: &Self::Twice, slopes: &Slopes<B>) -> Self;

    /// Sums of squares per sample, `[batch]` each; of the image first.
    fn squares(&self) -> Vec<Tensor<B, 1>>;

    /// Points on the lines from `fake` to `real`, at the shares of the way that `share` gives for a
    /// batch, `[batch]`. Sentences are those of `real`.
    fn between(
        real: Self,
        fake: Self,
        share: impl FnOnce(usize, &B::Device) -> Tensor<B, 1>,
    ) -> Self;
}

impl<B: Backend, const D: usize> Differentiable<B> for Tensor<B, D> {
    type Twice = Tensor<Autodiff<B>, D>;

    fn twice(self) -> Self::Twice {
        Tensor::from_inner(self).require_grad()
    }

    fn gradients(twice: &Self::Twice, slopes: &Slopes<B>) -> Self {
        twice.grad(slopes).expect("logits depend on their inputs")
    }

    fn squares(&self) -> Vec<Tensor<B, 1>> {
        let squares: Tensor<B, 2> = self.clone().square().flatten(1, D - 1);
        vec![squares.sum_dim(1).flatten(0, 1)]
    }

    fn between(
        real: Self,
        fake: Self,
        share: impl FnOnce(usize, &B::Device) -> Tensor<B, 1>,
    ) -> Self {
        let mut shape = [1; D];
        shape[0] = real.dims()[0];
        let share = share(shape[0], &real.device()).reshape(shape);
        (real - fake.clone()) * share + fake
    }
}

impl<B: Backend, I: Differentiable<B>> Differentiable<B> for (I, Tensor<B, 2>) {
    type Twice = (I::Twice, Tensor<Autodiff<B>, 2>);

    fn twice(self) -> Self::Twice {
        (self.0.twice(), self.1.twice())
    }

    fn gradients((image, sentence): &Self::Twice, slopes: &Slopes<B>) -> Self {
        let sentence = <Tensor<B, 2> as Differentiable<B>>::gradients(sentence, slopes);
        (I::gradients(image, slopes), sentence)
    }

    fn squares(&self) -> Vec<Tensor<B, 1>> {
        [self.0.squares(), self.1.squares()].concat()
    }

    fn between(
        real: Self,
        fake: Self,
        share: impl FnOnce(usize, &B::Device) -> Tensor<B, 1>,
    ) -> Self {
        (I::between(real.0, fake.0, share), real.1)
    }
}

/// A network that scores each sample by itself. Derivatives of layers that mix samples (statistics
/// of a batch) would be those of the sum of all logits.
pub trait Critic<B: Backend> {
    /// What it scores.
    type Input: Differentiable<B>;

    /// How real the samples are, `[batch]`.
    fn logits(&self, input: Self::Input) -> Tensor<B, 1>;
}

/// A [`Critic`] in training.
pub trait Penalized<B: AutodiffBackend>: Critic<B> {
    /// Gradients of the logits by `input`, which can be differentiated by the parameters.
    fn input_gradients(&self, input: Self::Input) -> Self::Input;
}

impl<B, C> Penalized<B> for C
where
    B: AutodiffBackend,
    C: Critic<B> + Module<B> + HasAutodiffModule<Autodiff<B>>,
    C::TrainModule: Critic<Autodiff<B>, Input = <C::Input as Differentiable<B>>::Twice>,
{
    fn input_gradients(&self, input: Self::Input) -> Self::Input {
        let twice = on_second_layer(self);
        differentiate(input, |input| twice.logits(input)).1
    }
}

/// `critic` on the second layer, which does not record its parameters; the first does as before.
pub fn on_second_layer<B, C>(critic: &C) -> C::TrainModule
where
    B: AutodiffBackend,
    C: Module<B> + HasAutodiffModule<Autodiff<B>>,
{
    C::TrainModule::from_inner(critic.clone()).no_grad()
}

/// `logits` of `input` and the gradients of their sum, both functions of what `logits` holds of the
/// first layer.
pub fn differentiate<B: AutodiffBackend, I: Differentiable<B>>(
    input: I,
    logits: impl FnOnce(I::Twice) -> Tensor<Autodiff<B>, 1>,
) -> (Tensor<B, 1>, I) {
    let input = input.twice();
    let logits = logits(input.clone());
    let slopes = logits.clone().sum().backward();
    (logits.inner(), I::gradients(&input, &slopes))
}
