//! The one way in which the program writes, renames, removes and locks files.
//!
//! What it promises: a regular file is replaced whole or not at all and keeps its permissions; links
//! are followed and what is no regular file is written through; nothing is removed that this process
//! did not make or find abandoned by its own kind; every error names the path and what to do.

mod append;
mod destination;
mod error;
pub mod fault;
mod folders;
mod fresh;
mod leftovers;
mod lock;
mod read;
mod scratch;
mod system;
mod together;

pub use append::Appender;
pub use destination::check;
pub use error::{Action, FileError, advice, may_be_whole};
pub use folders::{check_folder, create_folders, remove_flat_folder, rename, sync_folder};
pub use fresh::{Fresh, is_vacant};
pub use lock::Lock;
pub use read::{open, read, read_to_string};
pub use scratch::{Created, Scratch};
pub use together::{Together, write};

use std::io::Write as _;
use std::path::Path;

/// Puts a file into a folder that this process made and that has not got its name yet. It is synced
/// when `is_synced`; otherwise whoever publishes the folder syncs all of it.
///
/// # Errors
///
/// If it cannot be written.
pub fn put(path: &Path, content: &[u8], is_synced: bool) -> Result<(), FileError> {
    let wanted = content.len() as u64;
    let failed = |action| FileError::of(action, path, Some(wanted));
    fault::point(Action::Create, path).map_err(failed(Action::Create))?;
    let mut file = std::fs::File::create(path).map_err(failed(Action::Create))?;
    fault::write(&mut file, path, content).map_err(failed(Action::Write))?;
    file.flush().map_err(failed(Action::Write))?;
    if is_synced {
        fault::point(Action::Sync, path).map_err(failed(Action::Write))?;
        file.sync_all().map_err(failed(Action::Write))?;
    }
    fresh::note(path);
    Ok(())
}
