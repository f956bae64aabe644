//! Words of a vocabulary, as the published AttnGAN code reads them.

use std::sync::Arc;

use super::{Built, Encoded, Excess, OfVocabulary, Tokenizer};
use crate::vocabulary::Vocabulary;
use crate::words::words;

/// The words of a vocabulary; others are left out of a caption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(pub Vocabulary);

/// How it is come by.
pub(super) const ORIGIN: OfVocabulary = OfVocabulary {
    takes_words: true,
    build,
    open: |vocabulary| Ok(Arc::new(Words(vocabulary))),
};

fn build(captions: &[String], capacity: usize) -> Built {
    let all = Vocabulary::build(captions.iter().map(String::as_str), usize::MAX);
    let vocabulary = Vocabulary::build(captions.iter().map(String::as_str), capacity);
    Built {
        count: vocabulary.len().saturating_sub(1),
        noun: "words",
        left_out: all.len() - vocabulary.len(),
        vocabulary,
    }
}

impl Tokenizer for Words {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn encode(&self, caption: &str, length: usize, excess: Excess) -> Encoded {
        let all = words(caption);
        let known: Vec<(usize, i32)> = all
            .iter()
            .enumerate()
            .filter_map(|(at, word)| Some((at, self.0.id(word)?)))
            .collect();
        let kept: Vec<(usize, i32)> = if known.len() > length {
            let positions = kept_positions(known.len(), length, excess);
            positions.into_iter().map(|place| known[place]).collect()
        } else {
            known
        };
        let mut ids: Vec<i32> = kept.iter().map(|(_, id)| *id).collect();
        let count = ids.len();
        ids.resize(length, 0);
        let is_lost = |(at, word): (usize, String)| {
            let is_kept = kept.binary_search_by_key(&at, |(at, _)| *at).is_ok();
            (!is_kept).then_some(word)
        };
        Encoded {
            ids,
            count,
            lost: all.into_iter().enumerate().filter_map(is_lost).collect(),
        }
    }

    fn token(&self, id: i32) -> Option<String> {
        let word = self.0.word(id).filter(|_| id > 0);
        word.map(str::to_owned)
    }

    fn summary(&self) -> Option<String> {
        Some(format!("vocabulary: {} words", self.len() - 1))
    }
}

/// `length` of `count` places, ascending.
fn kept_positions(count: usize, length: usize, excess: Excess) -> Vec<usize> {
    let mut all: Vec<usize> = (0..count).collect();
    if let Excess::Drawn(mut rng) = excess {
        rng.shuffle(&mut all);
    }
    all.truncate(length);
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use wordpaint_rng::Rng;

    use super::*;

    fn tokenizer() -> Words {
        Words(Vocabulary::from(
            ["<end>", "a", "red", "bird", "flies"]
                .map(String::from)
                .to_vec(),
        ))
    }

    #[test]
    fn short_captions_are_padded_and_unknown_words_told() {
        let encoded = tokenizer().encode("A scarlet bird!", 3, Excess::First);

        assert_eq!((encoded.ids, encoded.count), (vec![1, 3, 0], 2));
        assert_eq!(encoded.lost, ["scarlet"]);
    }

    #[test]
    fn of_long_captions_the_first_words_are_kept_and_the_rest_told() {
        let encoded = tokenizer().encode("a big red bird flies", 2, Excess::First);

        assert_eq!((encoded.ids, encoded.count), (vec![1, 2], 2));
        assert_eq!(encoded.lost, ["big", "bird", "flies"]);
    }

    #[test]
    fn drawn_words_keep_their_order_and_each_comes_in_turn() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..100 {
            let excess = Excess::Drawn(Rng::new(&[seed]));
            let Encoded { ids, lost, .. } = tokenizer().encode("a red bird flies", 2, excess);
            assert!(ids[0] < ids[1] && lost.len() == 2, "{ids:?} {lost:?}");
            seen.insert(ids);
        }

        assert_eq!(seen.len(), 6);
    }

    #[test]
    fn the_words_that_a_key_draws_are_always_the_same() {
        let names: Vec<String> = (0..13).map(|id| format!("w{id}")).collect();
        let caption = names[1..].join(" ");
        let words = Words(Vocabulary::from(names));
        let rng = Rng::new(&[5, wordpaint_rng::key("words"), 1]);

        let Encoded { ids, .. } = words.encode(&caption, 4, Excess::Drawn(rng));

        assert_eq!(ids, [5, 7, 9, 12]);
    }

    #[test]
    fn a_caption_of_unknown_words_has_no_id() {
        let encoded = tokenizer().encode("<end> xyz", 3, Excess::First);

        assert_eq!((encoded.ids, encoded.count), (vec![0, 0, 0], 0));
        assert_eq!(encoded.lost, ["end", "xyz"]);
    }
}
