//! The published merges give the ids of `clip_tokenizer.json`, where the cache has them.

mod golden;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use wordpaint_data::tokenizers::Encoded;
use wordpaint_data::tokenizers::byte_pairs::{BytePairs, SpecialText, clean, read_merges};

#[derive(Deserialize)]
struct File {
    vocab_size: usize,
    sot: i32,
    eot: i32,
    context: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    cleaned: String,
    /// Without markers and not cut.
    ids: Vec<i32>,
    /// With markers, cut.
    length: usize,
    truncated: bool,
    decoded: String,
}

/// What `cargo xtask fetch clip-bpe` left in the cache, or a note that the test is skipped.
fn merges() -> Option<PathBuf> {
    let cache = std::env::var_os("WORDPAINT_CACHE").unwrap_or_else(|| "cache".into());
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = workspace.join(cache).join("weights/clip-bpe.gz");
    if path.is_file() {
        return Some(path);
    }
    eprintln!(
        "skipped: {} is not there; `cargo xtask fetch clip-bpe`",
        path.display()
    );
    None
}

#[test]
fn published_merges_give_the_published_ids() {
    let (Some(path), Some(merges)) = (golden::golden("clip_tokenizer.json"), merges()) else {
        return;
    };
    let text = std::fs::read_to_string(path).expect("a readable file");
    let file: File = serde_json::from_str(&text).expect("a list of cases");
    let vocabulary = read_merges(&merges, file.vocab_size).expect("the published merges");
    let pairs = BytePairs::new(&vocabulary).expect("a list of pairs");
    assert!(!file.cases.is_empty());
    for case in &file.cases {
        let text = &case.text;
        assert_eq!(clean(text), case.cleaned, "{text:?}");

        let row = pairs.row(text, file.context, SpecialText::Markers);

        assert_eq!(row, expected(&file, case, &row), "{text:?}");
        assert_eq!(row.lost.is_empty(), !case.truncated, "{text:?}");
        assert_eq!(pairs.decode(&case.ids), case.decoded, "{text:?}");
    }
}

/// The row of a case; what was lost is said by no file.
fn expected(file: &File, case: &Case, row: &Encoded) -> Encoded {
    let mut ids: Vec<i32> = std::iter::once(file.sot)
        .chain(case.ids.iter().copied())
        .chain([file.eot])
        .collect();
    assert_eq!(ids.len() > file.context, case.truncated);
    ids.truncate(file.context);
    if let Some(last) = ids.last_mut() {
        *last = file.eot;
    }
    ids.resize(file.context, 0);
    Encoded {
        ids,
        count: case.length,
        lost: row.lost.clone(),
    }
}
