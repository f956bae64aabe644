//! `cargo xtask reproduce SWEEP`: a grid of trainings, resumed where it stopped, drawn as curves.

mod file;
mod points;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use self::file::SweepFile;
use self::points::{Point, Task, points, record};
use super::plan::{self, Mode, Plan};
use super::program::{self, Program, Stopped};
use super::stage::{self, Stage};
use super::{Args, announce};
use crate::{print_line, workspace};

/// A sweep that was asked for.
#[derive(Debug)]
pub(super) struct Sweep {
    name: String,
    file: SweepFile,
}

/// The sweep called `args.name` in `folder`; `None` where there is none.
///
/// `args.grid` leaves one of its grids.
pub(super) fn find(args: &Args, folder: &Path) -> Result<Option<Sweep>> {
    let path = folder.join(format!("{}.toml", args.name));
    if !path.is_file() {
        ensure!(
            args.grid.is_none(),
            "`{}` is no sweep, so it has no grid to choose with --grid",
            args.name
        );
        return Ok(None);
    }
    let mut file = SweepFile::read(&path)?;
    if let Some(name) = &args.grid {
        let known: Vec<String> = file.grids.iter().map(|grid| grid.name.clone()).collect();
        file.grids.retain(|grid| grid.name == *name);
        ensure!(
            !file.grids.is_empty(),
            "`{}` has no grid `{name}`, expected one of: {}",
            args.name,
            known.join(", ")
        );
    }
    let name = args.name.clone();
    Ok(Some(Sweep { name, file }))
}

/// Names and titles of the sweeps in `folder`, by name.
pub(super) fn titles(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut titles = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().context("a file has a name")?;
        let name = name.to_string_lossy().into_owned();
        titles.push((name, SweepFile::read(&path)?.title));
    }
    titles.sort();
    Ok(titles)
}

/// Runs every point that is not there yet and draws the curves.
pub(super) fn run(program: &Program, args: &Args, sweep: &Sweep) -> Result<()> {
    print_line(format!("{}: {}", sweep.name, sweep.file.title));
    let needs = |mode| -> Result<(Vec<Point>, Needs)> {
        let points = points(&sweep.file, mode, &args.overrides);
        let needs = Needs::of(program, &points, mode)?;
        Ok((points, needs))
    };
    let (points, needs, mode) = {
        // A file that is asked for in its quick form need not be possible in full.
        let first = if args.quick { Mode::Quick } else { Mode::Full };
        let (points, found) = needs(first)?;
        let mode = plan::mode(args, &found.plans)?;
        if mode == first {
            (points, found, mode)
        } else {
            let (points, found) = needs(mode)?;
            (points, found, mode)
        }
    };
    announce(mode, &needs.plans);
    let before = needs.stages(mode)?;
    if args.dry_run {
        for stage in &before {
            print_line(format!("would run  {stage}"));
        }
        for point in &points {
            print_line(format!("would run  {point}"));
        }
        return Ok(());
    }
    stage::run_all(program, mode, &before)?;
    let place = needs
        .folder
        .join("sweeps")
        .join(folder_name(sweep, args, mode));
    Drive {
        program,
        sweep,
        mode,
        points: &points,
        file: place.join("sweep.json"),
    }
    .run()
}

/// `NAME[-GRID][-quick][-changed]`: what differs is kept apart.
fn folder_name(sweep: &Sweep, args: &Args, mode: Mode) -> String {
    let mut name = sweep.name.clone();
    if let Some(grid) = &args.grid {
        name = format!("{name}-{grid}");
    }
    if mode == Mode::Quick {
        name.push_str("-quick");
    }
    if !args.overrides.is_empty() {
        name.push_str("-changed");
    }
    name
}

/// What has to be there before the first point.
struct Needs {
    plans: Vec<Plan>,
    /// Trained once, as they are, in order.
    required: Vec<String>,
    /// Where runs are kept.
    folder: PathBuf,
}

impl Needs {
    /// Asks the program about every line and value once, which also checks every change.
    fn of(program: &Program, points: &[Point], mode: Mode) -> Result<Self> {
        let is_quick = mode == Mode::Quick;
        let mut plans: Vec<Plan> = Vec::new();
        let mut required: Vec<String> = Vec::new();
        let mut asked: Vec<&Task> = Vec::new();
        let mut need = |names: &[String], but: Option<&str>| {
            for name in names {
                if Some(name.as_str()) != but && !required.contains(name) {
                    required.push(name.clone());
                }
            }
        };
        let first_seed = points.first().map(|point| point.seed);
        for point in points.iter().filter(|point| Some(point.seed) == first_seed) {
            let first = point.first.as_ref().map(|(task, _)| task);
            for task in first.into_iter().chain([&point.task]) {
                if asked.contains(&task) {
                    continue;
                }
                asked.push(task);
                let plan = program.plan(&task.experiment, &task.changes, is_quick);
                let plan = plan.with_context(|| format!("{point}: `{}`", task.experiment))?;
                // What is trained first takes the place of what would be required as it is.
                let own = first.filter(|first| *first != task);
                need(&plan.requires, own.map(|first| first.experiment.as_str()));
                plans.push(plan);
            }
        }
        let mut retrieval_encoders: Vec<&String> = points
            .iter()
            .filter_map(|p| p.retrieval_encoder.as_ref())
            .collect();
        retrieval_encoders.dedup();
        for retrieval_encoder in retrieval_encoders {
            let plan = program.plan(retrieval_encoder, &[], is_quick)?;
            need(&plan.requires, None);
            need(std::slice::from_ref(retrieval_encoder), None);
            plans.push(plan);
        }
        let folder = plans
            .first()
            .context("a sweep has points")?
            .runs_dir
            .clone();
        Ok(Self {
            plans,
            required,
            folder: workspace::root().join(folder),
        })
    }

    /// Fetching and training of what is required.
    fn stages(&self, mode: Mode) -> Result<Vec<Stage>> {
        let mut stages = stage::fetches(mode, &self.plans)?;
        stages.extend(self.required.iter().map(|experiment| Stage::Train {
            experiment: experiment.clone(),
            is_row: false,
        }));
        Ok(stages)
    }
}

/// The points on their way.
struct Drive<'a> {
    program: &'a Program,
    sweep: &'a Sweep,
    mode: Mode,
    points: &'a [Point],
    /// `sweep.json`.
    file: PathBuf,
}

impl Drive<'_> {
    /// One point after the other. One that fails does not keep the others from being trained; an
    /// interrupt ends all.
    fn run(&self) -> Result<()> {
        let total = self.points.len();
        let mut runs: Vec<Option<String>> = vec![None; total];
        let mut known = BTreeMap::new();
        let mut failed: Vec<String> = Vec::new();
        let mut closing = None;
        self.keep(&runs)?;
        for (i, point) in self.points.iter().enumerate() {
            let name = format!("{point} ({} of {total})", i + 1);
            print_line(format!("running  {name}"));
            let start = Instant::now();
            match self.point(point, &mut known) {
                Ok((run, is_reused)) => {
                    runs[i] = Some(run);
                    self.keep(&runs)?;
                    let outcome = if is_reused { "reused " } else { "done   " };
                    print_line(format!(
                        "{outcome}  {name}, {:.1} s",
                        start.elapsed().as_secs_f64()
                    ));
                }
                Err(error) if error.is::<Stopped>() => return Err(error),
                Err(error) => {
                    print_line(format!("failed   {name}: {error:#}"));
                    failed.push(point.to_string());
                }
            }
            let is_last_of_grid = self
                .points
                .get(i + 1)
                .is_none_or(|p| p.place.0 != point.place.0);
            if is_last_of_grid && runs.iter().any(Option::is_some) {
                closing = Some(self.draw()?);
            }
        }
        if !failed.is_empty() {
            bail!(
                "{} of {total} points failed; the same command tries them again:\n  {}",
                failed.len(),
                failed.join("\n  ")
            );
        }
        for line in closing.into_iter().flatten() {
            print_line(line);
        }
        Ok(())
    }

    /// Run folder of a point, trained and measured, and whether all of it was there.
    fn point(&self, point: &Point, known: &mut BTreeMap<String, String>) -> Result<(String, bool)> {
        let mut changes = point.task.changes.clone();
        let mut is_reused = true;
        if let Some((first, key)) = &point.first {
            let shown = format!("{} {}", first.experiment, first.changes.join(" "));
            let run = if let Some(run) = known.get(&shown) {
                run.clone()
            } else {
                let (run, was_there) = self.train(first, &first.changes)?;
                is_reused &= was_there;
                known.insert(shown, run.clone());
                run
            };
            changes.push(format!("{key}={run}"));
        }
        let (run, was_there) = self.train(&point.task, &changes)?;
        is_reused &= was_there;
        let retrieval_encoder = point.retrieval_encoder.as_deref();
        let answer = program::follow(&mut self.program.evaluate(&run, retrieval_encoder))?;
        Ok((run, is_reused && answer.is_reused))
    }

    fn train(&self, task: &Task, changes: &[String]) -> Result<(String, bool)> {
        let name = &task.experiment;
        let answer = program::follow(&mut self.program.train(name, changes, self.mode))?;
        let run = answer
            .run
            .with_context(|| format!("`train {name}` named no run folder"))?;
        Ok((run, answer.is_reused))
    }

    /// Writes down what there is.
    fn keep(&self, runs: &[Option<String>]) -> Result<()> {
        let Sweep { name, file } = self.sweep;
        let record = record(name, file, self.mode, self.points, runs);
        let json = serde_json::to_vec_pretty(&record).context("a record is plain data")?;
        workspace::write_atomically(&self.file, &json)
    }

    /// Writes the report and returns the lines that close a reproduction.
    fn draw(&self) -> Result<[String; 3]> {
        print_line(format!("running  report {}", self.sweep.name));
        let answer = program::follow(&mut self.program.report_sweep(&self.file))?;
        print_line(format!("done     report {}", self.sweep.name));
        Ok(answer.closing(&self.program.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    #[test]
    fn every_shipped_sweep_is_valid_and_names_experiments_and_nothing_else_has_its_name() {
        let experiments = workspace::root().join("experiments");
        let exists = |name: &str| experiments.join(format!("{name}.toml")).is_file();
        let tables = table::read_all(&experiments.join("tables")).expect("readable");
        let mut count = 0;
        for entry in std::fs::read_dir(experiments.join("sweeps")).expect("readable folder") {
            let path = entry.expect("readable entry").path();
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();

            let sweep = SweepFile::read(&path).expect("valid");

            assert!(!exists(&name), "{name} is an experiment too");
            assert!(
                tables.iter().all(|table| table.name != name),
                "{name} is a table too"
            );
            for grid in &sweep.grids {
                let firsts = grid.lines.iter().filter_map(|line| line.first.as_ref());
                let named = grid
                    .lines
                    .iter()
                    .map(|line| &line.experiment)
                    .chain(firsts.map(|first| &first.experiment));
                for experiment in named {
                    assert!(exists(experiment), "{name}: no experiment {experiment}");
                }
                assert!(
                    grid.retrieval_encoder.is_empty() || exists(&grid.retrieval_encoder),
                    "{name}"
                );
            }
            count += 1;
        }
        assert!(count > 0);
    }
}
