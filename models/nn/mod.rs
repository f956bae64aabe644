//! Shared layers. They import nothing of ours but the backend bound.

pub mod activation;
pub mod batch_norm;
pub mod conv;
pub mod conv_norm;
pub mod cost;
pub mod gated;
pub mod init;
pub mod linear;
pub mod orthogonal;
pub mod residual;
pub mod resize;
pub mod spectral;
pub mod standardization;
pub mod transformer;
pub mod upsample;
pub mod word_attention;
