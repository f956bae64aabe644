//! Feature similarity (Zhang et al. 2011), with the semantics of the authors' MATLAB code.
//!
//! FSIM ignores polarity: an image and its negative score about 0.99.

use std::f64::consts::{LN_2, PI};
use std::sync::Arc;

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use crate::MetricError;
use crate::plane::{Plane, Rgb8, same_size};

const SCALES: usize = 4; // Zhang et al. 2011, phasecong2
const ORIENTATIONS: usize = 4; // phasecong2
const MIN_WAVELENGTH: f64 = 6.0; // phasecong2
const SIGMA_ON_F: f64 = 0.55; // phasecong2
const THETA_SIGMA: f64 = PI / (ORIENTATIONS as f64 * 1.2); // phasecong2, dThetaOnSigma = 1.2
const NOISE_K: f64 = 2.0; // phasecong2
const NOISE_SCALE: f64 = 1.7; // phasecong2, empirical rescaling of the noise threshold
const EPSILON: f64 = 1e-4; // phasecong2
const T_PHASE: f64 = 0.85; // FSIM, T1
const T_GRADIENT: f64 = 160.0; // FSIM, T2
const T_CHROMA: f64 = 200.0; // FSIMc, T3 and T4
const LAMBDA: f64 = 0.03; // FSIMc, exponent of the chroma term
const I_WEIGHTS: [f64; 3] = [0.596, -0.274, -0.322]; // FSIMc
const Q_WEIGHTS: [f64; 3] = [0.211, -0.523, 0.312]; // FSIMc
/// Below this side the filters have no meaning.
const MIN_SIDE: usize = 8;

/// The two scores of a pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FsimScore {
    /// On luma only.
    pub fsim: f64,
    /// With the chroma term.
    pub fsimc: f64,
}

/// FSIM for images of one size: filters and transforms are prepared once and shared by threads.
#[derive(Clone)]
pub struct Fsim {
    size: (usize, usize),
    factor: usize,
    bank: FilterBank,
}

impl std::fmt::Debug for Fsim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fsim")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Fsim {
    /// Prepares for images of `width` x `height` pixels.
    pub fn new(width: usize, height: usize) -> Result<Self, MetricError> {
        let size = (width, height);
        if width.min(height) < MIN_SIDE {
            return Err(MetricError::TooSmall {
                metric: "fsim",
                needed: MIN_SIDE,
                size,
            });
        }
        let factor = (width.min(height) as f64 / 256.0).round().max(1.0) as usize;
        let bank = FilterBank::new(width.div_ceil(factor), height.div_ceil(factor));
        Ok(Self { size, factor, bank })
    }

    /// Scores a colour pair, values 0 to 255.
    pub fn score(&self, x: Rgb8<'_>, y: Rgb8<'_>) -> Result<FsimScore, MetricError> {
        self.check(x.size(), y.size())?;
        let features = |image: Rgb8<'_>| self.features(&image.luma());
        let chroma = |image: Rgb8<'_>, weights| shrink(&image.weighted(weights), self.factor).data;
        let (fx, fy) = (features(x), features(y));
        let (ix, iy) = (chroma(x, I_WEIGHTS), chroma(y, I_WEIGHTS));
        let (qx, qy) = (chroma(x, Q_WEIGHTS), chroma(y, Q_WEIGHTS));
        let colour = |i: usize| {
            let both = ratio(ix[i], iy[i], T_CHROMA) * ratio(qx[i], qy[i], T_CHROMA);
            // Real part of the complex power, which MATLAB takes for a negative base.
            let turn = if both < 0.0 { (LAMBDA * PI).cos() } else { 1.0 };
            both.abs().powf(LAMBDA) * turn
        };
        Ok(FsimScore {
            fsim: pool(&fx, &fy, |_| 1.0),
            fsimc: pool(&fx, &fy, colour),
        })
    }

    /// Scores a pair of grey planes, values 0 to 255.
    pub fn score_gray(&self, x: &Plane, y: &Plane) -> Result<f64, MetricError> {
        self.check(x.size(), y.size())?;
        Ok(pool(&self.features(x), &self.features(y), |_| 1.0))
    }

    /// Phase congruency of a grey plane (0 to 1) after the averaging of large images.
    pub fn phase_congruency(&self, plane: &Plane) -> Result<Plane, MetricError> {
        self.check(plane.size(), plane.size())?;
        Ok(self.bank.phase_congruency(&shrink(plane, self.factor)))
    }

    fn check(&self, x: (usize, usize), y: (usize, usize)) -> Result<(), MetricError> {
        same_size(x, y)?;
        same_size(self.size, x).map(|_| ())
    }

    fn features(&self, luma: &Plane) -> Features {
        let luma = shrink(luma, self.factor);
        Features {
            phase: self.bank.phase_congruency(&luma).data,
            gradient: scharr(&luma),
        }
    }
}

/// What FSIM compares at every pixel.
struct Features {
    phase: Vec<f64>,
    gradient: Vec<f64>,
}

/// Similarity of two non-negative features with stabiliser `t`.
fn ratio(a: f64, b: f64, t: f64) -> f64 {
    (2.0 * a * b + t) / (a * a + b * b + t)
}

/// Mean similarity weighted by the larger phase congruency.
fn pool(x: &Features, y: &Features, colour: impl Fn(usize) -> f64) -> f64 {
    let weights: Vec<f64> = x
        .phase
        .iter()
        .zip(&y.phase)
        .map(|(p, q)| p.max(*q))
        .collect();
    let total: f64 = weights.iter().sum();
    // Two images without any structure have no weights; then every pixel counts the same.
    let (weight, total): (&dyn Fn(usize) -> f64, f64) = if total > 0.0 {
        (&|i| weights[i], total)
    } else {
        (&|_| 1.0, weights.len() as f64)
    };
    let sum: f64 = (0..weights.len())
        .map(|i| {
            ratio(x.phase[i], y.phase[i], T_PHASE)
                * ratio(x.gradient[i], y.gradient[i], T_GRADIENT)
                * colour(i)
                * weight(i)
        })
        .sum();
    sum / total
}

/// Mean filter of side `factor` with zeros outside, then every `factor`-th pixel, aligned as
/// MATLAB's `conv2(..., 'same')`.
fn shrink(plane: &Plane, factor: usize) -> Plane {
    if factor == 1 {
        return plane.clone();
    }
    let (width, height) = plane.size();
    let span = |i: usize, n: usize| {
        let end = (i * factor + factor / 2 + 1).min(n);
        let start = (i * factor + factor / 2 + 1).saturating_sub(factor);
        start..end
    };
    let (w, h) = (width.div_ceil(factor), height.div_ceil(factor));
    let area = (factor * factor) as f64;
    let mut data = Vec::with_capacity(w * h);
    for y in 0..h {
        for x in 0..w {
            let columns = span(x, width);
            let sum: f64 = span(y, height)
                .map(|row| {
                    plane.data[row * width..][columns.clone()]
                        .iter()
                        .sum::<f64>()
                })
                .sum();
            data.push(sum / area);
        }
    }
    Plane {
        width: w,
        height: h,
        data,
    }
}

/// Length of the Scharr gradient with zeros outside the plane.
fn scharr(plane: &Plane) -> Vec<f64> {
    let (width, height) = (plane.width as isize, plane.height as isize);
    let at = |x: isize, y: isize| {
        if x < 0 || y < 0 || x >= width || y >= height {
            0.0
        } else {
            plane.data[(y * width + x) as usize]
        }
    };
    let mut out = Vec::with_capacity(plane.data.len());
    for y in 0..height {
        for x in 0..width {
            let side = |dx: isize| {
                3.0 * at(x + dx, y - 1) + 10.0 * at(x + dx, y) + 3.0 * at(x + dx, y + 1)
            };
            let edge = |dy: isize| {
                3.0 * at(x - 1, y + dy) + 10.0 * at(x, y + dy) + 3.0 * at(x + 1, y + dy)
            };
            let gx = (side(1) - side(-1)) / 16.0;
            let gy = (edge(1) - edge(-1)) / 16.0;
            out.push((gx * gx + gy * gy).sqrt());
        }
    }
    out
}

/// Log-Gabor filters of one orientation and the constants of its noise estimate.
#[derive(Clone)]
struct Orientation {
    filters: [Vec<f64>; SCALES],
    /// Sum of squares of the finest filter.
    energy: f64,
    /// Factor from noise power to the expected squared noise energy.
    noise: f64,
}

/// Filters and transforms for planes of one size.
#[derive(Clone)]
struct FilterBank {
    fft: Fft2,
    orientations: Arc<Vec<Orientation>>,
}

impl FilterBank {
    fn new(width: usize, height: usize) -> Self {
        let fft = Fft2::new(width, height);
        let (fx, fy) = (frequencies(width), frequencies(height));
        let orientations = (0..ORIENTATIONS)
            .map(|o| {
                let angle = o as f64 * PI / ORIENTATIONS as f64;
                let filters: [Vec<f64>; SCALES] = std::array::from_fn(|s| {
                    let wavelength = MIN_WAVELENGTH * f64::from(1u32 << s);
                    // Column by column, as the transform leaves its spectrum.
                    let column =
                        |&u: &f64| fy.iter().map(move |&v| log_gabor(u, v, wavelength, angle));
                    fx.iter().flat_map(column).collect()
                });
                let (energy, noise) = noise_constants(&fft, &filters);
                Orientation {
                    filters,
                    energy,
                    noise,
                }
            })
            .collect();
        Self {
            fft,
            orientations: Arc::new(orientations),
        }
    }

    fn phase_congruency(&self, plane: &Plane) -> Plane {
        let mut spectrum: Vec<_> = plane.data.iter().map(|&v| Complex::new(v, 0.0)).collect();
        self.fft.forward(&mut spectrum);
        let pixels = plane.data.len();
        let mut energy = vec![0.0; pixels];
        let mut amplitude = vec![0.0; pixels];
        for orientation in self.orientations.iter() {
            let responses: Vec<Vec<Complex<f64>>> = orientation
                .filters
                .iter()
                .map(|filter| {
                    let mut response: Vec<_> =
                        spectrum.iter().zip(filter).map(|(v, f)| v * f).collect();
                    self.fft.inverse(&mut response);
                    response
                })
                .collect();
            let threshold = orientation.threshold(&responses[0]);
            for i in 0..pixels {
                let sum: Complex<f64> = responses.iter().map(|r| r[i]).sum();
                let mean = sum / (sum.norm_sqr().sqrt() + EPSILON);
                let local: f64 = responses
                    .iter()
                    .map(|r| {
                        let (even, odd) = (r[i].re, r[i].im);
                        even * mean.re + odd * mean.im - (even * mean.im - odd * mean.re).abs()
                    })
                    .sum();
                energy[i] += (local - threshold).max(0.0);
                amplitude[i] += responses
                    .iter()
                    .map(|r| r[i].norm_sqr().sqrt())
                    .sum::<f64>();
            }
        }
        // A flat image has no amplitude and no phase to agree on.
        let ratio = |(e, a): (f64, f64)| if a > 0.0 { e / a } else { 0.0 };
        let data = energy.into_iter().zip(amplitude).map(ratio).collect();
        Plane {
            width: plane.width,
            height: plane.height,
            data,
        }
    }
}

impl Orientation {
    /// Energy that noise alone would reach, from the median response of the finest scale.
    fn threshold(&self, finest: &[Complex<f64>]) -> f64 {
        let power = median(finest.iter().map(Complex::norm_sqr).collect()) / LN_2 / self.energy;
        let tau = (power * self.noise / 2.0).sqrt();
        let mean = tau * (PI / 2.0).sqrt();
        let std = ((2.0 - PI / 2.0) * tau * tau).sqrt();
        (mean + NOISE_K * std) / NOISE_SCALE
    }
}

/// Frequencies of `n` samples in the order of the transform; odd sizes use `n - 1` as divisor.
fn frequencies(n: usize) -> Vec<f64> {
    let half = n / 2;
    let divisor = (n - n % 2) as f64;
    let centred = |i: usize| (i as f64 - half as f64) / divisor;
    (0..n).map(|i| centred((i + half) % n)).collect()
}

/// Transfer function of the log-Gabor filter of `wavelength` and `angle` at frequency `(u, v)`.
fn log_gabor(u: f64, v: f64, wavelength: f64, angle: f64) -> f64 {
    let radius = u.hypot(v);
    if radius == 0.0 {
        return 0.0;
    }
    let low_pass = 1.0 / (1.0 + (radius / 0.45).powi(30)); // phasecong2, lowpassfilter(.45, 15)
    let octave = (radius * wavelength).ln() / SIGMA_ON_F.ln();
    let theta = (-v).atan2(u);
    let (sin, cos) = theta.sin_cos();
    let across = sin * angle.cos() - cos * angle.sin();
    let along = cos * angle.cos() + sin * angle.sin();
    let turn = across.atan2(along) / THETA_SIGMA;
    (-(octave * octave) / 2.0).exp() * low_pass * (-(turn * turn) / 2.0).exp()
}

/// Sum of squares of the finest filter, and the factor of the noise energy.
fn noise_constants(fft: &Fft2, filters: &[Vec<f64>; SCALES]) -> (f64, f64) {
    let scale = (filters[0].len() as f64).sqrt();
    let kernels: Vec<Vec<f64>> = filters
        .iter()
        .map(|filter| {
            let mut kernel: Vec<_> = filter.iter().map(|&v| Complex::new(v, 0.0)).collect();
            fft.inverse(&mut kernel);
            kernel.iter().map(|v| v.re * scale).collect()
        })
        .collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let mut noise = 0.0;
    for (s, kernel) in kernels.iter().enumerate() {
        noise += 2.0 * dot(kernel, kernel);
        for other in &kernels[s + 1..] {
            noise += 4.0 * dot(kernel, other);
        }
    }
    (dot(&filters[0], &filters[0]), noise)
}

/// Mean of the two middle values, or the middle one; `values` is not empty.
fn median(mut values: Vec<f64>) -> f64 {
    let (middle, is_even) = (values.len() / 2, values.len().is_multiple_of(2));
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if !is_even {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, upper)
}

/// Two-dimensional complex transform of one size.
#[derive(Clone)]
struct Fft2 {
    width: usize,
    height: usize,
    rows: [Arc<dyn Fft<f64>>; 2],
    columns: [Arc<dyn Fft<f64>>; 2],
}

impl Fft2 {
    fn new(width: usize, height: usize) -> Self {
        let mut planner = FftPlanner::new();
        let rows = [
            planner.plan_fft_forward(width),
            planner.plan_fft_inverse(width),
        ];
        let columns = [
            planner.plan_fft_forward(height),
            planner.plan_fft_inverse(height),
        ];
        Self {
            width,
            height,
            rows,
            columns,
        }
    }

    /// Spectrum of `data`, column by column.
    fn forward(&self, data: &mut Vec<Complex<f64>>) {
        self.rows[0].process(data);
        *data = transpose(data, self.width, self.height);
        self.columns[0].process(data);
    }

    /// Inverse of [`Fft2::forward`], with the factor `1 / (width * height)`.
    fn inverse(&self, data: &mut Vec<Complex<f64>>) {
        self.columns[1].process(data);
        *data = transpose(data, self.height, self.width);
        self.rows[1].process(data);
        let scale = 1.0 / data.len() as f64;
        for v in data {
            *v *= scale;
        }
    }
}

fn transpose(data: &[Complex<f64>], width: usize, height: usize) -> Vec<Complex<f64>> {
    let mut out = Vec::with_capacity(data.len());
    for x in 0..width {
        out.extend((0..height).map(|y| data[y * width + x]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(width: usize, height: usize, f: impl Fn(usize, usize) -> f64) -> Plane {
        let data = (0..width * height)
            .map(|i| f(i % width, i / width))
            .collect();
        Plane::new(width, height, data).expect("the size is right")
    }

    #[test]
    fn flat_images_have_no_phase_congruency_and_a_finite_score() {
        let (dark, bright) = (plane(16, 12, |_, _| 20.0), plane(16, 12, |_, _| 200.0));
        let fsim = Fsim::new(16, 12).expect("large enough");
        let score = fsim.score_gray(&dark, &bright).expect("one size");
        assert!(score.is_finite() && score <= 1.0, "{score}");
    }

    #[test]
    fn the_transform_inverts_itself_on_odd_sizes() {
        let fft = Fft2::new(7, 5);
        let start: Vec<_> = (0..35)
            .map(|i| Complex::new(f64::from(i * i % 11), 0.0))
            .collect();
        let mut data = start.clone();
        fft.forward(&mut data);
        fft.inverse(&mut data);
        for (a, b) in start.iter().zip(&data) {
            assert!((a - b).norm() < 1e-12);
        }
    }

    #[test]
    fn frequencies_start_at_zero_and_use_the_published_divisors() {
        assert_eq!(frequencies(4), [0.0, 0.25, -0.5, -0.25]);
        assert_eq!(frequencies(5), [0.0, 0.25, 0.5, -0.5, -0.25]);
    }

    #[test]
    fn shrinking_aligns_blocks_as_matlab_does() {
        let ramp = plane(5, 2, |x, _| x as f64);
        assert_eq!(shrink(&ramp, 2).data, [0.5, 2.5, 2.0]);
        let ones = plane(5, 5, |_, _| 9.0);
        assert_eq!(shrink(&ones, 3).data, [4.0, 6.0, 6.0, 9.0]);
    }

    #[test]
    fn sizes_other_than_the_prepared_one_are_refused() {
        let fsim = Fsim::new(16, 16).expect("large enough");
        let other = plane(16, 12, |_, _| 0.0);
        assert!(fsim.score_gray(&other, &other).is_err());
        assert!(Fsim::new(16, 7).is_err());
    }
}
