//! Experiment files: layered, strict, validated before any data are read.

pub mod schema;

pub use schema::Experiment;
