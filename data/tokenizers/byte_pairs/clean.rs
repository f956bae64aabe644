//! Captions as CLIP's tokenizer cleans them: `fix_text` of ftfy as far as captions need it, HTML
//! entities, white space and lower case. Text that was decoded wrongly is not repaired.

use unicode_normalization::UnicodeNormalization;

/// A caption in lower case, on one line and without the traces of other formats.
pub fn clean(caption: &str) -> String {
    let fixed = fix(caption);
    let unescaped = unescape(&unescape(&fixed));
    let words: Vec<&str> = unescaped.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

fn unescape(text: &str) -> String {
    html_escape::decode_html_entities(text).into_owned()
}

/// `ftfy.fix_text` with its default settings.
fn fix(text: &str) -> String {
    let text = if text.contains('<') {
        text.to_owned()
    } else {
        unescape(text)
    };
    let text = without_terminal_escapes(&text);
    let mut fixed = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{2bc}' | '\u{2018}'..='\u{201b}' => fixed.push('\''),
            '\u{201c}'..='\u{201f}' => fixed.push('"'),
            '\r' | '\u{2028}' | '\u{2029}' | '\u{85}' => fixed.push('\n'),
            '\u{3000}' => fixed.push(' '),
            // Full-width and half-width forms.
            '\u{ff01}'..='\u{ffef}' => fixed.extend(std::iter::once(c).nfkc()),
            _ if is_control(c) => {}
            _ => match ligature(c) {
                Some(letters) => fixed.push_str(letters),
                None => fixed.push(c),
            },
        }
    }
    fixed.nfc().collect()
}

/// Characters without a glyph that have no place in text.
const fn is_control(c: char) -> bool {
    // ftfy/chardata.py, `CONTROL_CHARS`.
    matches!(
        c,
        '\0'..='\u{8}'
            | '\u{b}'
            | '\u{e}'..='\u{1f}'
            | '\u{7f}'
            | '\u{206a}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffc}'
    )
}

/// Letters of a Latin ligature.
const fn ligature(c: char) -> Option<&'static str> {
    // ftfy/chardata.py, `LIGATURES`.
    Some(match c {
        'Ĳ' => "IJ",
        'ĳ' => "ij",
        'ŉ' => "ʼn",
        'Ǆ' => "DŽ",
        'ǅ' => "Dž",
        'ǆ' => "dž",
        'Ǉ' => "LJ",
        'ǈ' => "Lj",
        'ǉ' => "lj",
        'Ǌ' => "NJ",
        'ǋ' => "Nj",
        'ǌ' => "nj",
        'Ǳ' => "DZ",
        'ǲ' => "Dz",
        'ǳ' => "dz",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        'ﬅ' => "ſt",
        'ﬆ' => "st",
        _ => return None,
    })
}

/// Without sequences that colour the text of a terminal: `ESC [ digits letter`.
fn without_terminal_escapes(text: &str) -> String {
    const START: &str = "\u{1b}[";
    let mut parts = text.split(START);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !(c.is_ascii_digit() || c == ';'));
        let closes = end.filter(|&end| part[end..].starts_with(|c: char| c.is_ascii_alphabetic()));
        match closes {
            Some(end) => kept.push_str(&part[end + 1..]),
            None => kept.extend([START, part]),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_are_cleaned_as_published() {
        for (caption, expected) in [
            ("  A Red\tbird\r\nflies ", "a red bird flies"),
            (
                "\u{201c}curly\u{201d} and \u{2018}single\u{2019}",
                "\"curly\" and 'single'",
            ),
            ("\u{fb01}ne \u{ff21}\u{ff22}\u{3000}x", "fine ab x"),
            ("&lt;b&gt; &amp;amp; more &#39;s", "<b> & more 's"),
            ("cafe\u{301} \u{1b}[31mred\u{1b}[0m\u{7f}", "caf\u{e9} red"),
            ("\u{2026} \u{2014}", "\u{2026} \u{2014}"),
        ] {
            assert_eq!(clean(caption), expected, "{caption:?}");
        }
    }
}
