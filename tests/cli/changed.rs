//! Runs and caches that are no longer what they were when a run was trained.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::tiny::{copy, stderr, tiny, wordpaint};
use crate::training::reopen;

/// Saves every other step of four.
const FOUR: [&str; 5] = [
    "train.stages=[{name='adversarial', steps=4}]",
    "train.log_every=1",
    "train.checkpoint_every=2",
    "train.keep_checkpoints=5",
    "train.sample_every=0",
];

/// A run of the tiny experiment `name` that stopped after step 2 of 4; `full` keeps its end.
pub(crate) fn stopped(name: &str, folder: &Path, overrides: &[&str]) -> PathBuf {
    let (full, run) = (folder.join("full"), folder.join("run"));
    let output = tiny()
        .again(name, &full, &[&FOUR[..], overrides].concat())
        .output();
    let output = output.expect("the binary starts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    copy(&full, &run);
    fs::remove_dir_all(run.join("checkpoints/step-4")).expect("was saved");
    reopen(&run);
    run
}

fn call(arguments: &[&str], run: &Path, more: &[&str]) -> Output {
    let mut command = tiny().wordpaint();
    command.args(arguments).arg(run).args(more);
    command.output().expect("the binary starts")
}

fn resume(run: &Path, more: &[&str]) -> Output {
    call(&["resume"], run, more)
}

fn generate(run: &Path) -> Output {
    let out = run.with_extension("images");
    let out = out.to_str().expect("UTF-8");
    call(&["generate", "--from"], run, &["a red bird", "-o", out])
}

/// Every file of a run with its content, but for its lock.
pub(crate) fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("readable folder") {
        let path = entry.expect("readable entry").path();
        if path.is_dir() {
            found.extend(content(&path));
        } else if path.file_name().is_some_and(|name| name != ".lock") {
            let bytes = fs::read(&path).expect("readable");
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

/// Refused with exit code 4 and every one of `words`.
fn assert_refused(output: &Output, words: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(4), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` in {said}");
    }
}

/// `resume` refuses the run saying `words` and leaves it as it is; with `--allow KIND` it goes on and
/// notes both values.
fn assert_refused_then_allowed(run: &Path, kind: &str, words: &[&str]) {
    let before = content(run);

    let refused = resume(run, &[]);

    let option = format!("--allow {kind}");
    let expected = [words, &["stored ", "found ", &option]].concat();
    assert_refused(&refused, &expected);
    assert!(content(run) == before, "something was written");

    let allowed = resume(run, &["--allow", kind]);

    let said = stderr(&allowed);
    assert_eq!(allowed.status.code(), Some(0), "{said}");
    assert!(said.contains(&format!("accepted: {kind}: ")), "{said}");
    let log = fs::read_to_string(run.join("events.jsonl")).expect("a log");
    let noted = log.lines().find(|line| line.contains("\"accepted\""));
    let noted = noted.unwrap_or_else(|| panic!("nothing noted: {log}"));
    assert!(
        noted.contains("stored") && noted.contains("found"),
        "{noted}"
    );
    let kept = &environment(run)["accepted"][0];
    assert_eq!(kept["kind"], kind);
    for value in ["stored", "found"] {
        let value = kept[value].as_str().expect("text");
        assert!(stderr(&refused).contains(value), "{value}");
        assert!(noted.contains(value), "{value}");
    }
    // It is the run's own from here on.
    reopen(run);
    let again = resume(run, &[]);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
}

fn environment(run: &Path) -> Value {
    let bytes = fs::read(run.join("environment.json")).expect("there");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn rewrite(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("readable");
    assert!(text.contains(from), "no `{from}` in {text}");
    fs::write(path, text.replacen(from, to, 1)).expect("writes");
}

pub(crate) fn flip(path: &Path, place: usize, bit: usize) {
    let mut bytes = fs::read(path).expect("readable");
    bytes[place] ^= 1 << bit;
    fs::write(path, bytes).expect("writes");
}

#[test]
fn a_config_edited_by_hand_is_refused_and_its_settings_are_named() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = stopped("gan", folder.path(), &[]);
    rewrite(&run.join("config.toml"), "seed = 1", "seed = 2");

    let words = ["config: SHA-256 of config.toml", "train.seed: 1 -> 2"];
    assert_refused(&generate(&run), &["config.toml", "--allow config"]);
    assert_refused(&call(&["evaluate"], &run, &[]), &["--allow config"]);
    let figure = [
        "explore",
        "interpolate",
        "a red bird",
        "a blue bird",
        "--from",
    ];
    assert_refused(&call(&figure, &run, &[]), &["--allow config"]);
    let identity = environment(&run)["identity"].clone();
    assert_refused_then_allowed(&run, "config", &words);
    assert_ne!(environment(&run)["identity"], identity);
    assert_eq!(generate(&run).status.code(), Some(0));
}

#[test]
fn a_changed_word_of_the_vocabulary_is_refused_wherever_words_are_read() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = stopped("attngan", folder.path(), &[]);
    rewrite(&run.join("vocabulary.json"), "bird", "boat");

    assert_refused(&generate(&run), &["SHA-256 of vocabulary.json"]);
    assert_refused(&call(&["evaluate"], &run, &[]), &["--allow vocabulary"]);
    assert_refused_then_allowed(&run, "vocabulary", &["SHA-256 of vocabulary.json"]);
}

#[test]
fn a_checkpoint_of_another_run_of_the_same_sizes_is_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = stopped("gan", folder.path(), &[]);
    let other = folder.path().join("other");
    let output = tiny().again("gan", &other, &FOUR).output();
    let output = output.expect("the binary starts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let step = run.join("checkpoints/step-2");
    fs::remove_dir_all(&step).expect("was saved");
    copy(&other.join("checkpoints/step-2"), &step);

    assert_refused(&generate(&run), &["checkpoint: the run that"]);
    assert_refused_then_allowed(&run, "checkpoint", &["checkpoint: the run that"]);
}

#[test]
fn an_encoder_copy_of_another_run_is_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = stopped("gan", folder.path(), &[]);
    let other = folder.path().join("encoder");
    let output = tiny().again("encoder", &other, &["train.seed=9"]).output();
    let output = output.expect("the binary starts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let copied = run.join("text_encoder");
    fs::remove_dir_all(copied.join("checkpoints")).expect("was copied");
    copy(&other.join("checkpoints"), &copied.join("checkpoints"));
    fs::copy(other.join("config.toml"), copied.join("config.toml")).expect("copies");

    assert_refused(&generate(&run), &["the text encoder's weights"]);
    assert_refused_then_allowed(&run, "networks", &["the text encoder's weights"]);
}

/// Two classes of pictures with captions.
fn pictures(folder: &Path) -> String {
    for class in ["red", "blue"] {
        let folder = folder.join(class);
        fs::create_dir_all(&folder).expect("creates");
        for i in 0..10_u32 {
            let image = image::RgbImage::from_fn(32, 32, |x, y| {
                let shade = (x * 7 + y * 3 + i * 11) as u8;
                image::Rgb(if class == "red" {
                    [shade, 9, 9]
                } else {
                    [9, 9, shade]
                })
            });
            image.save(folder.join(format!("{i}.png"))).expect("writes");
            let caption = format!("a {class} bird number {i}\n");
            fs::write(folder.join(format!("{i}.txt")), caption).expect("writes");
        }
    }
    format!("data.uri=folder:{}", folder.display())
}

/// Changes a file of a dataset.
type Edit = fn(&Path);

#[test]
fn changed_captions_and_images_of_a_folder_are_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let data = folder.path().join("pictures");
    let uri = pictures(&data);
    let overrides = [uri.as_str(), "evaluate.probe=", "train.batch_size=2"];
    let original = stopped("gan", folder.path(), &overrides);

    // A word of the same length, so that no size changes; another picture.
    let edits: [Edit; 2] = [
        |data| rewrite(&data.join("red/3.txt"), "bird", "boat"),
        |data| {
            let image = image::RgbImage::from_pixel(32, 32, image::Rgb([1, 2, 3]));
            image.save(data.join("blue/4.png")).expect("writes");
        },
    ];
    for (k, edit) in edits.into_iter().enumerate() {
        let run = folder.path().join(format!("edit-{k}"));
        copy(&original, &run);
        edit(&data);

        assert_refused_then_allowed(&run, "data", &["data: fingerprint of folder:"]);

        pictures(&data);
        let restored = folder.path().join(format!("restored-{k}"));
        copy(&original, &restored);
        let output = resume(&restored, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
}

/// Files below `folder` with one of the endings.
pub(crate) fn below(folder: &Path) -> Vec<PathBuf> {
    content(folder).into_iter().map(|(path, _)| path).collect()
}

#[test]
fn a_flipped_bit_in_a_cached_table_is_told_and_computed_again() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let cache = folder.path().join("cache");
    let train = |label: &str, name: &str, stage: &str| {
        let run = folder.path().join(label);
        let stages = format!("train.stages=[{{name='{stage}', steps=2}}]");
        let mut command = tiny().again(name, &run, &[&stages]);
        command.env("WORDPAINT_CACHE", &cache);
        let output = command.output().expect("the binary starts");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let weights = fs::read(run.join("checkpoints/step-2/model.safetensors"));
        (stderr(&output), weights.expect("saved"))
    };
    for (name, stage, kind) in [
        ("encoder", "joint-embedding", "features"),
        ("gan", "adversarial", "embeddings"),
    ] {
        let (_, expected) = train(&format!("{name}-first"), name, stage);
        let tables = below(&cache.join(kind));
        assert!(!tables.is_empty(), "no {kind}");
        for (k, table) in tables.iter().enumerate() {
            let whole = fs::read(table).expect("readable");
            // A bit of a value: everything still fits.
            flip(table, whole.len() - 3, 2);

            let (said, weights) = train(&format!("{name}-flipped-{k}"), name, stage);

            assert!(said.contains("is damaged (SHA-256"), "{said}");
            assert!(said.contains("computing it again"), "{said}");
            assert!(weights == expected, "{kind}: other weights");
            assert!(fs::read(table).expect("there") == whole, "not mended");
        }
    }
}

/// Takes away what runs of earlier versions do not have.
pub(crate) fn as_before_manifests(run: &Path) {
    let _ = fs::remove_file(run.join("manifest.json"));
    for entry in fs::read_dir(run.join("checkpoints")).expect("readable") {
        let folder = entry.expect("readable").path();
        let manifest = folder.join("manifest.json");
        let bytes = fs::read(&manifest).expect("there");
        let mut json: Value = serde_json::from_slice(&bytes).expect("JSON");
        let files = json["files"].as_object_mut().expect("files");
        if files.remove("run.json").is_some() {
            fs::remove_file(folder.join("run.json")).expect("there");
        }
        fs::write(manifest, json.to_string()).expect("writes");
    }
}

#[test]
fn a_run_of_a_version_without_digests_opens_and_resumes_and_says_so() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = stopped("attngan", folder.path(), &[]);
    as_before_manifests(&run);
    assert_eq!(generate(&run).status.code(), Some(0));

    let output = resume(&run, &[]);

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("kept no digests"), "{said}");
    let weights = |run: &Path| fs::read(run.join("checkpoints/step-4/model.safetensors"));
    let full = weights(&folder.path().join("full")).expect("saved");
    assert!(weights(&run).expect("saved") == full);
    // From here on they are compared.
    rewrite(&run.join("vocabulary.json"), "bird", "boat");
    assert_refused(&generate(&run), &["vocabulary.json"]);
}

#[test]
fn without_a_manifest_an_edited_config_differs_from_the_checkpoint() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = stopped("gan", folder.path(), &[]);
    as_before_manifests(&run);
    rewrite(&run.join("config.toml"), "seed = 1", "seed = 2");

    assert_refused(&generate(&run), &["SHA-256 of config.toml"]);
    assert_refused_then_allowed(&run, "config", &["train.seed: 1 -> 2"]);
}

#[test]
fn a_damaged_manifest_is_told_and_restored_from_the_checkpoint() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = stopped("gan", folder.path(), &[]);
    let path = run.join("manifest.json");
    let whole = fs::read(&path).expect("there");
    flip(&path, whole.len() / 2, 1);

    let output = resume(&run, &[]);

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("manifest.json is damaged"), "{said}");
    assert!(fs::read(&path).expect("there") == whole, "not restored");
}

#[test]
fn a_damaged_environment_is_set_aside_and_the_run_still_found() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = stopped("gan", folder.path(), &[]);
    let identity = environment(&run)["identity"].clone();
    fs::write(run.join("environment.json"), "{\"identity\": ").expect("writes");

    let output = resume(&run, &[]);

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("environment.json is damaged"), "{said}");
    assert!(run.join("environment-damaged.json").is_file());
    assert_eq!(environment(&run)["identity"], identity);
}

#[test]
fn a_place_that_the_run_does_not_have_is_no_end_of_training() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = stopped("gan", folder.path(), &[]);
    let checkpoint = run.join("checkpoints/step-2");
    for place in [
        r#"{"step": 2, "stage": 7, "stage_step": 0, "is_finished": true}"#,
        r#"{"step": 2, "stage": 1, "stage_step": 0, "is_finished": false}"#,
        r#"{"step": 2, "stage": 0, "stage_step": 9, "is_finished": false}"#,
        r#"{"step": 9, "stage": 0, "stage_step": 2, "is_finished": false}"#,
    ] {
        fs::write(checkpoint.join("place.json"), place).expect("writes");
        let manifest = checkpoint.join("manifest.json");
        let bytes = fs::read(&manifest).expect("there");
        let mut json: Value = serde_json::from_slice(&bytes).expect("JSON");
        json["files"]["place.json"] = serde_json::json!({
            "bytes": place.len(),
            "sha256": wordpaint::run::manifest::sha256(place.as_bytes()),
        });
        fs::write(manifest, json.to_string()).expect("writes");

        let output = resume(&run, &[]);

        assert_refused(&output, &["place.json"]);
        assert!(environment(&run).get("finished").is_none());
    }
}

#[test]
fn weights_in_the_cache_that_are_not_those_of_their_record_are_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let weights = folder.path().join("cache/weights");
    fs::create_dir_all(&weights).expect("creates");
    fs::write(weights.join("vgg.safetensors"), "other weights").expect("writes");
    let record = format!(r#"{{"sha256": "{}"}}"#, "0".repeat(64));
    fs::write(weights.join("vgg.json"), record).expect("writes");
    let mut command = wordpaint(folder.path());
    command
        .args([
            "train",
            "sdn-cub",
            "--quick",
            "pretrained.vgg.from=cache:vgg",
        ])
        .args([crate::tiny::DATA, "evaluate.probe="])
        .arg(format!("text.encoder={}", tiny().run("encoder").display()));

    let output = command.output().expect("the binary starts");

    assert_refused(&output, &["vgg.safetensors", &"0".repeat(64), "fetch"]);
}
