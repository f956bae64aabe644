//! `cargo xtask bench`: what this machine makes of a training step.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{say, workspace};

/// Arguments of `bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// flex, ndarray, wgpu:N, cuda:N
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
}

/// Answer of `wordpaint bench --json`.
#[derive(Debug, Deserialize)]
struct Bench {
    device: String,
    /// Rate of a large matrix product: what the device can do.
    matmul_gflops: f64,
    results: Vec<Measurement>,
}

/// One measured thing.
#[derive(Debug, Deserialize)]
struct Measurement {
    name: String,
    /// Wall-clock time of one call.
    ms: f64,
    /// Achieved rate; absent where counting operations makes no sense (the data pipeline).
    gflops: Option<f64>,
}

/// Measures, prints a table, and keeps the answer under the revision.
pub(crate) fn run(args: &Args) -> Result<()> {
    let features = crate::reproduce::features(args.device.as_deref())?;
    let binary = crate::reproduce::build_release(&features)?;
    let mut command = std::process::Command::new(binary);
    command
        .current_dir(workspace::root())
        .args(["bench", "--json"]);
    if let Some(device) = &args.device {
        command.args(["--device", device]);
    }
    let text = workspace::output(&mut command)?;
    let bench: Bench =
        serde_json::from_str(&text).context("`wordpaint bench --json` printed something else")?;
    say(table(&bench).trim_end());
    let file = format!("bench/{}.json", workspace::revision());
    let path = workspace::target_dir()?.join(file);
    workspace::write_atomically(&path, text.as_bytes())?;
    say(format!("written to {}", path.display()));
    Ok(())
}

fn table(bench: &Bench) -> String {
    let mut text = format!(
        "{:<28}{:>12}{:>12}{:>12}\n",
        "name", "ms", "GFLOP/s", "of matmul"
    );
    let mut line = |name: &str, ms: &str, rate: Option<f64>| {
        let [rate, share] = match rate {
            Some(rate) => [
                format!("{rate:.1}"),
                format!("{:.1} %", 100.0 * rate / bench.matmul_gflops),
            ],
            None => ["-".to_owned(), "-".to_owned()],
        };
        writeln!(text, "{name:<28}{ms:>12}{rate:>12}{share:>12}")
            .expect("writing to a string cannot fail");
    };
    line(
        &format!("matmul ({})", bench.device),
        "-",
        Some(bench.matmul_gflops),
    );
    for result in &bench.results {
        line(&result.name, &format!("{:.2}", result.ms), result.gflops);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_relative_to_the_matrix_product() {
        let bench: Bench = serde_json::from_str(
            r#"{"device": "flex", "matmul_gflops": 50.0, "results": [
                {"name": "sdn step", "ms": 20.0, "gflops": 10.0},
                {"name": "data", "ms": 1.5}]}"#,
        )
        .expect("valid");

        let table = table(&bench);

        let rows: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows[2], ["sdn", "step", "20.00", "10.0", "20.0", "%"]);
        assert_eq!(rows[3], ["data", "1.50", "-", "-"]);
    }
}
