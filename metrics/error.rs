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
}
