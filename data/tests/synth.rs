//! The built-in birds, flowers and scenes, seen through the public interface.

use std::collections::HashSet;

use image::{GenericImageView as _, RgbImage, imageops};
use rayon::prelude::*;
use wordpaint_data::synth::birds::{Attribute, attributes_from_caption, random_bird};
use wordpaint_data::synth::{
    self, GENERATOR_VERSION, PoseMode, SynthBirds, SynthFlowers, SynthSpec,
};
use wordpaint_data::{ImageSize, Split, TextImageDataset};

/// Generator version and CRC32 of fourteen pictures (raw RGB bytes).
const SNAPSHOT: (u32, [u32; 14]) = (
    1,
    [
        0x16397d78, 0xe08b4cb6, 0xabb3aa9a, 0x4098999f, 0x082c51da, 0x53791f0e, 0xa35a0b89,
        0x5c4bceda, 0x7f5d5ff9, 0x9f2458a1, 0xbed72cd1, 0x62382c6a, 0x4ac1e2c3, 0xad4758dd,
    ],
);

fn open(uri: &str) -> Box<dyn TextImageDataset> {
    synth::open(uri).expect("the address is right")
}

fn birds(uri: &str) -> SynthBirds {
    SynthBirds::new(SynthSpec::parse(uri).expect("the address is right")).expect("birds")
}

fn flowers(uri: &str) -> SynthFlowers {
    SynthFlowers::new(SynthSpec::parse(uri).expect("the address is right")).expect("flowers")
}

fn render(dataset: &dyn TextImageDataset, index: usize, size: u32) -> RgbImage {
    dataset
        .image(index, ImageSize::Hint(size))
        .expect("a picture")
}

fn mean_absolute_difference(a: &RgbImage, b: &RgbImage) -> f64 {
    let sum: u64 = a
        .iter()
        .zip(b.iter())
        .map(|(x, y)| u64::from(x.abs_diff(*y)))
        .sum();
    sum as f64 / a.len() as f64
}

/// The mean of each 2x2 block.
fn halved(image: &RgbImage) -> RgbImage {
    RgbImage::from_fn(image.width() / 2, image.height() / 2, |x, y| {
        let block = imageops::crop_imm(image, 2 * x, 2 * y, 2, 2);
        let sums = block.pixels().fold([0u16; 3], |s, (_, _, p)| {
            [0, 1, 2].map(|c| s[c] + u16::from(p[c]))
        });
        image::Rgb(sums.map(|s| ((s + 2) / 4) as u8))
    })
}

#[test]
fn renders_change_only_with_the_generator_version() {
    let of =
        |uri: &str, index: usize, size: u32| crc32fast::hash(&render(&*open(uri), index, size));

    let found = [
        of("synth:birds?preset=tiny", 0, 64),
        of("synth:birds?preset=tiny", 333, 64),
        of("synth:birds?preset=tiny", 799, 48),
        of("synth:birds?preset=full&seed=11", 11_787, 128),
        of("synth:flowers?preset=tiny", 0, 64),
        of("synth:flowers?preset=tiny", 222, 64),
        of("synth:flowers?preset=tiny", 479, 48),
        of("synth:flowers?preset=full&seed=11", 8_188, 128),
        of("synth:birds?preset=tiny&pose=aligned", 0, 64),
        of("synth:birds?preset=tiny&pose=aligned", 333, 64),
        of("synth:birds?preset=many&pose=aligned", 5_999, 48),
        of("synth:flowers?preset=tiny&pose=aligned", 0, 64),
        of("synth:flowers?preset=tiny&pose=aligned", 222, 64),
        of("synth:flowers?preset=many&pose=aligned", 5_999, 48),
    ];

    assert_eq!((GENERATOR_VERSION, found), SNAPSHOT, "found {found:#x?}");
}

#[test]
fn the_same_scene_appears_at_every_resolution() {
    for uri in [
        "synth:birds?preset=tiny",
        "synth:flowers?preset=tiny",
        "synth:birds?preset=tiny&pose=aligned",
        "synth:flowers?preset=tiny&pose=aligned",
    ] {
        let dataset = open(uri);
        for index in (0..dataset.len()).step_by(23) {
            let difference = mean_absolute_difference(
                &render(&*dataset, index, 64),
                &halved(&render(&*dataset, index, 128)),
            );
            assert!(difference <= 6.0, "{uri} image {index}: {difference}");
        }
    }
}

#[test]
fn neither_threads_nor_order_change_anything() {
    for uri in [
        "synth:birds?preset=nano&label_noise=0.2",
        "synth:flowers?preset=nano",
    ] {
        let dataset = open(uri);
        let again = open(uri);
        let of =
            |d: &dyn TextImageDataset, i: usize| (render(d, i, 32), d.record(i).expect("a record"));

        let backwards: Vec<_> = (0..dataset.len()).rev().map(|i| of(&*dataset, i)).collect();
        let parallel: Vec<_> = (0..dataset.len())
            .into_par_iter()
            .map(|i| of(&*again, i))
            .collect();

        assert!(backwards.into_iter().rev().eq(parallel), "{uri}");
    }
}

#[test]
fn boxes_lie_inside_the_picture_and_hold_the_visible_parts() {
    for uri in [
        "synth:birds?preset=tiny&size=128",
        "synth:flowers?preset=tiny&size=128",
        "synth:birds?preset=tiny&size=128&pose=aligned",
        "synth:flowers?preset=tiny&size=128&pose=aligned",
    ] {
        let dataset = open(uri);
        let indices = (0..dataset.len()).step_by((dataset.len() / 200).max(1));
        for record in indices
            .take(200)
            .map(|i| dataset.record(i).expect("a record"))
        {
            let b = record.bounding_box.expect("a box");
            assert!(b.x >= 0.0 && b.y >= 0.0, "{b:?}");
            assert!(b.x + b.width <= 128.01 && b.y + b.height <= 128.01, "{b:?}");
            assert!(
                b.width * b.height > 0.03 * 128.0 * 128.0,
                "{} {b:?}",
                record.key
            );
            for part in &record.parts {
                if !part.is_visible {
                    assert_eq!((part.x, part.y), (0.0, 0.0));
                    continue;
                }
                let inside = (b.x - 2.0..=b.x + b.width + 2.0).contains(&part.x)
                    && (b.y - 2.0..=b.y + b.height + 2.0).contains(&part.y);
                assert!(inside, "{}: {part:?} outside {b:?}", record.key);
            }
        }
    }
}

#[test]
fn birds_have_cubs_fifteen_parts_with_the_near_side_visible() {
    let dataset = birds("synth:birds?preset=nano");
    for index in 0..dataset.len() {
        let parts = dataset.record(index).expect("a record").parts;
        let ids: Vec<u8> = parts.iter().map(|p| p.id).collect();
        assert_eq!(ids, (1..=15).collect::<Vec<u8>>());
        let visible = |id: usize| parts[id - 1].is_visible;
        assert_ne!(visible(7), visible(11), "exactly one eye is visible");
        assert_eq!(visible(8), visible(12), "both legs or none are visible");
        // The bill points where the visible side says: right side seen, bird faces right.
        let faces_right = parts[1].x > parts[13].x;
        assert_eq!(faces_right, visible(11));
    }
}

#[test]
fn every_attribute_found_in_a_caption_is_the_species_own() {
    check_attributes_of_captions(&birds("synth:birds?preset=small"));
    check_attributes_of_captions(&birds("synth:birds?preset=many&pose=aligned"));
}

fn check_attributes_of_captions(dataset: &SynthBirds) {
    let mut mentioned = [0usize; 16];
    for index in (0..dataset.len()).step_by(7) {
        let record = dataset.record(index).expect("a record");
        let species = dataset.species(record.class);
        for caption in &record.captions {
            let found = attributes_from_caption(caption);
            assert!(found.iter().flatten().count() >= 3, "{caption}");
            for (attribute, value) in Attribute::ALL.into_iter().zip(found) {
                if let Some(value) = value {
                    mentioned[attribute as usize] += 1;
                    assert_eq!(
                        value,
                        species.value(attribute),
                        "{attribute:?} in: {caption}"
                    );
                }
            }
        }
    }
    for (attribute, count) in Attribute::ALL.into_iter().zip(mentioned) {
        let is_silent = matches!(attribute, Attribute::BillLength | Attribute::Habitat);
        assert_eq!(
            count == 0,
            is_silent,
            "{attribute:?} is named {count} times"
        );
    }
}

#[test]
fn each_caption_template_gives_back_all_it_names() {
    let dataset = birds("synth:birds?preset=tiny");
    // How many attributes the plain form of each template names.
    let least = [5, 4, 4, 4, 3, 3, 3, 3, 4, 5];
    for index in (0..dataset.len()).step_by(3) {
        let record = dataset.record(index).expect("a record");
        for (caption, least) in record.captions.iter().zip(least) {
            let found = attributes_from_caption(caption).iter().flatten().count();
            assert!(found >= least, "{found} of {least} in: {caption}");
        }
    }
}

#[test]
fn captions_have_six_to_twenty_four_words_of_a_fixed_vocabulary() {
    let cases = [
        (
            "synth:birds?preset=small",
            include_str!("vocabulary_birds.txt"),
        ),
        (
            "synth:birds?preset=small&pose=aligned",
            include_str!("vocabulary_birds.txt"),
        ),
        (
            "synth:flowers?preset=small",
            include_str!("vocabulary_flowers.txt"),
        ),
    ];
    for (uri, list) in cases {
        let vocabulary: HashSet<&str> = list.split_whitespace().collect();
        let dataset = open(uri);
        let mut unknown = HashSet::new();
        for index in (0..dataset.len()).step_by(3) {
            let captions = dataset.record(index).expect("a record").captions;
            assert_eq!(captions.len(), 10);
            for caption in captions {
                let words: Vec<String> = caption
                    .split(' ')
                    .map(|w| w.trim_end_matches(',').to_owned())
                    .collect();
                assert!((6..=24).contains(&words.len()), "{caption}");
                assert!(
                    caption.is_ascii() && caption == caption.to_lowercase(),
                    "{caption}"
                );
                unknown.extend(
                    words
                        .into_iter()
                        .filter(|w| !vocabulary.contains(w.as_str())),
                );
            }
        }
        assert!(unknown.is_empty(), "{uri}: not in the list: {unknown:?}");
    }
}

#[test]
fn most_captions_are_unique() {
    let dataset = open("synth:birds?preset=tiny");
    let captions: Vec<String> = (0..dataset.len())
        .step_by(3)
        .take(240)
        .flat_map(|i| dataset.record(i).expect("a record").captions)
        .collect();

    let distinct: HashSet<&String> = captions.iter().collect();

    assert!(
        distinct.len() * 10 >= captions.len() * 8,
        "{} of {}",
        distinct.len(),
        captions.len()
    );
}

#[test]
fn presets_have_their_counts_and_disjoint_splits() {
    let table = [
        ("birds", "nano", 120, [6, 2, 2]),
        ("birds", "tiny", 800, [26, 6, 8]),
        ("birds", "small", 4_000, [100, 50, 50]),
        ("birds", "many", 6_000, [500, 30, 70]),
        ("birds", "full", 11_788, [100, 50, 50]),
        ("flowers", "nano", 120, [6, 2, 2]),
        ("flowers", "tiny", 480, [14, 5, 5]),
        ("flowers", "small", 2_040, [62, 20, 20]),
        ("flowers", "many", 6_000, [500, 30, 70]),
        ("flowers", "full", 8_189, [62, 20, 20]),
    ];
    for (kind, preset, images, classes) in table {
        let dataset = open(&format!("synth:{kind}?preset={preset}"));
        let names: HashSet<&String> = dataset.classes().iter().collect();
        assert_eq!(
            names.len(),
            dataset.classes().len(),
            "class names are unique"
        );
        assert_eq!(dataset.len(), images, "{kind} {preset}");
        let of = |split: Split| -> HashSet<usize> {
            dataset
                .split(split)
                .into_iter()
                .map(|i| dataset.class_of(i))
                .collect()
        };
        let [train, val, test] = [Split::Train, Split::Val, Split::Test].map(of);
        assert_eq!(
            [train.len(), val.len(), test.len()],
            classes,
            "{kind} {preset}"
        );
        assert!(train.is_disjoint(&val) && train.is_disjoint(&test) && val.is_disjoint(&test));
        assert_eq!(
            train.union(&val).copied().collect::<HashSet<_>>(),
            of(Split::Trainval)
        );
        let parts = [Split::Train, Split::Val, Split::Test].map(|s| dataset.split(s).len());
        assert_eq!(parts.iter().sum::<usize>(), images);
        assert_eq!(dataset.split(Split::All), (0..images).collect::<Vec<_>>());
    }
}

#[test]
fn full_presets_have_the_published_images_per_class() {
    for (uri, first, larger, smaller) in [
        ("synth:birds?preset=full", 188, 59, 58),
        ("synth:flowers?preset=full", 29, 81, 80),
    ] {
        let dataset = open(uri);
        let mut counts = vec![0; dataset.classes().len()];
        (0..dataset.len()).for_each(|i| counts[dataset.class_of(i)] += 1);
        assert!(counts[..first].iter().all(|c| *c == larger), "{uri}");
        assert!(counts[first..].iter().all(|c| *c == smaller), "{uri}");
    }
}

#[test]
fn classes_differ_and_do_not_depend_on_how_many_follow() {
    let (few, many) = (
        birds("synth:birds?classes=12"),
        birds("synth:birds?preset=small"),
    );
    for a in 0..200 {
        for b in 0..a {
            assert!(many.species(a).differences(many.species(b)) >= 4);
        }
    }
    assert!((0..12).all(|c| few.species(c) == many.species(c)));
    let flowers = flowers("synth:flowers?preset=small");
    for a in 0..102 {
        for b in 0..a {
            assert!(flowers.species(a).differences(flowers.species(b)) >= 3);
        }
    }
}

#[test]
fn keys_are_unique() {
    for uri in [
        "synth:birds?preset=tiny&label_noise=0.5",
        "synth:flowers?preset=tiny",
    ] {
        let dataset = open(uri);
        let keys: HashSet<String> = (0..dataset.len())
            .map(|i| dataset.record(i).expect("a record").key)
            .collect();
        assert_eq!(keys.len(), dataset.len());
    }
}

#[test]
fn compositional_tests_show_unseen_pairs_of_seen_colours() {
    check_compositional(&birds("synth:birds?preset=small&split=compositional"));
    check_compositional(&birds("synth:birds?preset=many&split=compositional"));
}

fn check_compositional(dataset: &SynthBirds) {
    let pairs = |split: Split| -> HashSet<(u8, u8)> {
        let classes = dataset
            .split(split)
            .into_iter()
            .map(|i| dataset.species(dataset.class_of(i)));
        classes
            .map(|s| (s.value(Attribute::Back), s.value(Attribute::Wing)))
            .collect()
    };
    let (train, test) = (pairs(Split::Train), pairs(Split::Test));

    assert!(!test.is_empty() && train.is_disjoint(&test));
    assert!(train.is_disjoint(&pairs(Split::Val)) && test.is_disjoint(&pairs(Split::Val)));
    for (back, wing) in test {
        assert!(train.iter().any(|p| p.0 == back) && train.iter().any(|p| p.1 == wing));
    }
}

#[test]
fn compositional_splits_of_too_few_classes_are_refused() {
    let error = synth::open("synth:birds?classes=3&split=compositional").err();

    assert!(
        error
            .expect("nothing to hold out")
            .to_string()
            .contains("more classes")
    );
}

#[test]
fn per_image_split_tests_every_fifth_image_of_each_class() {
    let dataset = open("synth:birds?preset=nano&split=per-image");

    let test = dataset.split(Split::Test);

    let expected: Vec<usize> = (0..120).filter(|i| (i % 12) % 5 == 4).collect();
    assert_eq!(test, expected);
    assert_eq!(dataset.split(Split::Trainval).len(), 120 - expected.len());
}

#[test]
fn label_noise_relabels_its_share_inside_the_split() {
    let clean = birds("synth:birds?preset=tiny");
    let noisy = birds("synth:birds?preset=tiny&label_noise=0.2");
    let more = birds("synth:birds?preset=tiny&label_noise=0.4");

    let wrong = |d: &SynthBirds| -> HashSet<usize> {
        (0..d.len())
            .filter(|i| d.class_of(*i) != clean.class_of(*i))
            .collect()
    };
    assert_eq!(wrong(&noisy).len(), 160);
    assert!(wrong(&more).is_superset(&wrong(&noisy)));
    assert!((0..800).all(|i| noisy.true_class(i).0 == clean.class_of(i)));
    assert_eq!(render(&noisy, 3, 32), render(&clean, 3, 32));
    let of = |split: Split| -> HashSet<usize> {
        noisy
            .split(split)
            .into_iter()
            .map(|i| noisy.class_of(i))
            .collect()
    };
    assert!(of(Split::Trainval).is_disjoint(&of(Split::Test)));
    assert_ne!(clean.fingerprint(), noisy.fingerprint());
}

#[test]
fn caption_noise_swaps_its_share_across_classes() {
    let clean = birds("synth:birds?preset=tiny");
    let noisy = birds("synth:birds?preset=tiny&caption_noise=0.25");
    let mut changed = 0;
    for index in 0..clean.len() {
        let (a, b) = (
            clean.record(index).expect("one"),
            noisy.record(index).expect("one"),
        );
        assert_eq!((a.class, a.parts), (b.class, b.parts));
        changed += a
            .captions
            .iter()
            .zip(&b.captions)
            .filter(|(x, y)| x != y)
            .count();
    }
    // A few swapped captions may read the same.
    assert!((1_950..=2_000).contains(&changed), "{changed}");
}

#[test]
fn probe_birds_are_fresh_species_in_reproducible_pictures() {
    let (image, attributes) = random_bird(7, 5, 48, PoseMode::Varied);
    let (again, _) = random_bird(7, 5, 48, PoseMode::Varied);
    let (_, other) = random_bird(7, 6, 48, PoseMode::Varied);
    let (aligned, same) = random_bird(7, 5, 48, PoseMode::Aligned);

    assert_eq!(image.dimensions(), (48, 48));
    assert_eq!(image, again);
    assert_ne!(attributes, other);
    assert_ne!(image, aligned);
    assert_eq!(attributes, same, "the pose is no attribute");
    let dataset = birds("synth:birds?preset=small");
    let drawn: Vec<_> = (0..50)
        .map(|i| random_bird(7, i, 16, PoseMode::Varied).1)
        .collect();
    let known = (0..200).any(|c| drawn.contains(&dataset.species(c).values));
    assert!(!known, "probe species are not classes of the dataset");
}

#[test]
fn images_and_records_beyond_the_end_are_errors() {
    let dataset = open("synth:flowers?preset=nano");

    assert!(dataset.record(120).is_err());
    assert!(dataset.image(120, ImageSize::Native).is_err());
}

/// Scenes under test: drawn and of emoji.
const SCENES: [&str; 2] = ["synth:scenes?n=200&size=64", "emoji:scenes?n=200&size=64"];

#[test]
fn scenes_show_two_to_five_things_apart_from_each_other_and_inside() {
    for uri in SCENES {
        let dataset = wordpaint_data::open(uri).expect("right");
        for index in 0..dataset.len() {
            let record = dataset.record(index).expect("a record");
            assert!((2..=5).contains(&record.objects.len()), "{}", record.key);
            let mut labels: Vec<usize> = record.objects.iter().map(|o| o.category).collect();
            labels.sort_unstable();
            labels.dedup();
            assert_eq!(record.labels, labels, "{}", record.key);
            assert_eq!(dataset.labels_of(index).expect("labels"), labels);
            for (i, object) in record.objects.iter().enumerate() {
                let a = object.bounding_box;
                assert!(a.x >= 0.0 && a.x + a.width <= 64.0, "{}: {a:?}", record.key);
                assert!(
                    a.y >= 0.0 && a.y + a.height <= 64.0,
                    "{}: {a:?}",
                    record.key
                );
                assert!(object.area >= 8.0, "{}: {object:?}", record.key);
                assert!(
                    object.area <= a.width * a.height * 1.05,
                    "{}: {object:?}",
                    record.key
                );
                for other in &record.objects[..i] {
                    let b = other.bounding_box;
                    let width = (a.x + a.width).min(b.x + b.width) - a.x.max(b.x);
                    let height = (a.y + a.height).min(b.y + b.height) - a.y.max(b.y);
                    let smaller = (a.width * a.height).min(b.width * b.height);
                    // Boxes are rounded to tenths of a pixel.
                    let shared = width.max(0.0) * height.max(0.0) / smaller;
                    assert!(shared <= 0.21, "{}: {a:?} {b:?}", record.key);
                }
            }
        }
    }
}

#[test]
fn aligned_scenes_show_two_things_side_by_side() {
    for uri in SCENES {
        let dataset = wordpaint_data::open(&format!("{uri}&pose=aligned")).expect("right");
        for index in 0..dataset.len() {
            let record = dataset.record(index).expect("a record");
            let mut middles: Vec<f32> = record
                .objects
                .iter()
                .map(|o| (o.bounding_box.x + 0.5 * o.bounding_box.width) / 64.0)
                .collect();
            middles.sort_by(f32::total_cmp);
            assert_eq!(middles.len(), 2, "{}", record.key);
            for (middle, side) in middles.into_iter().zip([0.27, 0.73]) {
                // A picture of an emoji need not be centred in its square.
                assert!((middle - side).abs() < 0.06, "{}: {middle}", record.key);
            }
        }
    }
}

#[test]
fn scenes_have_every_category_and_the_captions_of_what_they_show() {
    for uri in SCENES {
        let dataset = wordpaint_data::open(uri).expect("right");
        assert_eq!(dataset.categories().len(), 80);
        let names: HashSet<&String> = dataset.categories().iter().collect();
        assert_eq!(names.len(), 80);
        let mut seen = HashSet::new();
        for index in 0..dataset.len() {
            let record = dataset.record(index).expect("a record");
            seen.extend(record.labels.iter().copied());
            assert_eq!(record.captions.len(), 5);
            for caption in &record.captions {
                let words = caption.split(' ').count();
                assert!((5..=32).contains(&words), "{caption}");
                assert!(caption.is_ascii() && !caption.contains(" a a"), "{caption}");
                assert_eq!(*caption, caption.to_lowercase());
            }
            if uri.starts_with("synth") {
                // The second caption names everything that is there, several of a kind once.
                for &label in &record.labels {
                    let (colour, kind) = dataset.categories()[label].split_once(' ').expect("two");
                    let stem = &kind[..kind.len() - usize::from(kind.ends_with('y'))];
                    let named = record.captions[1].contains(&format!("{colour} {stem}"));
                    assert!(named, "{colour} {kind}: {}", record.captions[1]);
                }
            }
        }
        let expected = if uri.starts_with("synth") { 75 } else { 60 };
        assert!(
            seen.len() >= expected,
            "{uri}: {} categories seen",
            seen.len()
        );
    }
}

#[test]
fn scenes_are_the_same_at_every_size_and_from_every_thread() {
    for uri in SCENES {
        let dataset = wordpaint_data::open(uri).expect("right");
        let again = wordpaint_data::open(uri).expect("right");
        for index in (0..200).step_by(23) {
            let difference = mean_absolute_difference(
                &render(&*dataset, index, 64),
                &halved(&render(&*dataset, index, 128)),
            );
            assert!(difference <= 6.0, "{uri} image {index}: {difference}");
        }
        let backwards: Vec<_> = (0..40)
            .rev()
            .map(|i| (render(&*dataset, i, 32), dataset.record(i).expect("one")))
            .collect();
        let parallel: Vec<_> = (0..40)
            .into_par_iter()
            .map(|i| (render(&*again, i, 32), again.record(i).expect("one")))
            .collect();
        assert!(backwards.into_iter().rev().eq(parallel), "{uri}");
    }
}

#[test]
fn scenes_come_in_presets_and_wrong_addresses_are_answered() {
    for (uri, train, test) in [
        ("synth:scenes", 600, 150),
        ("synth:scenes?preset=nano", 64, 16),
        ("synth:scenes?preset=many", 4_800, 1_200),
        ("synth:scenes?preset=full", 20_000, 5_000),
        ("emoji:scenes?n=9", 8, 1),
    ] {
        let dataset = wordpaint_data::open(uri).expect("right");
        let counts = [Split::Trainval, Split::Val, Split::Test].map(|s| dataset.split(s).len());
        assert_eq!(counts, [train, 0, test], "{uri}");
        let normal = wordpaint_data::open(&dataset.uri()).expect("normal form");
        assert_eq!(normal.fingerprint(), dataset.fingerprint());
    }
    for (uri, expected) in [
        ("synth:scenes?sise=3", "did you mean `size`?"),
        ("synth:scenes?n=2", "from 5 to 1000000"),
        ("synth:scenes?preset=tiny&n=9", "not both"),
        ("synth:scene", "did you mean `scenes`?"),
        ("emoji:scenes?label_noise=2", "from 0 to 1"),
        ("emoji:scene", "did you mean `scenes`?"),
    ] {
        let error = wordpaint_data::open(uri).err().expect(uri).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    assert!(open("synth:scenes?n=9").record(9).is_err());
}

#[test]
fn wrong_labels_of_scenes_are_those_of_another_scene_of_the_split() {
    let clean = open("synth:scenes?n=100");
    let noisy = open("synth:scenes?n=100&label_noise=0.5");
    let train = clean.split(Split::Trainval);
    let mut changed = 0;
    for index in 0..100 {
        let (a, b) = (
            clean.record(index).expect("one"),
            noisy.record(index).expect("one"),
        );
        assert_eq!((&a.captions, &a.objects), (&b.captions, &b.objects));
        if a.labels != b.labels {
            changed += 1;
            let is_train = train.contains(&index);
            let mut donors = (0..100).filter(|i| train.contains(i) == is_train);
            assert!(donors.any(|i| clean.labels_of(i).expect("labels") == b.labels));
        }
    }
    assert!((45..=50).contains(&changed), "{changed}");
}

#[test]
fn scenes_change_only_with_the_generator_version() {
    let of = |uri: &str, index: usize, size: u32| {
        crc32fast::hash(&render(
            &*wordpaint_data::open(uri).expect("right"),
            index,
            size,
        ))
    };

    let found = [
        of("synth:scenes?preset=tiny", 0, 64),
        of("synth:scenes?preset=tiny", 749, 64),
        of("synth:scenes?preset=nano&seed=11", 33, 48),
        of("synth:scenes?preset=full&seed=11", 24_999, 128),
        of("emoji:scenes?preset=tiny", 0, 64),
        of("emoji:scenes?preset=nano&seed=11", 33, 48),
    ];

    // A change of these numbers demands another version of the generator.
    let versions = [GENERATOR_VERSION, wordpaint_data::emoji::GENERATOR_VERSION];
    let expected = [
        0xbaa4d22d, 0x99e1c68d, 0x2b818985, 0xd656bd5f, 0x50ac28f9, 0x189130ab,
    ];
    assert_eq!((versions, found), ([1, 1], expected), "found {found:#x?}");
}
