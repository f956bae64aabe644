//! Digests of files, computed while streaming.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

/// SHA-256 as lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// MD5 of a file as lower-case hexadecimal (what the dataset publishers state).
pub(super) fn md5_of_file(path: &Path) -> Result<String> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut context = md5::Context::new();
    io::copy(&mut BufReader::with_capacity(1 << 20, file), &mut context)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(format!("{:x}", context.finalize()))
}

/// Fails unless the digests agree.
pub(super) fn ensure_equal(what: &str, expected: &str, found: &str) -> Result<()> {
    ensure!(
        expected == found,
        "{what} is not the published file\n  expected digest {expected}\n  found           {found}\n\
         Download it again"
    );
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_match_the_published_examples() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").expect("written");

        // RFC 1321, appendix A.5; FIPS 180-2, appendix B.1
        assert_eq!(
            md5_of_file(&path).expect("readable"),
            "900150983cd24fb0d6963f7d28e17f72"
        );
        assert!(sha256(b"abc").starts_with("ba7816bf8f01cfea414140de5dae2223"));
    }
}
