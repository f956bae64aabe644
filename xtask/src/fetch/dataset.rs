//! Published datasets.
//!
//! None of them may be redistributed: the user downloads the archives from their publishers, and
//! this verifies and unpacks them where the experiments look.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::archive;
use super::checksum::{ensure_equal, md5_of_file};
use crate::{print_line, workspace};

/// A dataset: its archives and the folder they become.
pub(crate) struct Dataset {
    /// What a user types.
    pub(super) name: &'static str,
    /// What it is, in a few words.
    pub(super) summary: &'static str,
    /// Below `data/` in the workspace: where the experiments look.
    folder: &'static str,
    /// Who hands the archives out.
    publisher: &'static str,
    archives: &'static [Archive],
    /// What the archives do not hold.
    note: &'static str,
}

/// One file of the publisher.
struct Archive {
    name: &'static str,
    /// Exact size where it is published.
    bytes: Option<u64>,
    md5: &'static str,
    /// What exists in the folder once this archive is in place.
    leaves: &'static str,
}

/// All datasets that can be unpacked.
pub(crate) const TABLE: &[Dataset] = &[
    Dataset {
        name: "cub",
        summary: "CUB-200-2011: 11,788 photographs of 200 bird species",
        folder: "cub",
        publisher: "California Institute of Technology (CUB-200-2011)",
        archives: &[Archive {
            name: "CUB_200_2011.tgz",
            bytes: Some(1_150_585_339),
            md5: "97eceeb196236b17998738112f37df78",
            leaves: "CUB_200_2011",
        }],
        note: "The captions (text_c10/) and the class lists of the zero-shot split come from \
               their authors' archives, for which no checksum is published; put them beside \
               CUB_200_2011/",
    },
    Dataset {
        name: "oxford",
        summary: "Oxford-102 flowers: 8,189 photographs of 102 flowers",
        folder: "oxford",
        publisher: "Visual Geometry Group, University of Oxford (102 Category Flower Dataset)",
        archives: &[
            Archive {
                name: "102flowers.tgz",
                bytes: Some(344_862_509),
                md5: "52808999861908f626f3c1f4e79d11fa",
                leaves: "jpg",
            },
            Archive {
                name: "imagelabels.mat",
                bytes: None,
                md5: "e0620be6f572b9609742df49c70aed4d",
                leaves: "imagelabels.mat",
            },
            Archive {
                name: "setid.mat",
                bytes: None,
                md5: "a5357ecc9cb78c4bef273ce3793fc85c",
                leaves: "setid.mat",
            },
        ],
        note: "The captions (text_c10/) and the class lists of the zero-shot split come from \
               their authors' archives, for which no checksum is published; put them beside jpg/",
    },
];

/// Entry of a name.
pub(super) fn find(name: &str) -> Option<&'static Dataset> {
    TABLE.iter().find(|entry| entry.name == name)
}

/// Verifies and unpacks the given archives; without any, says what to download.
pub(super) fn fetch(entry: &Dataset, files: &[PathBuf]) -> Result<()> {
    fetch_into(
        entry,
        files,
        &workspace::root().join("data").join(entry.folder),
    )
}

fn fetch_into(entry: &Dataset, files: &[PathBuf], folder: &Path) -> Result<()> {
    for file in files {
        let archive = archive_of(entry, file)?;
        let place = folder.join(archive.leaves);
        if place.exists() {
            print_line(format!("reused  {}", place.display()));
            continue;
        }
        verify(archive, file)?;
        put(file, folder)?;
        ensure!(
            place.exists(),
            "{} holds no {}",
            archive.name,
            archive.leaves
        );
        print_line(format!("done    {}", place.display()));
    }
    let missing: Vec<&Archive> = entry
        .archives
        .iter()
        .filter(|archive| !folder.join(archive.leaves).exists())
        .collect();
    if missing.is_empty() {
        print_line(format!("{} is in {}", entry.name, folder.display()));
        print_line(entry.note);
        return Ok(());
    }
    print_line(format!(
        "{} may not be redistributed. Download from {}:",
        entry.name, entry.publisher
    ));
    for archive in &missing {
        let size = archive
            .bytes
            .map_or_else(String::new, |bytes| format!("  {bytes} bytes"));
        print_line(format!("  {:<18} MD5 {}{size}", archive.name, archive.md5));
    }
    print_line("and accept its terms of use. Then run:");
    let options: Vec<String> = missing
        .iter()
        .map(|archive| format!("--archive {}", archive.name))
        .collect();
    print_line(format!(
        "  cargo xtask fetch {} {}",
        entry.name,
        options.join(" ")
    ));
    print_line(entry.note);
    bail!(
        "{} of {} files are missing",
        missing.len(),
        entry.archives.len()
    )
}

fn archive_of<'a>(entry: &'a Dataset, file: &Path) -> Result<&'a Archive> {
    let name = file.file_name().unwrap_or_default();
    let found = entry.archives.iter().find(|archive| name == archive.name);
    found.with_context(|| {
        let names: Vec<&str> = entry.archives.iter().map(|archive| archive.name).collect();
        format!(
            "{} is none of {}; keep the published names",
            file.display(),
            names.join(", ")
        )
    })
}

fn verify(archive: &Archive, file: &Path) -> Result<()> {
    let size = fs::metadata(file)
        .with_context(|| format!("cannot read {}", file.display()))?
        .len();
    if let Some(expected) = archive.bytes {
        ensure!(
            size == expected,
            "{} has {size} bytes instead of {expected}: the download is not complete",
            file.display()
        );
    }
    print_line(format!("running MD5 of {}", file.display()));
    ensure_equal(
        &file.display().to_string(),
        archive.md5,
        &md5_of_file(file)?,
    )
}

/// Unpacks an archive, or copies a single file.
fn put(file: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    if file.extension().is_some_and(|extension| extension == "tgz") {
        return archive::unpack_tgz(file, folder);
    }
    let name = file.file_name().context("a file has a name")?;
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    workspace::write_atomically(&folder.join(name), &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: Dataset = Dataset {
        name: "letters",
        summary: "",
        folder: "letters",
        publisher: "",
        archives: &[Archive {
            name: "abc.mat",
            bytes: Some(3),
            md5: "900150983cd24fb0d6963f7d28e17f72",
            leaves: "abc.mat",
        }],
        note: "",
    };

    fn fetch_content(content: &str) -> Result<()> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("abc.mat");
        fs::write(&file, content).expect("written");
        fetch_into(&FILE, &[file], &folder.path().join("letters"))
    }

    #[test]
    fn a_file_with_the_published_digest_is_put_in_place() {
        fetch_content("abc").expect("the published content");
    }

    #[test]
    fn an_incomplete_download_is_refused() {
        let error = fetch_content("ab").expect_err("too short").to_string();

        assert!(error.contains("2 bytes instead of 3"), "{error}");
    }

    #[test]
    fn a_changed_file_is_refused() {
        let error = fetch_content("xyz").expect_err("wrong digest").to_string();

        assert!(error.contains("not the published file"), "{error}");
    }

    #[test]
    fn missing_archives_are_an_error() {
        let folder = tempfile::tempdir().expect("temporary folder");

        let error = fetch_into(&FILE, &[], folder.path())
            .expect_err("nothing given")
            .to_string();

        assert_eq!(error, "1 of 1 files are missing");
    }
}
