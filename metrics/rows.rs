//! Feature rows, in memory or wherever else they are kept.

use std::ops::Range;

use crate::MetricError;

/// A set of feature rows that can be read in any order, so that large sets need not sit in memory.
pub trait Rows {
    /// Number of rows.
    fn count(&self) -> usize;

    /// Values per row.
    fn dims(&self) -> usize;

    /// Replaces the contents of `into` by `rows`, one after the other.
    ///
    /// # Errors
    ///
    /// If the rows cannot be read.
    fn gather(&self, rows: &[usize], into: &mut Vec<f32>) -> Result<(), MetricError>;

    /// [`Self::gather`] of adjacent rows.
    ///
    /// # Errors
    ///
    /// If the rows cannot be read.
    fn read(&self, rows: Range<usize>, into: &mut Vec<f32>) -> Result<(), MetricError> {
        self.gather(&rows.collect::<Vec<_>>(), into)
    }
}

/// Rows in memory.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    dims: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of `dims` values each, one after the other.
    pub fn new(data: &'a [f32], dims: usize) -> Result<Self, MetricError> {
        if dims == 0 || !data.len().is_multiple_of(dims) {
            return Err(MetricError::Buffer {
                width: dims,
                height: data.len().checked_div(dims).unwrap_or(0),
                channels: 1,
                expected: data.len().checked_div(dims).unwrap_or(0) * dims,
                got: data.len(),
            });
        }
        Ok(Self { data, dims })
    }

    /// One row.
    pub fn row(&self, index: usize) -> &'a [f32] {
        &self.data[index * self.dims..][..self.dims]
    }
}

impl Rows for Matrix<'_> {
    fn count(&self) -> usize {
        self.data.len() / self.dims
    }

    fn dims(&self) -> usize {
        self.dims
    }

    fn gather(&self, rows: &[usize], into: &mut Vec<f32>) -> Result<(), MetricError> {
        into.clear();
        for &row in rows {
            into.extend_from_slice(self.row(row));
        }
        Ok(())
    }
}

/// Refuses sets of rows that differ in length.
pub(crate) fn same_dims(left: usize, right: usize) -> Result<usize, MetricError> {
    if left == right {
        Ok(left)
    } else {
        Err(MetricError::Dims { left, right })
    }
}

/// Refuses NaN and infinities; `first` is the number of the first row in its set.
pub(crate) fn finite(values: &[f32], dims: usize, first: usize) -> Result<(), MetricError> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(at) => Err(MetricError::NotFinite {
            row: first + at / dims,
            column: at % dims,
        }),
    }
}
