//! The layout of Oxford-102 Flowers.

use super::matlab::{self, Row};
use super::{Item, Paths, Target, class_lists};
use crate::dataset::{Record, Split, TextImageDataset};
use crate::error::DataError;

/// Reed's name of a class.
fn folder(class: usize) -> String {
    format!("class_{:05}", class + 1)
}

pub(super) fn paths(record: &Record, index: usize) -> Paths {
    let id = index + 1;
    Paths {
        image: format!("jpg/image_{id:05}.jpg"),
        captions: Some(format!(
            "text_c10/{}/image_{id:05}.txt",
            folder(record.class)
        )),
    }
}

pub(super) fn lists(
    dataset: &dyn TextImageDataset,
    items: &[Item],
    target: &Target,
) -> Result<(), DataError> {
    let labels: Vec<u32> = items.iter().map(|i| i.record.class as u32 + 1).collect();
    let ids = |split: Split| -> Vec<u32> {
        dataset
            .split(split)
            .into_iter()
            .map(|i| i as u32 + 1)
            .collect()
    };
    let [train, val, test] = [Split::Train, Split::Val, Split::Test].map(ids);
    target.write(
        "imagelabels.mat",
        &matlab::file(&[Row {
            name: "labels",
            values: &labels,
        }]),
    )?;
    let splits = [
        Row {
            name: "trnid",
            values: &train,
        },
        Row {
            name: "valid",
            values: &val,
        },
        Row {
            name: "tstid",
            values: &test,
        },
    ];
    target.write("setid.mat", &matlab::file(&splits))?;
    class_lists(dataset, target, folder)
}
