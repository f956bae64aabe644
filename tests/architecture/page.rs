//! The page that adds a family, followed literally.

use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro2::TokenStream;
use wordpaint_models::registry::MODULES;

use crate::root;

const PAGE: &str = "docs/add-a-family.md";

/// What a fenced block of the page asks for.
#[derive(Debug, PartialEq)]
enum Edit {
    /// A new file.
    File(String),
    /// The last line of a block below the lines before it.
    Line { after: String, added: String },
}

/// Every block whose fence names a file (`file=PATH`, `add=PATH`), in the order of the page.
fn edits(page: &str) -> Vec<(String, Edit)> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let ticks = line.bytes().take_while(|byte| *byte == b'`').count();
        if ticks < 3 {
            continue;
        }
        let (fence, info) = line.split_at(ticks);
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != fence).collect();
        let named = |key: &str| info.split(' ').find_map(|word| word.strip_prefix(key));
        if let Some(path) = named("file=") {
            found.push((path.to_owned(), Edit::File(body.join("\n") + "\n")));
        } else if let Some(path) = named("add=") {
            let (added, before) = body.split_last().expect("a line to add");
            let (after, added) = (format!("{}\n", before.join("\n")), format!("{added}\n"));
            found.push((path.to_owned(), Edit::Line { after, added }));
        }
    }
    found
}

/// The edits of the page in the repository.
fn page() -> Vec<(String, Edit)> {
    let text = std::fs::read_to_string(root().join(PAGE)).expect("the page is there");
    edits(&text)
}

/// The text of a file with `added` below the only place of `after`.
fn with_line(path: &str, text: &str, after: &str, added: &str) -> String {
    assert_eq!(text.matches(after).count(), 1, "{path}: {after}");
    text.replacen(after, &format!("{after}{added}"), 1)
}

#[test]
fn blocks_of_a_page_are_read_by_their_fences() {
    let page =
        "````markdown file=a.md\n```\nx\n```\n````\n```sh\nls\n```\n```rust add=b.rs\nb,\nc,\n```";

    let found = edits(page);

    let line = Edit::Line {
        after: "b,\n".to_owned(),
        added: "c,\n".to_owned(),
    };
    let expected = [
        ("a.md", Edit::File("```\nx\n```\n".to_owned())),
        ("b.rs", line),
    ];
    assert_eq!(found, expected.map(|(path, edit)| (path.to_owned(), edit)));
}

#[test]
fn the_page_that_adds_a_family_fits_the_tree() {
    let edits = page();

    let files = edits
        .iter()
        .filter(|(_, edit)| matches!(edit, Edit::File(_)));
    assert!(files.count() > 3, "{PAGE} has lost its files");
    for (path, edit) in &edits {
        let here = root().join(path);
        match edit {
            Edit::File(text) => {
                assert!(!here.exists(), "{path} is there already");
                if Path::new(path).extension().is_some_and(|end| end == "rs") {
                    text.parse::<TokenStream>()
                        .unwrap_or_else(|error| panic!("{path}: {error}"));
                }
            }
            Edit::Line { after, added } => {
                let text = std::fs::read_to_string(here).expect("a file of the tree");
                let _ = with_line(path, &text, after, added);
            }
        }
    }
}

#[test]
fn the_page_adds_one_family_with_a_line_in_the_registry() {
    let edits = page();

    let folder = edits.iter().find_map(|(path, _)| {
        let inside = path.strip_prefix("models/")?;
        inside.strip_suffix("/mod.rs")
    });
    let module = folder.expect("a folder of a family");
    assert!(!MODULES.contains(&module), "{module}");
    let is_listed = |(path, edit): &(String, Edit)| {
        let line = format!("{module},");
        path == "models/registry.rs"
            && matches!(edit, Edit::Line { added, .. } if added.trim() == line)
    };
    assert!(edits.iter().any(is_listed), "{module} is not registered");
}

/// A copy of what the workspace is built from.
fn copy_of_the_workspace(to: &Path) {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .expect("git lists the tree");
    assert!(listed.status.success(), "{listed:?}");
    let names = String::from_utf8(listed.stdout).expect("names in UTF-8");
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        let from = root().join(name);
        // A file that was removed is listed until that is committed.
        if from.is_file() {
            let to = to.join(name);
            std::fs::create_dir_all(to.parent().expect("below the copy")).expect("a folder");
            std::fs::copy(from, to).expect("copied");
        }
    }
}

fn follow_the_page(copy: &Path) {
    for (path, edit) in page() {
        let here = copy.join(&path);
        let text = match edit {
            Edit::File(text) => text,
            Edit::Line { after, added } => {
                let text = std::fs::read_to_string(&here).expect("a file of the tree");
                with_line(&path, &text, &after, &added)
            }
        };
        std::fs::create_dir_all(here.parent().expect("below the copy")).expect("a folder");
        std::fs::write(here, text).expect("written");
    }
}

/// Runs Cargo in the copy, with build outputs that are kept from one time to the next.
fn cargo(copy: &Path, arguments: &[&str]) -> String {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("add-a-family");
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_NET_OFFLINE", "true")
        .output()
        .expect("Cargo starts");
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{arguments:?}\n{out}\n{err}");
    format!("{out}{err}")
}

#[test]
#[ignore = "slow: compiles the workspace in a copy"]
fn a_newcomer_who_follows_the_page_has_a_family_that_can_be_trained() {
    let copy = tempfile::tempdir().expect("temporary folder");
    copy_of_the_workspace(copy.path());
    follow_the_page(copy.path());
    let experiment = page().into_iter().find_map(|(path, _)| {
        let name = path.strip_prefix("experiments/")?.strip_suffix(".toml")?;
        Some(name.to_owned())
    });
    let experiment = experiment.expect("the page has an experiment");

    cargo(copy.path(), &["check", "--workspace", "--locked"]);
    let run = [
        "run",
        "--locked",
        "--",
        "train",
        &experiment,
        "--quick",
        "--dry-run",
    ];
    let said = cargo(copy.path(), &run);

    assert!(said.contains("predicted"), "{said}");
}
