//! Every file operation of every command fails once, or ends the process: nothing is lost, nothing
//! half-written has a final name, the message and the exit code are right, and a repeat succeeds.

mod cases;

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use wordpaint::run::checkpoint;

use crate::tiny::{copy, stderr, tiny};
use cases::{CASES, Case};

/// `ENOSPC`, `EIO` and `EMFILE`.
const ERRORS: [i32; 3] = [28, 5, 24];
/// Files that say when, or by which run, they were written.
const VOLATILE: [&str; 6] = [
    ".lock",
    "environment.json",
    "events.jsonl",
    "manifest.json",
    "report.html",
    "run.json",
];

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Every file below `folder` by relative path.
fn files(folder: &Path) -> Files {
    fn collect(folder: &Path, root: &Path, found: &mut Files) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("readable entry").path();
            if path.is_dir() {
                collect(&path, root, found);
            } else {
                let name = path.strip_prefix(root).expect("inside").to_path_buf();
                found.insert(name, fs::read(&path).expect("readable"));
            }
        }
    }
    let mut found = Files::new();
    collect(folder, folder, &mut found);
    found
}

fn is_volatile(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| VOLATILE.iter().any(|volatile| name == *volatile))
}

/// Whether a process that was stopped may leave this behind until the next start.
fn is_leftover(path: &Path) -> bool {
    path.iter().any(|part| {
        let part = part.to_string_lossy();
        part.starts_with(".wordpaint-") || part.starts_with(".step-")
    })
}

/// Content of a file that may change from one execution to the next is whole.
fn assert_whole(path: &Path, content: &[u8], what: &str) {
    let text = String::from_utf8_lossy(content);
    let is_json = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok();
    let is_whole = match path.file_name().and_then(|name| name.to_str()) {
        Some("environment.json" | "manifest.json" | "run.json") => is_json(&text),
        Some("events.jsonl") => text.lines().all(is_json),
        Some("report.html") => text.trim_end().ends_with("</html>"),
        _ => true,
    };
    assert!(is_whole, "{what}: {} is half-written", path.display());
}

/// Every checkpoint of a run is whole; a process that is killed may leave one half removed, but then
/// not the newest.
fn assert_checkpoints_verify(root: &Path, error: &str, what: &str) {
    let folder = root.join("run/checkpoints");
    let steps = fs::read_dir(&folder).into_iter().flatten().flatten();
    let steps: Vec<PathBuf> = steps.map(|entry| entry.path()).collect();
    if error == "kill" {
        if steps.iter().any(|step| !is_leftover(step)) {
            let newest = checkpoint::newest(&folder).expect("one verifies");
            assert!(newest.skipped.is_empty(), "{what}: {:?}", newest.skipped);
        }
        return;
    }
    for step in steps {
        checkpoint::load(&step).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

struct Injection<'a> {
    case: &'a Case,
    /// Files of the working folder before.
    before: Files,
    /// Files after an execution without a fault.
    after: Files,
    folder: tempfile::TempDir,
}

impl<'a> Injection<'a> {
    fn new(case: &'a Case) -> (Self, Vec<String>) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let template = folder.path().join("template");
        fs::create_dir(&template).expect("made");
        (case.before)(&template);
        let good = folder.path().join("work");
        copy(&template, &good);
        let record = folder.path().join("record");
        let output = with_fault((case.command)(&good), "0:0", &record);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let operations = fs::read_to_string(&record).expect("recorded");
        let injection = Self {
            case,
            before: files(&template),
            after: files(&good),
            folder,
        };
        fs::remove_dir_all(good).expect("removed");
        let operations = operations.lines().map(str::to_owned).collect();
        (injection, operations)
    }

    /// Lets operation `number` fail with `error` (`kill` ends the process there).
    fn inject(&self, number: usize, error: &str) {
        // Always the same path, because some outputs name it.
        let root = self.folder.path().join("work");
        if root.exists() {
            fs::remove_dir_all(&root).expect("removed");
        }
        copy(&self.folder.path().join("template"), &root);
        let record = self.folder.path().join(format!("{number}-{error}.record"));
        let output = with_fault(
            (self.case.command)(&root),
            &format!("{number}:{error}"),
            &record,
        );
        let said = stderr(&output);
        let Ok(failed) = fs::read_to_string(&record) else {
            // Work of several threads has not always the same number of operations.
            assert_eq!(output.status.code(), Some(0), "{said}");
            fs::remove_dir_all(&root).expect("removed");
            return;
        };
        let what = format!(
            "operation {number} ({}), {error}: {said}",
            failed.trim_end()
        );
        let (action, path) = failed.trim_end().split_once('\t').expect("two fields");
        if error != "kill" {
            assert_said(&output, action, Path::new(path), &what);
        }
        assert_checkpoints_verify(&root, error, &what);
        self.assert_nothing_lost(&files(&root), error, output.status.success(), &what);

        let output = (self.case.again)(&root)
            .output()
            .expect("the binary starts");

        assert_eq!(
            output.status.code(),
            Some(0),
            "again after {what}\n{}",
            stderr(&output)
        );
        let what = format!("again after {what}");
        assert_checkpoints_verify(&root, error, &what);
        self.assert_nothing_lost(&files(&root), "", true, &what);
        fs::remove_dir_all(&root).expect("removed");
    }

    fn assert_nothing_lost(&self, found: &Files, error: &str, is_done: bool, what: &str) {
        for (path, content) in found {
            if is_leftover(path) {
                assert_eq!(error, "kill", "{what}: {} was left", path.display());
                continue;
            }
            // A checkpoint on the way has been verified, and makes room when the next is saved.
            let is_on_the_way = !is_done || !self.after.contains_key(path);
            if is_on_the_way && path.iter().any(|part| part == "checkpoints") {
                continue;
            }
            if is_volatile(path) {
                assert_whole(path, content, what);
                continue;
            }
            let is_old = self.before.get(path) == Some(content);
            let is_new = self.after.get(path) == Some(content);
            assert!(
                is_old && !is_done || is_new,
                "{what}: {} is neither old nor new",
                path.display()
            );
        }
        for path in self.before.keys() {
            // Older checkpoints make room for new ones.
            let is_gone_at_the_end = !self.after.contains_key(path);
            assert!(
                found.contains_key(path) || is_gone_at_the_end,
                "{what}: {} was lost",
                path.display()
            );
        }
        if is_done {
            for path in self.after.keys() {
                assert!(found.contains_key(path), "{what}: no {}", path.display());
            }
        }
    }
}

/// An error has the right code and names the path, what was wanted and what to do.
fn assert_said(output: &Output, action: &str, path: &Path, what: &str) {
    assert!(!what.contains("panicked"), "{what}");
    let Some(code) = output.status.code() else {
        panic!("{what}")
    };
    // A cache that cannot be read is computed anew.
    if code == 0 {
        return;
    }
    let is_read = ["read", "list"].contains(&action);
    // Which run a person means is usage, and so is the file of an experiment.
    let is_named = is_read && path.ends_with("config.toml") && code == 2;
    assert!(
        code == 1 || is_read && [3, 4].contains(&code) || is_named,
        "exit {code}, {what}"
    );
    let said = stderr(output);
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    assert!(said.contains(&*name), "the path is not named, {what}");
    if action == "write" && what.contains("No space left") {
        assert!(said.contains("bytes were to be written"), "{what}");
        assert!(said.contains("free"), "{what}");
    }
    if what.contains("Too many open files") {
        assert!(
            said.contains("ulimit -n") && !said.contains("free space"),
            "{what}"
        );
    }
}

fn with_fault(mut command: Command, plan: &str, record: &Path) -> Output {
    command
        .env("WORDPAINT_FAULT", format!("{plan}:{}", record.display()))
        .output()
        .expect("the binary starts")
}

/// The command with every operation failing in turn; of `share` one in so many in the fast check.
fn inject_all(name: &str, case: &Case, share: usize) {
    let (injection, operations) = Injection::new(case);
    assert!(!operations.is_empty(), "{name} does nothing");
    let mut failures = 0;
    let mut inject = |number, error: &str| {
        let attempt = AssertUnwindSafe(|| injection.inject(number, error));
        // All that is wrong is shown, not the first of it only.
        failures += usize::from(catch_unwind(attempt).is_err());
    };
    for number in (1..=operations.len()).step_by(share) {
        inject(number, &ERRORS[number % 3].to_string());
        if share == 1 || number % 2 == 1 {
            inject(number, "kill");
        }
    }
    // Shown with `--nocapture`, for the record.
    eprintln!(
        "{name}: {} operations, {failures} failures",
        operations.len()
    );
    assert_eq!(failures, 0, "{name}: see above");
}

/// Lets every n-th operation of a command fail, for its `name`.
fn sample(name: &str, wanted: usize) {
    let (_, case) = CASES
        .iter()
        .find(|(found, _)| *found == name)
        .expect("a case");
    let (_, operations) = Injection::new(case);
    inject_all(name, case, operations.len().div_ceil(wanted).max(2));
}

#[test]
fn a_training_survives_failing_file_operations() {
    sample("train", 5);
}

#[test]
fn a_resumed_training_survives_failing_file_operations() {
    sample("resume", 4);
}

#[test]
fn an_evaluation_survives_failing_file_operations() {
    sample("evaluate", 3);
    sample("evaluate images", 4);
}

#[test]
fn images_and_reports_survive_failing_file_operations() {
    sample("generate", 4);
    sample("report", 4);
}

#[test]
fn a_cache_survives_failing_file_operations() {
    sample("cache", 4);
}

#[test]
fn datasets_survive_failing_file_operations() {
    sample("data prepare", 6);
    sample("data synth", 6);
}

#[test]
#[ignore = "slow: every operation of nine commands, each with an error and a kill"]
fn every_file_operation_of_every_command_may_fail() {
    // All commands are tried, whatever the first does.
    let wrong = CASES.iter().filter(|(name, case)| {
        catch_unwind(AssertUnwindSafe(|| inject_all(name, case, 1))).is_err()
    });
    assert_eq!(wrong.count(), 0, "see above");
}

/// A command on a disk of 16 KiB in the folder `disk`; what it left there, `None` where no disk can be
/// mounted.
fn on_small_disk(arguments: &[&str]) -> Option<(Output, String)> {
    let folder = tempfile::tempdir().expect("temporary folder");
    fs::create_dir(folder.path().join("disk")).expect("made");
    // The disk is seen by these processes alone, and gone with them.
    let script = "mount -t tmpfs -o size=16k none disk || exit 77
                  \"$0\" \"$@\"; code=$?; ls -A disk > left; exit $code";
    let output = std::process::Command::new("unshare")
        .args([
            "--mount",
            "sh",
            "-c",
            script,
            env!("CARGO_BIN_EXE_wordpaint"),
        ])
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .ok()?;
    let left = fs::read_to_string(folder.path().join("left")).ok()?;
    Some((output, left))
}

#[test]
fn a_small_disk_takes_no_half_of_anything() {
    let birds = "synth:birds?preset=nano&size=64";
    let synth = ["data", "synth", "--uri", birds, "--layout", "cub"];
    for arguments in [
        &["data", "preview", birds, "-o", "disk/sheet.png"][..],
        &["data", "prepare", birds, "-o", "disk/words"],
        &[&synth[..], &["--out", "disk/birds"]].concat(),
    ] {
        let Some((output, left)) = on_small_disk(arguments) else {
            // Only the superuser can mount one.
            return;
        };
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(
            said.contains("No space left") && said.contains("disk/"),
            "{said}"
        );
        assert!(said.contains("bytes were to be written"), "{said}");
        assert_eq!(left, "", "{arguments:?}");
    }
}

#[test]
fn a_full_disk_is_said_with_what_was_wanted_and_what_is_free() {
    let (injection, operations) = Injection::new(&CASES[3].1);
    let writes = operations
        .iter()
        .enumerate()
        .filter(|(_, line)| line.starts_with("write"));
    let mut count = 0;
    for (place, _) in writes {
        injection.inject(place + 1, "28");
        count += 1;
    }
    assert!(count > 0);
    let run = tiny().run("vgg");
    assert!(checkpoint::newest(&run.join("checkpoints")).is_ok());
}
