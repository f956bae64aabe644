//! What differs between operating systems.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(not(unix))]
pub(crate) use other::*;

/// Brings a folder's entries to the disk. Not every file system can; a rename is atomic either way.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let Ok(folder) = File::open(path) else {
        return Ok(());
    };
    match folder.sync_all() {
        Err(error) if is_lost(&error) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};

    use rustix::fs::OFlags;
    use rustix::io::Errno;

    use super::{File, Metadata, OpenOptions, Path, io};

    /// Bytes free to this user on the disk of `path`, or of the nearest folder above that is there.
    pub(crate) fn free(path: &Path) -> Option<u64> {
        let mut ancestors = path.ancestors().map(|place| match place.as_os_str().len() {
            0 => Path::new("."),
            _ => place,
        });
        let disk = ancestors.find_map(|place| rustix::fs::statvfs(place).ok())?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Whether the process or the system has no more file descriptors.
    pub(crate) fn is_out_of_files(error: &io::Error) -> bool {
        let limits = [Errno::MFILE, Errno::NFILE].map(|errno| Some(errno.raw_os_error()));
        limits.contains(&error.raw_os_error())
    }

    /// Whether something that was written did not come to the disk.
    pub(crate) fn is_lost(error: &io::Error) -> bool {
        let losses = [Errno::IO, Errno::NOSPC, Errno::DQUOT];
        losses
            .map(|errno| Some(errno.raw_os_error()))
            .contains(&error.raw_os_error())
    }

    /// Opens a lock file for reading and writing, makes it if need be, changes nothing in it and
    /// follows no link.
    pub(crate) fn open_lock(path: &Path, is_made: bool) -> io::Result<File> {
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
        let open = |is_written: bool| {
            OpenOptions::new()
                .read(true)
                .write(is_written)
                .create(is_made && is_written)
                .truncate(false)
                .mode(0o666)
                .custom_flags(flags)
                .open(path)
        };
        let file = match open(true) {
            // A lock needs no permission to write.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                open(false).map_err(|_| error)?
            }
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                return Err(io::Error::other(
                    "it is a link, and locks do not follow links; remove it",
                ));
            }
            opened => opened?,
        };
        if file.metadata()?.is_file() {
            return Ok(file);
        }
        Err(io::Error::other("it is no regular file; remove it"))
    }

    /// Whether `file` is still what lies at `path`.
    pub(crate) fn is_at(file: &File, path: &Path) -> bool {
        let here = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        let (Ok(open), Ok(named)) = (file.metadata(), path.symlink_metadata()) else {
            return false;
        };
        here(&open) == here(&named)
    }

    /// Whether something can be written through without losing what it holds.
    pub(crate) fn is_stream(metadata: &Metadata) -> bool {
        let kind = metadata.file_type();
        kind.is_char_device() || kind.is_fifo()
    }

    /// Opens a pipe or character device for writing. A pipe that nobody reads is an error.
    pub(crate) fn open_stream(path: &Path) -> io::Result<File> {
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
        let opened = OpenOptions::new()
            .append(true)
            .custom_flags(flags)
            .open(path);
        let file = match opened {
            Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
                return Err(io::Error::other(
                    "nobody reads from it; start the reader first",
                ));
            }
            opened => opened?,
        };
        rustix::fs::fcntl_setfl(&file, OFlags::APPEND)?;
        Ok(file)
    }

    /// Gives a new file the owner and permissions of the one whose place it takes.
    pub(crate) fn inherit(file: &File, from: &Metadata) -> io::Result<()> {
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (from.uid(), from.gid()) {
            // Only the superuser can give files away; for others the file becomes theirs.
            let _ = std::os::unix::fs::fchown(file, Some(from.uid()), Some(from.gid()));
        }
        if new.permissions().mode() == from.permissions().mode() {
            return Ok(());
        }
        file.set_permissions(from.permissions())
    }

    /// Brings everything on the disk of `folder` to it.
    pub(crate) fn sync_disk(folder: &Path) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        rustix::fs::syncfs(File::open(folder)?)?;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let _ = folder;
        Ok(())
    }
}

#[cfg(not(unix))]
mod other {
    use super::{File, Metadata, OpenOptions, Path, io};

    pub(crate) fn free(_path: &Path) -> Option<u64> {
        None
    }

    pub(crate) fn is_out_of_files(_error: &io::Error) -> bool {
        false
    }

    pub(crate) fn is_lost(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::StorageFull
    }

    pub(crate) fn open_lock(path: &Path, is_made: bool) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(is_made)
            .truncate(false)
            .open(path)
    }

    pub(crate) fn is_at(_file: &File, path: &Path) -> bool {
        path.exists()
    }

    pub(crate) fn is_stream(_metadata: &Metadata) -> bool {
        false
    }

    pub(crate) fn open_stream(path: &Path) -> io::Result<File> {
        OpenOptions::new().append(true).open(path)
    }

    pub(crate) fn inherit(file: &File, from: &Metadata) -> io::Result<()> {
        file.set_permissions(from.permissions())
    }

    pub(crate) fn sync_disk(_folder: &Path) -> io::Result<()> {
        Ok(())
    }
}
