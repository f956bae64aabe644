//! Sharpness of images without a reference: variance of the Laplacian.

use rayon::prelude::*;

use crate::plane::{Plane, Rgb8};
use crate::{MetricError, Moments};

/// Population variance of the 4-neighbour Laplacian over the interior of `plane`.
///
/// For values 0 to 255 the unit is squared grey levels; blur lowers it, noise raises it.
pub fn laplacian_variance(plane: &Plane) -> Result<f64, MetricError> {
    let size @ (width, height) = plane.size();
    if width.min(height) < 3 {
        return Err(MetricError::TooSmall {
            metric: "sharpness/laplacian",
            needed: 3,
            size,
        });
    }
    let v = plane.values();
    let mut moments = Moments::default();
    for y in 1..height - 1 {
        for x in 1..width - 1 {
            let i = y * width + x;
            moments.push(v[i - width] + v[i + width] + v[i - 1] + v[i + 1] - 4.0 * v[i]);
        }
    }
    Ok(moments.variance())
}

/// Mean sharpness of the luma of `images` divided by that of `reference`: 1 = as sharp.
///
/// Fails if either set is empty; a reference of flat images gives infinity.
pub fn relative_sharpness(images: &[Rgb8<'_>], reference: &[Rgb8<'_>]) -> Result<f64, MetricError> {
    Ok(mean_sharpness(images)? / mean_sharpness(reference)?)
}

/// Mean over images of the luma's Laplacian variance.
pub fn mean_sharpness(images: &[Rgb8<'_>]) -> Result<f64, MetricError> {
    let each = images
        .par_iter()
        .map(|image| laplacian_variance(&image.luma()))
        .collect::<Result<Vec<_>, _>>()?;
    if each.is_empty() {
        return Err(MetricError::Empty { what: "sharpness" });
    }
    Ok(each.into_iter().collect::<Moments>().mean())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_has_no_sharpness_and_a_checkerboard_has_the_variance_of_its_laplacian() {
        let plane = |f: fn(usize, usize) -> f64| {
            let data = (0..64).map(|i| f(i % 8, i / 8)).collect();
            Plane::new(8, 8, data).expect("the size is right")
        };
        let ramp = laplacian_variance(&plane(|x, y| (3 * x + 5 * y) as f64)).expect("8 x 8");
        assert!(ramp.abs() < 1e-12, "{ramp}");
        // Laplacian of +-1 in a checkerboard is -+8, half each: variance 64.
        let board = plane(|x, y| if (x + y) % 2 == 0 { 1.0 } else { -1.0 });
        assert!((laplacian_variance(&board).expect("8 x 8") - 64.0).abs() < 1e-9);
    }

    #[test]
    fn half_the_contrast_is_a_quarter_of_the_sharpness() {
        let sharp: Vec<u8> = (0..16 * 16 * 3).map(|i| (i * 71 % 128) as u8 * 2).collect();
        let soft: Vec<u8> = sharp.iter().map(|v| v / 2).collect();
        let image = |data| Rgb8::new(16, 16, data).expect("the size is right");
        let ratio = relative_sharpness(&[image(&soft)], &[image(&sharp)]).expect("not empty");
        assert!((ratio - 0.25).abs() < 1e-12, "{ratio}");
        assert!(relative_sharpness(&[], &[image(&sharp)]).is_err());
    }
}
