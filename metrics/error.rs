//! What can be wrong with the input of a metric.

/// Input that a metric refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// The buffer does not hold `width * height * channels` values.
    #[error("an image of {width} x {height} x {channels} needs {expected} values, got {got}")]
    Buffer {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Values per pixel.
        channels: usize,
        /// Their product.
        expected: usize,
        /// Length of the buffer.
        got: usize,
    },
    /// The two images of a pair differ in size.
    #[error("the images of a pair must have one size, got {left:?} and {right:?} (width, height)")]
    Sizes {
        /// Size of the first image.
        left: (usize, usize),
        /// Size of the second image.
        right: (usize, usize),
    },
    /// The image is smaller than the metric's window.
    #[error("{metric} needs images of at least {needed} x {needed} pixels, got {size:?}")]
    TooSmall {
        /// Which metric.
        metric: &'static str,
        /// Smallest side in pixels.
        needed: usize,
        /// Width and height.
        size: (usize, usize),
    },
    /// A mean over nothing was asked for.
    #[error("{what}: no images were given")]
    Empty {
        /// What was to be computed.
        what: &'static str,
    },
    /// Feature rows of two lengths.
    #[error("features of {left} and {right} values per image cannot be compared")]
    Dims {
        /// Values per row of the first set.
        left: usize,
        /// Values per row of the second set.
        right: usize,
    },
    /// A feature is NaN or infinite.
    #[error("row {row} holds a value that is not finite (column {column})")]
    NotFinite {
        /// Row in its set, 0-based.
        row: usize,
        /// Column, 0-based.
        column: usize,
    },
    /// Too few observations for what was asked for.
    #[error("{what} needs at least {needed}, got {got}")]
    TooFew {
        /// What was to be computed.
        what: &'static str,
        /// Smallest number.
        needed: usize,
        /// How many there are.
        got: usize,
    },
    /// Rows cannot be read from where they are kept.
    #[error("features cannot be read: {0}")]
    Read(String),
    /// A setting or an entry makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The eigenvalues of a covariance could not be found.
    #[error("the eigenvalues of the {dims} x {dims} covariance were not found")]
    NoConvergence {
        /// Its side.
        dims: usize,
    },
}
