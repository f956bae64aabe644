//! Characters as the char-CNN-RNN text encoder numbers them.

use std::sync::Arc;

use super::{Encoded, Excess, Tokenizer};
use crate::DataError;

/// Characters in the order of their ids, which begin with 1; 0 stands for nothing.
const ALPHABET: &[u8; SIZE] =
    b"abcdefghijklmnopqrstuvwxyz0123456789-,;.!?:'\"/\\|_@#$%^&*~`+-=<>()[]{} "; // cvpr2016
/// Number of ids beside 0.
const SIZE: usize = 70;

/// What stands for a character that is not in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unknown {
    /// Nothing, as in the authors' code.
    #[default]
    Empty,
    /// A space, as in the PyTorch port.
    Space,
}

/// Id of `character`, which must be in lower case; `None` outside the table.
///
/// The hyphen is listed twice. The published tables are filled from left to right, so that the
/// second place counts and the first is never used.
pub fn id(character: char) -> Option<u8> {
    let byte = u8::try_from(character).ok().filter(u8::is_ascii)?;
    let position = ALPHABET.iter().rposition(|c| *c == byte)?;
    Some(position as u8 + 1)
}

/// Ids of the first `length` characters of `text`, in lower case, filled up with 0.
///
/// Lower case is the port's; the authors' training texts have no capitals.
pub fn encode(text: &str, length: usize, unknown: Unknown) -> Vec<i32> {
    let other = match unknown {
        Unknown::Empty => 0,
        Unknown::Space => SIZE as i32,
    };
    let lowered = text.chars().flat_map(char::to_lowercase);
    let ids = lowered.map(|c| id(c).map_or(other, i32::from));
    ids.chain(std::iter::repeat(0)).take(length).collect()
}

/// The authors' characters: others are nothing, and of long texts the first ones are read.
#[derive(Debug)]
pub struct Characters;

/// The only one there is.
#[expect(
    clippy::unnecessary_wraps,
    reason = "other fixed tokenizers read files"
)]
pub(super) fn open() -> Result<Arc<dyn Tokenizer>, DataError> {
    Ok(Arc::new(Characters))
}

impl Tokenizer for Characters {
    fn len(&self) -> usize {
        SIZE + 1
    }

    fn encode(&self, caption: &str, length: usize, _: Excess) -> Encoded {
        let is_lost = |(at, c): &(usize, char)| {
            *at >= length || c.to_lowercase().all(|lower| id(lower).is_none())
        };
        let lost = caption.chars().enumerate().filter(is_lost);
        Encoded {
            ids: encode(caption, length, Unknown::Empty),
            count: caption.chars().count().min(length),
            lost: lost.map(|(_, c)| c.to_string()).collect(),
        }
    }

    fn token(&self, id: i32) -> Option<String> {
        let position = usize::try_from(id).ok()?.checked_sub(1)?;
        let character = char::from(*ALPHABET.get(position)?);
        Some(character.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_characters_and_those_beyond_the_length_are_lost() {
        let encoded = Characters.encode("Aé bc", 4, Excess::First);

        assert_eq!(encoded.ids, [1, 0, 70, 2]);
        assert_eq!(encoded.count, 4);
        assert_eq!(encoded.lost, ["é", "c"]);
        assert_eq!(Characters.token(2).as_deref(), Some("b"));
        assert_eq!(Characters.token(0), None);
    }

    #[test]
    fn ids_are_those_of_the_published_table() {
        let expected = [
            ('a', 1),
            ('z', 26),
            ('0', 27),
            ('9', 36),
            (',', 38),
            ('"', 45),
            ('\\', 47),
            ('%', 53),
            ('`', 58),
            ('+', 59),
            ('-', 60),
            ('=', 61),
            ('}', 69),
            (' ', 70),
        ];
        for (character, number) in expected {
            assert_eq!(id(character), Some(number), "{character}");
        }
        assert_eq!(id('é'), None);
        assert_eq!(id('A'), None);
        assert_eq!(id('\n'), None);
    }

    #[test]
    fn no_character_has_the_first_place_of_the_hyphen() {
        let used = (0..=255_u8).filter_map(|c| id(char::from(c)));

        assert_eq!(used.filter(|i| *i == 37).count(), 0);
    }

    #[test]
    fn texts_are_lowered_filled_up_and_cut() {
        assert_eq!(encode("Aé b", 6, Unknown::Empty), [1, 0, 70, 2, 0, 0]);
        assert_eq!(encode("Aé b", 6, Unknown::Space), [1, 70, 70, 2, 0, 0]);
        assert_eq!(encode("xyz", 2, Unknown::Empty), [24, 25]);
    }
}
