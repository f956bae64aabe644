//! The folders wordpaint uses.

use std::path::PathBuf;

/// Where runs are kept: `WORDPAINT_RUNS`, else `runs` in the working folder.
pub fn runs() -> PathBuf {
    std::env::var_os("WORDPAINT_RUNS").map_or_else(|| PathBuf::from("runs"), PathBuf::from)
}

/// Where fetched weights and computed tables are kept: `WORDPAINT_CACHE`, else `cache` in the
/// working folder.
pub fn cache() -> PathBuf {
    std::env::var_os("WORDPAINT_CACHE").map_or_else(|| PathBuf::from("cache"), PathBuf::from)
}
