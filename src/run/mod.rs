//! Runs on disk: their folders, checkpoints and weights.

pub mod checkpoint;
pub mod difference;
pub mod folder;
pub mod manifest;
pub mod portable;
pub mod results;
pub mod slug;
pub mod weights;
