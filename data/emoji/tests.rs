use std::collections::BTreeSet;

use super::pack::{Pack, Style};
use super::{EmojiSet, EmojiSpec, open};
use crate::dataset::{ImageSize, Split, TextImageDataset};

fn set() -> EmojiSet {
    let spec = EmojiSpec::parse("emoji:nature-food?per_class=2&seed=5").expect("right");
    EmojiSet::new(spec).expect("built in")
}

#[test]
fn every_emoji_has_two_pictures_that_decode() {
    let pack = Pack::embedded().expect("embedded");
    assert_eq!(pack.emoji().len(), 285);
    for class in 0..pack.emoji().len() {
        for (style, side) in [(Style::Fluent, 256), (Style::Noto, 64)] {
            let code = &pack.emoji()[class].hexcode;
            let file = pack.picture(code, style).expect("there");
            let image = image::load_from_memory(file).expect("decodes");
            assert_eq!(
                (image.width(), image.height()),
                (side, side),
                "{class} {style:?}"
            );
        }
    }
}

#[test]
fn classes_are_unique_and_four_fifths_are_for_training() {
    let data = set();
    let names: BTreeSet<&String> = data.classes().iter().collect();
    assert_eq!((names.len(), data.len()), (285, 570));
    let classes = |split| -> BTreeSet<usize> {
        data.split(split)
            .into_iter()
            .map(|i| data.class_of(i))
            .collect()
    };
    let (train, test) = (classes(Split::Trainval), classes(Split::Test));
    assert_eq!((train.len(), test.len()), (228, 57));
    assert!(train.is_disjoint(&test));
    assert_eq!(data.split(Split::All).len(), 570);
    assert_ne!(classes(Split::Test), {
        let other = open("emoji:nature-food?per_class=2&seed=6").expect("built in");
        other
            .split(Split::Test)
            .into_iter()
            .map(|i| other.class_of(i))
            .collect()
    });
}

#[test]
fn records_name_what_is_shown() {
    let data = set();
    let mut keys = BTreeSet::new();
    for i in (0..data.len()).step_by(7) {
        let record = data.record(i).expect("record");
        let label = &data.classes()[record.class];
        assert_eq!(record.captions.len(), 10);
        for j in [0, 1, 2, 3, 4, 7, 8, 9] {
            assert!(
                record.captions[j].contains(label.as_str()),
                "{:?}",
                record.captions
            );
        }
        assert!(
            record.captions.iter().all(|c| !c.contains('{')),
            "{:?}",
            record.captions
        );
        let [subgroup, colour] = record.labels[..] else {
            panic!("{:?}", record.labels)
        };
        assert!(
            data.categories()[subgroup].contains(['-', 'd']),
            "{subgroup}"
        );
        assert!(record.captions[2].contains(data.categories()[colour].as_str()));
        let b = record.bounding_box.expect("box");
        assert!(
            b.x >= 0.0 && b.x + b.width <= 64.0 && b.width > 5.0 && b.height > 5.0,
            "{b:?}"
        );
        assert!(keys.insert(record.key));
    }
}

#[test]
fn frogs_are_green_and_strawberries_red() {
    let data = set();
    for (label, expected) in [
        ("frog", "green"),
        ("strawberry", "red"),
        ("lemon", "yellow"),
    ] {
        let class = data.classes().iter().position(|c| c == label).expect(label);
        for index in [class * 2, class * 2 + 1] {
            let record = data.record(index).expect("record");
            assert_eq!(data.categories()[record.labels[1]], expected, "{label}");
        }
    }
}

#[test]
fn pictures_repeat_and_show_the_same_scene_at_every_size() {
    let data = set();
    for index in [0, 57, 300] {
        let image = data.image(index, ImageSize::Native).expect("image");
        assert_eq!(image.dimensions(), (64, 64));
        assert_eq!(
            image,
            set().image(index, ImageSize::Hint(64)).expect("image")
        );
        let large = data.image(index, ImageSize::Hint(128)).expect("image");
        let small = image::imageops::resize(&large, 64, 64, image::imageops::FilterType::Triangle);
        let difference: f64 = image
            .as_raw()
            .iter()
            .zip(small.as_raw())
            .map(|(a, b)| f64::from(a.abs_diff(*b)))
            .sum::<f64>()
            / image.as_raw().len() as f64;
        assert!(
            difference < 6.0,
            "image {index}: mean difference {difference}"
        );
    }
}

#[test]
fn a_change_of_the_pictures_is_noticed() {
    let data = open("emoji:nature-food").expect("built in");
    let crcs: Vec<u32> = [0, 1, 1500, 6000]
        .map(|i| crc32fast::hash(data.image(i, ImageSize::Native).expect("image").as_raw()))
        .into();
    // A change of these numbers demands another GENERATOR_VERSION.
    assert_eq!(
        (super::GENERATOR_VERSION, crcs),
        (1, vec![1987530389, 503343821, 3994475056, 215756783])
    );
}

#[test]
fn wrong_addresses_are_answered_with_the_accepted_words() {
    for (uri, expected) in [
        ("emoji:natur-food", "did you mean `nature-food`?"),
        ("emoji:nature-food?sise=3", "did you mean `size`?"),
        ("emoji:nature-food?size=8", "from 16 to 1024"),
        ("emoji:nature-food?seed", "key=value"),
        ("emoji:nature-food?seed=1&seed=2", "twice"),
    ] {
        let error = open(uri).err().expect(uri).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let data = open("emoji:nature-food?seed=5&per_class=2").expect("built in");
    assert_eq!(data.uri(), "emoji:nature-food?per_class=2&size=64&seed=5");
}
