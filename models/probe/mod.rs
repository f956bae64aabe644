//! Reads the attributes of built-in birds from pixels, so that generated birds can be checked
//! against their captions.

mod config;

use burn::module::Module;
use burn::nn::Linear;
use burn::prelude::{Int, Tensor};

use crate::backend::{AutodiffBackend, Backend};
use crate::losses::cross_entropy::cross_entropy;
use crate::nn::conv_norm::ConvNorm;
use crate::nn::init::linear;
use crate::state::drawn;
use crate::system::{self, Info, Iteration, LossTerms, Parts, Role, System, Train};
use crate::vision::vgg::Pooling;

pub use config::{BLOCKS, Config};

/// The family in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Family;

impl system::Family for Family {
    const INFO: Info = Info {
        name: "attribute-probe",
        title: "Attributes of built-in birds from pixels: a check of images against captions",
        paper: "none: part of the evaluation on built-in data",
        role: Role::Probe,
    };

    type Config = Config;
    type System<B: Backend> = Probe<B>;
}

/// Four blocks of convolution, batch normalisation and pooling; one softmax per attribute.
#[derive(Module, Debug)]
pub struct Probe<B: Backend> {
    blocks: Vec<ConvNorm<B>>,
    head: Linear<B>,
    #[module(skip)]
    config: Config,
}

impl<B: Backend> Probe<B> {
    /// Scores of the values of every attribute.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, size, size]`, range [-1, 1]
    /// - outputs: `[batch, values]`, one per attribute
    pub fn scores(&self, images: Tensor<B, 4>) -> Vec<Tensor<B, 2>> {
        let top = self.blocks.iter().fold(images, |h, block| {
            Pooling::Max.forward(block.forward(h), false)
        });
        // Where a colour is matters, so the map is not averaged.
        let all = self.head.forward(top.flatten(1, 3));
        all.split_with_sizes(self.config.values.clone(), 1)
    }

    /// Likeliest value of every attribute.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, size, size]`, range [-1, 1]
    /// - output: `[batch, attributes]`
    pub fn predict(&self, images: Tensor<B, 4>) -> Tensor<B, 2, Int> {
        let best = self
            .scores(images)
            .into_iter()
            .map(|scores| scores.argmax(1))
            .collect();
        Tensor::cat(best, 1)
    }
}

impl<B: Backend> System<B> for Probe<B> {
    type Config = Config;

    fn with_parts(config: &Config, _parts: Parts, device: &B::Device) -> Self {
        let blocks = config
            .channels()
            .into_iter()
            .map(|[c, o]| ConvNorm::init(c, o, device));
        let flat = config.flat();
        drawn::<B, _>(Self {
            blocks: blocks.collect(),
            head: linear(
                flat,
                config.values.iter().sum(),
                (1.0 / flat as f64).sqrt(),
                device,
            ),
            config: config.clone(),
        })
    }
}

impl<B: AutodiffBackend> Train<B> for Probe<B> {
    /// One phase has nothing to share.
    type Shared = ();

    fn begin(&self, _iteration: &Iteration<B>) {}

    /// Mean cross entropy over the attributes.
    fn losses(&self, _phase: &'static str, iteration: &Iteration<B>, _shared: &()) -> LossTerms<B> {
        let attributes = iteration.batch.attributes.clone();
        let attributes = attributes.expect("the loader fills what Needs::has_attributes asks for");
        let scores = self.scores(iteration.batch.real());
        let count = scores.len() as f64;
        LossTerms::new().with("train/cross_entropy", 1.0, || {
            let each = scores.into_iter().enumerate().map(|(i, scores)| {
                cross_entropy(scores, attributes.clone().narrow(1, i, 1).squeeze_dim(1))
            });
            Tensor::cat(each.collect(), 0).sum() / count
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;
    use crate::state::named_tensors;
    use crate::system::SystemConfig;

    fn small() -> Config {
        Config {
            widths: [2, 3, 4, 5],
            values: vec![3, 2],
            image_size: 32,
        }
    }

    #[test]
    fn predictions_are_values_of_each_attribute() {
        let device = Default::default();
        let probe = Probe::<Flex>::init(&small(), &device);

        let found = probe.predict(Tensor::ones([4, 3, 32, 32], &device));

        assert_eq!(found.dims(), [4, 2]);
        let values: Vec<i64> = found.into_data().iter::<i64>().collect();
        assert!(
            values
                .chunks(2)
                .all(|row| (0..3).contains(&row[0]) && (0..2).contains(&row[1]))
        );
    }

    #[test]
    fn cost_counts_every_trained_parameter() {
        let probe = Probe::<Flex>::init(&small(), &Default::default());
        let trained = named_tensors(&probe);
        let trained = trained
            .iter()
            .filter(|(name, _)| !name.contains("running_"));

        let count: usize = trained.map(|(_, data)| data.num_elements()).sum();

        assert_eq!(small().networks()[0].parameters, count);
    }
}
