//! Image metrics in plain Rust and `f64`: no tensors, no files, no global state.
//!
//! Definitions follow the papers' published code; every score names its variant, because numbers
//! of different variants must not be compared.

pub mod agreement;
pub mod clip;
pub mod consistency;
pub mod covariance;
pub mod error;
pub mod folds;
pub mod frechet;
pub mod fsim;
pub mod gaussian;
pub mod human_rank;
pub mod inception_score;
pub mod interval;
pub mod kid;
pub mod linear_probe;
pub mod moments;
pub mod pairs;
pub mod plane;
pub mod prdc;
mod product;
pub mod r_precision;
pub mod rows;
pub mod sharpness;
pub mod ssim;

pub use agreement::{Agreement, Share};
pub use clip::ClipScore;
pub use covariance::check_covariance;
pub use error::MetricError;
pub use folds::{frechet_interval, kid_interval};
pub use frechet::{Frechet, frechet_distance};
pub use fsim::{Fsim, FsimScore};
pub use gaussian::{Gaussian, GaussianStats};
pub use human_rank::{RankSummary, Ranking, Rankings};
pub use inception_score::{InceptionScore, InceptionScores, SplitRule};
pub use interval::{Interval, bootstrap_mean, wilson};
pub use kid::{Kid, draw_subsets, kid};
pub use linear_probe::LinearProbe;
pub use moments::Moments;
pub use pairs::{Pair, fsim_of_pairs, score_pairs};
pub use plane::{Plane, Rgb8};
pub use prdc::{Neighbourhood, Prdc, Tie, prdc};
pub use rows::{Matrix, Rows};
pub use sharpness::{laplacian_variance, relative_sharpness};
pub use ssim::{Ssim, ssim, ssim_rgb};
