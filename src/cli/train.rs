//! `wordpaint train`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use wordpaint_files::Lock;

use super::{DeviceArg, Outcome, output};
use crate::backends::{Device, on_device};
use crate::config::{self, ConfigError, Experiment};
use crate::launch::dry_run::{DryRun, NOT_CHECKED};
use crate::launch::{Continuation, LaunchError, Training, Wishes};
use crate::run::folder::{self, Hold, NewRun, RunError, RunFolder, now};
use crate::run::manifest::Manifest;
use crate::setup::Dirs;
use crate::setup::reference::identity;
use crate::setup::reference::newest_matching;
use crate::train::signals::Signals;
use crate::train::strategy::{StatusOutput, TrainingEnd};
use crate::train::{TrainError, events, watch};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of an experiment (`wordpaint list`) or a file.
    experiment: String,
    /// Overrides, `key.path=value` (`train.batch_size=8`, `data=emoji:nature-food`).
    overrides: Vec<String>,
    /// The short form on built-in data.
    #[arg(long)]
    quick: bool,
    /// Folder of the run; without it `runs/EXPERIMENT-DATE-ID`.
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Do nothing when a finished run with these settings exists, and continue an unfinished one.
    #[arg(long, conflicts_with = "run")]
    run_or_resume: bool,
    /// Check everything that needs no training, say what was not checked, and stop; writes nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    device: DeviceArg,
}

pub(super) fn run(args: Args) -> Outcome {
    let experiment = config::load(&args.experiment, &args.overrides, args.quick)?;
    let dirs = Dirs::from_environment();
    if args.dry_run {
        output::line(experiment.to_toml().trim_end());
        let device = args.device.device;
        let checked = DryRun {
            experiment,
            run: args.run,
            dirs,
            device,
            status: &output::status,
        };
        for found in on_device(device, checked)?? {
            output::status(&found);
        }
        output::status(NOT_CHECKED);
        output::status("dry run: the experiment can be trained; nothing was written");
        return Ok(ExitCode::SUCCESS);
    }
    let identity = identity(&experiment)?;
    // Whoever comes second waits and then takes what the first has made.
    let _turn = if args.run_or_resume && !is_there(&experiment, &dirs)? {
        Some(turn(&dirs, &identity)?)
    } else {
        None
    };
    if args.run_or_resume
        && let Some(run) = newest_matching(&experiment, &dirs)?
    {
        if run.is_finished() {
            return Ok(reused(&run));
        }
        let hold = if let Some(hold) = run.hold()? {
            hold
        } else {
            let path = run.path().display();
            output::status(&format!("another process trains {path}; waiting for it"));
            run.wait_to_hold()?
        };
        if run.is_finished() {
            return Ok(reused(&run));
        }
        return continue_run(run, hold, args.device.device, Wishes::default());
    }
    let resolved = experiment.to_toml();
    let NewRun { run, hold, fresh } =
        RunFolder::create(&dirs.runs, args.run.as_deref(), &experiment, &resolved)?;
    let folder = run.clone();
    let manifest = Manifest::new(&run, &resolved, Some(identity.clone())).write(&run);
    let begun = manifest.and_then(|()| {
        run.update_environment(serde_json::json!({
            "identity": identity,
            "started": now(),
            "command": command(),
        }))
    });
    let outcome = begun.map_err(Into::into).and_then(|()| {
        let training = Training {
            experiment,
            resolved,
            run,
            continuation: None,
            dirs,
        };
        launch(training, hold, args.device.device)
    });
    if outcome.is_err() && !folder.has_begun() {
        // Nothing was trained, so there is nothing to keep. The error is what matters.
        fresh.undo();
    }
    outcome
}

/// Whether a finished run with these settings exists.
fn is_there(experiment: &Experiment, dirs: &Dirs) -> Result<bool, ConfigError> {
    Ok(newest_matching(experiment, dirs)?.is_some_and(|run| run.is_finished()))
}

/// Keeps other processes from training the same settings, when none does any more.
fn turn(dirs: &Dirs, identity: &str) -> Result<Lock, RunError> {
    match folder::turn(&dirs.runs, identity)? {
        Ok(lock) => Ok(lock),
        Err(path) => {
            output::status("another process trains these settings; waiting for it");
            Ok(Lock::wait(&path)?.passing())
        }
    }
}

fn reused(run: &RunFolder) -> ExitCode {
    output::line("reused: a finished run with these settings exists");
    output::line(&format!("run: {}", run.path().display()));
    ExitCode::SUCCESS
}

/// Keeps other processes from a run, or says that one trains it.
pub(super) fn held(run: &RunFolder) -> Result<Hold, RunError> {
    run.hold()?.ok_or_else(|| run.busy())
}

/// Continues an existing run.
pub(super) fn continue_run(run: RunFolder, hold: Hold, device: Device, wishes: Wishes) -> Outcome {
    let (experiment, continuation) = Continuation::open(&run, wishes, &output::status)?;
    let resolved = continuation.resolved(&experiment);
    let dirs = Dirs::from_environment();
    launch(
        Training {
            experiment,
            resolved,
            run,
            continuation: Some(continuation),
            dirs,
        },
        hold,
        device,
    )
}

fn launch(training: Training, hold: Hold, device: Device) -> Outcome {
    let signals = Signals::install()?;
    let path = training.run.path().to_path_buf();
    output::status(&format!(
        "{} on {device}: {}",
        training.experiment.name,
        path.display()
    ));
    let is_interactive = std::io::stdout().is_terminal();
    let sink: Option<StatusOutput> =
        (!is_interactive).then(|| Arc::new(output::status) as StatusOutput);
    let ending = on_device(
        device,
        training.work(sink, signals, device, &output::status),
    );
    drop(hold);
    if is_interactive {
        // The dashboard has hidden them.
        let log = events::read(&path.join("events.jsonl"));
        for warning in watch::warnings(&log) {
            output::status(&warning);
        }
    }
    let ending = ending?.inspect_err(|error| {
        if is_saved(error) {
            let path = path.display();
            output::status(&format!("when it is mended: wordpaint resume {path}"));
        }
    })?;
    match ending {
        TrainingEnd::Finished => {
            output::line(&format!("run: {}", path.display()));
            Ok(ExitCode::SUCCESS)
        }
        TrainingEnd::Stopped(code) => {
            output::status(&format!(
                "stopped after saving; continue with: wordpaint resume {}",
                path.display()
            ));
            Ok(ExitCode::from(code))
        }
    }
}

/// Whether training saves, as far as it can, before it ends with this error.
fn is_saved(error: &LaunchError) -> bool {
    matches!(
        error,
        LaunchError::Train(TrainError::Data(_) | TrainError::Guarded(_))
    )
}

/// The command line as typed, for `environment.json`.
fn command() -> String {
    let words: Vec<_> = std::env::args_os().collect();
    words.join(" ".as_ref()).to_string_lossy().into_owned()
}
