//! Files that a user names or keeps: regular ones of a believable size. A pipe would wait for its
//! writer, and a device never ends.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

/// Most bytes of lists, captions and settings.
pub const TEXT: u64 = 1 << 30;
/// Most bytes of an image.
pub const IMAGE: u64 = 1 << 28;
/// Most bytes of arrays: weights, embeddings and annotations.
pub const ARRAYS: u64 = 1 << 34;

/// Opens a regular file, or a link to one.
///
/// # Errors
///
/// If it is anything else, or cannot be opened.
pub fn open(path: &Path) -> io::Result<File> {
    // Looked at before it is opened, because opening a pipe waits.
    check(&std::fs::metadata(path)?)?;
    let file = wordpaint_files::open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// All of a regular file of at most `most` bytes.
///
/// # Errors
///
/// As [`open`], or if it is longer.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    let too_long = |length: u64| {
        let message = format!("it has {length} bytes or more, at most {most} are read");
        io::Error::new(io::ErrorKind::FileTooLarge, message)
    };
    if length > most {
        return Err(too_long(length));
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length as usize)?;
    // Files of the system say that they are empty and are not.
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_long(most));
    }
    Ok(bytes)
}

/// All of a regular file of at most [`TEXT`] bytes as text.
///
/// # Errors
///
/// As [`read`], or if it is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let bytes = read(path, TEXT)?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].split(|&b| b == b'\n').count();
        let message = format!("line {line} is not UTF-8 text");
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

fn check(of: &Metadata) -> io::Result<()> {
    if of.is_file() {
        return Ok(());
    }
    let message = format!(
        "it is no regular file but {}; give a file, or write what it gives to one first",
        kind(of)
    );
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

#[cfg(unix)]
fn kind(of: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = of.file_type();
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn kind(of: &Metadata) -> &'static str {
    if of.is_dir() {
        "a folder"
    } else {
        "something else"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_or_never_ends_is_refused_at_once() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo").success());

        for (path, expected) in [
            (pipe.as_path(), "no regular file but a pipe"),
            (Path::new("/dev/zero"), "no regular file but a device"),
            (folder.path(), "no regular file but a folder"),
        ] {
            let error = read(path, TEXT).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("sparse");
        let file = File::create(&path).expect("creates");
        file.set_len(1 << 40).expect("a sparse file");

        let error = read(&path, TEXT).expect_err("too long").to_string();

        assert!(error.contains("1099511627776 bytes"), "{error}");
    }

    #[test]
    fn regular_files_and_links_to_them_are_read() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a.txt");
        std::fs::write(&path, "one\ntwo").expect("writes");
        let link = folder.path().join("b.txt");
        std::os::unix::fs::symlink(&path, &link).expect("links");

        assert_eq!(read(&link, 7).expect("short enough"), b"one\ntwo");
        assert_eq!(read_text(&path).expect("text"), "one\ntwo");
        std::fs::write(&path, b"one\n\xff").expect("writes");
        let error = read_text(&path).expect_err("no text").to_string();
        assert!(error.contains("line 2 is not UTF-8"), "{error}");
    }
}
