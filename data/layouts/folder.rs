//! `folder:PATH`: images with captions of one's own.

use std::path::{Path, PathBuf};

use super::entry::{Captions, Entry};
use super::on_disk::OnDisk;
use super::splits;
use crate::DataError;
use crate::scheme::{DataFacts, Scheme};

/// Addresses of such folders, which hold nothing but images and captions.
pub(super) const SCHEME: Scheme = Scheme {
    name: "folder",
    open: |uri| Ok(Box::new(open(uri)?)),
    facts: |_| Ok(DataFacts::default()),
};

/// File extensions taken for images, in lower case.
const IMAGES: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Opens `folder:PATH`: one subfolder per class, in it images and, for each, a text file of the
/// same stem with one caption per line.
///
/// With `trainclasses.txt` (`valclasses.txt`) and `testclasses.txt` in PATH the split is by class,
/// as the published ones; otherwise every fifth image of a class, in name order, is for testing.
pub fn open(uri: &str) -> Result<OnDisk, DataError> {
    let holds = "a folder with one subfolder of images and captions per class";
    let path = super::path_of(uri, "folder", holds)?;
    let mut classes = Vec::new();
    let mut entries = Vec::new();
    for folder in sorted(&path)?.into_iter().filter(|f| f.is_dir()) {
        let name = utf8_name(&folder)?.to_string();
        if name.starts_with('.') {
            continue;
        }
        let class = classes.len();
        let before = entries.len();
        for image in sorted(&folder)?.into_iter().filter(|f| is_image(f)) {
            let file = utf8_name(&image)?;
            let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
            let key = format!("{name}/{stem}");
            if entries.last().is_some_and(|e: &Entry| e.key == key) {
                let message = format!("two images have the key `{key}`; rename one");
                return Err(DataError::format(&image, message));
            }
            let captions = Captions::File(image.with_extension("txt"));
            entries.push(Entry::new(key, class, image, captions));
        }
        if entries.len() == before {
            let message = format!(
                "class `{name}` has no image ({}); add some or remove the folder",
                IMAGES.join(", ")
            );
            return Err(DataError::format(&folder, message));
        }
        classes.push(name);
    }
    if classes.is_empty() {
        return Err(DataError::missing(
            &path,
            format!("expected {holds}; it has no subfolder"),
        ));
    }
    let subsets = splits::from_class_lists(std::slice::from_ref(&path), &classes)?;
    let mut first = 0;
    for i in 0..entries.len() {
        if entries[i].class != entries[first].class {
            first = i;
        }
        let by_image = if (i - first) % 5 == 4 {
            splits::Subset::Test
        } else {
            splits::Subset::Train
        };
        let class = entries[i].class;
        entries[i].subset = subsets.as_ref().map_or(Some(by_image), |s| s[class]);
    }
    Ok(OnDisk::new(
        format!("folder:{}", path.display()),
        classes,
        entries,
        None,
        None,
    ))
}

fn is_image(path: &Path) -> bool {
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    path.is_file() && IMAGES.contains(&extension.to_ascii_lowercase().as_str())
}

fn utf8_name(path: &Path) -> Result<&str, DataError> {
    path.file_name().and_then(|n| n.to_str()).ok_or_else(|| {
        DataError::format(
            path,
            "the name is not UTF-8; rename it (keys are stored as text)",
        )
    })
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let error = |e| DataError::io("read", folder, e);
    let entries = std::fs::read_dir(folder).map_err(error)?;
    let mut paths: Vec<PathBuf> = entries
        .map(|e| e.map(|e| e.path()))
        .collect::<Result<_, _>>()
        .map_err(error)?;
    paths.sort();
    Ok(paths)
}
