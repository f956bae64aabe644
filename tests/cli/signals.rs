//! Signals to trainings of every family.

use std::fs;

use wordpaint::run::checkpoint;

use crate::background::{Background, ignores_hang_ups};
use crate::stops::resume;
use crate::tiny::tiny;
use crate::training::logged;

const RUNS: [&str; 11] = [
    "vgg",
    "encoder",
    "sdn",
    "gan",
    "damsm",
    "attngan",
    "dm-gan",
    "df-gan",
    "ssa-gan",
    "captioner",
    "clip",
];

/// The stages of a tiny run, the first without an end.
fn endless(name: &str) -> String {
    let config = fs::read_to_string(tiny().run(name).join("config.toml")).expect("a run");
    let config: toml::Table = config.parse().expect("TOML");
    let stages = config["train"]["stages"].as_array().expect("a list");
    let steps = [500_000].into_iter().chain(std::iter::repeat(2));
    let stages = stages.iter().zip(steps).map(|(stage, steps)| {
        let name = stage["name"].as_str().expect("text");
        format!("{{name='{name}', steps={steps}}}")
    });
    format!("train.stages=[{}]", stages.collect::<Vec<_>>().join(", "))
}

#[test]
#[ignore = "slow: forty processes"]
fn forty_of_forty_signals_over_all_families_save_and_end_rightly() {
    // What ignores it, as `nohup` asks, is not stopped by it.
    let third = if ignores_hang_ups() {
        ("INT", 130)
    } else {
        ("HUP", 129)
    };
    for name in RUNS {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (run, said) = (folder.path().join("run"), folder.path().join("said"));
        // Nothing is saved in between, so that what is there after the stop was saved by it.
        let overrides = [
            &endless(name),
            "train.log_every=1",
            "train.checkpoint_every=0",
            "train.sample_every=0",
        ];
        let mut command = tiny().again(name, &run, &overrides);
        let mut reached = 0;
        for (signal, code) in [("TERM", 143), ("INT", 130), third, ("TERM", 143)] {
            let mut process = Background::start(&command, &said);
            let log = run.join("events.jsonl");
            process.wait_until(&said, || {
                // A line may be half-written at this moment.
                let log = fs::read_to_string(&log).unwrap_or_default();
                log.matches("seconds_per_step").count() as u64 > reached + 3
            });
            process.signal(signal);

            assert_eq!(process.wait(), Some(code), "{name}: SIG{signal}");
            let saved = checkpoint::newest(&run.join("checkpoints")).expect("saved");
            let steps = logged(&run);
            assert_eq!(steps.last().expect("logged")["step"], saved.step, "{name}");
            assert_eq!(
                steps.len() as u64,
                saved.step,
                "{name}: a step is missing or twice"
            );
            assert!(
                saved.step > reached,
                "{name}: {} after {reached}",
                saved.step
            );
            reached = saved.step;
            command = resume(&run);
        }
    }
}
