//! Filling caption templates.

/// Replaces every `{slot}` of a template by what `fill` returns, then puts `an` for `a` where the
/// next letter is a vowel.
pub(crate) fn fill(template: &str, mut fill: impl FnMut(&str) -> String) -> String {
    let mut text = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (slot, tail) = after.split_once('}').expect("templates close their braces");
        text.push_str(before);
        text.push_str(&fill(slot));
        rest = tail;
    }
    text.push_str(rest);
    with_articles(&text)
}

/// Turns `a` into `an` before a vowel.
pub(crate) fn with_articles(text: &str) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    for i in 1..words.len() {
        if words[i - 1] == "a" && words[i].starts_with(['a', 'e', 'i', 'o', 'u']) {
            words[i - 1] = "an";
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_follow_the_first_letter_of_the_next_word() {
        let text = fill("a {x} bird with a {y} tail", |slot| {
            (if slot == "x" { "olive" } else { "long" }).to_owned()
        });

        assert_eq!(text, "an olive bird with a long tail");
    }
}
