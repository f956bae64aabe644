//! What wrong files and arguments are answered with.

use std::fs;

use super::cases::{CASES, DAMSM, ENCODER, GAN, HERE, ONE_STAGE, SDN};
use crate::config::Library;

/// Loads `text` as the file `x.toml` and returns its path and the message.
fn message(text: &str, arguments: &[&str], is_quick: bool) -> (String, String) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("x.toml");
    fs::write(&file, text).expect("written");
    let path = file.to_str().expect("UTF-8").to_owned();
    let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
    let error = Library::new(folder.path())
        .load(&path, &arguments, is_quick)
        .err()
        .map_or_else(|| "accepted".to_owned(), |error| error.to_string());
    (path, error)
}

#[test]
fn the_files_that_are_changed_are_valid() {
    for text in [SDN, GAN, ENCODER, DAMSM, ONE_STAGE] {
        assert_eq!(message(text, &[], false).1, "accepted", "{text}");
    }
}

#[test]
fn every_wrong_file_is_refused_with_file_line_key_and_advice() {
    assert!(CASES.len() >= 40);
    let mut failures = Vec::new();
    for case in CASES {
        assert!(
            case.base.contains(case.find),
            "{} is not in the file",
            case.find
        );
        let text = case.base.replacen(case.find, case.put, 1);
        let (path, error) = message(&text, &[], false);

        let place = match text.lines().position(|line| line.ends_with(HERE)) {
            Some(line) => format!("--> {path}:{}\n", line + 1),
            None => format!("--> {path}"),
        };
        let wanted = [case.key, &place]
            .into_iter()
            .chain(case.says.iter().copied());
        for part in wanted {
            if !format!("{error}\n").contains(part) {
                failures.push(format!("{}\n  no {part:?} in:\n{error}\n", case.put));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_wrong_argument_is_named_as_typed() {
    let cases: &[(&str, &str, &str)] = &[
        (
            "train.lg_every=3",
            "`train.lg_every`",
            "did you mean `log_every`?",
        ),
        (
            "train.batch_size=many",
            "`train.batch_size`",
            "a whole number, not negative",
        ),
        ("train.batch_size=0", "`train.batch_size`", "at least 1"),
        ("trian.seed=1", "`trian`", "did you mean `train`?"),
        ("model.widths=[1, 2", "`model.widths`", "not a TOML value"),
        ("model.widths=[1, 2]", "`model.widths`", "length 2"),
        ("data=synth:brids", "`data.uri`", "did you mean `birds`?"),
        ("train.stages.stage-9.steps=4", "`stage-9`", "did you mean"),
        (
            "train.stages.stage-2.steps=0",
            "`train.stages[1].steps`",
            "at least 1",
        ),
        (
            "train.optimizer.generator.lr=-1",
            "`train.optimizer.generator.lr`",
            "above 0",
        ),
        ("quick.train.seed=1", "`quick.train.seed`", "--quick"),
        (
            "extends=sdn-oxford",
            "`extends`",
            "name the other experiment",
        ),
        ("train.seed", "`train.seed` changes nothing", "KEY=VALUE"),
        ("=3", "`=3` changes nothing", "KEY=VALUE"),
        (
            "train..seed=3",
            "`train..seed=3` changes nothing",
            "KEY=VALUE",
        ),
    ];
    for (argument, key, says) in cases {
        let (_, error) = message(SDN, &[argument], false);

        for part in [*key, *says, &format!("--> command line: {argument}\n")] {
            assert!(
                format!("{error}\n").contains(part),
                "no {part:?} in:\n{error}"
            );
        }
    }
}

#[test]
fn experiments_that_are_not_there_are_answered_with_the_nearest_name() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let library = Library::new(folder.path());

    let unknown = library
        .load("sdn-cup", &[], false)
        .expect_err("no such name");
    let no_file = library
        .load("missing/x.toml", &[], false)
        .expect_err("no such file");

    assert!(
        unknown.to_string().contains("did you mean `sdn-cub`?"),
        "{unknown}"
    );
    assert!(no_file.to_string().contains("missing/x.toml"), "{no_file}");
}

#[test]
fn parents_that_lead_back_are_named_in_the_file_that_closes_the_circle() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, parent) in [("a", "b"), ("b", "c"), ("c", "a")] {
        let text = format!("title = \"{name}\"\nextends = \"{parent}\"\n");
        fs::write(folder.path().join(format!("{name}.toml")), text).expect("written");
    }

    let error = Library::new(folder.path())
        .load("a", &[], false)
        .expect_err("a circle")
        .to_string();

    assert!(
        error.contains("`extends`: `a` leads back to itself"),
        "{error}"
    );
    let place = format!("--> {}:2\n", folder.path().join("c.toml").display());
    assert!(error.contains(&place), "{error}");
}

#[test]
fn experiments_that_need_each_other_are_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let with = |encoder: &str| {
        SDN.replace(
            "experiment:char-cnn-rnn-cub",
            &format!("experiment:{encoder}"),
        )
    };
    fs::write(folder.path().join("p.toml"), with("q")).expect("written");
    fs::write(folder.path().join("q.toml"), with("p")).expect("written");
    let library = Library::new(folder.path());
    let p = library.load("p", &[], false).expect("valid on its own");

    let error = library.requires_all(&p).expect_err("a circle").to_string();

    assert!(error.contains("p -> q -> p"), "{error}");
}

#[test]
fn a_mistake_in_a_quick_table_or_a_parent_is_found_in_its_file() {
    let quick = format!("{SDN}\n[quick.train]\nbatch_size = 0 # here\n");
    let line = quick.lines().count();

    assert_eq!(message(&quick, &[], false).1, "accepted");
    let (path, error) = message(&quick, &[], true);
    assert!(error.contains(&format!("--> {path}:{line}\n")), "{error}");

    let line = 1 + SDN
        .lines()
        .position(|line| line == "base = 2")
        .expect("it is there");
    let folder = tempfile::tempdir().expect("temporary folder");
    let parent = folder.path().join("parent.toml");
    fs::write(&parent, SDN.replace("base = 2", "base = 0")).expect("written");
    fs::write(folder.path().join("child.toml"), "extends = \"parent\"").expect("written");
    let error = Library::new(folder.path())
        .load("child", &[], false)
        .expect_err("wrong parent")
        .to_string();
    assert!(
        error.ends_with(&format!("--> {}:{line}", parent.display())),
        "{error}"
    );
}

#[test]
fn an_experiment_without_a_quick_form_says_so() {
    let (path, error) = message(SDN, &[], true);

    assert!(
        error.contains(&format!("{path} has no quick form")),
        "{error}"
    );
}

#[test]
fn no_file_of_any_content_makes_the_reader_panic() {
    let broken = [
        "",
        "=",
        "[",
        "[[",
        "a = ",
        "\u{feff}title = 1",
        "[quick]\nquick = 1",
        "\0",
    ];
    for text in broken {
        let (path, error) = message(text, &[], false);
        assert!(error.contains(&path), "{text:?}: {error}");
    }
    for at in 0..SDN.find("[[expect]]").expect("it has figures") {
        let (path, error) = message(&SDN[..at], &[], false);
        assert!(
            error == "accepted" || error.contains(&path),
            "cut at {at}: {error}"
        );
    }
}
