//! The one operation behind convolution and its input gradient: sums over channels and taps.

/// Where one tap reads and which weight it multiplies by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    /// Row and column of the source for the result at (0, 0); negative in the padding.
    pub(super) at: [isize; 2],
    /// Offset of the weight in the kernel of a pair of channels.
    pub(super) weight: usize,
}

/// Sums that read one source; each has taps of its own and a grid of results of its own:
/// `to[n, d, origin + step * (y, x)] = bias[d] + sum over c, t of
/// from[n, c, stride * (y, x) + at(t)] * w[d, c, weight(t)]`, with zeros outside of the source.
#[derive(Clone, Debug)]
pub(super) struct Correlation {
    /// Images.
    pub(super) batch: usize,
    /// Groups of channels.
    pub(super) groups: usize,
    /// Channels of a group in the source, in the result.
    pub(super) channels: [usize; 2],
    /// Size of the source's planes.
    pub(super) from: [usize; 2],
    /// Distance in the source between neighbouring results.
    pub(super) stride: [usize; 2],
    /// Distance in the weights between channels of the source, channels of the result, groups.
    pub(super) weight_steps: [usize; 3],
    /// Size of the result's planes.
    pub(super) plane: [usize; 2],
    /// Distance in the result between neighbours of a grid.
    pub(super) step: [usize; 2],
    /// The sums; their grids do not overlap.
    pub(super) sums: Vec<Sum>,
}

/// A grid of results that meet the same taps.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    /// The sum over the kernel.
    pub(super) taps: Vec<Tap>,
    /// Rows and columns of results.
    pub(super) to: [usize; 2],
    /// Where the first of them goes.
    pub(super) origin: [usize; 2],
}

impl Correlation {
    /// Rows (axis 0) or columns (axis 1) of the largest grid.
    pub(super) fn to(&self, axis: usize) -> usize {
        self.sums.iter().map(|sum| sum.to[axis]).max().unwrap_or(0)
    }

    /// Taps of all sums.
    pub(super) fn taps(&self) -> impl Iterator<Item = &Tap> {
        self.sums.iter().flat_map(|sum| &sum.taps)
    }

    /// Smallest and largest row (axis 0) or column (axis 1) that a tap reads for result (0, 0).
    pub(super) fn reach(&self, axis: usize) -> (isize, isize) {
        let at = || self.taps().map(|tap| tap.at[axis]);
        (at().min().unwrap_or(0), at().max().unwrap_or(0))
    }

    /// Offset in a plane of the result at (`row`, `column`) of the grid of `sum`.
    pub(super) fn place(&self, sum: &Sum, row: usize, column: usize) -> usize {
        (sum.origin[0] + row * self.step[0]) * self.plane[1] + sum.origin[1] + column * self.step[1]
    }

    /// Values in all planes of the source.
    pub(super) fn source_len(&self) -> usize {
        self.batch * self.groups * self.channels[0] * self.from[0] * self.from[1]
    }

    /// Values in all planes of the result.
    pub(super) fn result_len(&self) -> usize {
        self.batch * self.groups * self.channels[1] * self.plane[0] * self.plane[1]
    }
}
