//! Where the reference files are.

use std::path::{Path, PathBuf};

/// `name` below the folder of reference files; `None`, with a note, if the folder is not there.
pub(crate) fn golden(name: &str) -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/golden");
    let folder = std::env::var_os("WORDPAINT_GOLDEN").map_or(default, PathBuf::from);
    if folder.is_dir() {
        return Some(folder.join(name));
    }
    let required = std::env::var("WORDPAINT_REQUIRE_GOLDEN").is_ok_and(|v| v == "1");
    assert!(
        !required,
        "WORDPAINT_REQUIRE_GOLDEN=1, but {} is not there",
        folder.display()
    );
    eprintln!(
        "skipped: no reference files at {} (set WORDPAINT_GOLDEN)",
        folder.display()
    );
    None
}
