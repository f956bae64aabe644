//! The one operation behind convolution and its input gradient: a sum over channels and taps.

/// Where one tap reads and which weight it multiplies by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    /// Row and column of the source for the result at (0, 0); negative in the padding.
    pub(super) at: [isize; 2],
    /// Offset of the weight in the kernel of a pair of channels.
    pub(super) weight: usize,
}

/// `to[n, d, y, x] = bias[d] + sum over c, t of
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
    /// The sum over the kernel.
    pub(super) taps: Vec<Tap>,
    /// Distance in the weights between channels of the source, channels of the result, groups.
    pub(super) weight_steps: [usize; 3],
    /// Rows and columns of results.
    pub(super) to: [usize; 2],
    /// Where they go in planes of another size.
    pub(super) placement: Placement,
}

/// Places of a grid of results in a larger plane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placement {
    /// Size of the plane.
    pub(super) plane: [usize; 2],
    /// Where the first result goes.
    pub(super) origin: [usize; 2],
    /// Distance between neighbours.
    pub(super) step: [usize; 2],
}

impl Placement {
    /// Offset in the plane of the result at (`row`, `column`).
    pub(super) fn offset(&self, row: usize, column: usize) -> usize {
        (self.origin[0] + row * self.step[0]) * self.plane[1]
            + self.origin[1]
            + column * self.step[1]
    }
}

impl Correlation {
    /// Smallest and largest row (axis 0) or column (axis 1) that a tap reads for result (0, 0).
    pub(super) fn reach(&self, axis: usize) -> (isize, isize) {
        let at = || self.taps.iter().map(|tap| tap.at[axis]);
        (at().min().unwrap_or(0), at().max().unwrap_or(0))
    }

    /// Values in all planes of the source.
    pub(super) fn source_len(&self) -> usize {
        self.batch * self.groups * self.channels[0] * self.from[0] * self.from[1]
    }

    /// Values in all planes of the result.
    pub(super) fn result_len(&self) -> usize {
        let [rows, columns] = self.placement.plane;
        self.batch * self.groups * self.channels[1] * rows * columns
    }
}
