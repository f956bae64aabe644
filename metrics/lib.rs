//! Image metrics in plain Rust and `f64`: no tensors, no files, no global state.
//!
//! Definitions follow the papers' published code; every score names its variant, because numbers
//! of different variants must not be compared.

pub mod agreement;
pub mod error;
pub mod fsim;
pub mod interval;
pub mod moments;
pub mod pairs;
pub mod plane;
pub mod sharpness;
pub mod ssim;

pub use agreement::{Agreement, Share};
pub use error::MetricError;
pub use fsim::{Fsim, FsimScore};
pub use interval::{Interval, bootstrap_mean, wilson};
pub use moments::Moments;
pub use pairs::{PairScores, score_pairs};
pub use plane::{Plane, Rgb8};
pub use sharpness::{laplacian_variance, relative_sharpness};
pub use ssim::{Ssim, ssim, ssim_rgb};
