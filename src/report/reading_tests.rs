//! How people read a report: the order, what is folded, and that nothing is lost.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::tests::{fixture, read, rewrite};
use super::*;

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
        let positions = order.map(|title| text.find(&format!("{start}{title}")).expect(title));
        assert!(positions.is_sorted(), "{positions:?}");
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
        let metric: crate::run::results::Metric =
            serde_json::from_value(metric.clone()).expect("a metric");
        expected.push(with_interval(&metric));
        expected.push(format::basis(&metric));
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
    let lines = [
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
    for texts in [&titles[..], &more, &rest, &lines, &cost] {
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
    for runs in [&runs[..1], &runs[..]] {
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
