//! `evaluate` and `report`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::tiny::{stderr, stdout, tiny, wordpaint};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("created");
    for entry in fs::read_dir(from).expect("readable folder") {
        let entry = entry.expect("readable entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// A copy of a tiny run that may be changed.
fn run_of(name: &str, folder: &Path) -> PathBuf {
    let run = folder.join(name);
    copy(&tiny().run(name), &run);
    run
}

fn call(verb: &str, arguments: &[&Path]) -> Output {
    tiny()
        .wordpaint()
        .arg(verb)
        .args(arguments)
        .output()
        .expect("the binary starts")
}

#[test]
fn evaluation_prints_and_stores_numbers_with_their_protocol_and_the_report_shows_them() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = run_of("sdn", folder.path());

    let evaluated = call("evaluate", &[&run]);
    let reported = call("report", &[&run]);

    assert_eq!(evaluated.status.code(), Some(0), "{}", stderr(&evaluated));
    let text = stdout(&evaluated);
    assert!(text.starts_with("protocol quick version"), "{text}");
    let file = fs::read(run.join("evaluation/quick.json")).expect("stored");
    let stored: Value = serde_json::from_slice(&file).expect("JSON");
    for metric in stored["metrics"].as_array().expect("a list") {
        let label = metric["label"].as_str().expect("text");
        let count = format!("n={}", metric["count"]);
        let is_there = |line: &str| line.starts_with(label) && line.contains(&count);
        assert!(text.lines().any(is_there), "{label}: {text}");
    }
    assert_eq!(reported.status.code(), Some(0), "{}", stderr(&reported));
    let paths: Vec<String> = stdout(&reported).lines().map(str::to_owned).collect();
    let expected = ["report.html", "report.md", "metrics.csv"];
    let (paths, closing) = paths.split_at(expected.len());
    assert_eq!(closing.len(), 2, "{closing:?}");
    assert!(closing[0].starts_with("number: ") && closing[0].contains("n = "));
    let next = format!("wordpaint generate --from {}", run.display());
    assert!(closing[1].starts_with("next: ") && closing[1].contains(&next));
    for (path, name) in paths.iter().zip(expected) {
        assert_eq!(Path::new(path), run.join(name));
        let content = fs::read_to_string(path).expect("readable");
        assert!(
            content.contains("SSIM") || content.contains("ssim"),
            "{name}"
        );
    }
}

#[test]
fn evaluating_twice_gives_the_same_bytes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, protocol) in [
        ("gan", "quick"),
        ("attngan", "quick"),
        ("ssa-gan", "quick"),
        ("damsm", "retrieval"),
        ("clip", "retrieval"),
        ("captioner", "captions"),
    ] {
        let run = run_of(name, folder.path());
        let file = run.join(format!("evaluation/{protocol}.json"));

        let evaluated = call("evaluate", &[&run]);
        assert!(evaluated.status.success(), "{}", stderr(&evaluated));
        let first = fs::read(&file).expect("stored");
        assert!(call("evaluate", &[&run]).status.success());

        assert_eq!(fs::read(&file).expect("stored"), first, "{name}");
    }
}

#[test]
fn a_run_is_measured_anew_only_under_other_conditions() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = run_of("attngan", folder.path());
    let other = run_of("damsm", folder.path());
    let keep = |more: &[&Path]| {
        let mut command = tiny().wordpaint();
        command.args(["evaluate", "--keep"]).arg(&run).args(more);
        let output = command.output().expect("the binary starts");
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let is_reused = |said: &str| said.starts_with("reused");
    let encoder = [Path::new("--retrieval-encoder"), other.as_path()];

    let first = keep(&[]);
    let second = keep(&[]);
    let by_encoder = keep(&encoder);
    let again = keep(&encoder);
    fs::remove_file(run.join("evaluation/quick.json")).expect("was written");
    let lost = keep(&encoder);

    assert!(!is_reused(&first), "{first}");
    assert!(is_reused(&second), "{second}");
    assert!(second.ends_with(&first), "other numbers: {first} {second}");
    assert!(
        !is_reused(&by_encoder) && is_reused(&again),
        "{by_encoder} {again}"
    );
    assert!(!is_reused(&lost), "{lost}");
}

/// Metrics of an evaluation by name: value and chance.
fn metrics(file: &Path) -> BTreeMap<String, (f64, Option<f64>)> {
    let stored: Value = serde_json::from_slice(&fs::read(file).expect("stored")).expect("JSON");
    let metrics = stored["metrics"].as_array().expect("a list").iter();
    metrics
        .map(|metric| {
            let name = metric["name"].as_str().expect("text").to_owned();
            let value = metric["value"].as_f64().expect("a number");
            (name, (value, metric["chance"].as_f64()))
        })
        .collect()
}

/// What real images give by the instrument of a metric.
fn real_of(file: &Path, name: &str) -> Option<f64> {
    let stored: Value = serde_json::from_slice(&fs::read(file).expect("stored")).expect("JSON");
    let mut metrics = stored["metrics"].as_array().expect("a list").iter();
    metrics.find(|metric| metric["name"] == name)?["real"].as_f64()
}

#[test]
fn a_captioner_is_measured_by_the_captions_of_unseen_images() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let captioner = run_of("captioner", folder.path());

    let output = call("evaluate", &[&captioner]);

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let found = metrics(&captioner.join("evaluation/captions.json"));
    let [perplexity, entropy] = ["caption_perplexity", "caption_cross_entropy"].map(|n| found[n].0);
    assert!((perplexity - entropy.exp()).abs() < 1e-6 * perplexity);
    let control = found["caption_perplexity_shuffled"].0;
    assert!(control > 1.0 && control != perplexity, "{control}");
    let reported = call("report", &[&captioner]);
    assert_eq!(reported.status.code(), Some(0), "{}", stderr(&reported));
    let page = fs::read_to_string(captioner.join("report.md")).expect("written");
    assert!(page.contains("Caption perplexity"), "{page}");
}

#[test]
fn a_classifier_is_measured_on_its_own_classes_and_on_unseen_ones() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let vgg = run_of("vgg", folder.path());

    let output = call("evaluate", &[&vgg]);

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let found = metrics(&vgg.join("evaluation/classes.json"));
    for name in ["top1", "unseen_top1"] {
        assert!(
            (0.0..=1.0).contains(&found[name].0),
            "{name}: {:?}",
            found[name]
        );
    }
}

#[test]
fn a_text_encoder_is_measured_by_unseen_classes_and_by_the_colour_words_in_its_embeddings() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let encoder = run_of("encoder", folder.path());

    let output = call("evaluate", &[&encoder]);

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let found = metrics(&encoder.join("evaluation/embedding.json"));
    for name in [
        "zero_shot_top1",
        "caption_to_class",
        "colour_words",
        "colour_words/back",
        "colour_words/belly",
    ] {
        assert!(
            (0.0..=1.0).contains(&found[name].0),
            "{name}: {:?}",
            found[name]
        );
    }
    let reported = call("report", &[&encoder]);
    assert_eq!(reported.status.code(), Some(0), "{}", stderr(&reported));
    let page = fs::read_to_string(encoder.join("report.md")).expect("written");
    assert!(
        page.contains("Colour words read off the embedding"),
        "{page}"
    );
}

/// A trained run of a family of which nothing is measured.
fn probe_run(folder: &Path) -> PathBuf {
    let run = folder.join("probe");
    let trained = wordpaint(folder)
        .args(["train", "attribute-probe-birds", "--quick", "--run"])
        .arg(&run)
        .args([
            "data.uri=synth:random-birds?n=24&size=32&seed=3",
            "model.image_size=32",
            "model.widths=[4, 4, 4, 4]",
            "train.batch_size=4",
            "train.stages=[{name='train', steps=2}]",
        ])
        .output()
        .expect("the binary starts");
    assert!(trained.status.success(), "{}", stderr(&trained));
    run
}

#[test]
fn a_pretraining_is_measured_by_retrieval_and_its_pair_measures_images_of_any_run() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let damsm = run_of("damsm", folder.path());
    let own = run_of("dm-gan", folder.path());
    let other = run_of("gan", folder.path());

    let retrieved = call("evaluate", &[&damsm]);
    let by_own = call("evaluate", &[&own]);
    let by_other = tiny()
        .wordpaint()
        .args(["evaluate", "--judge"])
        .args([&damsm, &other])
        .args(["--protocol", "paired"])
        .output()
        .expect("the binary starts");

    for output in [&retrieved, &by_own, &by_other] {
        assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    }
    let found = metrics(&damsm.join("evaluation/retrieval.json"));
    for way in ["caption_to_image", "image_to_caption"] {
        let recall = |k: usize| found[&format!("{way}_r{k}")];
        assert!(recall(1).0 <= recall(5).0 && recall(5).0 <= recall(10).0);
        assert_eq!(recall(5).1, Some(0.05));
    }
    for file in [
        own.join("evaluation/quick.json"),
        other.join("evaluation/paired.json"),
    ] {
        let found = metrics(&file);
        assert_eq!(found["r_precision"].1, Some(0.01), "{}", file.display());
        let real = real_of(&file, "r_precision").expect("real images were judged too");
        assert!((0.0..=1.0).contains(&real), "{real}");
        assert!(found.contains_key("r_precision_shuffled"));
        assert_measured_or_said(
            &file,
            &found,
            "semantic_consistency",
            "Semantic consistency (",
        );
    }
    let none = metrics(&{
        assert!(call("evaluate", &[&other]).status.success());
        other.join("evaluation/quick.json")
    });
    assert!(!none.contains_key("r_precision"), "nobody judges it");
    assert!(!none.contains_key("semantic_consistency"));
    // A network looks at pairs of captions without a judge, too; so small a generator may give it
    // nothing to tell apart.
    let file = other.join("evaluation/quick.json");
    let (name, title) = (
        "semantic_consistency_thumb8",
        "Semantic consistency (thumb8)",
    );
    assert_measured_or_said(&file, &none, name, title);
}

/// A generator so small may make the same image of every caption; then the file says that the value is missing
/// and why.
fn assert_measured_or_said(
    file: &Path,
    found: &BTreeMap<String, (f64, Option<f64>)>,
    name: &str,
    title: &str,
) {
    if let Some((ratio, _)) = found.get(name) {
        assert!(*ratio > 0.0, "{ratio}");
        return;
    }
    let text = fs::read(file).expect("stored");
    let stored: Value = serde_json::from_slice(&text).expect("JSON");
    let missing = stored["missing"].as_array().expect("a list");
    let output = missing.iter().find(|item| {
        let metric = item["metric"].as_str().unwrap_or_default();
        metric.starts_with(title)
    });
    let output =
        output.unwrap_or_else(|| panic!("{name} is neither measured nor said to be missing"));
    assert!(
        !output["why"].as_str().unwrap_or_default().is_empty(),
        "{output}"
    );
}

#[test]
fn without_the_encoders_it_learned_from_a_run_says_that_r_precision_is_missing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (run, encoders) = (folder.path().join("run"), folder.path().join("damsm"));
    copy(&tiny().run("damsm"), &encoders);
    let from = format!("text.encoder={}", encoders.display());
    let trained = tiny().again("attngan", &run, &[&from]).output();
    let trained = trained.expect("the binary starts");
    assert_eq!(trained.status.code(), Some(0), "{}", stderr(&trained));
    fs::remove_dir_all(&encoders).expect("was there");

    let output = call("evaluate", &[&run]);

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("R-precision: not measured"), "{text}");
    assert!(text.contains(&encoders.display().to_string()), "{text}");
}

#[test]
fn bad_runs_are_told_with_their_code_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let nowhere = folder.path().join("nowhere");
    let probe = probe_run(folder.path());
    let untrained = run_of("sdn", folder.path());
    fs::remove_dir_all(untrained.join("checkpoints")).expect("removed");

    for (verb, run, code, part) in [
        ("evaluate", &nowhere, 4, "is not a run folder"),
        ("evaluate", &untrained, 4, "no complete checkpoint"),
        ("evaluate", &probe, 2, "makes no images"),
        ("report", &nowhere, 4, "config.toml is missing"),
    ] {
        let output = call(verb, &[run]);

        let error = stderr(&output);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{verb} {}: {error}",
            run.display()
        );
        assert!(error.contains(part), "{verb}: {error}");
        assert_eq!(stdout(&output), "");
        assert!(!run.join("evaluation").exists() && !run.join("report.md").exists());
    }
    assert!(!nowhere.exists());
}

#[test]
fn an_unknown_protocol_is_refused_before_the_run_is_opened() {
    let output = tiny()
        .wordpaint()
        .args(["evaluate", "nowhere", "--protocol", "fid"])
        .output()
        .expect("the binary starts");

    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("expected one of paired, quick"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_report_with_one_bad_run_among_good_ones_writes_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let good = run_of("gan", folder.path());
    let out = folder.path().join("comparison");

    let output = call("report", &[&good, &folder.path().join("nowhere")]);

    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(!out.exists() && !good.join("report.md").exists());
}

fn with_protocol(run: &Path, protocol: &str, cache: &Path) -> Output {
    tiny()
        .wordpaint()
        .env("WORDPAINT_CACHE", cache)
        .arg("evaluate")
        .arg(run)
        .args(["--protocol", protocol])
        .output()
        .expect("the binary starts")
}

/// Features in a cache, with the time of their last change.
fn features(folder: &Path) -> Vec<(PathBuf, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("readable folder") {
        let entry = entry.expect("readable entry");
        if entry.path().is_dir() {
            found.extend(features(&entry.path()));
        } else {
            let changed = entry.metadata().and_then(|m| m.modified()).expect("a time");
            found.push((entry.path(), changed));
        }
    }
    found.sort();
    found
}

#[test]
fn a_published_protocol_says_what_is_absent_and_names_nothing_after_another_network() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = run_of("gan", folder.path());
    let cache = tiny().run("gan").join("../../cache");

    let output = with_protocol(&run, "sdn-29330", &cache);

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let file = fs::read(run.join("evaluation/sdn-29330.json")).expect("stored");
    let stored: Value = serde_json::from_slice(&file).expect("JSON");
    assert_eq!(stored["protocol"]["name"], "sdn-29330");
    let absent = stored["missing"].as_array().expect("a list");
    let is = absent
        .iter()
        .find(|m| m["metric"].as_str().is_some_and(|m| m.starts_with("IS")));
    assert!(
        is.is_some_and(|m| m["why"] != "" && m["how"] != ""),
        "{stored}"
    );
    for metric in stored["metrics"].as_array().expect("a list") {
        let label = metric["label"].as_str().expect("text");
        assert!(
            !label.starts_with("IS") && !label.starts_with("FID"),
            "{label}"
        );
    }
    let pairs = stored["metrics"].as_array().expect("a list");
    let ssim = pairs
        .iter()
        .find(|m| m["name"] == "ssim")
        .expect("similarity");
    let images = stored["protocol"]["images"].as_u64().expect("a number");
    assert_eq!(images, 10 * ssim["count"].as_u64().expect("a number"));
    assert!(run.join("evaluation/sdn-29330.png").is_file());
}

#[test]
fn an_interrupted_evaluation_goes_on_to_the_same_bytes_without_redoing_what_is_done() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = run_of("gan", folder.path());
    let file = run.join("evaluation/sdn-29330.json");
    let cache = folder.path().join("cache");
    let store = cache.join("evaluation");
    assert!(with_protocol(&run, "sdn-29330", &cache).status.success());
    let (first, kept) = (fs::read(&file).expect("stored"), features(&store));
    assert!(kept.len() > 3, "several chunks: {kept:?}");

    // What a kill leaves: whole chunks, and parts of others under temporary names.
    let gone: Vec<&PathBuf> = kept.iter().map(|(path, _)| path).step_by(3).collect();
    for path in &gone {
        fs::remove_file(path).expect("removed");
        fs::write(path.with_extension("partial"), b"half").expect("written");
    }
    fs::remove_file(&file).expect("removed");
    let output = with_protocol(&run, "sdn-29330", &cache);

    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read(&file).expect("stored"), first);
    let after = features(&store);
    for (path, changed) in &kept {
        let now = after
            .iter()
            .find(|(other, _)| other == path)
            .expect("there again");
        assert_eq!(
            now.1 == *changed,
            !gone.contains(&path),
            "{}",
            path.display()
        );
    }
}
