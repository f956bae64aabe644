//! What is said between `cargo xtask bench` and the programs it compares.

use serde::{Deserialize, Serialize};

use super::cases::Case;

/// First line of a program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Who measures, with the device.
    pub name: String,
    /// Threads that compute.
    pub threads: usize,
    /// Vector instructions of our kernels.
    pub isa: String,
    /// What can be measured.
    pub cases: Vec<Case>,
}

/// Whose convolutions are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layers {
    /// The ones our networks are made of.
    #[default]
    Own,
    /// Burn's, on the same backend.
    Burn,
}

/// A case to be timed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What.
    pub case: Case,
    /// Timed calls.
    pub repeats: usize,
    /// Calls before them that are not timed.
    pub warmups: usize,
    /// Whose layers; only single convolutions have the choice.
    #[serde(default)]
    pub layers: Layers,
}

/// Sizes of the networks of a training step, running statistics not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// Those the optimiser updates.
    pub trained: usize,
    /// Those of frozen networks.
    pub frozen: usize,
}

/// Part of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Which.
    pub name: String,
    /// Wall-clock time.
    pub seconds: f64,
}

/// Times of a case.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Answer {
    /// Wall-clock time of every call.
    pub seconds: Vec<f64>,
    /// Parts of the fastest call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<Section>,
    /// Sizes of the networks, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Parameters>,
    /// Largest resident size of the program so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
}
