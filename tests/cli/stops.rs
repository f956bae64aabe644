//! Runs that end early: by a signal, by a loss that is no number, by `kill -9`.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use wordpaint::run::checkpoint;

use crate::tiny::{stderr, tiny};
use crate::training::logged;

const ENDLESS: [&str; 5] = [
    "train.stages=[{name='stage-1', steps=500000}, {name='stage-2', steps=2}]",
    "train.log_every=1",
    "train.checkpoint_every=1",
    "train.keep_checkpoints=2",
    "train.sample_every=0",
];

/// A training in the background; killed when the test ends.
struct Background {
    child: Child,
}

impl Background {
    /// Starts `command`; stderr goes into the file `said`.
    fn start(command: &assert_cmd::Command, said: &Path) -> Self {
        let mut plain = Command::new(command.get_program());
        plain.args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => plain.env(key, value),
                None => plain.env_remove(key),
            };
        }
        let child = plain
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(said).expect("creates"))
            .spawn()
            .expect("the binary starts");
        Self { child }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .expect("`kill` is there");
        assert!(status.success());
    }

    /// Waits until `is_there`; a process that ends before is a failure.
    fn wait_until(&mut self, said: &Path, mut is_there: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !is_there() {
            let told = || fs::read_to_string(said).unwrap_or_default();
            if let Some(status) = self.child.try_wait().expect("our child") {
                panic!("ended early with {status}: {}", told());
            }
            assert!(begin.elapsed() < Duration::from_mins(1), "{}", told());
            sleep(Duration::from_millis(5));
        }
    }

    fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("our child").code()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It has usually ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn newest_step(run: &Path) -> u64 {
    checkpoint::newest_step(&run.join("checkpoints")).unwrap_or(0)
}

fn resume(run: &Path) -> assert_cmd::Command {
    let mut command = tiny().wordpaint();
    command.arg("resume").arg(run);
    command
}

#[test]
fn a_signal_saves_tells_how_to_continue_and_sets_the_exit_code() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (run, said) = (folder.path().join("run"), folder.path().join("said"));
    // Nothing is saved in between, so that what is there after the stop was saved by it.
    let train = tiny().again(
        "sdn",
        &run,
        &[&ENDLESS[..], &["train.checkpoint_every=0"]].concat(),
    );
    let mut reached = 0;
    for (command, signal, code) in [(train, "TERM", 143), (resume(&run), "INT", 130)] {
        let mut process = Background::start(&command, &said);
        process.wait_until(&said, || {
            run.join("events.jsonl").exists() && {
                let text = fs::read_to_string(run.join("events.jsonl")).unwrap_or_default();
                text.lines().count() as u64 > reached + 5
            }
        });
        process.signal(signal);

        assert_eq!(process.wait(), Some(code), "SIG{signal}");
        let told = fs::read_to_string(&said).expect("readable");
        assert!(told.contains("wordpaint resume"), "{told}");
        let saved = checkpoint::newest(&run.join("checkpoints")).expect("saved");
        let steps = logged(&run);
        assert_eq!(steps.last().expect("logged")["step"], saved.step);
        assert!(saved.step > reached, "step {} after {reached}", saved.step);
        assert_eq!(steps.len() as u64, saved.step, "a step is missing or twice");
        reached = saved.step;
    }
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_names_term_phase_step_and_samples() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    let overrides = [
        "train.stages=[{name='adversarial', steps=40}]",
        "train.optimizer.generator.lr=1e30",
        "train.log_every=3",
        "train.checkpoint_every=1",
        "train.keep_checkpoints=50",
        "train.sample_every=0",
    ];
    let output = tiny().again("gan", &run, &overrides).output();
    let output = output.expect("the binary starts");

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let text = fs::read_to_string(run.join("events.jsonl")).expect("a log");
    let last: serde_json::Value =
        serde_json::from_str(text.lines().last().expect("lines")).expect("JSON");
    assert_eq!(last["kind"], "stop", "{last}");
    let (step, message) = (&last["step"], last["message"].as_str().expect("text"));
    assert!(said.contains(message), "{said}");
    assert!(message.contains("loss term `"), "{message}");
    assert!(message.contains("of phase `"), "{message}");
    assert!(message.contains(&format!("at step {step}")), "{message}");
    let batch = message.split("batch: ").nth(1).expect("the samples");
    let keys = batch.split(". ").next().expect("a sentence");
    assert_eq!(keys.split(", ").count(), 4, "{keys}");
    let saved = checkpoint::newest(&run.join("checkpoints")).expect("the one before");
    assert_eq!(step.as_u64(), Some(saved.step + 1));
    assert!(saved.skipped.is_empty(), "{:?}", saved.skipped);
}

#[test]
#[ignore = "slow: twenty processes"]
fn twenty_of_twenty_killed_runs_resume_from_a_complete_checkpoint() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (run, said) = (folder.path().join("run"), folder.path().join("said"));
    let mut command = tiny().again("sdn", &run, &ENDLESS);
    let mut reached = 0;
    for k in 0..=20 {
        let mut process = Background::start(&command, &said);
        process.wait_until(&said, || {
            let told = fs::read_to_string(&said).unwrap_or_default();
            k == 0 && newest_step(&run) > 0 || told.contains("continuing from step")
        });
        if k > 0 {
            let told = fs::read_to_string(&said).expect("readable");
            assert!(
                told.contains(&format!("continuing from step {reached}")),
                "{told}"
            );
            assert!(!told.contains("damaged"), "{told}");
        }
        if k == 20 {
            // The last one goes on to train.
            process.wait_until(&said, || newest_step(&run) > reached);
            return;
        }
        let moment = wordpaint_rng::Rng::new(&[k]).n(400);
        sleep(Duration::from_millis(moment as u64));
        process.signal("KILL");
        process.wait();

        let saved = checkpoint::newest(&run.join("checkpoints")).expect("a complete one");
        assert!(saved.skipped.is_empty(), "kill {k}: {:?}", saved.skipped);
        assert!(saved.step >= reached, "kill {k}");
        reached = saved.step;
        command = resume(&run);
    }
}
