//! Whose files are whose: nothing of the user is removed or replaced by another kind of file, and two
//! processes do not get into each other's way.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::background::plain;
use crate::tiny::{stderr, stdout, tiny, wordpaint};

/// Fails before the first step.
const NO_DATA: &str = "data.uri=cub:not-there";

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable folder");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry
            .expect("readable entry")
            .file_name()
            .to_string_lossy()
            .into_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

fn run(command: &mut assert_cmd::Command) -> Output {
    command.output().expect("the binary starts")
}

/// Starts a command that goes on beside the test.
fn start(command: &assert_cmd::Command) -> std::process::Child {
    plain(command)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

#[test]
fn a_folder_that_holds_anything_is_no_place_for_a_run() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let project = folder.path().join("project");
    fs::create_dir_all(project.join("src")).expect("made");
    fs::write(project.join("src/main.c"), "int main;").expect("written");

    let mut train = tiny().again("vgg", Path::new("."), &[]);
    let output = run(train.current_dir(&project));

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("is not an empty folder"), "{said}");
    assert_eq!(names(&project), ["src"]);
    assert!(project.join("src/main.c").exists());
    let taken = tiny().run("vgg");
    let before = fs::read(taken.join("config.toml")).expect("there");
    let output = run(&mut tiny().again("vgg", &taken, &[]));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("wordpaint resume"));
    assert_eq!(fs::read(taken.join("config.toml")).expect("there"), before);
    let file = project.join("src/main.c");
    let output = run(&mut tiny().again("vgg", &file, &[]));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn a_run_that_never_began_leaves_what_was_there_before() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).expect("made");
    let new = folder.path().join("new");
    for path in [&empty, &new] {
        let output = run(&mut tiny().again("vgg", path, &[NO_DATA]));
        assert_ne!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    assert_eq!(names(folder.path()), ["empty"]);
    assert_eq!(names(&empty), [""; 0]);

    let output = run(&mut tiny().again("vgg", &empty, &[]));

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(empty.join("checkpoints").is_dir());
}

#[test]
fn the_second_of_two_that_want_one_folder_changes_nothing_in_it() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("run");
    fs::create_dir(&path).expect("made");
    let held = fs::File::create(path.join(".lock")).expect("made");
    held.lock().expect("free");

    let output = run(&mut tiny().again("vgg", &path, &[]));

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("another process trains"), "{said}");
    assert_eq!(names(&path), [".lock"]);
    drop(held);

    let both = [1, 2].map(|seed| {
        let seed = format!("train.seed={seed}");
        start(&tiny().again("vgg", &path, &[&seed]))
    });
    let ends = both.map(|child| child.wait_with_output().expect("ends"));

    let won: Vec<usize> = (0..2).filter(|&i| ends[i].status.success()).collect();
    assert_eq!(won.len(), 1, "{} {}", stderr(&ends[0]), stderr(&ends[1]));
    let frozen = fs::read_to_string(path.join("config.toml")).expect("there");
    assert!(
        frozen.contains(&format!("seed = {}", won[0] + 1)),
        "{frozen}"
    );
    let copy = fs::read_to_string(path.join("checkpoints/step-3/config.toml"));
    assert_eq!(frozen, copy.expect("saved"));
}

#[test]
fn two_that_train_or_resume_the_same_settings_train_one_run() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let train = || {
        let mut command = wordpaint(folder.path());
        command
            .arg("train")
            .arg(tiny().run("vgg").join("config.toml"))
            .arg("--run-or-resume");
        command
    };

    let both = [start(&train()), start(&train())];
    let ends = both.map(|child| child.wait_with_output().expect("ends"));

    for end in &ends {
        assert_eq!(end.status.code(), Some(0), "{}", stderr(end));
    }
    let runs = folder.path().join("runs");
    let made: Vec<String> = names(&runs)
        .into_iter()
        .filter(|name| name != ".locks")
        .collect();
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(names(&runs.join(".locks")), [""; 0]);
    let reused = ends.iter().filter(|end| stdout(end).contains("reused"));
    assert_eq!(reused.count(), 1);
}

#[test]
fn a_lock_that_is_a_link_is_refused_and_what_it_leads_to_stays() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("run");
    fs::create_dir(&path).expect("made");
    let precious = folder.path().join("precious");
    fs::write(&precious, "content").expect("written");
    symlink(&precious, path.join(".lock")).expect("linked");

    let output = run(&mut tiny().again("vgg", &path, &[]));

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(".lock") && said.contains("is a link"),
        "{said}"
    );
    assert_eq!(fs::read(&precious).expect("there"), b"content");
    assert_eq!(names(&path), [".lock"]);
}

fn preview(folder: &Path, out: &Path) -> Output {
    let mut command = wordpaint(folder);
    command
        .args([
            "data",
            "preview",
            "synth:birds?preset=nano&size=32",
            "-n",
            "1",
            "-o",
        ])
        .arg(out);
    run(&mut command)
}

#[test]
fn an_output_keeps_links_permissions_pipes_and_devices() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("private"), "old").expect("written");
    fs::set_permissions(at("private"), fs::Permissions::from_mode(0o600)).expect("set");
    symlink("private", at("link")).expect("linked");

    let output = preview(folder.path(), &at("link"));

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(at("link").is_symlink());
    let written = fs::read(at("private")).expect("there");
    assert!(written.starts_with(b"\x89PNG"));
    let mode = fs::metadata(at("private"))
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    // A node of our own: one that is lost must not be the machine's. Only the superuser can make it.
    let null = at("null");
    let made = Command::new("mknod")
        .arg(&null)
        .args(["c", "1", "3"])
        .status();
    if made.is_ok_and(|status| status.success()) {
        let output = preview(folder.path(), &null);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let kind = fs::metadata(&null).expect("there").file_type();
        assert!(kind.is_char_device(), "the device was replaced");
        fs::remove_file(&null).expect("removed");
    }

    let output = preview(folder.path(), Path::new("/dev/stdout"));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(output.stdout.starts_with(&written));

    let made = Command::new("mkfifo").arg(at("pipe")).status();
    assert!(made.expect("`mkfifo` is there").success());
    let output = preview(folder.path(), &at("pipe"));
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("nobody reads"),
        "{}",
        stderr(&output)
    );
    assert!(
        fs::metadata(at("pipe"))
            .expect("there")
            .file_type()
            .is_fifo()
    );
    let output = preview(folder.path(), folder.path());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(
        said.contains("name a file") && !said.contains("space"),
        "{said}"
    );
    let output = preview(folder.path(), &at(&"x".repeat(300)));
    let said = stderr(&output);
    assert!(
        said.contains("shorter") && !said.contains("space"),
        "{said}"
    );
    assert_eq!(names(folder.path()), ["link", "pipe", "private"]);
}

/// Exit code of the binary with its stdout at `out`.
fn listed(arguments: &[&str], out: Stdio) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wordpaint"));
    let child = command
        .args(arguments)
        .stdout(out)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let output = child.wait_with_output().expect("ends");
    (output.status.code(), stderr(&output))
}

#[test]
fn results_that_nobody_can_take_are_an_error_and_a_closed_pipe_is_not() {
    for arguments in [&["list"][..], &["--help"], &["--version"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full");
        let (code, said) = listed(arguments, full.expect("there").into());
        assert_eq!(code, Some(1), "{arguments:?}: {said}");
        assert!(said.contains("standard output"), "{said}");

        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let (code, said) = listed(arguments, writer.into());
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
        assert_eq!(said, "");
    }
}

#[test]
fn a_run_whose_path_is_not_utf_8_trains_and_resumes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path: PathBuf = folder.path().join(OsStr::from_bytes(b"run-\xff"));

    let output = run(&mut tiny().again("vgg", &path, &[]));

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    crate::training::reopen(&path);
    let output = run(tiny().wordpaint().arg("resume").arg(&path));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn what_stopped_processes_left_goes_at_the_next_start_and_nothing_else() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let at = |name: &str| folder.path().join(name);
    for name in [".wordpaint-abc123.unfinished", "mine.unfinished"] {
        fs::create_dir_all(at(name).join("data")).expect("made");
        fs::write(at(name).join(".lock"), "").expect("written");
        fs::write(at(name).join("data/half"), "half").expect("written");
    }
    for name in [
        ".wordpaint-abc123.partial",
        ".wordpaint-mine.partial",
        "mine.partial",
    ] {
        fs::write(at(name), "half").expect("written");
    }
    let mut export = wordpaint(folder.path());
    export.args([
        "data", "synth", "birds", "--layout", "cub", "--preset", "nano",
    ]);

    let output = run(export.args(["--size", "16", "--out", "out"]));

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let left = [
        ".wordpaint-mine.partial",
        "mine.partial",
        "mine.unfinished",
        "out",
    ];
    assert_eq!(names(folder.path()), left);
    assert!(at("mine.unfinished/data/half").exists());
}
