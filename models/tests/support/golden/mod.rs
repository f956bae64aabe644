//! Golden files, and networks of their sizes.

pub(crate) mod file;
pub(crate) mod one_stage;
pub(crate) mod published;
pub(crate) mod staged;
pub(crate) mod staged_training;
pub(crate) mod stub_encoder;
pub(crate) mod tangent;
