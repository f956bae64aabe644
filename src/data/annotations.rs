//! Boxes and parts of images, as their views show them.

#[cfg(test)]
mod tests;

use burn::prelude::{Tensor, TensorData};
use rayon::prelude::*;
use wordpaint_data::{DataError, Record, TextImageDataset};
use wordpaint_models::backend::Backend;
use wordpaint_models::batch::Layout;
use wordpaint_models::system::Annotations;

use super::source::Source;
use super::view::View;

/// [`Layout`] in host memory, image by image; what a system does not ask for stays empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct HostLayout {
    boxes: Vec<f32>,
    parts: Vec<f32>,
}

impl HostLayout {
    /// Appends what `source` asks for of `image`, which is shown in `view`.
    pub(super) fn append(
        &mut self,
        source: &Source,
        image: usize,
        view: &View,
    ) -> Result<(), DataError> {
        let wanted = source.needs.annotations;
        if wanted == Annotations::None {
            return Ok(());
        }
        let dataset = source.dataset.as_ref();
        let record = dataset.record(image)?;
        match wanted {
            Annotations::None => {}
            Annotations::Boxes => {
                let bounds = record.bounding_box;
                let bounds = bounds.ok_or_else(|| lacking(dataset, &record, wanted))?;
                let seen = view.apply_box(bounds);
                self.boxes.extend([seen.x, seen.y, seen.width, seen.height]);
            }
            Annotations::Parts(count) => self.parts.extend(parts(&record, count, view)),
        }
        Ok(())
    }

    /// Moves boxes and parts of `n` images to `device`.
    pub(super) fn upload<B: Backend>(self, n: usize, device: &B::Device) -> Layout<B> {
        let Self { boxes, parts } = self;
        Layout {
            boxes: (!boxes.is_empty())
                .then(|| Tensor::from_data(TensorData::new(boxes, [n, 4]), device)),
            parts: (!parts.is_empty()).then(|| {
                let shape = [n, parts.len() / (3 * n), 3];
                Tensor::from_data(TensorData::new(parts, shape), device)
            }),
        }
    }
}

/// Place and visibility of the parts 1 to `count`.
fn parts(record: &Record, count: usize, view: &View) -> Vec<f32> {
    let mut rows = vec![0.0; 3 * count];
    for part in record.parts.iter().filter(|part| part.is_visible) {
        let row = usize::from(part.id).checked_sub(1);
        if let Some(row) = row.filter(|row| *row < count) {
            let [x, y] = view.apply_point([part.x, part.y]);
            rows[3 * row..3 * row + 3].copy_from_slice(&[x, y, 1.0]);
        }
    }
    rows
}

/// Refuses images without the annotations that are `wanted`.
///
/// # Errors
///
/// Names the first image of `indices` that lacks them.
pub fn check(
    dataset: &dyn TextImageDataset,
    indices: &[usize],
    wanted: Annotations,
) -> Result<(), DataError> {
    if wanted == Annotations::None {
        return Ok(());
    }
    let check = |&index: &usize| {
        let record = dataset.record(index)?;
        let is_there = match wanted {
            Annotations::None => true,
            Annotations::Boxes => record.bounding_box.is_some(),
            Annotations::Parts(_) => !record.parts.is_empty(),
        };
        if is_there {
            return Ok(());
        }
        Err(lacking(dataset, &record, wanted))
    };
    // Results stay in order, so that of several faults the first is reported.
    let found: Vec<Result<(), DataError>> = indices.par_iter().map(check).collect();
    found.into_iter().collect()
}

fn lacking(dataset: &dyn TextImageDataset, record: &Record, wanted: Annotations) -> DataError {
    let what = match wanted {
        Annotations::Parts(_) => "no part locations",
        Annotations::None | Annotations::Boxes => "no bounding box",
    };
    DataError::Inconsistent(format!(
        "{}: image `{}` has {what}, which the system learns from; restore the lists from the \
         archive, or choose data that have them (`cub:` and `synth:birds` do)",
        dataset.uri(),
        record.key
    ))
}
