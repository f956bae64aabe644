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

pub(super) fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("readable")
}

pub(super) fn rewrite(path: &Path, change: impl FnOnce(String) -> String) {
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
