//! How the results of a strip are cut into vectors.

use super::correlation::{Correlation, Sum};
use super::strip::{Layout, Strip};

/// Lanes of a vector whose results are neighbours in a row, or at the same place of images that
/// follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// First lane and number of lanes.
    pub(super) lanes: (usize, usize),
    /// Offset of the first from the strip's first image, channel and row in the result.
    pub(super) to: usize,
    /// Distance from a lane's result to the next one's.
    pub(super) step: usize,
}

/// Vectors that cover all results of a strip; lanes on padding belong to no run.
#[derive(Debug)]
pub(super) struct Plan {
    /// Position of each vector's first lane in a plane of the copy.
    pub(super) positions: Vec<usize>,
    /// Runs of all vectors.
    runs: Vec<Run>,
    /// Where each vector's runs start, and the end.
    starts: Vec<usize>,
}

impl Plan {
    /// Covers the results of `sum` from left to right: each vector starts at the first that is
    /// left.
    pub(super) fn new(
        layout: &Layout,
        strip: Strip,
        spec: &Correlation,
        sum: &Sum,
        lanes: usize,
    ) -> Self {
        let mut plan = Self {
            positions: Vec::new(),
            runs: Vec::new(),
            starts: Vec::new(),
        };
        let [row_step, column_step] = [spec.step[0] * spec.plane[1], spec.step[1]];
        let image = spec.groups * spec.channels[1] * spec.plane[0] * spec.plane[1];
        let rows = strip.rows.1.min(sum.to[0].saturating_sub(strip.rows.0));
        let columns = sum.to[1];
        for first in (0..strip.images.1).step_by(layout.interleaved) {
            for row in 0..rows {
                let start = first * image + row * row_step;
                if layout.interleaved == 1 {
                    let position = layout.position(first, row, 0);
                    plan.cover(lanes, position, start, column_step, columns);
                    continue;
                }
                for column in 0..columns {
                    let position = layout.position(first, row, column);
                    let images = layout.interleaved.min(strip.images.1 - first);
                    plan.cover(lanes, position, start + column * column_step, image, images);
                }
            }
        }
        plan.starts.push(plan.runs.len());
        plan
    }

    /// Covers `count` results at neighbouring positions.
    fn cover(&mut self, lanes: usize, position: usize, to: usize, step: usize, count: usize) {
        let mut done = 0;
        while done < count {
            let position = position + done;
            let lane = match self.positions.last() {
                Some(&start) if position < start + lanes => position - start,
                _ => {
                    self.starts.push(self.runs.len());
                    self.positions.push(position);
                    0
                }
            };
            let run = (lanes - lane).min(count - done);
            self.runs.push(Run {
                lanes: (lane, run),
                to: to + done * step,
                step,
            });
            done += run;
        }
    }

    /// The runs of vector `i`.
    pub(super) fn runs(&self, i: usize) -> &[Run] {
        &self.runs[self.starts[i]..self.starts[i + 1]]
    }
}
