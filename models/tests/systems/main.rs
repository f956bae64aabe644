//! Whole systems on narrow shapes: backends agree, every parameter takes part, settings choose the
//! terms.

#[path = "../support/systems/mod.rs"]
mod support;

mod baselines;
mod batches;
mod distillation;
mod division;
mod generation;
mod one_stage;
mod staged;
#[cfg(feature = "wgpu")]
mod wgpu;
mod words;
