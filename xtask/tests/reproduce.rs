//! `reproduce` end to end, with a script in the place of the `wordpaint` binary.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Answers as the binary does and writes down how it was called.
const SCRIPT: &str = r#"#!/bin/sh
folder=$(dirname "$0")
echo "$@" >> "$folder/calls"
case "$1" in
show)
    ready=false
    test -e "$folder/ready" && ready=true
    case "$*" in *--quick*) missing='' ;; *) missing='{"what": "CUB", "how": "download it"}' ;; esac
    test "$ready" = true && missing=''
    echo '{"name": "'"$2"'", "quick_available": true, "is_evaluated": true, "data_ready": '"$ready"',
           "missing": ['"$missing"'], "requires": ["damsm-cub"], "estimate": {"time": "2 min"}}'
    ;;
train)
    test -e "$folder/stop" && exit 130
    test -e "$folder/$2" && echo "reused: complete run"
    touch "$folder/$2"
    echo "run: runs/$2-1"
    ;;
report)
    printf '%s\n' "$2/report.html" "$2/report.md" "$2/metrics.csv"
    echo "number: Agreement 40.0 % [38.0, 42.0] (chance 10.0 %; real images 95.0 %; n = 512)"
    echo "next: paint captions of your own: wordpaint generate --from $2"
    ;;
esac
"#;

struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let program = folder.path().join("wordpaint");
        fs::write(&program, SCRIPT).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::join(self.folder.path(), name)
    }

    fn with(self, marker: &str) -> Self {
        fs::write(self.path(marker), "").expect("written");
        self
    }

    fn reproduce(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_xtask"))
            .arg("reproduce")
            .args(arguments)
            .arg("--binary")
            .arg(self.path("wordpaint"))
            .output()
            .expect("xtask starts")
    }

    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn missing_data_lead_to_a_quick_run_that_says_so() {
    let machine = Machine::new();

    let output = machine.reproduce(&["sdn-cub", "--device", "flex", "train.seed=2"]);

    assert!(output.status.success(), "{output:?}");
    assert!(stdout(&output).contains("QUICK RUN") && stdout(&output).contains("CUB: download it"));
    let expected = [
        "show sdn-cub --json train.seed=2",
        "show sdn-cub --json --quick train.seed=2",
        "train damsm-cub --run-or-resume --quick --device flex",
        "train sdn-cub --run-or-resume --quick --device flex train.seed=2",
        "evaluate runs/sdn-cub-1 --keep --device flex",
        "report runs/sdn-cub-1",
    ];
    assert_eq!(machine.calls(), expected);
}

#[test]
fn the_last_three_lines_are_the_report_its_most_telling_number_and_what_to_do_next() {
    let machine = Machine::new().with("ready");

    let output = machine.reproduce(&["sdn-cub"]);

    let said = stdout(&output);
    let lines: Vec<&str> = said.lines().collect();
    let program = machine.path("wordpaint");
    let next = format!(
        "next     paint captions of your own: {} generate --from runs/sdn-cub-1",
        program.display()
    );
    assert_eq!(
        lines[lines.len() - 3..],
        [
            "report   runs/sdn-cub-1/report.html",
            "number   Agreement 40.0 % [38.0, 42.0] (chance 10.0 %; real images 95.0 %; n = 512)",
            next.as_str(),
        ]
    );
    for once in ["Agreement 40.0 %", "paint captions"] {
        assert_eq!(said.matches(once).count(), 1, "{said}");
    }
}

#[test]
fn a_second_run_reuses_what_the_first_left() {
    let machine = Machine::new().with("ready");
    machine.reproduce(&["sdn-cub"]);

    let output = machine.reproduce(&["sdn-cub"]);

    assert!(
        stdout(&output).contains("reused   train damsm-cub"),
        "{}",
        stdout(&output)
    );
    assert!(
        stdout(&output).contains("reused   train sdn-cub"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn data_in_place_lead_to_a_full_run() {
    let machine = Machine::new().with("ready");

    machine.reproduce(&["sdn-cub"]);

    assert!(
        machine
            .calls()
            .contains(&"train sdn-cub --run-or-resume".to_owned())
    );
}

#[test]
fn a_dry_run_starts_nothing() {
    let machine = Machine::new();

    let output = machine.reproduce(&["sdn-cub", "--dry-run"]);

    assert!(
        stdout(&output).contains("would run  train sdn-cub"),
        "{}",
        stdout(&output)
    );
    assert!(
        machine.calls().iter().all(|call| call.starts_with("show ")),
        "{:?}",
        machine.calls()
    );
}

#[test]
fn full_without_data_fails_before_training() {
    let machine = Machine::new();

    let output = machine.reproduce(&["sdn-cub", "--full"]);

    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("CUB: download it"));
    assert!(
        machine.calls().iter().all(|call| call.starts_with("show ")),
        "{:?}",
        machine.calls()
    );
}

#[test]
fn a_stopped_training_ends_the_chain_and_says_how_to_go_on() {
    let machine = Machine::new().with("ready").with("stop");

    let output = machine.reproduce(&["sdn-cub"]);

    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("same command continues"));
    assert!(
        !machine
            .calls()
            .iter()
            .any(|call| call.starts_with("evaluate"))
    );
}
