//! Line-oriented text files.

use std::path::{Component, Path};

use crate::DataError;
use crate::input;
use crate::words::words;

/// Lines of a UTF-8 file with their 1-based numbers, without line ends; blank ones are left out.
pub(super) fn lines(path: &Path) -> Result<Vec<(usize, String)>, DataError> {
    Ok(all_lines(path)?
        .into_iter()
        .filter(|(_, line)| !line.trim().is_empty())
        .collect())
}

fn all_lines(path: &Path) -> Result<Vec<(usize, String)>, DataError> {
    let data = input::read(path, input::TEXT).map_err(|e| DataError::io("read", path, e))?;
    let data = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&data);
    let decode = |(i, line): (usize, &[u8])| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = std::str::from_utf8(line).map_err(|e| {
            let message = format!(
                "byte {} of the line is not UTF-8; convert the file (iconv -f latin1 -t utf-8)",
                e.valid_up_to() + 1
            );
            DataError::format_at(path, i + 1, message)
        })?;
        Ok((i + 1, text.to_string()))
    };
    data.split(|&b| b == b'\n')
        .enumerate()
        .map(decode)
        .collect()
}

/// Captions of one image, one per line; blank lines are accepted only at the end.
pub(super) fn captions(path: &Path) -> Result<Vec<String>, DataError> {
    let mut captions = Vec::new();
    let mut blank = None;
    for (number, line) in all_lines(path)? {
        let line = line.trim();
        if line.is_empty() {
            blank.get_or_insert(number);
            continue;
        }
        if let Some(blank) = blank {
            return Err(DataError::format_at(
                path,
                blank,
                "empty caption; write one or delete the line (embeddings follow the line order)",
            ));
        }
        captions.push(line.to_string());
    }
    if captions.is_empty() {
        return Err(DataError::format_at(
            path,
            1,
            "no caption in the file; write one per line",
        ));
    }
    Ok(captions)
}

/// The first `count` captions that have a word, as AttnGAN reads a file.
pub(super) fn first_captions(path: &Path, count: usize) -> Result<Vec<String>, DataError> {
    let data = input::read(path, input::TEXT).map_err(|e| DataError::io("read", path, e))?;
    // Published files have single bytes of other encodings, which the published code replaces.
    let text = String::from_utf8_lossy(&data);
    let captions: Vec<String> = first_with_words(text.lines(), count)
        .map(str::to_owned)
        .collect();
    if captions.len() == count {
        return Ok(captions);
    }
    let message = format!(
        "{} captions with a word, but captions.pickle counts {count} per image; take both from one \
         archive, or make it anew with `wordpaint data prepare`",
        captions.len()
    );
    Err(DataError::format(path, message))
}

/// The first `count` of some captions that have a word.
pub(crate) fn first_with_words<'a>(
    captions: impl Iterator<Item = &'a str>,
    count: usize,
) -> impl Iterator<Item = &'a str> {
    captions
        .map(str::trim)
        .filter(|caption| !words(caption).is_empty())
        .take(count)
}

/// The first `N - 1` words of a line and what follows them.
pub(super) fn columns<'a, const N: usize>(
    path: &Path,
    (number, line): &'a (usize, String),
    names: &str,
) -> Result<[&'a str; N], DataError> {
    let words: Vec<&str> = line.trim().splitn(N, ' ').collect();
    words.try_into().map_err(|_| {
        DataError::format_at(path, *number, format!("expected `{names}`, found `{line}`"))
    })
}

/// One number of a line.
pub(super) fn number<T: std::str::FromStr>(
    path: &Path,
    line: usize,
    what: &str,
    text: &str,
) -> Result<T, DataError> {
    text.parse().map_err(|_| {
        DataError::format_at(
            path,
            line,
            format!("{what} is not a number in range: `{text}`"),
        )
    })
}

/// Refuses paths that would leave the folder they are relative to.
pub(super) fn inside(path: &Path, line: usize, relative: &str) -> Result<(), DataError> {
    let is_plain = |c: Component| matches!(c, Component::Normal(_));
    if !relative.is_empty() && Path::new(relative).components().all(is_plain) {
        return Ok(());
    }
    let message = format!("`{relative}` is not a path below the image folder");
    Err(DataError::format_at(path, line, message))
}
