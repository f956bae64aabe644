//! Class-disjoint splits: from Reed's class lists or from StackGAN's lists of file names.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::lists::lines;
use crate::DataError;
use crate::dataset::Split;
use crate::formats::pickle::Pickle;

/// The part of a split that one image belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subset {
    Train,
    Val,
    Test,
}

impl Subset {
    /// Whether an image of this subset belongs to `split`.
    pub(super) fn is_in(subset: Option<Self>, split: Split) -> bool {
        match split {
            Split::Train => subset == Some(Self::Train),
            Split::Val => subset == Some(Self::Val),
            Split::Trainval => matches!(subset, Some(Self::Train | Self::Val)),
            Split::Test => subset == Some(Self::Test),
            Split::All => true,
        }
    }
}

/// Subset of every class, from `trainclasses.txt`, `valclasses.txt`, `testclasses.txt` and
/// `trainvalclasses.txt` in the first of `folders` that has `testclasses.txt`; `None` without it.
pub(super) fn from_class_lists(
    folders: &[PathBuf],
    classes: &[String],
) -> Result<Option<Vec<Option<Subset>>>, DataError> {
    let Some(folder) = folders.iter().find(|f| f.join("testclasses.txt").is_file()) else {
        return Ok(None);
    };
    let index: HashMap<&str, usize> = classes
        .iter()
        .enumerate()
        .map(|(i, name)| (name.as_str(), i))
        .collect();
    let mut subsets: Vec<Option<Subset>> = vec![None; classes.len()];
    let (train, val) = (
        folder.join("trainclasses.txt"),
        folder.join("valclasses.txt"),
    );
    let trainval = folder.join("trainvalclasses.txt");
    let mut lists = vec![(folder.join("testclasses.txt"), Subset::Test)];
    if train.is_file() {
        lists.push((train, Subset::Train));
        if val.is_file() {
            lists.push((val, Subset::Val));
        }
    } else if trainval.is_file() {
        lists.push((trainval.clone(), Subset::Train));
    } else {
        let expected = "the training classes, one per line, from the caption archive that \
                        testclasses.txt came from";
        return Err(DataError::missing(trainval, expected));
    }
    for (path, subset) in lists {
        for (class, line) in class_list(&path, &index)? {
            if let Some(other) = subsets[class].filter(|&s| s != subset) {
                let message = format!(
                    "class `{}` is in the {other:?} list too; the lists must be disjoint, so take \
                     all of them from one archive",
                    classes[class]
                );
                return Err(DataError::format_at(&path, line, message));
            }
            subsets[class] = Some(subset);
        }
    }
    if trainval.is_file() {
        let named: HashSet<usize> = class_list(&trainval, &index)?
            .into_iter()
            .map(|(class, _)| class)
            .collect();
        let differs = |&c: &usize| {
            named.contains(&c) != matches!(subsets[c], Some(Subset::Train | Subset::Val))
        };
        if let Some(class) = (0..classes.len()).find(differs) {
            let message = format!(
                "class `{}` is in trainvalclasses.txt or in the train and val lists, but not in \
                 both; take all lists from one archive",
                classes[class]
            );
            return Err(DataError::format(&trainval, message));
        }
    }
    Ok(Some(subsets))
}

/// Class indices of a list with their line numbers.
fn class_list(path: &Path, index: &HashMap<&str, usize>) -> Result<Vec<(usize, usize)>, DataError> {
    let find = |(number, name): (usize, String)| {
        let class = index.get(name.trim()).copied().ok_or_else(|| {
            let message = format!(
                "unknown class `{}`; the data set has no such folder",
                name.trim()
            );
            DataError::format_at(path, number, message)
        })?;
        Ok((class, number))
    };
    lines(path)?.into_iter().map(find).collect()
}

/// Image indices in the order of `train/filenames.pickle` and `test/filenames.pickle`.
#[derive(Debug, Clone)]
pub(super) struct FileNames {
    /// Folder that holds `train/` and `test/`.
    pub(super) folder: PathBuf,
    pub(super) train: Vec<usize>,
    pub(super) test: Vec<usize>,
}

impl FileNames {
    /// Reads both lists from the first of `folders` that has one; `find` maps a key to an image.
    pub(super) fn open(
        folders: &[PathBuf],
        find: impl Fn(&str) -> Option<usize>,
    ) -> Result<Option<Self>, DataError> {
        let list = |folder: &Path, split: &str| folder.join(split).join("filenames.pickle");
        let has_one = |f: &&PathBuf| list(f, "train").is_file() || list(f, "test").is_file();
        let Some(folder) = folders.iter().find(has_one) else {
            return Ok(None);
        };
        let read = |split: &str| -> Result<Vec<usize>, DataError> {
            let path = list(folder, split);
            if !path.is_file() {
                let expected = "its counterpart is there; both come in one archive";
                return Err(DataError::missing(path, expected));
            }
            let pickle = Pickle::open(&path)?;
            let images = pickle
                .texts(pickle.root())?
                .into_iter()
                .enumerate()
                .map(|(i, key)| {
                    find(&key).ok_or_else(|| {
                        let message = format!("entry {i}: no image `{key}` in the data set");
                        DataError::format(&path, message)
                    })
                });
            images.collect()
        };
        Ok(Some(Self {
            folder: folder.clone(),
            train: read("train")?,
            test: read("test")?,
        }))
    }

    /// Subset of every image; the classes of the two lists must be disjoint.
    pub(super) fn subsets(
        &self,
        class_of: &[usize],
        classes: &[String],
    ) -> Result<Vec<Option<Subset>>, DataError> {
        let mut subsets = vec![None; class_of.len()];
        let training: HashSet<usize> = self.train.iter().map(|&i| class_of[i]).collect();
        for &image in &self.train {
            subsets[image] = Some(Subset::Train);
        }
        for &image in &self.test {
            if training.contains(&class_of[image]) {
                let message = format!(
                    "class `{}` is in train/filenames.pickle too; the published split is \
                     class-disjoint, so take both files from one archive",
                    classes[class_of[image]]
                );
                let path = self.folder.join("test").join("filenames.pickle");
                return Err(DataError::format(path, message));
            }
            subsets[image] = Some(Subset::Test);
        }
        Ok(subsets)
    }
}
