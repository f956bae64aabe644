//! `list`, `show` and `doctor`.

use serde_json::Value;

use crate::tiny::{stderr, stdout, tiny, wordpaint};

fn json(arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("temporary folder");
    let output = wordpaint(folder.path())
        .args(arguments)
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("only JSON on stdout")
}

#[test]
fn list_names_experiments_with_their_quick_form_and_the_published_figure() {
    let list = json(&["list", "--json"]);

    let experiments = list["experiments"].as_array().expect("a list");
    let sdn = experiments
        .iter()
        .find(|experiment| experiment["name"] == "sdn-cub")
        .expect("shipped");
    assert_eq!(sdn["family"], "sdn");
    assert_eq!(sdn["has_quick_form"], true);
    let aim = sdn["aim"].as_str().expect("text");
    assert!(aim.starts_with("IS 6.89 ± 0.06"), "{aim}");
    let families = list["families"].as_array().expect("a list");
    assert!(families.iter().any(|family| family["name"] == "sdn"));
}

#[test]
fn list_for_people_has_a_line_for_every_experiment() {
    let folder = tempfile::tempdir().expect("temporary folder");

    let output = wordpaint(folder.path())
        .arg("list")
        .output()
        .expect("the binary starts");

    let text = stdout(&output);
    for experiment in json(&["list", "--json"])["experiments"]
        .as_array()
        .expect("a list")
    {
        let name = experiment["name"].as_str().expect("text");
        assert!(
            text.lines()
                .any(|line| line.split(' ').any(|word| word == name)),
            "{name}: {text}"
        );
    }
}

#[test]
fn show_of_a_full_run_without_data_says_what_is_missing_and_how_to_get_it() {
    let plan = json(&["show", "sdn-cub", "--json"]);

    assert_eq!(plan["name"], "sdn-cub");
    assert_eq!(plan["quick_available"], true);
    assert_eq!(plan["data_ready"], false);
    assert_eq!(plan["networks"][0]["parameters"], 143_789_123);
    let missing = plan["missing"].as_array().expect("a list");
    assert_eq!(missing.len(), 2, "{missing:?}");
    let how = missing[0]["how"].as_str().expect("text");
    assert!(how.contains("cargo xtask fetch cub"), "{how}");
    for key in ["time", "memory", "disk"] {
        let value = plan["estimate"][key].as_str().expect("text with a unit");
        assert!(value.contains(' '), "{key}: {value}");
    }
}

#[test]
fn show_of_a_quick_run_names_what_is_trained_first_in_order_and_misses_nothing() {
    let plan = json(&["show", "sdn-cub", "--quick", "--json"]);

    assert_eq!(plan["data_ready"], true);
    assert_eq!(plan["missing"], serde_json::json!([]));
    let requires: Vec<&str> = plan["requires"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let place = |name| requires.iter().position(|other| *other == name);
    assert!(
        place("vgg-cub").expect("the teacher") < place("char-cnn-rnn-cub").expect("the encoder")
    );
}

#[test]
fn show_applies_overrides() {
    let plan = json(&["show", "sdn-cub", "--quick", "--json", "train.batch_size=6"]);

    assert_eq!(plan["settings"]["train"]["batch_size"], 6);
}

#[test]
fn show_answers_mistakes_with_the_nearest_right_word() {
    for (arguments, word) in [
        (&["show", "sdn-cubb"][..], "did you mean `sdn-cub`?"),
        (
            &["show", "sdn-cub", "train.batch_sise=3"],
            "did you mean `batch_size`?",
        ),
        (&["show", "sdn-cub", "--device", "tpu"], "cuda[:N]"),
    ] {
        let output = tiny()
            .wordpaint()
            .args(arguments)
            .output()
            .expect("the binary starts");

        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(word), "{}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn doctor_tells_devices_machine_and_what_is_missing() {
    let folder = tempfile::tempdir().expect("temporary folder");

    let output = wordpaint(folder.path())
        .arg("doctor")
        .output()
        .expect("the binary starts");

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    for part in [
        env!("CARGO_PKG_VERSION"),
        "flex",
        "cores",
        "memory",
        "cub:data/cub",
        "weights vgg19",
        "cargo xtask fetch cub",
        "can run: attribute-probe-birds",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
