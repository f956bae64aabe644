//! Unpacking of archives that may be hostile.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Component, Path};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use wordpaint_files::Scratch;

/// Unpacks a gzipped tar archive into `folder`.
///
/// Everything goes to a temporary folder beside it and is moved by renaming at the end, so that an
/// interruption leaves nothing behind that looks complete. Links, devices, absolute paths and paths
/// with `..` are refused.
pub(super) fn unpack_tgz(file: &Path, folder: &Path) -> Result<()> {
    let partial = Scratch::within(folder)?;
    let stream = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(stream)));
    for entry in archive.entries()? {
        let mut entry = entry.with_context(|| format!("{} is damaged", file.display()))?;
        let path = entry.path()?.into_owned();
        let kind = entry.header().entry_type();
        if matches!(kind, tar::EntryType::XGlobalHeader) {
            continue;
        }
        ensure!(
            is_inside(&path),
            "{}: unsafe path {}",
            file.display(),
            path.display()
        );
        let place = partial.path().join(&path);
        if kind.is_dir() {
            fs::create_dir_all(&place)?;
            continue;
        }
        ensure!(
            kind.is_file(),
            "{}: {} is neither a file nor a folder",
            file.display(),
            path.display()
        );
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut output = File::create(&place)?;
        std::io::copy(&mut entry, &mut output)
            .with_context(|| format!("cannot unpack {}", path.display()))?;
    }
    read_to_end(archive).with_context(|| format!("{} is damaged", file.display()))?;
    for child in fs::read_dir(partial.path())? {
        let child = child?;
        let place = folder.join(child.file_name());
        fs::rename(child.path(), &place)
            .with_context(|| format!("cannot move into {}", place.display()))?;
    }
    Ok(())
}

/// Reads what is left behind the last file: only at the end of the stream gzip compares the checksum
/// and the length.
pub(super) fn read_to_end<R: Read>(archive: tar::Archive<R>) -> Result<()> {
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink())?;
    Ok(())
}

fn is_inside(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    /// A gzipped archive with one entry, whose name is written without the checks of `tar`.
    fn archive(name: &str, kind: tar::EntryType) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(3);
        header.set_mode(0o644);
        header.set_cksum();
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        builder.append(&header, &b"abc"[..]).expect("in memory");
        builder
            .into_inner()
            .expect("in memory")
            .finish()
            .expect("in memory")
    }

    fn unpack(bytes: &[u8]) -> (tempfile::TempDir, Result<()>) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("a.tgz");
        fs::write(&file, bytes).expect("written");
        let into = folder.path().join("into");
        fs::create_dir(&into).expect("created");
        let result = unpack_tgz(&file, &into);
        (folder, result)
    }

    #[test]
    fn files_appear_under_their_names_and_nothing_else_remains() {
        let (folder, result) = unpack(&archive("jpg/one.jpg", tar::EntryType::Regular));

        result.expect("a good archive");
        let into = folder.path().join("into");
        assert_eq!(
            fs::read(into.join("jpg/one.jpg")).expect("unpacked"),
            b"abc"
        );
        assert_eq!(fs::read_dir(into).expect("folder").count(), 1);
    }

    #[test]
    fn paths_that_leave_the_folder_are_refused() {
        for name in ["../evil", "jpg/../../evil", "/evil"] {
            let (folder, result) = unpack(&archive(name, tar::EntryType::Regular));

            assert!(
                result.expect_err(name).to_string().contains("unsafe path"),
                "{name}"
            );
            assert!(!folder.path().join("evil").exists(), "{name}");
        }
    }

    #[test]
    fn links_are_refused() {
        for kind in [tar::EntryType::Symlink, tar::EntryType::Link] {
            let (_folder, result) = unpack(&archive("link", kind));

            let error = result.expect_err("a link").to_string();
            assert!(error.contains("neither a file nor a folder"), "{error}");
        }
    }

    #[test]
    fn a_flipped_bit_in_the_trailer_is_noticed_and_nothing_is_put_in_place() {
        let bytes = archive("jpg/one.jpg", tar::EntryType::Regular);
        // Checksum and length, four bytes each.
        for bit in (bytes.len() - 8) * 8..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);

            let (folder, result) = unpack(&flipped);

            let error = result.expect_err("a flipped bit").to_string();
            assert!(error.contains("a.tgz is damaged"), "{error}");
            let into = fs::read_dir(folder.path().join("into")).expect("folder");
            assert_eq!(into.count(), 0, "bit {bit}");
        }
    }

    #[test]
    fn a_cut_archive_leaves_nothing_in_place() {
        let bytes = archive("jpg/one.jpg", tar::EntryType::Regular);

        let (folder, result) = unpack(&bytes[..bytes.len() / 2]);

        assert!(result.is_err());
        assert_eq!(
            fs::read_dir(folder.path().join("into"))
                .expect("folder")
                .count(),
            0
        );
    }
}
