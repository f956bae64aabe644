//! Words of a caption, as the published AttnGAN code finds them.

/// What stands at id 0 of a vocabulary; it is also the padding of short captions.
pub const END: &str = "<end>"; // AttnGAN, datasets.py build_dictionary

/// Lower-case runs of letters, digits and underscores, without what is not ASCII.
pub fn words(caption: &str) -> Vec<String> {
    caption
        .to_lowercase()
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .map(|run| run.chars().filter(char::is_ascii).collect::<String>())
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lower_case_ascii_without_punctuation() {
        for (caption, expected) in [
            ("A Bird's red_1 bill.", "a bird s red_1 bill"),
            ("grey-looking wings, 2", "grey looking wings 2"),
            ("caf\u{e9} na\u{ef}ve", "caf nave"),
            // What a wrong encoding leaves behind parts words.
            ("red\u{fffd}\u{fffd}blue\u{fffd}wing", "red blue wing"),
            ("\u{540d}\u{524d} -- \u{b2}", ""),
        ] {
            assert_eq!(words(caption).join(" "), expected, "{caption}");
        }
    }
}
