//! Reports on sweeps over run folders made for the test.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::write;
use crate::report::ReportError;
use crate::report::tests::fixture;

/// A run of a line at a place: its agreement is 0.55 + 0.03 * seed, lower by `loss`.
fn run(folder: &Path, name: &str, seed: u64, loss: f64) -> String {
    // Drawing the pictures of one run is enough work.
    let first = folder.join("first-quick-20260102-01");
    if !first.exists() {
        fixture(folder, "first", 1);
    }
    let run = folder.join(format!("{name}-{seed}"));
    for part in ["evaluation", "samples"] {
        fs::create_dir_all(run.join(part)).expect("creates");
    }
    for file in [
        "config.toml",
        "environment.json",
        "events.jsonl",
        "samples/step-600.png",
        "evaluation/grid.png",
        "evaluation/birds.json",
    ] {
        fs::copy(first.join(file), run.join(file)).expect("copies");
    }
    let file = run.join("evaluation/birds.json");
    let mut stored: Value =
        serde_json::from_slice(&fs::read(&file).expect("readable")).expect("JSON");
    stored["metrics"][0]["value"] = json!(0.55 + 0.03 * seed as f64 - loss);
    fs::write(file, stored.to_string()).expect("writes");
    run.display().to_string()
}

/// A sweep of two lines along an axis and a level, three seeds each; one point is not there yet.
fn sweep(folder: &Path) -> Value {
    let line = |title: &str, steps: &[(f64, f64)]| {
        let points = steps
            .iter()
            .flat_map(|&(x, loss)| (1..=3).map(move |seed| (x, seed, loss)));
        let points: Vec<Value> = points
            .map(|(x, seed, loss)| {
                let name = format!("{}-{x}", title.to_lowercase());
                json!({"x": x, "seed": seed, "run": run(folder, &name, seed, loss)})
            })
            .collect();
        json!({"title": title, "points": points})
    };
    let mut second = line("Contrast", &[(0.0, -0.02), (0.1, 0.0), (0.2, 0.08)]);
    second["aim"] = json!("better by 5 %");
    second["points"][8]["run"] = Value::Null;
    let level: Vec<Value> = (1..=3)
        .map(|seed| json!({"seed": seed, "run": run(folder, "level", seed, 0.01)}))
        .collect();
    json!({
        "name": "noise", "title": "Agreement <over> noise",
        "grids": [{
            "name": "main", "title": "Pretraining",
            "axis": {"key": "data.label_noise", "title": "labels replaced", "unit": "share",
                     "values": [0.0, 0.1, 0.2]},
            "metrics": ["attribute_agreement", "ssim"],
            "lines": [
                line("Plain", &[(0.0, 0.0), (0.1, 0.03), (0.2, 0.06)]),
                second,
                {"title": "Level", "points": level},
            ],
            "claims": [
                {"text": "Contrast helps", "line": "Contrast", "is": "better", "than": "Plain",
                 "metrics": ["attribute_agreement", "fid"]},
                {"text": "Noise hurts", "line": "Plain", "is": "worse", "than": "Level",
                 "metrics": ["attribute_agreement"]},
            ],
        }],
    })
}

fn written(folder: &Path, sweep: &Value) -> Result<[String; 3], ReportError> {
    let file = folder.join("sweep.json");
    fs::write(&file, sweep.to_string()).expect("writes");
    let paths = write(&file, None)?;
    assert_eq!(paths.html, folder.join("report.html"));
    Ok([paths.html, paths.markdown, paths.csv]
        .map(|path| fs::read_to_string(path).expect("written")))
}

/// Rows of the tables in Markdown that begin with `start`.
fn rows<'a>(markdown: &'a str, start: &str) -> Vec<&'a str> {
    let lines = markdown.lines();
    lines.filter(|line| line.starts_with(start)).collect()
}

#[test]
fn a_sweep_has_a_curve_and_tables_with_mean_and_spread_over_seeds() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let sweep = sweep(folder.path());

    let [html, markdown, _] = written(folder.path(), &sweep).expect("complete runs");

    assert!(html.contains("Agreement &lt;over&gt; noise"));
    assert!(html.contains("not comparable with the paper"));
    // Seeds 1, 2, 3 give 58, 61, 64 %, less 3 points.
    let row = rows(&markdown, "| Plain | 10 % |")[0];
    assert!(
        row.contains("58.0 % \u{b1} 3.0 (3 seeds: 55.0 %, 58.0 %, 61.0 %; chance 9.8 %)"),
        "{row}"
    );
    let row = rows(&markdown, "| Contrast | 20 % |")[0];
    assert!(row.contains("(2 seeds: 50.0 %, 53.0 %"), "{row}");
    assert!(
        row.contains("better by 5 %") && row.contains("6.89 \u{b1} 0.06"),
        "{row}"
    );
    assert!(rows(&markdown, "| Level | any |")[0].contains("60.0 % \u{b1} 3.0"));
    assert!(markdown.contains("20 of 21 points"), "{markdown}");
    assert!(markdown.contains("cargo xtask reproduce noise"));
    assert!(markdown.contains("Protocol birds-quick v1"));
    for metric in ["attribute_agreement", "ssim"] {
        let name = format!("main-{metric}.svg");
        assert!(markdown.contains(&format!("](<{name}>)")), "{markdown}");
        let svg = fs::read_to_string(folder.path().join(name)).expect("drawn");
        for text in ["Plain", "Contrast", "Level", "labels replaced, %"] {
            assert!(svg.contains(text), "{text}");
        }
    }
    assert_eq!(html.matches("<svg").count(), 2);
}

#[test]
fn the_instruments_of_each_metric_are_named() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let sweep = sweep(folder.path());
    let points = &sweep["grids"][0]["lines"][0]["points"];
    let file = Path::new(points[0]["run"].as_str().expect("a run")).join("evaluation/birds.json");
    let mut stored: Value =
        serde_json::from_slice(&fs::read(&file).expect("readable")).expect("JSON");
    let metrics = stored["metrics"].as_array().expect("metrics").clone();
    let of = |name: &str, key: &str| {
        let metric = metrics.iter().find(|metric| metric["name"] == name);
        metric.expect("measured")[key]
            .as_str()
            .expect("text")
            .to_owned()
    };
    let [agreement, ssim] = ["attribute_agreement", "ssim"].map(|name| of(name, "label"));
    let [probe, window] = ["attribute_agreement", "ssim"].map(|name| of(name, "network"));

    let [_, markdown, _] = written(folder.path(), &sweep).expect("complete runs");
    let expected = format!("Measured with: {agreement}: {probe}; {ssim}: {window}.");
    assert!(markdown.contains(&expected), "{expected} {markdown}");

    stored["metrics"][0]["network"] = json!("another probe");
    fs::write(&file, stored.to_string()).expect("writes");
    let [_, markdown, _] = written(folder.path(), &sweep).expect("complete runs");
    let expected = format!("{agreement}: each run its own, 2 in all; {ssim}: {window}.");
    assert!(markdown.contains(&expected), "{expected} {markdown}");
}

#[test]
fn differences_are_paired_by_seed_and_slopes_are_per_step_of_the_axis() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let sweep = sweep(folder.path());

    let [_, markdown, _] = written(folder.path(), &sweep).expect("complete runs");

    // Value, difference: every seed is better by 3 points.
    let found = rows(&markdown, "| Contrast | 10 % |");
    assert!(
        found[1].contains("+3.0 % \u{b1} 0.0 (better in 3 of 3)"),
        "{found:?}"
    );
    let found = rows(&markdown, "| Contrast | 20 % |");
    assert!(
        found[1].contains("-2.0 % \u{b1} 0.0 (better in 0 of 2)"),
        "{found:?}"
    );
    // From 61 % to 55 % over 20 points.
    let found = rows(&markdown, "| Plain | -0.300 points");
    assert_eq!(found.len(), 1, "{markdown}");
}

#[test]
fn claims_are_tested_at_every_place_with_the_intervals_of_their_runs() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let sweep = sweep(folder.path());

    let [_, markdown, _] = written(folder.path(), &sweep).expect("complete runs");

    // Every run is known to 3 points: six of them, three seeds.
    let found = rows(&markdown, "| Contrast helps |");
    let by_agreement: Vec<&&str> = found.iter().filter(|row| !row.contains("fid")).collect();
    for (row, says) in by_agreement.iter().zip([
        [
            "labels replaced 0 % over Plain",
            "2.0 % \\[-0.4, 4.4\\]",
            "3 of 3",
            "not decided",
        ],
        [
            "labels replaced 10 % over Plain",
            "3.0 % \\[0.6, 5.4\\]",
            "3 of 3",
            "holds",
        ],
        [
            "labels replaced 20 % over Plain",
            "-2.0 % \\[-5.0, 1.0\\]",
            "0 of 2",
            "not decided",
        ],
    ]) {
        for part in says {
            assert!(row.contains(part), "no {part} in {row}");
        }
    }
    assert_eq!(by_agreement.len(), 3);
    let unmeasured = found.iter().filter(|row| row.contains("| fid |"));
    assert!(unmeasured.clone().count() == 3, "{found:?}");
    assert!(unmeasured.clone().all(|row| row.contains("not measured")));
    // A line that follows no axis is the same at every place of the other.
    let found = rows(&markdown, "| Noise hurts |");
    let verdicts = ["fails", "not decided", "holds"];
    let verdicts = verdicts.map(|verdict| found.iter().filter(|r| r.contains(verdict)).count());
    assert_eq!((found.len(), verdicts), (3, [0, 2, 1]), "{found:?}");
}

#[test]
fn the_numbers_behind_a_curve_are_in_a_table_of_their_own() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let sweep = sweep(folder.path());

    let [_, _, csv] = written(folder.path(), &sweep).expect("complete runs");

    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 1 + 2 * 7, "{csv}");
    let start = "main,Plain,data.label_noise,0.1,attribute_agreement,share,3,";
    let line = lines.iter().find(|line| line.starts_with(start));
    let fields: Vec<&str> = line.expect("a line").split(',').collect();
    let mean: f64 = fields[7].parse().expect("a number");
    assert!((mean - 0.58).abs() < 1e-12, "{csv}");
    assert_eq!(fields[9].split(' ').count(), 3);
    assert!(folder.path().join("metrics.csv").exists());
}

#[test]
fn lines_without_an_axis_are_compared_side_by_side() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let line = |title: &str, loss: f64| {
        let run = run(folder.path(), title, 1, loss);
        json!({"title": title, "points": [{"seed": 1, "run": run}]})
    };
    let sweep = json!({
        "name": "pair", "title": "Two",
        "grids": [{
            "name": "only", "title": "GAN phase", "metrics": ["attribute_agreement"],
            "lines": [line("one", 0.0), line("two", 0.1)],
        }],
    });

    let [html, markdown, _] = written(folder.path(), &sweep).expect("complete runs");

    let row = rows(&markdown, "| one |")[0];
    // Of one seed its own interval.
    assert!(
        row.contains("58.0 % \\[55.0, 61.0\\] (one seed; chance 9.8 %)"),
        "{row}"
    );
    assert!(rows(&markdown, "| two |")[1].contains("-10.0 %"));
    // Its interval is a bar in the curve, too.
    let svg = fs::read_to_string(folder.path().join("only-attribute_agreement.svg"));
    let svg = svg.expect("drawn");
    let bars = svg
        .lines()
        .filter(|line| line.contains("stroke=\"#D9682B\" stroke-width=\"1\""));
    assert_eq!(bars.count(), 1, "{svg}");
    assert!(!markdown.contains("Change per") && html.contains("<figcaption>two<"));
}

#[test]
fn points_of_other_protocols_are_named_and_wrong_files_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let sweep = sweep(folder.path());
    let other = sweep["grids"][0]["lines"][0]["points"][0]["run"].as_str();
    let file = Path::new(other.expect("a path")).join("evaluation/birds.json");
    let text = fs::read_to_string(&file).expect("readable");
    fs::write(&file, text.replace("\"images\":600", "\"images\":50")).expect("writes");

    let [_, markdown, _] = written(folder.path(), &sweep).expect("complete runs");
    assert!(markdown.contains("2 different protocols"), "{markdown}");

    let mut wrong = sweep;
    wrong["grids"][0]["curves"] = json!([]);
    let error = written(folder.path(), &wrong)
        .expect_err("unknown key")
        .to_string();
    assert!(
        error.contains("sweep.json") && error.contains("curves"),
        "{error}"
    );
}
