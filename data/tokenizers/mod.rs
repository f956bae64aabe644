//! From captions to ids: a file per tokenizer, and the table of them.

pub mod byte_pairs;
pub mod characters;
pub mod words;

use std::sync::Arc;

use wordpaint_rng::Rng;

use crate::DataError;
use crate::vocabulary::Vocabulary;

/// How captions become ids, of which 0 stands for "nothing there".
pub trait Tokenizer: std::fmt::Debug + Send + Sync {
    /// Number of ids, 0 included: every id is smaller.
    fn len(&self) -> usize;

    /// Whether there is no id.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// At most `length` ids of `caption`, padded with 0 to `length`.
    fn encode(&self, caption: &str, length: usize, excess: Excess) -> Encoded;

    /// What an id stands for; `None` for 0 and for ids that there are not.
    fn token(&self, id: i32) -> Option<String>;

    /// What it knows, in a few words, where that depends on the data.
    fn summary(&self) -> Option<String> {
        None
    }
}

/// What becomes of a caption with more tokens than are asked for.
#[derive(Debug, Clone)]
pub enum Excess {
    /// The first ones are kept.
    First,
    /// Those at random places are kept, in their order, by tokenizers whose tokens mean something
    /// without their neighbours; others keep the first ones.
    Drawn(Rng),
}

/// A caption as ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Ids, padded with 0 to the length that was asked for.
    pub ids: Vec<i32>,
    /// How many of them belong to the caption; 0 where nothing in it is known.
    pub count: usize,
    /// What is not among them, in the order of the caption: what the tokenizer does not know, and
    /// what there was no room for.
    pub lost: Vec<String>,
}

/// How a tokenizer is come by.
#[derive(Debug, Clone, Copy)]
pub enum Origin {
    /// It is the same for all data.
    Fixed(fn() -> Result<Arc<dyn Tokenizer>, DataError>),
    /// It knows a vocabulary, which is that of the encoders that a system takes over, or else made of
    /// the captions, and kept with what is trained.
    Vocabulary(OfVocabulary),
}

/// A tokenizer that knows a vocabulary.
#[derive(Debug, Clone, Copy)]
pub struct OfVocabulary {
    /// Whether it takes the list of words that comes with some data as it is.
    pub takes_words: bool,
    /// A vocabulary of at most so many ids out of captions.
    pub build: fn(&[String], usize) -> Built,
    /// The tokenizer of a vocabulary; fails on those of other tokenizers.
    pub open: fn(Vocabulary) -> Result<Arc<dyn Tokenizer>, DataError>,
}

/// A vocabulary that was made of captions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The vocabulary.
    pub vocabulary: Vocabulary,
    /// What was found in the captions.
    pub count: usize,
    /// What that is (`words`).
    pub noun: &'static str,
    /// How many more of them there was no room for.
    pub left_out: usize,
}

/// Tokenizers by the name under which systems ask for them. A tokenizer is one line.
const TOKENIZERS: &[(&str, Origin)] = &[
    ("characters", Origin::Fixed(characters::open)),
    ("words", Origin::Vocabulary(words::ORIGIN)),
    ("byte-pairs", Origin::Vocabulary(byte_pairs::ORIGIN)),
];

/// Names of all tokenizers.
pub fn names() -> impl Iterator<Item = &'static str> {
    TOKENIZERS.iter().map(|(name, _)| *name)
}

/// How the tokenizer called `name` is come by.
///
/// # Errors
///
/// If there is none of that name; the known ones are listed.
pub fn find(name: &str) -> Result<Origin, DataError> {
    let found = TOKENIZERS.iter().find(|(known, _)| *known == name);
    found.map(|(_, origin)| *origin).ok_or_else(|| {
        let known: Vec<&str> = names().collect();
        let message = format!(
            "no tokenizer is called `{name}`, expected one of {}",
            known.join(", ")
        );
        DataError::Inconsistent(message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tokenizer_pads_with_zero_and_gives_ids_below_its_length() {
        let captions = ["a red bird with a short bill", "x"];
        for name in names() {
            let tokenizer = match find(name).expect("listed") {
                Origin::Fixed(open) => open().expect("built in"),
                Origin::Vocabulary(of) => {
                    let built = (of.build)(&captions.map(String::from), 600);
                    (of.open)(built.vocabulary).expect("its own")
                }
            };
            for (caption, excess) in captions
                .iter()
                .zip([Excess::First, Excess::Drawn(Rng::new(&[7]))])
            {
                let Encoded { ids, count, .. } = tokenizer.encode(caption, 5, excess);

                assert_eq!(ids.len(), 5, "{name}");
                let (given, padding) = ids.split_at(count);
                assert!(padding.iter().all(|&id| id == 0), "{name}: {ids:?}");
                let is_known = |&id: &i32| id > 0 && (id as usize) < tokenizer.len();
                assert!(given.iter().all(is_known), "{name}: {ids:?}");
                assert!(
                    given.iter().all(|&id| tokenizer.token(id).is_some()),
                    "{name}"
                );
                assert_eq!(tokenizer.token(0), None, "{name}");
            }
        }
    }

    #[test]
    fn an_unknown_tokenizer_is_answered_with_the_known_ones() {
        let error = find("letters").expect_err("not listed").to_string();

        assert!(
            error.contains("`letters`") && error.contains("characters, words, byte-pairs"),
            "{error}"
        );
    }
}
