//! Normalisation by the statistics of a batch, with a scale and a shift per plane.

use crate::isa::Isa;
use crate::multiversion::multiversion;
use crate::parallel::{Parts, for_each};

/// Partial sums per sweep.
pub(crate) const LANES: usize = 32;
/// Values added up in single precision before the sum goes on in double precision.
pub(crate) const BLOCK: usize = 64 * LANES;

/// Shape `[batch, channels, area]`; the planes of `area` values are contiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Number of samples.
    pub batch: usize,
    /// Number of channels.
    pub channels: usize,
    /// Values per plane.
    pub area: usize,
}

impl Shape {
    /// Number of values.
    pub const fn len(self) -> usize {
        self.batch * self.channels * self.area
    }

    /// Whether there are no values.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Planes of `channel` as positions in `[batch, channels]`.
    fn planes(self, channel: usize) -> impl Iterator<Item = usize> + Clone {
        (0..self.batch).map(move |n| n * self.channels + channel)
    }

    pub(crate) fn range(self, plane: usize) -> std::ops::Range<usize> {
        plane * self.area..(plane + 1) * self.area
    }
}

/// Scale and shift after the normalisation, for each channel or for each plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine<'a> {
    /// `[channels]` or `[batch, channels]`.
    pub scale: &'a [f32],
    /// As `scale`.
    pub shift: &'a [f32],
}

/// Mean and biased variance per channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// `[channels]`.
    pub mean: Vec<f32>,
    /// `[channels]`.
    pub var: Vec<f32>,
}

/// What [`batch_norm_backward`] finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients {
    /// Gradient of the scale, `[batch, channels]`.
    pub scale: Vec<f32>,
    /// Gradient of the shift, `[batch, channels]`.
    pub shift: Vec<f32>,
}

/// `y = (x - mean) / sqrt(var + epsilon) * scale + shift` with the statistics of each channel over
/// batch and area, which are handed back.
///
/// # Panics
///
/// If a length does not fit `shape`.
pub fn batch_norm(
    shape: Shape,
    x: &[f32],
    affine: Affine,
    epsilon: f64,
    y: &mut [f32],
) -> Statistics {
    assert_eq!(
        [x.len(), y.len()],
        [shape.len(); 2],
        "the shape is that of the arrays"
    );
    let affine = PerPlane::new(shape, affine);
    let isa = Isa::current();
    let mut statistics = Statistics {
        mean: vec![0.0; shape.channels],
        var: vec![0.0; shape.channels],
    };
    let (mean, var) = (
        Parts::new(&mut statistics.mean),
        Parts::new(&mut statistics.var),
    );
    let y = Parts::new(y);
    for_each(shape.channels, shape.len(), |c| {
        let moments = shape.planes(c).fold(Moments::default(), |all, plane| {
            all.merge(Moments::of(isa, &x[shape.range(plane)]))
        });
        // SAFETY: every channel is one task.
        unsafe {
            mean.part(c..c + 1)[0] = moments.mean as f32;
            var.part(c..c + 1)[0] = moments.var() as f32;
        }
        let rstd = 1.0 / (moments.var() + epsilon).sqrt();
        for plane in shape.planes(c) {
            let (scale, shift) = affine.of(plane);
            // SAFETY: every plane belongs to one channel.
            let y = unsafe { y.part(shape.range(plane)) };
            let factor = (f64::from(scale) * rstd) as f32;
            normalise(
                isa,
                &x[shape.range(plane)],
                moments.mean as f32,
                factor,
                shift,
                y,
            );
        }
    });
    statistics
}

/// Gradients of [`batch_norm`]: `dx` is written in place of `grad`, which comes in as the gradient
/// of `y`; the statistics are those of the forward pass.
///
/// # Panics
///
/// If a length does not fit `shape`.
pub fn batch_norm_backward(
    shape: Shape,
    x: &[f32],
    scale: &[f32],
    statistics: &Statistics,
    epsilon: f64,
    grad: &mut [f32],
) -> Gradients {
    assert_eq!(
        [x.len(), grad.len()],
        [shape.len(); 2],
        "the shape is that of the arrays"
    );
    let lengths = [statistics.mean.len(), statistics.var.len()];
    assert_eq!(lengths, [shape.channels; 2], "statistics per channel");
    let affine = PerPlane::new(
        shape,
        Affine {
            scale,
            shift: scale,
        },
    );
    let isa = Isa::current();
    let planes = shape.batch * shape.channels;
    let mut gradients = Gradients {
        scale: vec![0.0; planes],
        shift: vec![0.0; planes],
    };
    let (to_scale, to_shift) = (
        Parts::new(&mut gradients.scale),
        Parts::new(&mut gradients.shift),
    );
    let grad = Parts::new(grad);
    let count = (shape.batch * shape.area) as f64;
    for_each(shape.channels, shape.len(), |c| {
        let mean = statistics.mean[c];
        let rstd = 1.0 / (f64::from(statistics.var[c]) + epsilon).sqrt();
        // Sums over the channel of the gradient of the normalised values, alone and times them.
        let (mut alone, mut along) = (0.0, 0.0);
        for plane in shape.planes(c) {
            // SAFETY: every plane belongs to one channel, and the part is dropped in the loop.
            let dy = unsafe { grad.part(shape.range(plane)) };
            let [sum, product] = sums(isa, &x[shape.range(plane)], dy, mean);
            let product = product * rstd;
            let (scale, _) = affine.of(plane);
            alone += f64::from(scale) * sum;
            along += f64::from(scale) * product;
            // SAFETY: as above.
            unsafe {
                to_shift.part(plane..plane + 1)[0] = sum as f32;
                to_scale.part(plane..plane + 1)[0] = product as f32;
            }
        }
        for plane in shape.planes(c) {
            let (scale, _) = affine.of(plane);
            // dx = rstd (scale dy - alone / count - (x - mean) rstd along / count)
            let factors = [
                (f64::from(scale) * rstd) as f32,
                (rstd * alone / count) as f32,
                (rstd * rstd * along / count) as f32,
            ];
            // SAFETY: as above.
            let dy = unsafe { grad.part(shape.range(plane)) };
            input_gradient(isa, &x[shape.range(plane)], mean, factors, dy);
        }
    });
    gradients
}

/// `y = x * scale + shift` with one pair per channel or plane, in place of `x`.
///
/// # Panics
///
/// If a length does not fit `shape`.
pub fn modulate(shape: Shape, x: &mut [f32], affine: Affine) {
    assert_eq!(x.len(), shape.len(), "the shape is that of the array");
    let affine = PerPlane::new(shape, affine);
    let isa = Isa::current();
    let x = Parts::new(x);
    for_each(shape.batch * shape.channels, shape.len(), |plane| {
        let (scale, shift) = affine.of(plane);
        // SAFETY: every plane is one task.
        let part = unsafe { x.part(shape.range(plane)) };
        modulate_plane(isa, part, scale, shift);
    });
}

/// Gradients of [`modulate`]: `dx` is written in place of `grad`.
///
/// # Panics
///
/// If a length does not fit `shape`.
pub fn modulate_backward(shape: Shape, x: &[f32], scale: &[f32], grad: &mut [f32]) -> Gradients {
    assert_eq!(
        [x.len(), grad.len()],
        [shape.len(); 2],
        "the shape is that of the arrays"
    );
    let affine = PerPlane::new(
        shape,
        Affine {
            scale,
            shift: scale,
        },
    );
    let isa = Isa::current();
    let planes = shape.batch * shape.channels;
    let mut gradients = Gradients {
        scale: vec![0.0; planes],
        shift: vec![0.0; planes],
    };
    let (to_scale, to_shift) = (
        Parts::new(&mut gradients.scale),
        Parts::new(&mut gradients.shift),
    );
    let grad = Parts::new(grad);
    for_each(planes, shape.len(), |plane| {
        // SAFETY: every plane is one task.
        let (dy, to_scale, to_shift) = unsafe {
            (
                grad.part(shape.range(plane)),
                to_scale.part(plane..plane + 1),
                to_shift.part(plane..plane + 1),
            )
        };
        let [sum, product] = sums(isa, &x[shape.range(plane)], dy, 0.0);
        to_shift[0] = sum as f32;
        to_scale[0] = product as f32;
        modulate_plane(isa, dy, affine.of(plane).0, 0.0);
    });
    gradients
}

/// [`Affine`] by position in `[batch, channels]`.
pub(crate) struct PerPlane<'a> {
    affine: Affine<'a>,
}

impl<'a> PerPlane<'a> {
    pub(crate) fn new(shape: Shape, affine: Affine<'a>) -> Self {
        let len = affine.scale.len();
        assert!(
            len == affine.shift.len()
                && (len == shape.channels || len == shape.channels * shape.batch),
            "scale and shift per channel or plane: {len} and {} for {shape:?}",
            affine.shift.len()
        );
        Self { affine }
    }

    pub(crate) fn of(&self, plane: usize) -> (f32, f32) {
        // The channel where there is a row for all samples, else the plane itself.
        let i = plane % self.affine.scale.len();
        (self.affine.scale[i], self.affine.shift[i])
    }
}

/// Count, mean and sum of squared deviations, merged as by Chan, Golub & LeVeque (1983).
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn of(isa: Isa, x: &[f32]) -> Self {
        let count = x.len() as f64;
        // One value has no deviation, and planes of one value are common: vectors are maps 1x1.
        if let [value] = x {
            return Self {
                count,
                mean: f64::from(*value),
                squares: 0.0,
            };
        }
        let centre = (sum(isa, x) / count) as f32;
        let [sum, squares] = deviations(isa, x, centre);
        let offset = sum / count;
        Self {
            count,
            mean: f64::from(centre) + offset,
            squares: squares - sum * offset,
        }
    }

    fn merge(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0.0 {
            return self;
        }
        let delta = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + delta * other.count / count,
            squares: self.squares
                + other.squares
                + delta * delta * self.count * other.count / count,
        }
    }

    fn var(self) -> f64 {
        (self.squares / self.count).max(0.0)
    }
}

/// Sum of the partial sums of a block.
#[inline(always)]
pub(crate) fn fold(lanes: [f32; LANES]) -> f64 {
    lanes.iter().copied().map(f64::from).sum()
}

multiversion! {
    fn sum(x: &[f32]) -> f64 {
        let mut total = 0.0;
        for block in x.chunks(BLOCK) {
            let mut lanes = [0.0; LANES];
            let (rows, rest) = block.as_chunks::<LANES>();
            for row in rows {
                for i in 0..LANES {
                    lanes[i] += row[i];
                }
            }
            for (lane, v) in lanes.iter_mut().zip(rest) {
                *lane += v;
            }
            total += fold(lanes);
        }
        total
    }
}

multiversion! {
    /// Sums of the deviations from `centre` and of their squares.
    fn deviations(x: &[f32], centre: f32) -> [f64; 2] {
        let mut totals = [0.0; 2];
        for block in x.chunks(BLOCK) {
            let (mut first, mut second) = ([0.0; LANES], [0.0; LANES]);
            let (rows, rest) = block.as_chunks::<LANES>();
            for row in rows {
                for i in 0..LANES {
                    let d = row[i] - centre;
                    first[i] += d;
                    second[i] += d * d;
                }
            }
            for (i, v) in rest.iter().enumerate() {
                let d = v - centre;
                first[i] += d;
                second[i] += d * d;
            }
            totals[0] += fold(first);
            totals[1] += fold(second);
        }
        totals
    }
}

multiversion! {
    /// Sums of `dy` and of `dy (x - mean)`.
    fn sums(x: &[f32], dy: &[f32], mean: f32) -> [f64; 2] {
        let mut totals = [0.0; 2];
        for (x, dy) in x.chunks(BLOCK).zip(dy.chunks(BLOCK)) {
            let (mut alone, mut along) = ([0.0; LANES], [0.0; LANES]);
            let (x_rows, x_rest) = x.as_chunks::<LANES>();
            let (g_rows, g_rest) = dy.as_chunks::<LANES>();
            for (x, g) in x_rows.iter().zip(g_rows) {
                for i in 0..LANES {
                    alone[i] += g[i];
                    along[i] += g[i] * (x[i] - mean);
                }
            }
            for (i, (x, g)) in x_rest.iter().zip(g_rest).enumerate() {
                alone[i] += g;
                along[i] += g * (x - mean);
            }
            totals[0] += fold(alone);
            totals[1] += fold(along);
        }
        totals
    }
}

multiversion! {
    fn normalise(x: &[f32], mean: f32, factor: f32, shift: f32, y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = (x - mean) * factor + shift;
        }
    }
}

multiversion! {
    fn input_gradient(x: &[f32], mean: f32, factors: [f32; 3], dy: &mut [f32]) {
        for (g, x) in dy.iter_mut().zip(x) {
            *g = *g * factors[0] - factors[1] - (x - mean) * factors[2];
        }
    }
}

multiversion! {
    fn modulate_plane(x: &mut [f32], scale: f32, shift: f32) {
        for v in x {
            *v = *v * scale + shift;
        }
    }
}
