//! The layout of AttnGAN's preprocessed folders: that of birds for data with classes, that of COCO
//! for others.

use super::{Paths, Target, coco, cub, images};
use crate::dataset::{Record, Split, TextImageDataset};
use crate::error::DataError;
use crate::prepare::Prepared;

pub(super) fn write(
    dataset: &dyn TextImageDataset,
    target: &Target,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(), DataError> {
    let classes = dataset.classes();
    let has_classes = classes.len() < dataset.len();
    let key = |record: &Record| {
        if has_classes {
            cub::stem(classes, record)
        } else {
            record.key.clone()
        }
    };
    let paths = |record: &Record, _| {
        if has_classes {
            return cub::paths(classes, record, "text");
        }
        let key = key(record);
        Paths {
            image: format!("images/{key}.jpg"),
            captions: Some(format!("text/{key}.txt")),
        }
    };
    let items = images(dataset, target, progress, &paths)?;
    if has_classes {
        cub::lists(dataset, &items, target)?;
    }
    if !dataset.categories().is_empty() {
        let file = |index: usize| format!("{}.jpg", key(&items[index].record));
        coco::instances(dataset, &items, target, file)?;
    }
    let mut prepared = Prepared::of(dataset, None, &mut |_, _| ())?;
    for (side, split) in [
        (&mut prepared.train, Split::Trainval),
        (&mut prepared.test, Split::Test),
    ] {
        let indices = dataset.split(split).into_iter();
        side.keys = indices.map(|i| key(&items[i].record)).collect();
    }
    for (name, content) in prepared.files() {
        target.write(&name, &content)?;
    }
    Ok(())
}
