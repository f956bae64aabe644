//! Which file operation fails on purpose.

use wordpaint_files::fault::Plan;

/// `WORDPAINT_FAULT` (`NUMBER:ERRNO[:RECORD]`), in builds with debug assertions only.
pub fn plan() -> Option<Plan> {
    if !cfg!(debug_assertions) {
        return None;
    }
    Plan::parse(&std::env::var("WORDPAINT_FAULT").ok()?)
}
