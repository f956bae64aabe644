//! Reports on run folders made for the test.

use std::fs;
use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use serde_json::{Value, json};

use super::*;
use crate::picture::{Cell, grid};

/// Writes a run folder as training and evaluation do.
pub(super) fn fixture(folder: &Path, name: &str, seed: u64) -> PathBuf {
    let run = folder.join(format!("{name}-quick-20260102-0{seed}"));
    fs::create_dir_all(run.join("samples")).expect("creates");
    fs::create_dir_all(run.join("evaluation")).expect("creates");
    let config = format!(
        "name = \"{name}\"\nfamily = \"sdn\"\nquick = true\n\
         title = \"Semantically decomposed <network> & friends\"\n\
         [data]\nuri = \"synth:birds\"\n[model]\nchannels = 32\n\
         [train]\nbatch_size = 16\n\
         [[expect]]\nsource = \"SDN, Table 3\"\nrows = [\n\
         {{ metric = \"IS\", value = 6.89, plusminus = 0.06, instrument = \"is/imagenet-2015\", \
         note = \"29,330 images\" }},\n\
         {{ metric = \"SSIM\", value = 0.22, instrument = \"SSIM, variant not stated\" }},\n]\n"
    );
    fs::write(run.join("config.toml"), config).expect("writes");
    let environment = json!({
        "wordpaint": "wordpaint", "version": "0.1.0", "device": "cpu", "backend": "flex",
        "os": "linux", "cpus": 8, "command": format!("wordpaint train {name} --quick"),
        "started": "2026-01-02T10:00:00Z", "finished": "2026-01-02T10:21:40Z",
        "data_uri": "synth:birds?preset=small&size=64", "data_fingerprint": "5f2c\u{2026}",
        "wall_seconds": 1300.0, "steps": 600, "peak_memory_bytes": 1_610_612_736u64,
        "parameters": {"generator": 4_234_567, "discriminator": 2_100_333},
    });
    fs::write(run.join("environment.json"), environment.to_string()).expect("writes");
    fs::write(run.join("events.jsonl"), events(seed)).expect("writes");
    for step in [1, 100, 300, 600] {
        sheet(step)
            .save(run.join(format!("samples/step-{step}.png")))
            .expect("saves");
    }
    sheet(600)
        .save(run.join("evaluation/grid.png"))
        .expect("saves");
    let evaluation = evaluation(0.55 + 0.03 * seed as f64);
    fs::write(run.join("evaluation/birds.json"), evaluation.to_string()).expect("writes");
    run
}

fn events(seed: u64) -> String {
    let mut rng = wordpaint_rng::Rng::new(&[seed]);
    let mut lines = String::new();
    for step in (10..=600u64).step_by(10) {
        let stage = if step <= 300 { "stage-1" } else { "stage-2" };
        let decay = 1.0 / (1.0 + step as f64 / 80.0);
        let mut noise = || 1.0 + 0.1 * f64::from(rng.normal());
        let line = json!({
            "step": step, "epoch": step / 60 + 1, "stage": stage,
            "terms": {
                "g/image": {"value": 40.0 * decay * noise(), "weight": 1.0},
                "g/adversarial": {"value": 0.9 * noise(), "weight": 1.0},
                "g/perceptual": {"value": 0.02 * decay * noise(), "weight": 10.0},
                "d/real": {"value": 0.5 * noise(), "weight": 1.0},
                "d/fake": {"value": 0.4 * noise(), "weight": 0.5},
                "d/mismatched": {"value": 0.6 * noise(), "weight": 0.5},
            },
            "lr": {"generator": 2e-4, "discriminator": 2e-4},
            "seconds_per_step": 0.21 * noise(), "images_per_second": 76.0 * noise(),
            "samples": step * 16,
        });
        lines += &line.to_string();
        lines.push('\n');
        if step == 300 {
            lines.push_str("{\"kind\":\"checkpoint\",\"step\":300,\"message\":\"step-300\"}\n");
            lines.push_str(
                "{\"kind\":\"stop\",\"step\":300,\"message\":\"stopped on request\",\
                 \"time\":\"2026-01-02T10:10:00Z\"}\n{\"kind\":\"resume\",\"step\":300}\n",
            );
        }
    }
    lines
}

fn sheet(step: u32) -> RgbImage {
    let captions = [
        "a small red bird with black wings and a short yellow beak",
        "this bird is blue & white <tail>",
        "a green bird on a branch",
        "a large brown bird with a striped breast, seen from the side in the evening sun",
    ];
    let cells: Vec<Cell<'_>> = captions
        .iter()
        .enumerate()
        .map(|(i, caption)| Cell {
            image: RgbImage::from_fn(64, 64, |x, y| {
                let blur = 4 + 60 * step / 600;
                Rgb([(x * blur / 16) as u8, (y * 3) as u8, (40 * i) as u8])
            }),
            caption,
        })
        .collect();
    grid(&cells, 4)
}

fn evaluation(agreement: f64) -> Value {
    let metric = |name: &str, label: &str, value: f64, network: &str| {
        json!({
            "name": name, "label": label, "value": value, "low": value - 0.03,
            "high": value + 0.03, "unit": "share", "higher_is_better": true, "count": 600,
            "network": network, "chance": 0.098, "group": null, "detail": "",
        })
    };
    let mean = |mut metric: Value| {
        metric["real"] = json!(0.931);
        metric["detail"] = json!("mean over 7 attributes the probe can tell");
        metric
    };
    let mut colour = metric(
        "agreement_wing",
        "wing colour",
        agreement,
        "attribute-probe-1",
    );
    colour["group"] = json!("attributes");
    let mut ssim = metric("ssim", "SSIM", 0.31, "ssim/luma");
    ssim["unit"] = json!("");
    ssim["chance"] = json!(null);
    json!({
        "protocol": {
            "name": "birds-quick", "version": "1", "description": "One image per test caption",
            "images": 600, "split": "test", "captions": "first of each image", "seed": 7,
            "encoder": "attribute-probe-1", "front_end": "64 px, truncated to 8 bits",
        },
        "metrics": [
            mean(metric("attribute_agreement", "Attribute agreement (mean)", agreement,
                "attribute-probe-1")),
            colour,
            ssim,
        ],
        "grid": "evaluation/grid.png",
        "figures": [],
        "missing": [{
            "metric": "IS", "why": "the ImageNet classifier of 2015 is not installed",
            "how": "wordpaint fetch inception",
        }],
    })
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("readable")
}

fn rewrite(path: &Path, change: impl FnOnce(String) -> String) {
    fs::write(path, change(read(path))).expect("writes");
}

#[test]
fn the_report_of_a_run_shows_everything_and_needs_no_other_file() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = fixture(folder.path(), "sdn-birds", 1);

    let paths = write(std::slice::from_ref(&run), None, Protocols::Apart).expect("writes");

    let html = read(&paths.html);
    assert_eq!(paths.html, run.join("report.html"));
    assert!(html.contains("quick, built-in data: not comparable with the paper"));
    assert!(
        html.contains("58.0&nbsp;%&nbsp;[55.0,&nbsp;61.0]")
            && html.contains("n = 600; chance 9.8&nbsp;%")
    );
    assert!(html.contains("6.89&nbsp;\u{b1}&nbsp;0.06") && html.contains("SDN, Table 3"));
    assert!(html.contains("the ImageNet classifier of 2015 is not installed"));
    assert!(html.contains("Generator losses, stage-1") && html.contains("ms per step"));
    assert!(html.contains("Resumed once; one checkpoint."));
    assert!(html.contains("6,334,900 (discriminator 2,100,333, generator 4,234,567)"));
    assert!(html.contains("21 min 40 s") && html.contains("1.50 GiB"));
    assert!(html.contains("decomposed &lt;network&gt; &amp; friends"));
    for step in ["Step 1<", "Step 300<", "Step 600 of the training<"] {
        assert!(html.contains(step), "{step}");
    }
    assert!(!html.contains("Step 100<"));
    assert_eq!(html.matches("data:image/png;base64,").count(), 4);
    for outside in ["src=\"http", "href=", "url(", "<script"] {
        assert!(!html.contains(outside), "{outside}");
    }
    let markdown = read(&paths.markdown);
    assert!(
        markdown.contains("![Step 600 of the training](<samples/step-600.png>)"),
        "{markdown}"
    );
    let csv = read(&paths.csv);
    assert_eq!(csv.lines().count(), 1 + 3 + 2);
    assert!(
        csv.lines().all(|line| line.matches(',').count() >= 22),
        "{csv}"
    );
}

#[test]
fn a_published_figure_stands_beside_ours_with_both_instruments_and_a_verdict() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = fixture(folder.path(), "sdn-birds", 1);
    let rows = |start: &str| {
        let paths = write(std::slice::from_ref(&run), None, Protocols::Apart).expect("writes");
        let text = read(&paths.markdown);
        let rows = text.lines().filter(|line| line.starts_with(start));
        rows.map(String::from).collect::<Vec<_>>()
    };

    let of_paper = |start: &str| {
        let mut rows = rows(start);
        rows.retain(|row| row.contains("0.22"));
        rows
    };
    let ssim = of_paper("| SSIM");
    let absent = rows("| IS");
    // The second row of the absent one is that of the table of what is missing.
    assert_eq!((ssim.len(), absent.len()), (1, 2), "{ssim:?} {absent:?}");
    for part in [
        "0.22",
        "SSIM, variant not stated",
        "0.310",
        "ssim/luma",
        "no: other data",
    ] {
        assert!(ssim[0].contains(part), "{part}: {ssim:?}");
    }
    for part in [
        "6.89",
        "not measured",
        "the ImageNet classifier of 2015 is not installed",
    ] {
        assert!(absent[0].contains(part), "{part}: {absent:?}");
    }

    // On real data and at full length the instrument decides.
    rewrite(&run.join("config.toml"), |text| {
        text.replace("quick = true", "")
    });
    rewrite(&run.join("environment.json"), |text| {
        text.replace("synth:birds", "cub:data")
    });
    assert!(of_paper("| SSIM")[0].contains("no: other instrument"));
    rewrite(&run.join("config.toml"), |text| {
        text.replace("SSIM, variant not stated", "ssim/luma")
    });
    assert!(of_paper("| SSIM")[0].contains("| yes"));
}

/// What a reader finds before anything is opened.
fn unfolded(html: &str) -> String {
    let mut parts = html.split("<details>");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.filter_map(|part| part.rsplit_once("</details>"));
    rest.fold(first, |text, (_, rest)| text + rest)
}

#[test]
fn pictures_come_first_then_at_most_five_numbers_then_curves_and_the_rest_is_folded() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = fixture(folder.path(), "sdn-birds", 1);

    let paths = write(&[run], None, Protocols::Apart).expect("writes");

    let (html, markdown) = (read(&paths.html), read(&paths.markdown));
    let order = ["Pictures", "Numbers", "Curves", "Everything else"];
    for (text, start) in [(&html, "<h2>"), (&markdown, "## ")] {
        let places = order.map(|title| text.find(&format!("{start}{title}")).expect(title));
        assert!(places.is_sorted(), "{places:?}");
    }
    let shown = unfolded(&html);
    assert_eq!(shown.matches("data:image/png;base64,").count(), 2);
    assert!(shown.contains("Step 600 of the training") && shown.contains("Generated images"));
    assert!(shown.contains("Attributes that match the caption") && shown.contains("58.0&nbsp;%"));
    for beside in ["chance <b>9.8&nbsp;%</b>", "real images <b>93.1&nbsp;%</b>"] {
        assert!(shown.contains(beside), "{beside}");
    }
    assert!(shown.contains("n&nbsp;=&nbsp;600") && shown.contains("Similarity to the real image"));
    assert!((1..=5).contains(&shown.matches("class=\"value\"").count()));
    assert!(shown.contains("Generator losses, stage-1"));
    for folded in [
        "<table",
        "6.89",
        "is not installed",
        "birds-quick v1:",
        "batch_size",
    ] {
        assert!(!shown.contains(folded), "{folded}");
        assert!(html.contains(folded), "{folded}");
    }
}

#[test]
fn the_papers_figures_are_unfolded_where_one_may_be_compared() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = fixture(folder.path(), "sdn-birds", 1);
    rewrite(&run.join("config.toml"), |text| {
        text.replace("quick = true", "")
            .replace("SSIM, variant not stated", "ssim/luma")
    });
    rewrite(&run.join("environment.json"), |text| {
        text.replace("synth:birds", "cub:data")
    });

    let html = read(&write(&[run], None, Protocols::Apart).expect("writes").html);

    let shown = unfolded(&html);
    for part in ["Beside the paper", "0.22", "6.89", "not measured"] {
        assert!(shown.contains(part), "{part}");
    }
    assert_eq!(html.matches("6.89&nbsp;").count(), 1, "told twice");
}

/// Every text of a run folder's JSON that is no path and no name for programs.
fn facts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let skipped = ["name", "path", "grid", "unit", "group", "higher_is_better"];
            let fields = fields
                .iter()
                .filter(|(key, _)| !skipped.contains(&&key[..]));
            fields.for_each(|(_, value)| facts(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| facts(item, found)),
        Value::String(text) => found.push(text.clone()),
        _ => {}
    }
}

#[test]
fn nothing_that_a_run_holds_is_lost_on_the_page_or_in_the_text() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = fixture(folder.path(), "sdn-birds", 1);
    let parsed = |file: &str| serde_json::from_str::<Value>(&read(&run.join(file))).expect("JSON");
    let evaluation = parsed("evaluation/birds.json");
    let mut expected = Vec::new();
    facts(&evaluation, &mut expected);
    facts(&parsed("environment.json"), &mut expected);
    expected.extend(read(&run.join("config.toml")).lines().map(String::from));
    for metric in evaluation["metrics"].as_array().expect("a list") {
        let metric: schema::Metric = serde_json::from_value(metric.clone()).expect("a metric");
        expected.push(with_interval(&metric));
        expected.push(sections::basis(&metric));
    }
    let titles = ["Generator losses, stage-1", "Generator losses, stage-2"];
    let more = [
        "Discriminator losses, stage-1",
        "Discriminator losses, stage-2",
    ];
    let rest = [
        "Time per step",
        "Resumed once; one checkpoint.",
        "stopped on request",
    ];
    let told = [
        "6.89 \u{b1} 0.06",
        "SDN, Table 3",
        "no: other data",
        "seed 7",
        "600 images",
    ];
    let cost = [
        "21 min 40 s",
        "1.50 GiB",
        "4,234,567",
        "attributes: wing colour",
        "birds-quick v1",
    ];
    for texts in [&titles[..], &more, &rest, &told, &cost] {
        expected.extend(texts.iter().map(ToString::to_string));
    }

    let paths = write(std::slice::from_ref(&run), None, Protocols::Apart).expect("writes");

    let html = read(&paths.html).replace("&nbsp;", " ");
    let html = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"]
        .iter()
        .zip(["&", "<", ">", "\"", "'"])
        .fold(html, |text, (from, to)| text.replace(from, to));
    let markdown = read(&paths.markdown).replace('\\', "");
    let markdown = markdown.replace("&lt;", "<").replace("&amp;", "&");
    for fact in &expected {
        assert!(html.contains(fact.as_str()), "the page lacks {fact}");
        assert!(markdown.contains(fact.as_str()), "the text lacks {fact}");
    }
    for picture in ["step-1.png", "step-300.png", "step-600.png", "grid.png"] {
        assert_eq!(markdown.matches(picture).count(), 1, "{picture}");
    }
}

#[test]
fn the_page_can_be_read_by_its_headings_captions_and_texts_of_pictures() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let runs = [
        fixture(folder.path(), "a", 1),
        fixture(folder.path(), "b", 2),
    ];
    for runs in [&runs[..1], &runs] {
        let html = read(&write(runs, None, Protocols::Apart).expect("writes").html);

        let mut last = 0;
        for part in html.split("<h").skip(1) {
            let Some(level) = part.chars().next().and_then(|c| c.to_digit(10)) else {
                continue;
            };
            assert!(level <= last + 1, "h{level} under h{last}: {part:.60}");
            last = level;
        }
        assert_eq!(html.matches("<h1>").count(), 1);
        let captions = html.matches("<caption>").count();
        assert!(captions > 0 && html.matches("<table>").count() == captions);
        assert_eq!(
            html.matches("<img alt=\"").count(),
            html.matches("<img").count()
        );
        assert!(!html.contains("alt=\"\"") && html.contains("<html lang=\"en\">"));
        let pairs =
            |open: &str, close: &str| html.matches(open).count() == html.matches(close).count();
        assert!(pairs("<details>", "</details>") && pairs("<summary>", "</summary>"));
    }
}

#[test]
fn a_report_closes_with_its_most_telling_number_and_what_to_do_next() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let runs = [
        fixture(folder.path(), "a", 1),
        fixture(folder.path(), "b", 2),
    ];
    let closing = |runs: &[PathBuf]| {
        let paths = write(runs, None, Protocols::Apart).expect("writes");
        paths.closing
    };

    let one = closing(&runs[..1]);
    assert_eq!(
        one.number,
        "Attribute agreement (mean) 58.0 % [55.0, 61.0] (chance 9.8 %; real images 93.1 %; n = 600)"
    );
    let command = format!("wordpaint generate --from {} \"a small", runs[0].display());
    assert!(one.next.contains(&command), "{}", one.next);
    let both = closing(&runs).number;
    assert!(both.contains("a 58.0 % [55.0, 61.0], b 61.0 %"), "{both}");

    fs::remove_dir_all(runs[1].join("evaluation")).expect("removes");
    let unmeasured = closing(&runs[1..]);
    assert_eq!(unmeasured.number, "none, nothing was measured");
    let command = format!("wordpaint evaluate {}", runs[1].display());
    assert!(unmeasured.next.ends_with(&command), "{}", unmeasured.next);
    rewrite(&runs[1].join("environment.json"), |text| {
        text.replace("\"finished\":\"2026-01-02T10:21:40Z\"", "\"finished\":null")
    });
    assert!(closing(&runs[1..]).next.contains("wordpaint resume"));
}

#[test]
fn runs_of_one_protocol_share_a_table_with_the_papers_figures() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let runs: Vec<PathBuf> = ["sdn-full", "sdn-image-only"]
        .iter()
        .zip(1..)
        .map(|(name, seed)| fixture(folder.path(), name, seed))
        .collect();

    let paths = write(&runs, None, Protocols::Apart).expect("writes");

    assert_eq!(paths.html, folder.path().join("comparison/report.html"));
    let markdown = read(&paths.markdown);
    assert_eq!(markdown.matches("## Protocol ").count(), 1);
    let rows = markdown
        .lines()
        .filter(|line| line.starts_with("| sdn-image-only"));
    // The numbers that say most, then all of them with the paper's.
    let rows: Vec<&str> = rows.collect();
    assert!(rows.iter().all(|row| row.contains("61.0 %")), "{rows:?}");
    let has_paper = rows.iter().map(|row| row.contains("6.89 \u{b1} 0.06"));
    assert_eq!(has_paper.collect::<Vec<_>>(), [false, true], "{rows:?}");
    assert!(markdown.contains("paper: IS (SDN, Table 3; is/imagenet-2015)"));
    assert!(markdown.contains(
        "the paper's own figures, measured with the instrument under their heading, on other data"
    ));
    assert!(markdown.contains("../sdn-full-quick-20260102-01/samples/step-600.png"));
}

#[test]
fn runs_of_different_protocols_are_kept_apart() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let runs = [
        fixture(folder.path(), "a", 1),
        fixture(folder.path(), "b", 2),
    ];
    rewrite(&runs[1].join("evaluation/birds.json"), |text| {
        text.replace("\"images\":600", "\"images\":50")
    });

    let markdown = read(
        &write(&runs, None, Protocols::Apart)
            .expect("writes")
            .markdown,
    );

    assert_eq!(markdown.matches("## Protocol ").count(), 2);
    assert!(markdown.contains("must not be compared, so each protocol has its own table"));
    assert!(markdown.contains("--across-protocols") && !markdown.contains("Across protocols"));

    let asked = read(
        &write(&runs, None, Protocols::Across)
            .expect("writes")
            .markdown,
    );
    let (_, table) = asked.split_once("## Across protocols").expect("asked for");
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| a"))
        .collect();
    assert!(
        rows[0].contains("protocol birds-quick v1, 600 images"),
        "{rows:?}"
    );
    assert!(table.contains("protocol birds-quick v1, 50 images"));
    assert!(asked.contains("rows of different protocols"));
}

#[test]
fn a_missing_file_is_named_with_the_command_that_writes_it() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (file, command) in [
        ("config.toml", "wordpaint train"),
        ("environment.json", "wordpaint resume"),
        ("events.jsonl", "wordpaint resume"),
    ] {
        let run = fixture(folder.path(), "sdn", 1);
        fs::remove_file(run.join(file)).expect("removes");
        let error = write(&[run], None, Protocols::Apart)
            .expect_err("a file is missing")
            .to_string();
        assert!(error.contains(file) && error.contains(command), "{error}");
    }
    assert!(matches!(
        write(&[], None, Protocols::Apart),
        Err(ReportError::NoRuns)
    ));
}

#[test]
fn a_run_without_evaluation_says_how_to_evaluate_it() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = fixture(folder.path(), "sdn", 1);
    fs::remove_dir_all(run.join("evaluation")).expect("removes");
    let html = read(&write(&[run], None, Protocols::Apart).expect("writes").html);
    assert!(html.contains("wordpaint evaluate"));
    assert!(html.contains("6.89&nbsp;\u{b1}&nbsp;0.06"));
}

#[test]
fn a_half_written_last_event_is_left_out_with_a_note_but_damage_inside_is_an_error() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = fixture(folder.path(), "sdn", 1);
    rewrite(&run.join("events.jsonl"), |text| {
        text + "{\"step\":610,\"ter"
    });
    let html = read(
        &write(std::slice::from_ref(&run), None, Protocols::Apart)
            .expect("writes")
            .html,
    );
    assert!(html.contains("The last line of events.jsonl is incomplete"));

    rewrite(&run.join("events.jsonl"), |text| {
        text.replacen("{\"epoch\"", "{\"epo", 1)
    });
    let error = write(&[run], None, Protocols::Apart)
        .expect_err("a line is damaged")
        .to_string();
    assert!(
        error.contains("events.jsonl") && error.contains("line 1"),
        "{error}"
    );
}

#[test]
fn hostile_names_and_paths_do_no_harm() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = fixture(folder.path(), "sdn", 1);
    fs::write(folder.path().join("secret.png"), b"\x89PNG\r\n\x1a\nsecret").expect("writes");
    rewrite(&run.join("evaluation/birds.json"), |text| {
        text.replace("evaluation/grid.png", "../secret.png")
            .replace("wing colour", "<img src=x onerror=alert(1)>")
    });
    rewrite(&run.join("environment.json"), |text| {
        text.replace("\"os\":\"linux\"", "\"os\":\"</table><script>\"")
    });
    fs::write(run.join("samples/step-700.png"), b"not a picture").expect("writes");

    let html = read(&write(&[run], None, Protocols::Apart).expect("writes").html);

    assert!(html.contains("lies outside the run folder"));
    assert!(html.contains("samples/step-700.png is not a PNG file"));
    assert!(!html.contains("<img src=x") && !html.contains("<script"));
    assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;"));
}

#[test]
fn a_diverged_run_without_numbers_still_has_a_report() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = fixture(folder.path(), "sdn", 1);
    rewrite(&run.join("events.jsonl"), |_| {
        "{\"step\":1,\"terms\":{\"g/image\":{\"value\":null,\"weight\":1.0}}}\n".into()
    });
    rewrite(&run.join("evaluation/birds.json"), |text| {
        text.replace("\"value\":0.31", "\"value\":null")
    });
    let html = read(&write(&[run], None, Protocols::Apart).expect("writes").html);
    assert!(html.contains("not&nbsp;finite"));
    assert!(!html.contains("NaN"));
}
