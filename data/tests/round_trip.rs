//! Built-in data, exported and read back by the loaders of the published layouts.

use std::path::Path;

use image::RgbImage;
use wordpaint_data::synth::{Layout, export};
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
    let out = folder.join("data");
    export(uri, layout, &out, &mut |_, _| ()).expect("the export");
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

/// Compares what the loader returns for an image with what was made.
fn assert_equal_image(made: (&dyn TextImageDataset, usize), read: (&dyn TextImageDataset, usize)) {
    let (a, b) = (
        made.0.record(made.1).expect("made"),
        read.0.record(read.1).expect("read"),
    );
    assert_eq!(a.captions, b.captions, "{}", a.key);
    assert_eq!(a.labels, b.labels, "{}", a.key);
    assert_eq!(read.0.labels_of(read.1).expect("labels"), b.labels);
    assert_eq!(a.objects, b.objects, "{}", a.key);
    let [a, b] = [made, read].map(|(d, i)| d.image(i, ImageSize::Native).expect("a picture"));
    let difference = mean_difference(&a, &b);
    assert!(difference <= 2.0, "image {}: {difference}", made.1);
}

#[test]
fn scenes_survive_the_layouts_of_coco_and_attngan() {
    for layout in [Layout::Coco, Layout::Attngan] {
        for uri in [
            "synth:scenes?preset=nano",
            "emoji:scenes?n=20&size=48&seed=3",
        ] {
            let temporary = tempfile::tempdir().expect("a folder");

            let (made, read) = round_trip(uri, layout, temporary.path());

            assert_eq!(made.len(), read.len());
            assert_eq!(made.classes(), read.classes());
            assert_eq!(made.categories(), read.categories());
            for split in SPLITS {
                assert_eq!(made.split(split), read.split(split), "{split:?}");
            }
            for index in 0..made.len() {
                assert_equal_image((&*made, index), (&*read, index));
                let key = |d: &dyn TextImageDataset| d.record(index).expect("a record").key;
                assert_eq!(key(&*made), key(&*read));
            }
            let findings = read.verify(&|_, _| ());
            assert!(
                findings.iter().all(|f| f.contains("published")),
                "{findings:?}"
            );
        }
    }
}

#[test]
fn birds_survive_the_layout_of_attngan() {
    for uri in [
        "synth:birds?preset=nano&size=64",
        "synth:flowers?preset=nano&size=32&split=per-image",
        "emoji:nature-food?per_class=2&size=32",
    ] {
        let temporary = tempfile::tempdir().expect("a folder");

        let (made, read) = round_trip(uri, Layout::Attngan, temporary.path());

        // Training images come first.
        let order = [Split::Trainval, Split::Test]
            .map(|split| made.split(split))
            .concat();
        assert_eq!(order.len(), read.len());
        assert_eq!(read.split(Split::Test).len(), made.split(Split::Test).len());
        let vocabulary = read.vocabulary().expect("no error").expect("there");
        assert_eq!(vocabulary[0], "<end>");
        let mut classes = std::collections::HashMap::new();
        for (place, &index) in order.iter().enumerate() {
            let (a, b) = (
                made.record(index).expect("made"),
                read.record(place).expect("read"),
            );
            assert_eq!(a.bounding_box, b.bounding_box);
            assert_eq!(a.captions, b.captions);
            assert_eq!(a.labels, b.labels);
            assert_eq!(*classes.entry(a.class).or_insert(b.class), b.class);
            for caption in &b.captions {
                let words = wordpaint_data::words::words(caption);
                assert!(words.iter().all(|w| vocabulary.contains(w)), "{caption}");
            }
            let [a, b] = [(&made, index), (&read, place)]
                .map(|(d, i)| d.image(i, ImageSize::Native).expect("a picture"));
            assert!(mean_difference(&a, &b) <= 2.0, "image {index}");
        }
        let findings = read.verify(&|_, _| ()).join("\n");
        assert!(!findings.contains("do not agree"), "{findings}");
    }
}

#[test]
fn classes_become_categories_in_the_layout_of_coco() {
    let temporary = tempfile::tempdir().expect("a folder");
    let uri = "synth:birds?preset=nano&size=32&split=per-image";

    let (made, read) = round_trip(uri, Layout::Coco, temporary.path());

    assert_eq!(read.categories(), made.classes());
    let order = [Split::Trainval, Split::Test]
        .map(|split| made.split(split))
        .concat();
    for (place, index) in order.into_iter().enumerate() {
        let (a, b) = (
            made.record(index).expect("made"),
            read.record(place).expect("read"),
        );
        assert_eq!(b.labels, [a.class]);
        assert_eq!(Some(b.objects[0].bounding_box), a.bounding_box);
        assert_eq!(b.captions, a.captions[..5]);
    }
}

#[test]
fn what_a_layout_has_no_place_for_is_refused() {
    let temporary = tempfile::tempdir().expect("a folder");
    for (uri, layout, expected) in [
        (
            "synth:scenes?n=10",
            Layout::Cub,
            "choose `coco` or `attngan`",
        ),
        (
            "synth:scenes?n=10&label_noise=1",
            Layout::Coco,
            "without label_noise",
        ),
        (
            "synth:flowers?preset=nano&split=per-image",
            Layout::Oxford,
            "whole classes",
        ),
        ("cub:somewhere", Layout::Coco, "only built-in data"),
    ] {
        let out = temporary.path().join("out");

        let error = export(uri, layout, &out, &mut |_, _| ()).expect_err(expected);

        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(!out.exists());
    }
}
