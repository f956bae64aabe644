//! Words that this tree once had for what the field has a term for: they are no names here any more.
//! Prose may use those that are plain English; names of tests are sentences and count as prose.

use std::str::FromStr;

use proc_macro2::{TokenStream, TokenTree};

use crate::root;
use crate::source::{has_extension, text_files};

/// An invented name, word by word, and the field's.
type Invented = (&'static [&'static str], &'static str);

const INVENTED: &[Invented] = &[
    (&["adopt"], "initialise from pretrained"),
    (&["aid"], "pretrained or frozen network"),
    (&["aids"], "pretrained or frozen networks"),
    (&["contrast"], "contrastive loss"),
    (&["doublings"], "upsampling steps"),
    (&["eyes"], "image encoder"),
    (&["flavour"], "variant"),
    (&["freeze"], "store"),
    (&["front", "end"], "preprocessing"),
    (&["gauge"], "metric during training"),
    (&["guidance"], "auxiliary losses"),
    (&["guided"], "with auxiliary losses"),
    (&["halvings"], "downsampling steps"),
    (&["holdings"], "memory"),
    (&["informed"], "attended"),
    (
        &["judge"],
        "discriminator, perceptual distance, retrieval encoder",
    ),
    (&["judged"], "scored"),
    (&["judges"], "discriminators"),
    (&["judging"], "discriminator"),
    (&["look"], "encode, features"),
    (&["looks"], "encoder passes, features"),
    (&["matcher"], "retrieval model"),
    (&["paint"], "generate; draw, render"),
    (&["painted"], "generated"),
    (&["painter"], "generator, pipeline; renderer"),
    (&["painting"], "generation"),
    (&["paints"], "generates"),
    (&["partner"], "positive"),
    (&["partners"], "positives"),
    (&["places"], "directories; positions"),
    (&["player"], "generator or discriminator"),
    (&["players"], "generator and discriminator"),
    (&["population"], "index of a split"),
    (&["reader"], "text encoder, attention module, tokenizer"),
    (&["readers"], "text encoders, attention modules, tokenizers"),
    (&["say"], "status, progress"),
    (&["see"], "encode"),
    (&["seer"], "metric"),
    (&["sees"], "encodes"),
    (&["sight"], "input of a critic"),
    (&["station"], "cached extractor"),
    (&["stranger"], "negative"),
    (&["strangers"], "negatives"),
    (&["tell"], "caption, decode; warn"),
    (&["telling"], "decoding"),
    (&["thaw"], "load"),
    (&["told"], "decoded, predicted; warned"),
    (&["trios"], "triplets"),
    (&["trunk"], "backbone"),
    (&["twin"], "positive"),
    (&["twins"], "positives"),
];

/// Names of libraries and of a paper.
const FOREIGN: [&str; 4] = ["BufReader", "ImageReader", "LooksLinear", "from_reader"];

/// A word, where it may be a name, and why.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("contrast", "data/synth/", "that of an image"),
    ("places", "tests/architecture/", "in the tree"),
    ("reader", "data/formats/", "of a file"),
    ("reader", "data/layouts/decode.rs", "of a file"),
    ("reader", "files/", "of a pipe"),
    ("reader", "tests/cli/ownership.rs", "of a pipe"),
    ("reader", "xtask/src/bench/", "of a pipe"),
    (
        "reader",
        "models/staged/generator.rs",
        "names parameters in checkpoints",
    ),
    ("readers", "data/tests/fuzz/", "of files"),
    ("readers", "tests/fuzz/", "of files"),
    ("trunk", "data/synth/birds/", "part of a bird"),
    (
        "trunk",
        "models/damsm/mod.rs",
        "names parameters in checkpoints",
    ),
    (
        "trunk",
        "models/staged/discriminator.rs",
        "names parameters in checkpoints",
    ),
    (
        "trunk",
        "models/vision/lpips.rs",
        "names parameters of published weights",
    ),
];

/// From so many words on, a name is a sentence: that of a test.
const SENTENCE: usize = 5;

/// Words of a name, in lower case: `check_frontEnd`, `FrontEnd` and `FRONT_END` have `front` and `end`.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = c.is_lowercase() || c.is_numeric();
        if let (Some(word), true) = (words.last_mut(), c != '_') {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Every name in `stream`.
fn names(stream: TokenStream, found: &mut Vec<String>) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => names(group.stream(), found),
            TokenTree::Ident(name) => found.push(name.to_string()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// What is invented in `name`.
fn invented(name: &str) -> impl Iterator<Item = (String, &'static str)> {
    let mut words = words_of(name);
    if FOREIGN.contains(&name) || words.len() >= SENTENCE {
        words.clear();
    }
    INVENTED.iter().filter_map(move |(wanted, instead)| {
        let mut parts = words.windows(wanted.len());
        parts
            .any(|part| part == *wanted)
            .then(|| (wanted.join("_"), *instead))
    })
}

/// Invented names of the file at `path`, each once with the field's word.
fn complaints(path: &str, text: &str) -> Vec<String> {
    let stream = TokenStream::from_str(text).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut found = Vec::new();
    names(stream, &mut found);
    found.sort();
    found.dedup();
    // Names of modules are names of files.
    let file = path.rsplit('/').next().unwrap_or_default();
    found.extend(file.strip_suffix(".rs").map(str::to_owned));
    let is_allowed = |word: &str| {
        let mut allowed = ALLOWED.iter();
        allowed.any(|(name, place, _)| *name == word && path.starts_with(place))
    };
    let of_name = |name: &String| -> Vec<String> {
        invented(name)
            .filter(|(word, _)| !is_allowed(word))
            .map(|(_, instead)| format!("{path}: `{name}`: {instead}"))
            .collect()
    };
    found.iter().flat_map(of_name).collect()
}

fn rust_files() -> Vec<(String, String)> {
    let mut files = text_files(&root()).expect("readable tree");
    files.retain(|(path, _)| has_extension(path, "rs"));
    files
}

#[test]
fn names_are_the_fields_own_words() {
    let files = rust_files();

    let found: Vec<String> = files
        .iter()
        .flat_map(|(path, text)| complaints(path, text))
        .collect();

    assert!(files.len() > 400, "{}", files.len());
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_exception_is_one() {
    let files = rust_files();
    for (word, place, _) in ALLOWED {
        let mut there = files.iter().filter(|(path, _)| path.starts_with(place));
        let is_needed = there.any(|(_, text)| {
            let mut found = Vec::new();
            names(TokenStream::from_str(text).expect("Rust"), &mut found);
            let mut found = found.iter().flat_map(|name| invented(name));
            found.any(|(name, _)| name == *word)
        });
        assert!(is_needed, "{word} in {place}");
    }
}

#[test]
fn an_invented_name_is_found_in_any_spelling_and_in_no_prose() {
    let text = "/// Paints.\nstruct FrontEnd { painted_at: u8 }\n\
                fn see() { say(\"told\"); let r = BufReader::new(x); }\n\
                #[test] fn what_is_told_is_a_sentence() {}";

    let found = complaints("models/vision/trunk.rs", text);

    let names = ["FrontEnd", "painted_at", "say", "see", "trunk"];
    assert_eq!(found.len(), names.len(), "{found:?}");
    for (line, name) in found.iter().zip(names) {
        assert!(line.contains(&format!("`{name}`")), "{line}");
    }
    assert!(complaints("data/synth/birds/render.rs", "fn trunk() {}").is_empty());
}
