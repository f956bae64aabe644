//! The text forms of protocol 0: numbers and quoted strings, one per line.

/// Decimal integer, with the `L` that Python 2 puts behind long ones.
pub(super) fn integer(line: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(line)
        .ok()?
        .trim_end_matches(['\r', 'L']);
    text.parse().ok()
}

/// Float as printed by Python's `repr`.
pub(super) fn float(line: &[u8]) -> Option<f64> {
    std::str::from_utf8(line)
        .ok()?
        .trim_end_matches('\r')
        .parse()
        .ok()
}

/// Byte string as printed by Python 2's `repr`, quotes included.
pub(super) fn quoted(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (&quote, rest) = line.split_first()?;
    let (&last, body) = rest.split_last()?;
    if !matches!(quote, b'\'' | b'"') || last != quote {
        return None;
    }
    let mut out = Vec::with_capacity(body.len());
    let mut bytes = body.iter().copied();
    while let Some(b) = bytes.next() {
        if b == quote {
            return None;
        }
        if b != b'\\' {
            out.push(b);
            continue;
        }
        match bytes.next()? {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'v' => out.push(11),
            b'x' => {
                let (high, low) = (hex(bytes.next()?)?, hex(bytes.next()?)?);
                out.push((high * 16 + low) as u8);
            }
            digit @ b'0'..=b'7' => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    let Some(next @ b'0'..=b'7') = bytes.clone().next() else {
                        break;
                    };
                    value = value * 8 + u32::from(next - b'0');
                    bytes.next();
                }
                out.push(u8::try_from(value).ok()?);
            }
            other @ (b'\\' | b'\'' | b'"') => out.push(other),
            other => out.extend([b'\\', other]),
        }
    }
    Some(out)
}

/// Unicode string in "raw unicode escape": Latin-1 with `\uXXXX` and `\UXXXXXXXX`; returns UTF-8.
pub(super) fn raw_unicode(line: &[u8]) -> Option<Vec<u8>> {
    let mut out = String::with_capacity(line.len());
    let mut i = 0;
    while i < line.len() {
        let digits = match (line[i], line.get(i + 1)) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            (b, _) => {
                out.push(b as char);
                i += 1;
                continue;
            }
        };
        let mut code = 0;
        for &b in line.get(i + 2..i + 2 + digits)? {
            code = (code << 4) | hex(b)?;
        }
        out.push(char::from_u32(code)?);
        i += 2 + digits;
    }
    Some(out.into_bytes())
}

fn hex(b: u8) -> Option<u32> {
    (b as char).to_digit(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_strings_are_unescaped_as_python_2_writes_them() {
        assert_eq!(
            quoted(br"'a\n\x9f\\\''").as_deref(),
            Some(&b"a\n\x9f\\'"[..])
        );
        assert_eq!(quoted(br#""it's""#).as_deref(), Some(&b"it's"[..]));
        assert_eq!(quoted(br"'\0\1012'").as_deref(), Some(&b"\0A2"[..]));
        for broken in [&b"'"[..], b"", b"'a", br"'\x9'", b"'a'b'", br"'\'", b"'a\""] {
            assert_eq!(quoted(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn raw_unicode_knows_both_escapes() {
        assert_eq!(
            raw_unicode(br"caf\u00e9 \U0001f426"),
            Some("café 🐦".into())
        );
        assert_eq!(raw_unicode(br"\ud800"), None);
        assert_eq!(raw_unicode(br"\u12"), None);
    }

    #[test]
    fn numbers_allow_the_suffix_of_long_integers() {
        assert_eq!(integer(b"-12L"), Some(-12));
        assert_eq!(integer(b"99999999999999999999"), None);
        assert_eq!(float(b"1e-3"), Some(1e-3));
    }
}
