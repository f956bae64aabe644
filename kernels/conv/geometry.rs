//! Sizes of a convolution, and the calls.

use rayon::prelude::*;

use super::correlation::{Correlation, Sum, Tap};
use super::direct::correlate;
use super::weight::weight_gradient;
use crate::isa::Isa;

/// Sizes of a convolution in two dimensions; pairs are rows, columns.
///
/// Arrays are `[batch, channels, rows, columns]`, weights
/// `[channels_out, channels_in / groups, kernel rows, kernel columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Images in the batch.
    pub batch: usize,
    /// Channels of the input.
    pub channels_in: usize,
    /// Channels of the output.
    pub channels_out: usize,
    /// Groups into which both kinds of channels are divided.
    pub groups: usize,
    /// Size of the input.
    pub size: [usize; 2],
    /// Size of the kernel.
    pub kernel: [usize; 2],
    /// Distance between neighbouring windows.
    pub stride: [usize; 2],
    /// Zeros before the first and after the last row or column.
    pub padding: [usize; 2],
    /// Distance between neighbouring taps of the kernel.
    pub dilation: [usize; 2],
}

impl Conv2d {
    /// Whether the kernels compute this; where not, the caller uses another implementation.
    ///
    /// They want undilated kernels, no size of zero, channels divisible by the groups, and a
    /// kernel that fits into the padded input.
    pub fn is_supported(&self) -> bool {
        let sizes = [self.batch, self.channels_in, self.channels_out, self.groups];
        let fits = |i: usize| self.kernel[i] <= self.size[i] + 2 * self.padding[i];
        self.dilation == [1, 1]
            && sizes
                .iter()
                .chain(&self.size)
                .chain(&self.kernel)
                .chain(&self.stride)
                .all(|&n| n > 0)
            && self.channels_in.is_multiple_of(self.groups)
            && self.channels_out.is_multiple_of(self.groups)
            && fits(0)
            && fits(1)
    }

    /// Size of the output.
    pub fn output_size(&self) -> [usize; 2] {
        [0, 1].map(|i| (self.size[i] + 2 * self.padding[i] - self.kernel[i]) / self.stride[i] + 1)
    }

    /// Values in the input.
    pub fn input_len(&self) -> usize {
        self.batch * self.channels_in * self.size[0] * self.size[1]
    }

    /// Values in the weights.
    pub fn weight_len(&self) -> usize {
        self.channels_out * self.channels_in / self.groups * self.kernel[0] * self.kernel[1]
    }

    /// Values in the output.
    pub fn output_len(&self) -> usize {
        let [rows, columns] = self.output_size();
        self.batch * self.channels_out * rows * columns
    }

    /// Writes the convolution of `x` with `w`, plus `bias` (one value per output channel), to `y`.
    ///
    /// # Panics
    ///
    /// If a slice has another length than the sizes say, or they are not supported.
    pub fn forward(&self, x: &[f32], w: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
        self.check(x.len(), w.len(), y.len());
        if let Some(bias) = bias {
            assert_eq!(bias.len(), self.channels_out, "length of the bias");
        }
        correlate(&self.forward_sum(), Isa::current(), x, w, bias, y);
    }

    /// Writes the gradient of the input, given that of the output, plus `bias` (one value per input
    /// channel), to `dx`.
    ///
    /// # Panics
    ///
    /// As [`Self::forward`].
    pub fn input_gradient(&self, dy: &[f32], w: &[f32], bias: Option<&[f32]>, dx: &mut [f32]) {
        self.check(dx.len(), w.len(), dy.len());
        if let Some(bias) = bias {
            assert_eq!(bias.len(), self.channels_in, "length of the bias");
        }
        correlate(&self.input_gradient_sums(), Isa::current(), dy, w, bias, dx);
    }

    /// Writes the gradient of the weights, given that of the output, to `dw`.
    ///
    /// # Panics
    ///
    /// As [`Self::forward`].
    pub fn weight_gradient(&self, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        self.check(x.len(), dw.len(), dy.len());
        weight_gradient(self, Isa::current(), x, dy, dw);
    }

    /// Writes the gradient of the bias, given that of the output, to `db`.
    ///
    /// # Panics
    ///
    /// As [`Self::forward`].
    pub fn bias_gradient(&self, dy: &[f32], db: &mut [f32]) {
        assert!(self.is_supported(), "{self:?} is not supported");
        assert_eq!(dy.len(), self.output_len(), "length of the output");
        assert_eq!(db.len(), self.channels_out, "length of the bias");
        let plane = self.output_size().iter().product::<usize>();
        db.par_iter_mut().enumerate().for_each(|(o, db)| {
            let planes =
                (0..self.batch).map(|n| &dy[(n * self.channels_out + o) * plane..][..plane]);
            *db = planes.flatten().map(|&v| f64::from(v)).sum::<f64>() as f32;
        });
    }

    /// The output as a sum over input channels and taps.
    fn forward_sum(&self) -> Correlation {
        let (c_in, c_out) = (
            self.channels_in / self.groups,
            self.channels_out / self.groups,
        );
        let taps = self.kernel[0] * self.kernel[1];
        let at = |i: usize, tap: usize| tap as isize - self.padding[i] as isize;
        Correlation {
            batch: self.batch,
            groups: self.groups,
            channels: [c_in, c_out],
            from: self.size,
            stride: self.stride,
            weight_steps: [taps, c_in * taps, c_out * c_in * taps],
            plane: self.output_size(),
            step: [1, 1],
            sums: vec![Sum {
                taps: (0..taps)
                    .map(|t| Tap {
                        at: [at(0, t / self.kernel[1]), at(1, t % self.kernel[1])],
                        weight: t,
                    })
                    .collect(),
                to: self.output_size(),
                origin: [0, 0],
            }],
        }
    }

    /// The gradient of the input as sums over output channels and taps: one for each phase of the
    /// stride, as each phase of the input meets other taps.
    fn input_gradient_sums(&self) -> Correlation {
        let (c_in, c_out) = (
            self.channels_in / self.groups,
            self.channels_out / self.groups,
        );
        let taps = self.kernel[0] * self.kernel[1];
        let columns = self.stride[1].min(self.size[1]);
        let phase = |phase: usize| {
            let origin = [phase / columns, phase % columns];
            let at = |i: usize, tap: usize| {
                let from = (origin[i] + self.padding[i]) as isize - tap as isize;
                let stride = self.stride[i] as isize;
                (from % stride == 0).then_some(from / stride)
            };
            let tap = |t: usize| {
                let at = [at(0, t / self.kernel[1])?, at(1, t % self.kernel[1])?];
                Some(Tap { at, weight: t })
            };
            Sum {
                taps: (0..taps).filter_map(tap).collect(),
                to: [0, 1].map(|i| (self.size[i] - origin[i]).div_ceil(self.stride[i])),
                origin,
            }
        };
        let phases = self.stride[0].min(self.size[0]) * columns;
        Correlation {
            batch: self.batch,
            groups: self.groups,
            channels: [c_out, c_in],
            from: self.output_size(),
            stride: [1, 1],
            weight_steps: [c_in * taps, taps, c_out * c_in * taps],
            plane: self.size,
            step: self.stride,
            sums: (0..phases).map(phase).collect(),
        }
    }

    fn check(&self, x: usize, w: usize, y: usize) {
        assert!(self.is_supported(), "{self:?} is not supported");
        assert_eq!(x, self.input_len(), "length of the input");
        assert_eq!(w, self.weight_len(), "length of the weights");
        assert_eq!(y, self.output_len(), "length of the output");
    }
}
