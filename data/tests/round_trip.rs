//! Built-in data, exported and read back by the loaders of the published layouts.

use std::path::Path;

use image::RgbImage;
use wordpaint_data::synth::{Layout, SynthSpec, export};
use wordpaint_data::{ImageSize, Split, TextImageDataset};

const SPLITS: [Split; 5] = [
    Split::Train,
    Split::Val,
    Split::Trainval,
    Split::Test,
    Split::All,
];

/// Exports `uri` and opens the result as `scheme`, beside the original.
fn round_trip(
    uri: &str,
    layout: Layout,
    folder: &Path,
) -> (Box<dyn TextImageDataset>, Box<dyn TextImageDataset>) {
    let spec = SynthSpec::parse(uri).expect("the address is right");
    let out = folder.join("data");
    export(&spec, layout, &out, &mut |_, _| ()).expect("the export");
    let address = format!("{}:{}", layout.name(), out.display());
    let read = wordpaint_data::open(&address).expect("the loader accepts the export");
    (
        wordpaint_data::open(uri).expect("the address is right"),
        read,
    )
}

fn mean_difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a
        .iter()
        .zip(b.iter())
        .map(|(x, y)| u64::from(x.abs_diff(*y)))
        .sum();
    sum as f64 / a.len() as f64
}

fn assert_equal_content(made: &dyn TextImageDataset, read: &dyn TextImageDataset) {
    assert_eq!(made.len(), read.len());
    assert_eq!(made.classes().len(), read.classes().len());
    for split in SPLITS {
        assert_eq!(made.split(split), read.split(split), "{split:?}");
    }
    for index in 0..made.len() {
        let (a, b) = (
            made.record(index).expect("made"),
            read.record(index).expect("read"),
        );
        assert_eq!(a.captions, b.captions, "{}", a.key);
        assert_eq!(
            (a.class, made.class_of(index)),
            (b.class, read.class_of(index))
        );
        let [a, b] = [made, read].map(|d| d.image(index, ImageSize::Native).expect("a picture"));
        let difference = mean_difference(&a, &b);
        assert!(difference <= 2.0, "image {index}: {difference}");
    }
}

#[test]
fn birds_survive_the_cub_layout() {
    for uri in [
        "synth:birds?preset=nano&size=64",
        "synth:birds?classes=12&per_class=5&label_noise=0.3",
    ] {
        let temporary = tempfile::tempdir().expect("a folder");

        let (made, read) = round_trip(uri, Layout::Cub, temporary.path());

        assert_equal_content(&*made, &*read);
        assert_eq!(made.classes(), read.classes());
        for index in 0..made.len() {
            let (a, b) = (
                made.record(index).expect("made"),
                read.record(index).expect("read"),
            );
            assert_eq!(a.key, b.key);
            assert_eq!(a.bounding_box, b.bounding_box);
            assert_eq!(a.parts, b.parts);
        }
    }
}

#[test]
fn flowers_survive_the_oxford_layout() {
    let temporary = tempfile::tempdir().expect("a folder");
    let uri = "synth:flowers?preset=nano&size=64";

    let (made, read) = round_trip(uri, Layout::Oxford, temporary.path());

    assert_equal_content(&*made, &*read);
}

#[test]
fn layouts_and_generators_can_be_crossed() {
    for (uri, layout) in [
        (
            "synth:birds?preset=nano&size=32&split=compositional",
            Layout::Oxford,
        ),
        (
            "synth:flowers?preset=nano&size=32&caption_noise=0.2",
            Layout::Cub,
        ),
    ] {
        let temporary = tempfile::tempdir().expect("a folder");

        let (made, read) = round_trip(uri, layout, temporary.path());

        assert_equal_content(&*made, &*read);
    }
}
