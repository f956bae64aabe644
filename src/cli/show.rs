//! `wordpaint show`.

use std::process::ExitCode;

use serde::Serialize;

use super::{DeviceArg, Outcome, output};
use crate::backends::on_device;
use crate::config::{Description, Experiment, Library, describe};
use crate::evaluate::Subject;
use crate::rate::MatrixProducts;
use crate::setup::Dirs;
use crate::setup::missing::{Inspector, Missing};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of an experiment (`wordpaint list`) or a file.
    experiment: String,
    /// Overrides, `key.path=value`.
    overrides: Vec<String>,
    /// The short form on built-in data.
    #[arg(long)]
    quick: bool,
    /// For programs.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArg,
}

/// What `cargo xtask reproduce` reads, and everything else there is to know.
#[derive(Serialize)]
struct Plan<'a> {
    #[serde(flatten)]
    description: &'a Description,
    quick_available: bool,
    /// Whether `wordpaint evaluate` measures anything of it.
    is_evaluated: bool,
    data_ready: bool,
    missing: &'a [Missing],
    requires: &'a [String],
    /// Those of `requires` of which `wordpaint evaluate` measures something.
    measured: Vec<&'a String>,
    runs_dir: String,
    device: String,
    operations_per_second: f64,
    estimate: std::collections::BTreeMap<&'static str, String>,
    settings: &'a Experiment,
}

pub(super) fn run(args: Args) -> Outcome {
    let library = Library::default();
    let experiment = library.load(&args.experiment, &args.overrides, args.quick)?;
    let description = describe(&experiment)?;
    let dirs = Dirs::from_environment();
    let missing = Inspector::default().missing(&library, &experiment, &dirs)?;
    let requires = library.requires_all(&experiment)?;
    let mut measured = Vec::new();
    for name in &requires {
        let required = library.load(name, &[], args.quick)?;
        if Subject::of(&required.family).is_some() {
            measured.push(name);
        }
    }
    let device = args.device.device;
    let rate = on_device(device, MatrixProducts::default())?;
    if args.json {
        output::json(&Plan {
            description: &description,
            quick_available: library.has_quick_form(&args.experiment)?,
            is_evaluated: Subject::of(&experiment.family).is_some(),
            data_ready: missing.is_empty(),
            missing: &missing,
            requires: &requires,
            measured,
            runs_dir: dirs.runs.display().to_string(),
            device: device.to_string(),
            operations_per_second: rate,
            estimate: description.estimate(Some(rate)),
            settings: &experiment,
        });
        return Ok(ExitCode::SUCCESS);
    }
    output::line(experiment.to_toml().trim_end());
    output::line("");
    output::line(description.text(Some(rate)).trim_end());
    output::line(&format!(
        "{:<12}{device}; the rate is that of matrix products, which training seldom reaches",
        "device"
    ));
    if !requires.is_empty() {
        output::line(&format!("{:<12}{}", "requires", requires.join(", ")));
    }
    if missing.is_empty() {
        output::line("everything it needs is in place");
    }
    for item in &missing {
        output::line(&format!("missing     {}", item.what));
        output::line(&format!("            {}", item.how));
    }
    Ok(ExitCode::SUCCESS)
}
