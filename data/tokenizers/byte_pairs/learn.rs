//! Merges learnt from captions: again and again the most frequent pair of symbols becomes one
//! (Sennrich et al., Neural Machine Translation of Rare Words with Subword Units, ACL 2016).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::split::{Piece, SpecialText, pieces};
use super::{BYTES, END_OF_PIECE, byte_order, byte_symbols, clean, merge};

/// How often a pair has to occur to be merged.
const LEAST: usize = 2;

type Pair = [u32; 2];

/// At most `most` merges in their order, each written with a space between its halves. Of equally
/// frequent pairs the one of older symbols is merged first.
pub(super) fn merges(captions: &[String], most: usize) -> Vec<String> {
    let mut symbols = byte_symbols();
    let ends: Vec<String> = symbols
        .iter()
        .map(|s| format!("{s}{END_OF_PIECE}"))
        .collect();
    symbols.extend(ends);
    let mut pairs = Pairs::new(counted(captions));
    let mut merges = Vec::new();
    while merges.len() < most {
        let Some(pair) = pairs.most_frequent() else {
            break;
        };
        let [a, b] = pair.map(|id| symbols[id as usize].as_str());
        let (written, merged) = (format!("{a} {b}"), format!("{a}{b}"));
        merges.push(written);
        pairs.merge(pair, symbols.len() as u32);
        symbols.push(merged);
    }
    merges
}

/// Symbols of every piece with the number of its occurrences.
fn counted(captions: &[String]) -> Vec<(Vec<u32>, usize)> {
    let mut ids = [0; BYTES];
    for (byte, id) in byte_order().zip(0..) {
        ids[usize::from(byte)] = id;
    }
    let mut counts = BTreeMap::<String, usize>::new();
    for caption in captions {
        let cleaned = clean(caption);
        for piece in pieces(&cleaned, SpecialText::Plain) {
            *counts.entry(Piece::text(piece).to_owned()).or_default() += 1;
        }
    }
    let symbols = |piece: String| {
        let mut symbols: Vec<u32> = piece.bytes().map(|b| ids[usize::from(b)]).collect();
        if let Some(last) = symbols.last_mut() {
            *last += BYTES as u32;
        }
        symbols
    };
    counts
        .into_iter()
        .map(|(piece, count)| (symbols(piece), count))
        .collect()
}

/// Pieces, and where each pair of their symbols occurs.
struct Pairs {
    pieces: Vec<(Vec<u32>, usize)>,
    counts: HashMap<Pair, usize>,
    occurrences: HashMap<Pair, BTreeSet<usize>>,
}

impl Pairs {
    fn new(pieces: Vec<(Vec<u32>, usize)>) -> Self {
        let mut pairs = Self {
            counts: HashMap::new(),
            occurrences: HashMap::new(),
            pieces,
        };
        for piece in 0..pairs.pieces.len() {
            pairs.count(piece);
        }
        pairs
    }

    fn count(&mut self, piece: usize) {
        let (symbols, count) = &self.pieces[piece];
        for pair in symbols.windows(2) {
            let pair = [pair[0], pair[1]];
            *self.counts.entry(pair).or_default() += count;
            self.occurrences.entry(pair).or_default().insert(piece);
        }
    }

    fn uncount(&mut self, piece: usize) {
        let (symbols, count) = &self.pieces[piece];
        for pair in symbols.windows(2) {
            let pair = [pair[0], pair[1]];
            if let Some(all) = self.counts.get_mut(&pair) {
                *all -= count;
            }
            if let Some(occurrences) = self.occurrences.get_mut(&pair) {
                occurrences.remove(&piece);
            }
        }
    }

    fn most_frequent(&self) -> Option<Pair> {
        let often = self.counts.iter().filter(|(_, count)| **count >= LEAST);
        let best = often.max_by_key(|(pair, count)| (**count, std::cmp::Reverse(**pair)));
        best.map(|(pair, _)| *pair)
    }

    fn merge(&mut self, pair: Pair, merged: u32) {
        for piece in self.occurrences.remove(&pair).unwrap_or_default() {
            self.uncount(piece);
            let symbols = merge(&self.pieces[piece].0, pair, merged);
            self.pieces[piece].0 = symbols;
            self.count(piece);
        }
        self.counts.remove(&pair);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_pair_is_merged_first_and_equal_ones_in_the_order_of_their_ids() {
        let captions = ["ab ab abc", "bc"].map(String::from);

        let learnt = merges(&captions, 10);

        // `a b</w>` and `b c</w>` occur twice each.
        assert_eq!(learnt, ["a b</w>", "b c</w>"]);
    }

    #[test]
    fn pairs_that_overlap_themselves_are_merged_from_the_left() {
        let captions = ["aaaa aaaa".to_owned()];

        let learnt = merges(&captions, 3);

        assert_eq!(learnt, ["a a", "a a</w>", "aa aa</w>"]);
    }

    #[test]
    fn no_more_merges_are_learnt_than_are_asked_for_or_repeat() {
        let captions = ["red red blue".to_owned()];

        assert_eq!(merges(&captions, 1).len(), 1);
        assert_eq!(merges(&captions, 100).len(), 2);
    }
}
