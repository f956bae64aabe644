//! CLIP: an image and a text tower learn to tell which caption belongs to which image of a batch
//! (Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021).

mod config;
mod keys;

use burn::prelude::Tensor;

use crate::backend::{AutodiffBackend, Backend};
use crate::losses::info_nce::{info_nce, logits};
use crate::published::Published;
use crate::state::drawn;
use crate::system::{self, Info, Iteration, LossTerms, Parts, Role, System, Train};
use crate::vision::clip::Clip;

pub use config::{Config, FEWEST_IDS, ImageSettings, TextSettings};
pub use keys::openai_names;

/// Largest factor of similarities, so that no pair outweighs the others.
const LARGEST_FACTOR: f64 = 100.0; // Radford et al. 2021, section 2.5

/// The family in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Family;

impl system::Family for Family {
    const INFO: Info = Info {
        name: "clip",
        title: "CLIP: a vision transformer and a text transformer with a common space",
        paper: "Radford et al., Learning Transferable Visual Models From Natural Language Supervision, \
                ICML 2021",
        role: Role::Encoders,
    };

    type Config = Config;
    type System<B: Backend> = Clip<B>;

    fn weights() -> Published<Config> {
        Published::Networks(&keys::Files)
    }
}

impl<B: Backend> System<B> for Clip<B> {
    type Config = Config;

    fn with_parts(config: &Config, _parts: Parts, device: &B::Device) -> Self {
        drawn::<B, _>(config.sizes().init(device))
    }
}

impl<B: AutodiffBackend> Train<B> for Clip<B> {
    type Shared = ();

    fn begin(&self, _iteration: &Iteration<B>) {}

    fn losses(&self, _phase: &'static str, iteration: &Iteration<B>, _shared: &()) -> LossTerms<B> {
        let batch = &iteration.batch;
        let (ids, lengths) = batch.text.caption(0);
        LossTerms::new().with("m/info-nce", 1.0, || {
            let (images, captions) = (
                self.encode_images(batch.real()),
                self.encode_captions(ids, &lengths),
            );
            info_nce(logits(images, captions, self.temperature.scale.val()))
        })
    }

    /// Keeps the temperature from falling on and on.
    fn constrain(mut self, _phase: &'static str) -> Self {
        self.temperature.scale = self.temperature.scale.map(|scale| {
            let is_trained = scale.is_require_grad();
            let clamped = scale.inner().clamp_max(LARGEST_FACTOR.ln());
            Tensor::from_inner(clamped).set_require_grad(is_trained)
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::module::Param;

    use super::*;
    use crate::state::parameter_count;
    use crate::system::SystemConfig;

    fn narrow() -> Config {
        Config {
            image_size: 8,
            image: ImageSettings {
                patch: 4,
                width: 6,
                layers: 1,
                heads: 2,
            },
            text: TextSettings {
                width: 4,
                layers: 2,
                heads: 2,
            },
            embedding: 5,
            vocabulary: FEWEST_IDS,
            tokens: 7,
        }
    }

    #[test]
    fn cost_counts_every_parameter() {
        let system = Clip::<Flex>::init(&narrow(), &burn_flex::FlexDevice);

        let counted: usize = narrow().networks().iter().map(|cost| cost.parameters).sum();
        assert_eq!(counted, parameter_count::<Flex, _>(&system));
    }

    #[test]
    fn the_temperature_falls_no_further_than_published_and_goes_on_learning() {
        let device = burn_flex::FlexDevice;
        let mut clip = Clip::<Autodiff<Flex>>::init(&narrow(), &device);
        for (scale, expected) in [(9.0, 100.0_f32.ln()), (2.0, 2.0)] {
            clip.temperature.scale = Param::from_tensor(Tensor::from_floats([scale], &device));

            clip = clip.constrain("m");

            let found = clip.temperature.scale.val();
            assert!(found.is_require_grad());
            assert!((found.into_scalar() - expected).abs() < 1e-6);
        }
    }
}
