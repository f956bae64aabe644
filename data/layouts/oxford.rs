//! `oxford:PATH`: Oxford-102 Flowers with Reed's captions.

use std::path::PathBuf;

use super::entry::{Captions, Entry};
use super::on_disk::OnDisk;
use super::sentences::Source;
use super::splits::{self, FileNames};
use super::verify::Published;
use crate::DataError;
use crate::formats::matlab;
use crate::scheme::{Extra, Scheme};

/// Addresses of such folders.
pub(super) const SCHEME: Scheme = Scheme {
    name: "oxford",
    open: |uri| Ok(Box::new(open(uri)?)),
    facts: |_| Ok(PUBLISHED.facts(&[Extra::Embeddings])),
};

/// Counts of the zero-shot split used by text-to-image work: 62/20/20 classes.
const PUBLISHED: Published = Published {
    classes: Some([62, 20, 20]),
    images: [7_034, 1_155],
    captions: 10..=10,
};

/// More classes than any flower set has; keeps a damaged label from naming millions.
const MAX_CLASSES: i64 = 10_000;

/// Opens `oxford:PATH`, where PATH is the folder that holds `jpg/` and `imagelabels.mat`.
///
/// Class names are Reed's (`class_00001`, ...), as the official files have none. Captions
/// (`text_c10/` or `text/`), class lists, `{train,test}/*.pickle` and per-image Torch files are
/// looked for in the folder and in those of Reed's archives. `setid.mat` is not read: the published
/// zero-shot split is by class.
pub fn open(uri: &str) -> Result<OnDisk, DataError> {
    let path = super::path_of(
        uri,
        "oxford",
        "the folder that holds jpg/ and imagelabels.mat",
    )?;
    let folders = vec![
        path.clone(),
        path.join("cvpr2016_flowers"),
        path.join("flowers_icml"),
    ];
    let uri = format!("oxford:{}", path.display());

    let label_file = path.join("imagelabels.mat");
    if !label_file.is_file() {
        let expected = "the class of every image; it is published beside 102flowers.tgz";
        return Err(DataError::missing(label_file, expected));
    }
    let labels = matlab::integers(&label_file, "labels")?;
    if let Some(wrong) = labels.iter().position(|l| !(1..=MAX_CLASSES).contains(l)) {
        let message = format!(
            "label {} of image {} is not a class",
            labels[wrong],
            wrong + 1
        );
        return Err(DataError::format(label_file, message));
    }
    let count = labels.iter().max().map_or(0, |&l| l as usize);
    let classes: Vec<String> = (1..=count).map(|c| format!("class_{c:05}")).collect();

    let subsets = splits::from_class_lists(&folders, &classes)?;
    let texts = folders
        .iter()
        .flat_map(|f| [f.join("text_c10"), f.join("text")]);
    let captions = texts
        .clone()
        .find(|t| t.is_dir())
        .unwrap_or_else(|| path.join("text_c10"));
    let mut entries: Vec<Entry> = labels
        .iter()
        .enumerate()
        .map(|(i, &label)| {
            let class = label as usize - 1;
            let key = format!("{}/image_{:05}", classes[class], i + 1);
            let image = path.join("jpg").join(format!("image_{:05}.jpg", i + 1));
            let captions = Captions::File(captions.join(format!("{key}.txt")));
            Entry {
                subset: subsets.as_ref().and_then(|s| s[class]),
                ..Entry::new(key, class, image, captions)
            }
        })
        .collect();

    let names = FileNames::open(&folders, |key| image_number(key, entries.len()))?;
    if let (None, Some(names)) = (&subsets, &names) {
        let class_of: Vec<usize> = entries.iter().map(|e| e.class).collect();
        for (entry, subset) in entries.iter_mut().zip(names.subsets(&class_of, &classes)?) {
            entry.subset = subset;
        }
    }
    let first = entries.first().map_or("", |e| e.key.as_str());
    let source = Source::find(names.as_ref(), &folders, first);
    Ok(OnDisk::new(uri, classes, entries, Some(PUBLISHED), source))
}

/// Index of `jpg/image_00001` or `class_00077/image_00001`.
fn image_number(key: &str, count: usize) -> Option<usize> {
    let name = PathBuf::from(key);
    let number = name.file_name()?.to_str()?.strip_prefix("image_")?;
    let number: usize = number.parse().ok()?;
    (1..=count).contains(&number).then(|| number - 1)
}
