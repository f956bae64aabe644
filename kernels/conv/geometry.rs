//! Sizes of a convolution, and the calls.

use rayon::prelude::*;

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
        let [oh, ow] = self.output_size();
        y.par_chunks_mut(oh * ow)
            .enumerate()
            .for_each(|(plane, y)| {
                let (n, o) = (plane / self.channels_out, plane % self.channels_out);
                y.fill(bias.map_or(0.0, |bias| bias[o]));
                self.each_product(n, o, |xi, wi, yi| y[yi] += x[xi] * w[wi]);
            });
    }

    /// Writes the gradient of the input, given that of the output, to `dx`.
    ///
    /// # Panics
    ///
    /// As [`Self::forward`].
    pub fn input_gradient(&self, dy: &[f32], w: &[f32], dx: &mut [f32]) {
        self.check(dx.len(), w.len(), dy.len());
        let [oh, ow] = self.output_size();
        let image = dx.len() / self.batch;
        dx.par_chunks_mut(image).enumerate().for_each(|(n, dx)| {
            dx.fill(0.0);
            for o in 0..self.channels_out {
                let dy = &dy[(n * self.channels_out + o) * oh * ow..][..oh * ow];
                self.each_product(0, o, |xi, wi, yi| dx[xi] += dy[yi] * w[wi]);
            }
        });
    }

    /// Writes the gradient of the weights, given that of the output, to `dw`.
    ///
    /// # Panics
    ///
    /// As [`Self::forward`].
    pub fn weight_gradient(&self, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        self.check(x.len(), dw.len(), dy.len());
        let [oh, ow] = self.output_size();
        let taps = dw.len() / self.channels_out;
        dw.par_chunks_mut(taps).enumerate().for_each(|(o, dw)| {
            dw.fill(0.0);
            for n in 0..self.batch {
                let dy = &dy[(n * self.channels_out + o) * oh * ow..][..oh * ow];
                self.each_product(n, o, |xi, wi, yi| dw[wi - o * taps] += dy[yi] * x[xi]);
            }
        });
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

    fn check(&self, x: usize, w: usize, y: usize) {
        assert!(self.is_supported(), "{self:?} is not supported");
        assert_eq!(x, self.input_len(), "length of the input");
        assert_eq!(w, self.weight_len(), "length of the weights");
        assert_eq!(y, self.output_len(), "length of the output");
    }

    /// Calls `product` with the indices into input, weights and one output plane of every
    /// product of image `n`, output channel `o`.
    fn each_product(&self, n: usize, o: usize, mut product: impl FnMut(usize, usize, usize)) {
        let [oh, ow] = self.output_size();
        let channels = self.channels_in / self.groups;
        let first = o / (self.channels_out / self.groups) * channels;
        let inside = |out: usize, tap: usize, i: usize| {
            (out * self.stride[i] + tap)
                .checked_sub(self.padding[i])
                .filter(|&at| at < self.size[i])
        };
        for c in 0..channels {
            let plane = (n * self.channels_in + first + c) * self.size[0];
            for ky in 0..self.kernel[0] {
                for kx in 0..self.kernel[1] {
                    let wi = ((o * channels + c) * self.kernel[0] + ky) * self.kernel[1] + kx;
                    for oy in 0..oh {
                        let Some(iy) = inside(oy, ky, 0) else {
                            continue;
                        };
                        for ox in 0..ow {
                            let Some(ix) = inside(ox, kx, 1) else {
                                continue;
                            };
                            product((plane + iy) * self.size[1] + ix, wi, oy * ow + ox);
                        }
                    }
                }
            }
        }
    }
}
