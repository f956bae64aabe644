//! Words and their ids, as the published AttnGAN code counts them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::words::{END, words};

/// A list of words; the id of a word is its position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Vocabulary {
    words: Vec<String>,
    ids: BTreeMap<String, i32>,
}

impl From<Vec<String>> for Vocabulary {
    fn from(words: Vec<String>) -> Self {
        let ids = words.iter().cloned().zip(0..);
        Self {
            ids: ids.filter(|(_, id)| *id > 0).collect(),
            words,
        }
    }
}

impl From<Vocabulary> for Vec<String> {
    fn from(vocabulary: Vocabulary) -> Self {
        vocabulary.words
    }
}

impl Vocabulary {
    /// Ids for the words of `captions`, at most `capacity` with the one for "nothing there"; the
    /// most frequent words come first, equally frequent ones in the order of the alphabet.
    pub fn build<'a>(captions: impl IntoIterator<Item = &'a str>, capacity: usize) -> Self {
        let mut counts = BTreeMap::<String, usize>::new();
        for word in captions.into_iter().flat_map(words) {
            *counts.entry(word).or_default() += 1;
        }
        let mut counted: Vec<(String, usize)> = counts.into_iter().collect();
        // The sort is stable and the map was ordered.
        counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let known = counted.into_iter().map(|(word, _)| word);
        let list = std::iter::once(END.to_owned()).chain(known);
        list.take(capacity).collect::<Vec<_>>().into()
    }

    /// Number of ids.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no id.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Id of a word; `None` for unknown ones and for what stands for "nothing there".
    pub fn id(&self, word: &str) -> Option<i32> {
        self.ids.get(word).copied()
    }

    /// Word of an id.
    pub fn word(&self, id: i32) -> Option<&str> {
        let position = usize::try_from(id).ok()?;
        self.words.get(position).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids of the known words of a caption.
    fn encode(vocabulary: &Vocabulary, caption: &str) -> Vec<i32> {
        let known = words(caption).into_iter();
        known.filter_map(|word| vocabulary.id(&word)).collect()
    }

    #[test]
    fn frequent_words_come_first_and_rare_ones_fall_out() {
        let captions = ["a red bird", "a blue bird", "a bird"];

        let all = Vocabulary::build(captions, 100);
        let few = Vocabulary::build(captions, 3);

        assert_eq!(all.len(), 5);
        assert_eq!(encode(&all, "the red bird is a bird"), [4, 2, 1, 2]);
        assert_eq!(encode(&few, "a red bird"), [1, 2]);
        assert_eq!(all.word(3), Some("blue"));
        assert!(encode(&all, "<end> xyz").is_empty());
    }

    #[test]
    fn a_list_of_words_can_be_stored() {
        let vocabulary = Vocabulary::build(["a red bird"], 100);

        let text = serde_json::to_string(&vocabulary).expect("strings");
        let back: Vocabulary = serde_json::from_str(&text).expect("strings");

        assert_eq!(back, vocabulary);
    }
}
