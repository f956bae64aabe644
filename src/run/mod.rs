//! Runs on disk: their folders, checkpoints and weights.

pub mod checkpoint;
pub mod folder;
pub mod weights;
