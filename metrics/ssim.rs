//! Structural similarity (Wang et al. 2004) of 8-bit images.

use crate::plane::{Plane, Rgb8, same_size};
use crate::{MetricError, Moments};

/// Range of the values; images of another range must be scaled before.
const RANGE: f64 = 255.0;
const C1: f64 = (0.01 * RANGE) * (0.01 * RANGE); // Wang et al. 2004, K1 = 0.01
const C2: f64 = (0.03 * RANGE) * (0.03 * RANGE); // Wang et al. 2004, K2 = 0.03

/// Which of the usual forms of SSIM is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Ssim {
    /// Gaussian window 11 x 11, sigma 1.5, biased moments.
    #[default]
    Gaussian,
    /// Box window 7 x 7 with sample covariance, the defaults of scikit-image.
    Uniform7,
    /// [`Ssim::Gaussian`] after averaging blocks so that the short side is about 256.
    Downsampled,
}

impl Ssim {
    /// Identifier of the variant, written beside every number.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Gaussian => "ssim/gaussian",
            Self::Uniform7 => "ssim/uniform7",
            Self::Downsampled => "ssim/downsampled",
        }
    }
}

/// Mean SSIM of two planes with values 0 to 255.
pub fn ssim(x: &Plane, y: &Plane, variant: Ssim) -> Result<f64, MetricError> {
    let (width, height) = same_size(x.size(), y.size())?;
    if variant == Ssim::Downsampled {
        // Python's rounding of halves, as in the published implementation.
        let factor = (width.min(height) as f64 / 256.0)
            .round_ties_even()
            .max(1.0) as usize;
        return ssim(&x.block_mean(factor), &y.block_mean(factor), Ssim::Gaussian);
    }
    Ok(ssim_map(x, y, variant)?.mean())
}

/// Mean of the three channels' SSIM.
pub fn ssim_rgb(x: Rgb8<'_>, y: Rgb8<'_>, variant: Ssim) -> Result<f64, MetricError> {
    let mut mean = Moments::default();
    for channel in 0..3 {
        mean.push(ssim(&x.channel(channel), &y.channel(channel), variant)?);
    }
    Ok(mean.mean())
}

/// SSIM at every position where the window fits; the input is not averaged down first.
///
/// The output is smaller than the input by the window's side minus one.
pub fn ssim_map(x: &Plane, y: &Plane, variant: Ssim) -> Result<Plane, MetricError> {
    let size = same_size(x.size(), y.size())?;
    let (window, unbias) = match variant {
        Ssim::Gaussian | Ssim::Downsampled => (gaussian_window(), 1.0),
        Ssim::Uniform7 => (vec![1.0 / 7.0; 7], 49.0 / 48.0),
    };
    let needed = window.len();
    if size.0.min(size.1) < needed {
        return Err(MetricError::TooSmall {
            metric: variant.id(),
            needed,
            size,
        });
    }
    let mean_x = x.filter_valid(&window);
    let mean_y = y.filter_valid(&window);
    let xx = x.product(x).filter_valid(&window);
    let yy = y.product(y).filter_valid(&window);
    let mut map = x.product(y).filter_valid(&window);
    for (i, xy) in map.data.iter_mut().enumerate() {
        let (mx, my) = (mean_x.data[i], mean_y.data[i]);
        let var_x = (xx.data[i] - mx * mx) * unbias;
        let var_y = (yy.data[i] - my * my) * unbias;
        let cov = (*xy - mx * my) * unbias;
        *xy = (2.0 * mx * my + C1) * (2.0 * cov + C2)
            / ((mx * mx + my * my + C1) * (var_x + var_y + C2));
    }
    Ok(map)
}

/// Gaussian of 11 taps and sigma 1.5 with sum 1 (Wang et al. 2004).
fn gaussian_window() -> Vec<f64> {
    let taps: Vec<f64> = (-5..=5)
        .map(|i| (-f64::from(i * i) / (2.0 * 1.5 * 1.5)).exp())
        .collect();
    let sum: f64 = taps.iter().sum();
    taps.into_iter().map(|tap| tap / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(f: impl Fn(usize) -> f64) -> Plane {
        Plane::new(16, 16, (0..256).map(f).collect()).expect("the size is right")
    }

    #[test]
    fn equal_images_score_one() {
        let x = plane(|i| (i * 37 % 256) as f64);
        for variant in [Ssim::Gaussian, Ssim::Uniform7, Ssim::Downsampled] {
            let score = ssim(&x, &x, variant).expect("large enough");
            assert!((score - 1.0).abs() < 1e-12, "{variant:?}: {score}");
        }
    }

    #[test]
    fn flat_images_score_by_their_brightness_alone() {
        let (dark, bright) = (plane(|_| 10.0), plane(|_| 200.0));
        let expected = (2.0 * 10.0 * 200.0 + C1) / (10.0 * 10.0 + 200.0 * 200.0 + C1);
        let score = ssim(&dark, &bright, Ssim::Gaussian).expect("large enough");
        assert!((score - expected).abs() < 1e-9, "{score}");
    }

    #[test]
    fn images_below_the_window_and_unequal_sizes_are_refused() {
        let small = Plane::new(10, 40, vec![0.0; 400]).expect("the size is right");
        let error = ssim(&small, &small, Ssim::Gaussian).expect_err("10 < 11");
        assert!(
            matches!(error, MetricError::TooSmall { needed: 11, .. }),
            "{error}"
        );
        let error = ssim(&small, &plane(|_| 0.0), Ssim::Gaussian).expect_err("sizes differ");
        assert!(matches!(error, MetricError::Sizes { .. }), "{error}");
    }
}
