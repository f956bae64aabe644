//! Words of the addresses of built-in datasets: which generator, which split.

/// Which generator draws the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Parametric birds with parts.
    Birds,
    /// Parametric flowers.
    Flowers,
}

impl Kind {
    pub(super) const NAMES: [&str; 3] = ["birds", "flowers", "scenes"];

    /// Name in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Birds => "birds",
            Self::Flowers => "flowers",
        }
    }
}

/// How images are divided into training, validation and test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitMode {
    /// Whole classes, at random: zero-shot by class.
    ClassDisjoint,
    /// Whole classes, so that combinations of attributes are held out: zero-shot by attribute.
    Compositional,
    /// Every fifth image of a class is a test image.
    PerImage,
}

impl SplitMode {
    pub(super) const NAMES: [&str; 3] = ["class-disjoint", "compositional", "per-image"];

    /// Name in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClassDisjoint => "class-disjoint",
            Self::Compositional => "compositional",
            Self::PerImage => "per-image",
        }
    }
}

/// Message for an unknown word: what is accepted, and the nearest accepted word.
pub(crate) fn unknown(what: &str, word: &str, accepted: &[&str]) -> String {
    let nearest = accepted
        .iter()
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().div_ceil(2));
    let list = accepted.join("`, `");
    let hint = nearest.map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"));
    format!("unknown {what} `{word}`, expected one of `{list}`{hint}")
}
