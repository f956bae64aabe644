//! Results and their file.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::child::Hello;
use crate::workspace;

/// Everything one call measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Bench {
    /// Of the source.
    pub(super) revision: String,
    /// Our program with its device.
    pub(super) name: String,
    /// Threads of each program.
    pub(super) threads: usize,
    /// Vector instructions of our kernels.
    pub(super) isa: String,
    /// Who was compared with us.
    pub(super) peer: Option<String>,
    /// Rate of the fastest matrix product of the call: what the machine can do.
    pub(super) matmul_gflops: f64,
    /// One entry per case.
    pub(super) results: Vec<Measured>,
}

impl Bench {
    /// Nothing measured yet.
    pub(super) fn new(hello: &Hello, peer: Option<String>) -> Self {
        Self {
            revision: workspace::revision(),
            name: hello.name.clone(),
            threads: hello.threads,
            isa: hello.isa.clone(),
            peer,
            matmul_gflops: 0.0,
            results: Vec::new(),
        }
    }
}

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    /// Name.
    pub(super) name: String,
    /// `matrix-product`, `conv`, `step` or `loading`.
    pub(super) kind: String,
    /// Operations of a call.
    pub(super) operations: Option<f64>,
    /// Our layers.
    pub(super) ours: Option<Side>,
    /// PyTorch.
    pub(super) peer: Option<Side>,
    /// Burn's layers in our program.
    pub(super) burn: Option<Side>,
    /// Why there is no comparison.
    pub(super) note: Option<String>,
}

/// What one program said about a case.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Side {
    /// Every timed call.
    pub(super) seconds: Vec<f64>,
    /// Parts of the fastest call.
    pub(super) sections: Vec<Section>,
    /// Sizes of the networks.
    pub(super) parameters: Option<Parameters>,
    /// Resident size of the program before its first case, where it has only one.
    #[serde(default)]
    pub(super) start_bytes: Option<u64>,
    /// Largest resident size of the program.
    pub(super) peak_bytes: Option<u64>,
}

/// Part of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Section {
    /// Which.
    pub(super) name: String,
    /// Wall-clock time.
    pub(super) seconds: f64,
}

/// Sizes of the networks of a training step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parameters {
    /// Those the optimiser updates.
    pub(super) trained: usize,
    /// Those of frozen networks.
    pub(super) frozen: usize,
}

impl Side {
    /// The shortest time: others were disturbed.
    pub(super) fn fastest(&self) -> f64 {
        self.seconds.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

impl Measured {
    /// Nothing measured yet.
    pub(super) fn new(name: &str, kind: &str, operations: Option<f64>) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            operations,
            ours: None,
            peer: None,
            burn: None,
            note: None,
        }
    }

    /// Operations per second of a side in 10^9.
    pub(super) fn rate(&self, side: Option<&Side>) -> Option<f64> {
        Some(self.operations? / side?.fastest() / 1e9)
    }

    /// The fastest side's rate in 10^9 operations per second.
    pub(super) fn best_rate(&self) -> f64 {
        [&self.ours, &self.peer, &self.burn]
            .into_iter()
            .filter_map(|side| self.rate(side.as_ref()))
            .fold(0.0, f64::max)
    }

    /// Our throughput as a multiple of the peer's.
    pub(super) fn ratio(&self) -> Option<f64> {
        Some(self.peer.as_ref()?.fastest() / self.ours.as_ref()?.fastest())
    }

    /// Our throughput as a multiple of that of Burn's layers.
    pub(super) fn ratio_to_burn(&self) -> Option<f64> {
        Some(self.burn.as_ref()?.fastest() / self.ours.as_ref()?.fastest())
    }
}

/// Reads the results of an earlier call.
pub(super) fn read(path: &Path) -> Result<Bench> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} was not written by `cargo xtask bench`", path.display()))
}

/// Writes the results.
pub(super) fn write(path: &Path, bench: &Bench) -> Result<()> {
    let text = serde_json::to_string_pretty(bench).context("results are plain data")?;
    workspace::write_atomically(path, text.as_bytes())
}
