//! Many small pictures on one sheet.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use rayon::prelude::*;

use crate::dataset::{ImageSize, TextImageDataset};
use crate::error::DataError;

/// Pixels between two cells.
pub const GAP: u32 = 2;

/// Columns of a sheet of `n` pictures.
pub fn columns(n: usize) -> usize {
    (1..16).find(|c| c * c >= n).unwrap_or(16)
}

/// Pictures `indices` of a dataset in cells of `cell` pixels, row by row, [`columns`] to a row, with
/// [`GAP`] white pixels between them. Pictures of other shapes are stretched to the cell.
pub fn contact_sheet(
    dataset: &dyn TextImageDataset,
    indices: &[usize],
    cell: u32,
) -> Result<RgbImage, DataError> {
    let images: Vec<RgbImage> = indices
        .par_iter()
        .map(|&index| {
            let image = dataset.image(index, ImageSize::Hint(cell))?;
            Ok(if image.dimensions() == (cell, cell) {
                image
            } else {
                imageops::resize(&image, cell, cell, FilterType::Triangle)
            })
        })
        .collect::<Result<_, DataError>>()?;
    let columns = columns(images.len());
    let rows = images.len().div_ceil(columns).max(1);
    let extent = |cells: usize| cells as u32 * (cell + GAP) - GAP;
    let mut sheet = RgbImage::from_pixel(extent(columns), extent(rows), Rgb([255, 255, 255]));
    for (place, image) in images.iter().enumerate() {
        let x = (place % columns) as i64 * i64::from(cell + GAP);
        let y = (place / columns) as i64 * i64::from(cell + GAP);
        imageops::replace(&mut sheet, image, x, y);
    }
    Ok(sheet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth;

    #[test]
    fn cells_hold_the_pictures_in_order_with_white_between() {
        let dataset = synth::open("synth:flowers?preset=nano").expect("the address is right");

        let sheet = contact_sheet(&*dataset, &[0, 17, 34, 51, 68], 24).expect("a sheet");

        assert_eq!(sheet.dimensions(), (3 * 24 + 2 * GAP, 2 * 24 + GAP));
        let fourth = dataset.image(51, ImageSize::Hint(24)).expect("a picture");
        let cell = imageops::crop_imm(&sheet, 0, 24 + GAP, 24, 24).to_image();
        assert_eq!(cell, fourth);
        assert_eq!(sheet.get_pixel(24, 5).0, [255; 3]);
        assert_eq!(sheet.get_pixel(3 * 24, 2 * 24).0, [255; 3]);
    }

    #[test]
    fn a_sheet_of_nothing_is_one_white_cell() {
        let dataset = synth::open("synth:flowers?preset=nano").expect("the address is right");

        let sheet = contact_sheet(&*dataset, &[], 24).expect("a sheet");

        assert!(sheet.pixels().all(|p| p.0 == [255; 3]));
    }
}
