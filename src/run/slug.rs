//! Text as part of a file name.

/// Longest slug, in characters.
const SLUG: usize = 40;

/// Text as part of a file name: lower-case letters and digits joined by hyphens, at most 40
/// characters, never empty.
pub fn slug(text: &str) -> String {
    let words = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let mut slug = String::new();
    for word in words {
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.push_str(&word.to_ascii_lowercase());
    }
    slug.truncate(SLUG);
    match slug.trim_end_matches('-') {
        "" => "image".to_owned(),
        slug => slug.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_short_and_safe_in_file_names() {
        assert_eq!(slug("A red bird, with a bill!"), "a-red-bird-with-a-bill");
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert_eq!(slug("\u{9ce5}"), "image");
        assert!(slug(&"word ".repeat(50)).len() <= SLUG);
    }
}
