//! Byte pairs, as CLIP's tokenizer forms them (published `clip/simple_tokenizer.py`): with merges that
//! were published, or with merges learnt from captions.

mod clean;
mod learn;
mod merges;
mod split;

use std::collections::HashMap;
use std::sync::Arc;

use super::{Built, Encoded, Excess, OfVocabulary, Tokenizer};
use crate::DataError;
use crate::vocabulary::Vocabulary;

pub use clean::clean;
pub use merges::read as read_merges;
pub use split::SpecialText;
use split::{Piece, pieces};

/// Marks the last symbol of a piece.
const END_OF_PIECE: &str = "</w>";
/// Number of bytes, and of symbols without and with [`END_OF_PIECE`].
const BYTES: usize = 256;
/// What stands before and behind a caption.
const MARKERS: [&str; 2] = ["<|startoftext|>", "<|endoftext|>"];
/// Ids of a vocabulary without merges: bytes inside and at the end of a piece, and both markers.
pub const FEWEST: usize = 2 * BYTES + MARKERS.len();

/// A vocabulary of bytes and of pairs that are merged, in the order in which they are.
///
/// Its list holds 256 bytes, 256 bytes at the end of a piece, every merge with a space between its two
/// halves, and both markers; the id of an entry is its place. Id 0 is both the byte `!` inside a piece
/// and what fills a row behind the end of a caption, where nothing is read.
#[derive(Debug, Clone)]
pub struct BytePairs {
    /// What each id stands for.
    symbols: Vec<String>,
    /// Id of a merged pair of ids; smaller ones are merged first.
    merges: HashMap<[u32; 2], u32>,
    /// Id of every byte inside a piece.
    bytes: [u32; BYTES],
}

/// How it is come by.
pub(super) const ORIGIN: OfVocabulary = OfVocabulary {
    takes_words: false,
    build,
    open: |vocabulary| Ok(Arc::new(BytePairs::new(&vocabulary)?)),
};

/// A vocabulary of at most `capacity` ids whose merges are learnt from `captions`.
fn build(captions: &[String], capacity: usize) -> Built {
    let merges = learn::merges(captions, capacity.saturating_sub(FEWEST));
    Built {
        count: merges.len(),
        noun: "merged pairs of letters",
        left_out: 0,
        vocabulary: list(merges),
    }
}

/// The vocabulary with these merges, each written with a space between its halves.
fn list(merges: impl IntoIterator<Item = String>) -> Vocabulary {
    let symbols = byte_symbols();
    let ends: Vec<String> = symbols
        .iter()
        .map(|s| format!("{s}{END_OF_PIECE}"))
        .collect();
    let markers = MARKERS.map(String::from);
    let all = symbols.into_iter().chain(ends).chain(merges).chain(markers);
    all.collect::<Vec<_>>().into()
}

/// Bytes in the order of their ids: those that can be printed, then the rest.
fn byte_order() -> impl Iterator<Item = u8> {
    // clip/simple_tokenizer.py, `bytes_to_unicode`.
    let printed = |byte: &u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let rest = (0..=255).filter(move |byte| !printed(byte));
    (0..=255).filter(printed).chain(rest)
}

/// Characters that stand for the bytes, in the order of their ids.
fn byte_symbols() -> Vec<String> {
    let mut next = BYTES as u32;
    let symbol = |byte: u8| {
        if matches!(byte, 33..=126 | 161..=172 | 174..=255) {
            return char::from(byte).to_string();
        }
        let symbol = char::from_u32(next).expect("a character beyond Latin-1");
        next += 1;
        symbol.to_string()
    };
    byte_order().map(symbol).collect()
}

impl BytePairs {
    /// The tokenizer of a list as the type describes it.
    ///
    /// # Errors
    ///
    /// If the list is another one.
    pub fn new(vocabulary: &Vocabulary) -> Result<Self, DataError> {
        let wrong = |message: String| {
            DataError::Inconsistent(format!(
                "the vocabulary is no list of byte pairs: {message}; give the one that the encoder \
                 was trained with"
            ))
        };
        let entries: Vec<&str> = (0..vocabulary.len() as i32)
            .filter_map(|id| vocabulary.word(id))
            .collect();
        let fixed = list([]);
        let count = entries.len();
        let place = |id: usize| {
            if id < 2 * BYTES {
                id
            } else {
                id + FEWEST - count
            }
        };
        let own = (0..2 * BYTES).chain(count.saturating_sub(MARKERS.len())..count);
        let is_other = |id: &usize| {
            let expected = fixed.word(place(*id) as i32);
            entries.get(*id).copied() != expected
        };
        if count < FEWEST {
            return Err(wrong(format!("it has {count} entries")));
        }
        if let Some(id) = own.into_iter().find(is_other) {
            return Err(wrong(format!("entry {id} is `{}`", entries[id])));
        }
        let mut symbols: Vec<String> = entries.iter().map(|&e| e.to_owned()).collect();
        let mut ids: HashMap<String, u32> = symbols[..2 * BYTES].iter().cloned().zip(0..).collect();
        let mut merges = HashMap::new();
        for id in 2 * BYTES..count - MARKERS.len() {
            let pair = entries[id].split_once(' ');
            let known = pair.and_then(|(a, b)| Some([*ids.get(a)?, *ids.get(b)?]));
            let (Some((a, b)), Some(known)) = (pair, known) else {
                return Err(wrong(format!(
                    "entry {id}, `{}`, merges no pair",
                    entries[id]
                )));
            };
            merges.insert(known, id as u32);
            symbols[id] = format!("{a}{b}");
            ids.insert(symbols[id].clone(), id as u32);
        }
        let mut bytes = [0; BYTES];
        for (byte, id) in byte_order().zip(0..) {
            bytes[usize::from(byte)] = id;
        }
        Ok(Self {
            symbols,
            merges,
            bytes,
        })
    }

    /// Ids of a caption without the markers around it, piece by piece.
    fn ids(&self, caption: &str, special: SpecialText) -> Vec<(String, Vec<i32>)> {
        let cleaned = clean(caption);
        let id = |piece: &Piece<'_>| match *piece {
            Piece::Marker(marker) => {
                let place = MARKERS.iter().position(|known| *known == marker);
                vec![self.marker(place.expect("one of the two"))]
            }
            Piece::Text(text) => self.merged(text),
        };
        pieces(&cleaned, special)
            .into_iter()
            .map(|piece| (piece.text().to_owned(), id(&piece)))
            .collect()
    }

    fn marker(&self, place: usize) -> i32 {
        (self.symbols.len() - MARKERS.len() + place) as i32
    }

    /// Ids of one piece.
    fn merged(&self, piece: &str) -> Vec<i32> {
        let mut ids: Vec<u32> = piece.bytes().map(|b| self.bytes[usize::from(b)]).collect();
        if let Some(last) = ids.last_mut() {
            *last += BYTES as u32;
        }
        loop {
            let merges = ids.windows(2).filter_map(|pair| {
                let merged = self.merges.get(&[pair[0], pair[1]])?;
                Some((*merged, [pair[0], pair[1]]))
            });
            let Some((merged, pair)) = merges.min() else {
                return ids.into_iter().map(|id| id as i32).collect();
            };
            ids = merge(&ids, pair, merged);
        }
    }

    /// At most `length` ids of `caption` between both markers, padded with 0; of a longer one the
    /// first are kept, and the end is marked all the same. Text that looks like a marker is read as
    /// `special` says.
    pub fn row(&self, caption: &str, length: usize, special: SpecialText) -> Encoded {
        let pieces = self.ids(caption, special);
        let mut ids = vec![self.marker(0)];
        let mut lost = Vec::new();
        for (text, of_piece) in pieces {
            ids.extend(of_piece);
            if ids.len() >= length {
                lost.push(text);
            }
        }
        ids.push(self.marker(1));
        if ids.len() > length {
            ids.truncate(length);
            if let Some(last) = ids.last_mut() {
                *last = self.marker(1);
            }
        }
        let count = ids.len();
        ids.resize(length, 0);
        Encoded { ids, count, lost }
    }

    /// Text of ids, with a space behind every piece; bytes that are no UTF-8 are replaced.
    pub fn decode(&self, ids: &[i32]) -> String {
        let known = ids
            .iter()
            .filter_map(|&id| self.symbols.get(usize::try_from(id).ok()?));
        let joined: String = known.map(String::as_str).collect();
        let bytes: HashMap<char, u8> = byte_symbols()
            .iter()
            .filter_map(|symbol| symbol.chars().next())
            .zip(byte_order())
            .collect();
        let bytes: Vec<u8> = joined
            .chars()
            .filter_map(|c| bytes.get(&c).copied())
            .collect();
        String::from_utf8_lossy(&bytes).replace(END_OF_PIECE, " ")
    }
}

/// `ids` with every occurrence of `pair` replaced, from left to right.
fn merge(ids: &[u32], pair: [u32; 2], merged: u32) -> Vec<u32> {
    let mut result = Vec::with_capacity(ids.len());
    let mut at = 0;
    while at < ids.len() {
        if ids[at..].starts_with(&pair) {
            result.push(merged);
            at += 2;
        } else {
            result.push(ids[at]);
            at += 1;
        }
    }
    result
}

impl Tokenizer for BytePairs {
    fn len(&self) -> usize {
        self.symbols.len()
    }

    fn encode(&self, caption: &str, length: usize, _: Excess) -> Encoded {
        self.row(caption, length, SpecialText::Plain)
    }

    fn token(&self, id: i32) -> Option<String> {
        let symbol = self.symbols.get(usize::try_from(id).ok()?);
        symbol.filter(|_| id > 0)?;
        Some(self.decode(&[id]).trim_end().to_owned())
    }

    fn summary(&self) -> Option<String> {
        Some(format!("vocabulary: {} byte pairs", self.symbols.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt() -> BytePairs {
        let captions = ["a red bird", "a red bill", "a bird with a bill!"].map(String::from);
        BytePairs::new(&build(&captions, FEWEST + 20).vocabulary).expect("a list of pairs")
    }

    #[test]
    fn frequent_words_become_one_token_and_others_are_read_by_letters() {
        let pairs = learnt();

        let known = pairs.row("A red bird", 10, SpecialText::Plain);
        let other = pairs.row("a zebra", 10, SpecialText::Plain);

        assert_eq!(known.count, 5);
        assert_eq!(pairs.decode(&known.ids[1..4]), "a red bird ");
        assert!(other.count > 5 && other.lost.is_empty(), "{other:?}");
        assert_eq!(pairs.decode(&other.ids[1..other.count - 1]), "a zebra ");
    }

    #[test]
    fn of_long_captions_the_first_tokens_are_kept_with_the_end_and_the_rest_is_told() {
        let pairs = learnt();

        let row = pairs.row("a red bird with a bill", 5, SpecialText::Plain);

        assert_eq!((row.ids.len(), row.count), (5, 5));
        assert_eq!(row.ids[4], pairs.len() as i32 - 1);
        assert_eq!(pairs.decode(&row.ids[1..4]), "a red bird ");
        assert_eq!(row.lost, ["with", "a", "bill"]);
        let whole = pairs.row("a red bird", 5, SpecialText::Plain);
        assert_eq!((whole.count, whole.lost.len()), (5, 0));
    }

    #[test]
    fn markers_in_a_caption_are_text_unless_they_are_asked_for() {
        let pairs = learnt();
        let caption = "<|startoftext|> a bird <|endoftext|>";

        let plain = pairs.row(caption, 40, SpecialText::Plain);
        let special = pairs.row(caption, 40, SpecialText::Markers);

        let markers = |row: &Encoded| {
            let first = pairs.len() as i32 - 2;
            row.ids.iter().filter(|&&id| id >= first).count()
        };
        assert_eq!((markers(&plain), markers(&special)), (2, 4));
        assert_eq!(special.count, 6);
    }

    #[test]
    fn a_list_of_words_is_no_list_of_byte_pairs() {
        let words = Vocabulary::build(["a red bird"], 100);
        let mut broken: Vec<String> = build(&["aa aa".to_owned()], 600).vocabulary.into();
        broken[512] = "x yz".into();

        for vocabulary in [words, broken.into()] {
            let error = BytePairs::new(&vocabulary)
                .expect_err("other entries")
                .to_string();

            assert!(error.contains("no list of byte pairs"), "{error}");
        }
    }

    #[test]
    fn ids_of_bytes_are_the_published_ones() {
        let pairs = BytePairs::new(&list([])).expect("no merges");

        let ids = pairs.row("!a a", 9, SpecialText::Plain).ids;

        assert_eq!(ids, [512, 256, 320, 320, 513, 0, 0, 0, 0]);
    }
}
