//! The tests again with the vector instructions of narrower processors.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::print_line;
use crate::workspace::{self, cargo};

/// The package that hides instructions from a process (`kernels/hide_isa`).
const HIDING: &str = "wordpaint-hide-isa";

/// Sets below the widest that this machine has, as `WORDPAINT_ISA` spells them.
fn narrower() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        if avx2 && is_x86_feature_detected!("avx512f") {
            return vec!["avx2", "portable"];
        }
        if avx2 {
            return vec!["portable"];
        }
    }
    Vec::new()
}

/// Runs all tests once with every narrower set of instructions.
pub(super) fn check() -> Result<()> {
    let hiding = library()?;
    for isa in narrower() {
        print_line(format!("tests as on a processor with {isa} instructions"));
        let mut runner = vec!["env".to_owned(), format!("WORDPAINT_ISA={isa}")];
        if let Some(library) = &hiding {
            runner.push(format!("LD_PRELOAD={}", library.display()));
        } else {
            print_line("this processor cannot hide instructions: dependencies use all that it has");
        }
        let runner = serde_json::to_string(&runner)?;
        workspace::run(
            cargo()
                .args(["test", "--workspace", "--locked", "--tests", "--config"])
                .arg(format!("target.'cfg(all())'.runner = {runner}")),
        )
        .with_context(|| {
            format!("with WORDPAINT_ISA={isa}; the same command with the runner runs one test")
        })?;
    }
    Ok(())
}

/// The library to preload, where the processor lets the system answer `cpuid`.
fn library() -> Result<Option<PathBuf>> {
    let has_fault = fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| {
        text.split_ascii_whitespace()
            .any(|flag| flag == "cpuid_fault")
    });
    if !has_fault || !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(None);
    }
    workspace::run(cargo().args(["build", "--locked", "--package", HIDING]))?;
    let name = format!("debug/lib{}.so", HIDING.replace('-', "_"));
    Ok(Some(workspace::target_dir()?.join(name)))
}
