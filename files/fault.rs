//! Operations that fail on purpose, for tests of the whole program. Only builds with debug assertions
//! have them.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Action;

/// Which operation is to fail, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Number of the operation, from 1; 0 lets none fail and records all.
    pub at: u64,
    /// The system's number of the error; without one the process ends as if it were killed.
    pub errno: Option<i32>,
    /// File to which the operation that fails is appended as `action<TAB>path`.
    pub record: Option<PathBuf>,
}

static PLAN: OnceLock<Plan> = OnceLock::new();
static DONE: AtomicU64 = AtomicU64::new(0);

impl Plan {
    /// Reads `NUMBER:ERRNO[:RECORD]`; `kill` may stand for the number of the error.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        Some(Self {
            at: parts.next()?.parse().ok()?,
            errno: match parts.next()? {
                "kill" => None,
                errno => Some(errno.parse().ok()?),
            },
            record: parts.next().map(PathBuf::from),
        })
    }

    fn record(&self, action: Action, path: &Path) {
        if let Some(record) = &self.record
            && let Ok(mut file) = OpenOptions::new().create(true).append(true).open(record)
        {
            // A test that misses the line fails.
            let _ = writeln!(file, "{}\t{}", action.word(), path.display());
        }
    }
}

/// Sets the plan of this process; a second one is ignored, and so is any in a release build.
pub fn install(plan: Plan) {
    if cfg!(debug_assertions) {
        let _ = PLAN.set(plan);
    }
}

/// Comes before every operation.
pub(crate) fn point(action: Action, path: &Path) -> io::Result<()> {
    if !cfg!(debug_assertions) {
        return Ok(());
    }
    let Some(plan) = PLAN.get() else {
        return Ok(());
    };
    let number = DONE.fetch_add(1, Ordering::Relaxed) + 1;
    if plan.at == 0 || plan.at == number {
        plan.record(action, path);
    }
    if plan.at == number {
        let errno = plan.errno.unwrap_or_else(|| std::process::abort());
        return Err(io::Error::from_raw_os_error(errno));
    }
    Ok(())
}

/// Writes `content`; one that is to fail writes half of it first, as a disk that becomes full does.
pub(crate) fn write(file: &mut impl Write, path: &Path, content: &[u8]) -> io::Result<()> {
    if let Err(error) = point(Action::Write, path) {
        file.write_all(&content[..content.len() / 2])?;
        return Err(error);
    }
    file.write_all(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_from_its_text() {
        let plan = Plan {
            at: 3,
            errno: Some(28),
            record: Some("a:b".into()),
        };
        assert_eq!(Plan::parse("3:28:a:b"), Some(plan));
        assert_eq!(Plan::parse("3:kill").map(|plan| plan.errno), Some(None));
        assert_eq!(Plan::parse("x:28"), None);
    }
}
