//! Scalar products between blocks of feature rows, in `f64`.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};

use crate::MetricError;
use crate::rows::{Rows, finite};

/// Rows in `f64` with their squared lengths.
pub(crate) struct Block {
    dims: usize,
    pub(crate) data: Vec<f64>,
    pub(crate) squares: Vec<f64>,
}

impl Block {
    /// Rows `indices` of `rows`; refuses values that are not finite.
    pub(crate) fn gather(rows: &dyn Rows, indices: &[usize]) -> Result<Self, MetricError> {
        let mut values = Vec::new();
        rows.gather(indices, &mut values)?;
        let dims = rows.dims();
        if let Err(MetricError::NotFinite { row, column }) = finite(&values, dims, 0) {
            return Err(MetricError::NotFinite {
                row: indices[row],
                column,
            });
        }
        let data: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
        let squares = data
            .chunks_exact(dims)
            .map(|row| row.iter().map(|v| v * v).sum())
            .collect();
        Ok(Self {
            dims,
            data,
            squares,
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.squares.len()
    }

    pub(crate) fn row(&self, index: usize) -> &[f64] {
        &self.data[index * self.dims..][..self.dims]
    }

    /// Products of every own row with every row of `other`: `[own, other]`.
    pub(crate) fn products(&self, other: &Self) -> Mat<f64> {
        let view = |block: &Self| -> (usize, usize) { (block.dims, block.count()) };
        let (rows, columns) = view(self);
        let own = MatRef::from_column_major_slice(&self.data, rows, columns);
        let (rows, columns) = view(other);
        let theirs = MatRef::from_column_major_slice(&other.data, rows, columns);
        let mut products = Mat::zeros(self.count(), other.count());
        matmul(
            &mut products,
            Accum::Replace,
            own.transpose(),
            theirs,
            1.0,
            Par::rayon(0),
        );
        products
    }
}

/// Squared distance by differences, in a fixed order: equal rows are at equal distances.
pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}
