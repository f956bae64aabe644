//! The published file of merges.

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use super::{FEWEST, list};
use crate::DataError;
use crate::input;
use crate::vocabulary::Vocabulary;

/// First bytes of a compressed file.
const GZIP: &[u8] = &[0x1f, 0x8b];
/// Most bytes of the file unpacked; the published one has 3 million.
const LONGEST: u64 = 64 << 20;
/// First line of the file.
const HEADER: &str = "\"bpe_simple_vocab_16e6.txt#version: 0.2";
/// How to come by the file.
const REMEDY: &str = "give CLIP's `bpe_simple_vocab_16e6.txt.gz`, which `cargo xtask fetch clip-bpe` \
                      gets";

/// The vocabulary of the first `count` ids, from a file of merges (compressed or not): a line about its
/// version, then a pair per line.
///
/// # Errors
///
/// If it cannot be read, is of another version or has too few merges.
pub fn read(path: &Path, count: usize) -> Result<Vocabulary, DataError> {
    let fail = |message: String| DataError::format(path, format!("{message}; {REMEDY}"));
    let bytes =
        input::read(path, input::TEXT).map_err(|error| DataError::io("read", path, error))?;
    let text = if bytes.starts_with(GZIP) {
        let mut text = String::new();
        let unpacked = GzDecoder::new(&bytes[..])
            .take(LONGEST)
            .read_to_string(&mut text);
        unpacked.map_err(|error| fail(format!("cannot be unpacked ({error})")))?;
        text
    } else {
        String::from_utf8(bytes).map_err(|_| fail("is no text".into()))?
    };
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    if header != HEADER {
        let shown: String = header.chars().take(60).collect();
        let message = format!("begins with `{shown}` and is no such list of merges");
        return Err(fail(message));
    }
    let wanted = count.saturating_sub(FEWEST);
    let merges: Vec<String> = lines.take(wanted).map(str::to_owned).collect();
    if merges.len() < wanted {
        let found = merges.len();
        return Err(fail(format!(
            "has {found} merges, a vocabulary of {count} takes {wanted}"
        )));
    }
    Ok(list(merges))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_versions_and_files_that_are_too_short_are_refused_with_the_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("merges.txt");
        for (text, problem) in [
            ("#version: 0.1\na b\n".to_owned(), "#version: 0.1"),
            (format!("{HEADER}\na b\n"), "has 1 merges"),
        ] {
            std::fs::write(&path, text).expect("written");

            let error = read(&path, FEWEST + 2).expect_err("wrong").to_string();

            assert!(error.contains(problem), "{error}");
            assert!(
                error.contains("merges.txt") && error.contains("clip-bpe"),
                "{error}"
            );
        }
    }

    #[test]
    fn merges_beyond_the_vocabulary_are_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("merges.txt");
        std::fs::write(&path, format!("{HEADER}\na b\nab c</w>\nx y\n")).expect("written");

        let vocabulary = read(&path, FEWEST + 2).expect("long enough");

        assert_eq!(vocabulary.len(), FEWEST + 2);
        assert_eq!(vocabulary.word(513), Some("ab c</w>"));
    }
}
