//! `wordpaint doctor`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sysinfo::{Disks, System};

use super::{Outcome, output};
use crate::backends::availability;
use crate::config::cost::bytes;
use crate::config::{Experiment, Library};
use crate::setup::Dirs;
use crate::setup::missing::{Inspector, Missing};

#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_: Args) -> Outcome {
    let dirs = Dirs::from_environment();
    let dashboard = if cfg!(feature = "tui") {
        "with"
    } else {
        "without"
    };
    output::line(&format!(
        "wordpaint {}, {dashboard} the terminal dashboard",
        env!("CARGO_PKG_VERSION")
    ));
    devices();
    machine(&dirs);
    experiments(&dirs)?;
    Ok(ExitCode::SUCCESS)
}

fn devices() {
    output::line("");
    output::line("Devices");
    let rows: Vec<[String; 2]> = availability()
        .into_iter()
        .map(|found| {
            let state = found
                .problem
                .map_or_else(|| "works".to_owned(), |problem| problem.to_string());
            [format!("  {}", found.device), state]
        })
        .collect();
    output::table(&rows);
}

fn machine(dirs: &Dirs) {
    let mut system = System::new();
    system.refresh_memory();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let disks = Disks::new_with_refreshed_list();
    let row = |key: &str, value: String| [format!("  {key}"), value];
    let mut rows = vec![
        row(
            "system",
            format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH),
        ),
        row("cores", cores.to_string()),
        row("SIMD", simd().join(", ")),
        row(
            "memory",
            format!(
                "{}, {} available",
                bytes(system.total_memory() as f64),
                bytes(system.available_memory() as f64)
            ),
        ),
    ];
    for (name, folder) in [("runs", &dirs.runs), ("cache", &dirs.cache)] {
        let free = free_space(&disks, folder).map_or_else(
            || "free space unknown".to_owned(),
            |free| format!("{} free", bytes(free as f64)),
        );
        let state = if folder.is_dir() {
            ""
        } else {
            " (not there yet)"
        };
        rows.push(row(name, format!("{}{state}, {free}", folder.display())));
    }
    output::line("");
    output::line("Machine");
    output::table(&rows);
}

/// Instruction sets beyond the baseline that this processor has.
fn simd() -> Vec<&'static str> {
    let mut found = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        let known = [
            ("SSE4.2", std::arch::is_x86_feature_detected!("sse4.2")),
            ("AVX", std::arch::is_x86_feature_detected!("avx")),
            ("AVX2", std::arch::is_x86_feature_detected!("avx2")),
            ("FMA", std::arch::is_x86_feature_detected!("fma")),
            ("AVX-512F", std::arch::is_x86_feature_detected!("avx512f")),
        ];
        found.extend(known.iter().filter(|(_, has)| *has).map(|(name, _)| *name));
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("neon") {
        found.push("NEON");
    }
    if found.is_empty() {
        found.push("none beyond the baseline");
    }
    found
}

/// Free bytes of the disk that a folder is on or would be on.
fn free_space(disks: &Disks, folder: &Path) -> Option<u64> {
    let absolute = std::path::absolute(folder).ok()?;
    let existing: PathBuf = absolute
        .ancestors()
        .find_map(|ancestor| ancestor.canonicalize().ok())?;
    disks
        .iter()
        .filter(|disk| existing.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().components().count())
        .map(sysinfo::Disk::available_space)
}

/// Which experiments can run in full, and what the others lack.
fn experiments(dirs: &Dirs) -> anyhow::Result<()> {
    let library = Library::default();
    let mut inspector = Inspector::default();
    let mut addresses: Vec<String> = Vec::new();
    let mut wanted: Vec<(Missing, Vec<String>)> = Vec::new();
    let mut ready = Vec::new();
    for name in library.names() {
        let experiment: Experiment = library.load(&name, &[], false)?;
        if !addresses.contains(&experiment.data.uri) {
            addresses.push(experiment.data.uri.clone());
        }
        let missing = inspector.missing(&library, &experiment, dirs)?;
        if missing.is_empty() {
            ready.push(name.clone());
        }
        for item in missing {
            match wanted.iter_mut().find(|(other, _)| *other == item) {
                Some((_, names)) => names.push(name.clone()),
                None => wanted.push((item, vec![name.clone()])),
            }
        }
    }
    output::line("");
    output::line("Data of the experiments");
    let rows: Vec<[String; 2]> = addresses
        .into_iter()
        .map(|uri| {
            let state = match inspector.dataset(&uri) {
                Ok(dataset) => format!("there, {} images", dataset.len()),
                Err(_) => "not there".to_owned(),
            };
            [format!("  {uri}"), state]
        })
        .collect();
    output::table(&rows);
    output::line("");
    output::line("Experiments in full (with --quick all that have that form run on built-in data)");
    let list = if ready.is_empty() {
        "none".to_owned()
    } else {
        ready.join(", ")
    };
    output::line(&format!("  can run: {list}"));
    for (item, names) in wanted {
        output::line(&format!("  missing: {}", item.what));
        output::line(&format!("    needed by {}", names.join(", ")));
        output::line(&format!("    {}", item.how));
    }
    Ok(())
}
