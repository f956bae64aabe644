//! Pieces of a cleaned caption: words, single digits, and runs of other characters.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::MARKERS;

/// What text is that looks like a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpecialText {
    /// Text like any other.
    #[default]
    Plain,
    /// The marker, as the published tokenizer takes it.
    Markers,
}

/// A piece of a caption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// One of both markers.
    Marker(&'a str),
    /// Anything else.
    Text(&'a str),
}

impl<'a> Piece<'a> {
    pub(super) const fn text(self) -> &'a str {
        match self {
            Self::Marker(text) | Self::Text(text) => text,
        }
    }
}

/// Ends of words that are pieces of their own.
const ENDINGS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"]; // simple_tokenizer.py, `pat`

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Number,
    Space,
    Other,
}

fn kind(c: char) -> Kind {
    match c.general_category_group() {
        GeneralCategoryGroup::Letter => Kind::Letter,
        GeneralCategoryGroup::Number => Kind::Number,
        _ if c.is_whitespace() => Kind::Space,
        _ => Kind::Other,
    }
}

/// Pieces of `text` in their order; white space between them is dropped.
pub(super) fn pieces(text: &str, special: SpecialText) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let starts = |with: &&&str| rest.starts_with(**with);
        let marker = MARKERS.iter().find(starts);
        let length = if let Some(marker) = marker.filter(|_| special == SpecialText::Markers) {
            found.push(Piece::Marker(&rest[..marker.len()]));
            marker.len()
        } else {
            let length = match (ENDINGS.iter().find(starts), kind(first)) {
                (Some(ending), _) => ending.len(),
                (None, Kind::Number) => first.len_utf8(),
                (None, run) => rest.find(|c| kind(c) != run).unwrap_or(rest.len()),
            };
            if kind(first) != Kind::Space {
                found.push(Piece::Text(&rest[..length]));
            }
            length
        };
        rest = &rest[length..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        pieces(text, SpecialText::Plain)
            .into_iter()
            .map(Piece::text)
            .collect()
    }

    #[test]
    fn digits_stand_alone_and_endings_are_pieces() {
        for (text, expected) in [
            ("it's 42 birds", &["it", "'s", "4", "2", "birds"][..]),
            ("'single' we'll", &["'s", "ingle", "'", "we", "'ll"]),
            ("a_b <b>!!", &["a", "_", "b", "<", "b", ">!!"]),
            // Marks, and a space of no width that is no white space.
            ("e\u{301}\u{200b}x", &["e", "\u{301}\u{200b}", "x"]),
        ] {
            assert_eq!(texts(text), expected, "{text}");
        }
    }

    #[test]
    fn a_marker_behind_other_signs_is_part_of_their_run() {
        let found = pieces("a!<|endoftext|>", SpecialText::Markers);

        let expected = ["a", "!<|", "endoftext", "|>"].map(Piece::Text);
        assert_eq!(found, expected);
    }
}
