//! Boxes and parts follow what is done to the pixels.

use std::sync::Arc;

use burn::backend::Flex;
use image::{Rgb, RgbImage};
use proptest::prelude::*;
use wordpaint_data::{BoundingBox, ImageSize, Part, Split};
use wordpaint_models::system::Needs;

use super::super::batch::{HostBatch, fixed_batch, training_batch};
use super::super::sampler::Sample;
use super::*;

type TestBackend = Flex;

/// One picture: a white rectangle on black, with the box around it and parts at two of its
/// corners.
#[derive(Debug, Clone)]
struct Drawn {
    size: [u32; 2],
    /// Left, top, right and bottom.
    edges: [u32; 4],
    /// Size that it is drawn at where another is wanted.
    scaled_to: Option<u32>,
    has_annotations: bool,
    classes: Vec<String>,
}

impl Drawn {
    fn file(size: [u32; 2], edges: [u32; 4]) -> Self {
        Self {
            size,
            edges,
            scaled_to: None,
            has_annotations: true,
            classes: vec!["rectangle".into()],
        }
    }

    fn draw(&self, [width, height]: [u32; 2]) -> RgbImage {
        let [left, top, right, bottom] = self.edges;
        // Scaled without loss, as the tests draw at whole multiples.
        let [across, down] = [width / self.size[0], height / self.size[1]];
        RgbImage::from_fn(width, height, |x, y| {
            let is_inside = (left * across..right * across).contains(&x)
                && (top * down..bottom * down).contains(&y);
            Rgb([if is_inside { 255 } else { 0 }; 3])
        })
    }
}

impl TextImageDataset for Drawn {
    fn uri(&self) -> String {
        "test:painted".into()
    }

    fn len(&self) -> usize {
        1
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class_of(&self, _: usize) -> usize {
        0
    }

    fn record(&self, _: usize) -> Result<Record, DataError> {
        let [left, top, right, bottom] = self.edges.map(|edge| edge as f32);
        let part = |id, x, y, is_visible| Part {
            id,
            x,
            y,
            is_visible,
        };
        let parts = vec![
            part(1, left, top, true),
            part(3, right, bottom, true),
            part(4, 0.0, 0.0, false),
        ];
        Ok(Record {
            key: "rectangle".into(),
            class: 0,
            captions: vec!["a rectangle".into()],
            bounding_box: self.has_annotations.then_some(BoundingBox {
                x: left,
                y: top,
                width: right - left,
                height: bottom - top,
            }),
            parts: if self.has_annotations {
                parts
            } else {
                Vec::new()
            },
            labels: Vec::new(),
            objects: Vec::new(),
        })
    }

    fn image(&self, _: usize, size: ImageSize) -> Result<RgbImage, DataError> {
        Ok(match (self.scaled_to, size) {
            (Some(_), ImageSize::Hint(side)) => self.draw([side; 2]),
            _ => self.draw(self.size),
        })
    }

    fn drawn_side(&self) -> Option<u32> {
        self.scaled_to
    }

    fn split(&self, _: Split) -> Vec<usize> {
        vec![0]
    }

    fn fingerprint(&self) -> String {
        "painted".into()
    }
}

fn source(drawn: Drawn, options: &str, side: usize, annotations: Annotations) -> Source {
    let table = format!("uri = 'test:painted'\nresize = 'opencv-bilinear'\n{options}");
    let config = toml::from_str(&table).expect("a valid table");
    let needs = Needs {
        annotations,
        ..Needs::of_images(vec![side])
    };
    let dataset: Arc<dyn TextImageDataset> = Arc::new(drawn);
    Source::new(dataset, &config, Split::All, needs).expect("annotated")
}

fn sample(key: u64) -> Sample {
    Sample {
        image: 0,
        captions: Vec::new(),
        mismatched: None,
        key,
    }
}

fn layout(batch: HostBatch, source: &Source) -> (Layout<TestBackend>, Vec<f32>) {
    let batch = batch.upload::<TestBackend>(source, &Default::default());
    let image = batch.images[0].to_data().iter::<f32>().collect();
    (batch.layout, image)
}

/// Left, top, right and bottom pixel, the latter exclusive, of what is bright in an image in
/// [-1, 1]; `None` where nothing is.
fn bright(image: &[f32], side: usize) -> Option<[usize; 4]> {
    let is_bright = |x: usize, y: usize| image[y * side + x] > 0.0;
    let columns: Vec<usize> = (0..side)
        .filter(|&x| (0..side).any(|y| is_bright(x, y)))
        .collect();
    let rows: Vec<usize> = (0..side)
        .filter(|&y| (0..side).any(|x| is_bright(x, y)))
        .collect();
    Some([
        *columns.first()?,
        *rows.first()?,
        columns.last()? + 1,
        rows.last()? + 1,
    ])
}

/// Compares the box with the bright pixels, `slack` of which are blurred at an edge.
fn check_box(layout: &Layout<TestBackend>, image: &[f32], side: usize, slack: f32) {
    let boxes = layout.boxes.clone().expect("asked for");
    let values: Vec<f32> = boxes.to_data().iter::<f32>().collect();
    let [x, y, width, height] = values[..] else {
        panic!("a box has four numbers: {values:?}");
    };
    let pixels = side as f32;
    let edges = [x, y, x + width, y + height].map(|v| (v * pixels).clamp(0.0, pixels));
    let Some(found) = bright(image, side) else {
        let is_outside = edges[2] - edges[0] <= slack || edges[3] - edges[1] <= slack;
        assert!(is_outside, "nothing is seen in {edges:?}");
        return;
    };
    for (edge, found) in edges.into_iter().zip(found) {
        assert!(
            (edge - found as f32).abs() <= slack,
            "box {edges:?} around {found:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_box_around_a_drawn_square_follows_every_crop_and_flip(
        size in [40_u32..90, 40_u32..90],
        corner in [0_u32..20, 0_u32..20],
        extent in [6_u32..20, 6_u32..20],
        key: u64,
        fit in prop::sample::select(vec!["stretch", "shorter-side"]),
        crop_to_box: bool,
        flip: bool,
    ) {
        let [[left, top], [across, down]] = [corner, extent];
        let drawn = Drawn::file(size, [left, top, left + across, top + down]);
        let options =
            format!("load_size = 48\nfit = '{fit}'\ncrop_to_box = {crop_to_box}\nflip = {flip}");
        let source = source(drawn, &options, 32, Annotations::Boxes);

        let trained = training_batch(&source, &[sample(key)]).expect("drawn");
        let evaluated = fixed_batch(&source, &[0], 0).expect("drawn");

        for batch in [trained, evaluated] {
            let (layout, image) = layout(batch, &source);
            check_box(&layout, &image, 32, 1.1);
            prop_assert!(layout.parts.is_none());
        }
    }

    #[test]
    fn a_box_of_a_drawn_picture_follows_the_size_it_is_drawn_at(
        corner in [0_u32..20, 0_u32..20],
        extent in [3_u32..12, 3_u32..12],
        key: u64,
    ) {
        let [[left, top], [across, down]] = [corner, extent];
        let drawn = Drawn {
            scaled_to: Some(32),
            ..Drawn::file([32; 2], [left, top, left + across, top + down])
        };
        let source = source(drawn, "load_size = 96\nflip = true", 64, Annotations::Boxes);

        let batch = training_batch(&source, &[sample(key)]).expect("drawn");

        let (layout, image) = layout(batch, &source);
        check_box(&layout, &image, 64, 1e-3);
    }

    #[test]
    fn parts_stay_at_the_corners_of_their_box(
        corner in [0_u32..20, 0_u32..20],
        extent in [3_u32..20, 3_u32..20],
        key: u64,
    ) {
        let [[left, top], [across, down]] = [corner, extent];
        let drawn = Drawn::file([50, 44], [left, top, left + across, top + down]);
        let options = "load_size = 40\nflip = true";
        let boxed = source(drawn.clone(), options, 32, Annotations::Boxes);
        let parted = source(drawn, options, 32, Annotations::Parts(4));

        let boxes = training_batch(&boxed, &[sample(key)]).expect("drawn");
        let parts = training_batch(&parted, &[sample(key)]).expect("drawn");

        prop_assert_eq!(&boxes.images, &parts.images);
        let [(boxes, _), (parts, _)] = [(boxes, &boxed), (parts, &parted)]
            .map(|(batch, source)| layout(batch, source));
        let bounds: Vec<f32> = boxes.boxes.expect("asked for").to_data().iter().collect();
        let parts = parts.parts.expect("asked for");
        prop_assert_eq!(parts.dims(), [1, 4, 3]);
        let rows: Vec<f32> = parts.to_data().iter().collect();
        // Mirrored, the first part is at the right edge and the third at the left one.
        let [near, far] = [rows[0].min(rows[6]), rows[0].max(rows[6])];
        let expected = [bounds[0], bounds[0] + bounds[2], bounds[1], bounds[1] + bounds[3]];
        for (found, expected) in [near, far, rows[1], rows[7]].into_iter().zip(expected) {
            prop_assert!((found - expected).abs() < 1e-5, "{rows:?} {bounds:?}");
        }
        prop_assert_eq!([rows[2], rows[8]], [1.0, 1.0]);
        // Part 2 is not listed and part 4 cannot be seen.
        prop_assert!(rows[3..6].iter().chain(&rows[9..]).all(|v| *v == 0.0));
    }
}

#[test]
fn images_without_annotations_are_refused_before_batches_are_made() {
    let drawn = Drawn {
        has_annotations: false,
        ..Drawn::file([40; 2], [1, 2, 9, 9])
    };
    for (wanted, what) in [
        (Annotations::Boxes, "no bounding box"),
        (Annotations::Parts(15), "no part locations"),
    ] {
        let error = check(&drawn, &[0], wanted).expect_err("not annotated");
        let error = error.to_string();
        assert!(
            error.contains("image `rectangle`") && error.contains(what),
            "{error}"
        );
    }
    assert!(check(&drawn, &[0], Annotations::None).is_ok());
}

#[test]
fn built_in_birds_come_with_their_fifteen_parts() {
    let uri = "synth:birds?preset=nano&size=64&seed=7";
    let config = toml::from_str(&format!("uri = '{uri}'\nload_size = 40\nflip = true"));
    let config = config.expect("a valid table");
    let needs = Needs {
        annotations: Annotations::Parts(15),
        ..Needs::of_images(vec![16, 32])
    };
    let dataset = Arc::from(wordpaint_data::open(uri).expect("built in"));
    let source = Source::new(dataset, &config, Split::Trainval, needs).expect("annotated");
    let shown = source.split.indices[..4].to_vec();

    let batch = fixed_batch(&source, &shown, 0).expect("drawn");

    let batch = batch.upload::<TestBackend>(&source, &Default::default());
    let parts = batch.layout.parts.expect("asked for");
    assert_eq!(parts.dims(), [4, 15, 3]);
    let rows: Vec<f32> = parts.to_data().iter().collect();
    let seen = rows.chunks(3).filter(|row| row[2] > 0.0).count();
    assert!(seen > 4 * 8, "{seen}");
    // The middle 32 of 40 pixels; birds stay away from the border.
    assert!(rows.iter().all(|v| (-0.15..=1.15).contains(v)), "{rows:?}");
}
