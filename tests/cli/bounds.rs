//! Settings at their bounds: what is refused, with which reason, and that the bounds themselves
//! train.

use std::path::Path;
use std::process::Output;

use crate::tiny::{stderr, tiny};

/// One step of every stage of the tiny run `name` in a folder of its own.
fn one_step(name: &str, folder: &Path, overrides: &[&str]) -> Output {
    let stages = match name {
        "sdn" => "train.stages=[{name='stage-1', steps=1}, {name='stage-2', steps=1}]",
        "vgg" => "train.stages=[{name='train', steps=1}]",
        "encoder" => "train.stages=[{name='joint-embedding', steps=1}]",
        "damsm" | "clip" => "train.stages=[{name='matching', steps=1}]",
        "captioner" => "train.stages=[{name='captioning', steps=1}]",
        _ => "train.stages=[{name='adversarial', steps=1}]",
    };
    let all = [&[stages, "train.sample_every=0"], overrides].concat();
    let output = tiny().again(name, &folder.join(name), &all).output();
    output.expect("the binary starts")
}

#[test]
fn the_smallest_batch_trains_and_a_smaller_one_is_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, least) in [
        ("vgg", 1),
        ("sdn", 1),
        ("captioner", 1),
        ("encoder", 2),
        ("gan", 2),
        ("damsm", 2),
        ("clip", 2),
        ("attngan", 2),
        ("dm-gan", 2),
        ("df-gan", 2),
        ("ssa-gan", 2),
    ] {
        let with = |batch: usize| {
            let batch = format!("train.batch_size={batch}");
            one_step(name, folder.path(), &[&batch])
        };

        let below = with(least - 1);
        let said = stderr(&below);
        assert_eq!(below.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains("`train.batch_size` cannot be"), "{said}");
        assert!(said.contains(&format!("at least {least}")), "{said}");
        assert!(!folder.path().join(name).exists(), "{name}");
        let bound = with(least);
        assert_eq!(bound.status.code(), Some(0), "{name}: {}", stderr(&bound));
    }
}

#[test]
fn absurd_sizes_are_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let wide = ["model.resolution=4096", "model.generator_width=65536"];
    let cases: [(&[&str], &str, &str); 9] = [
        (&wide, "is predicted to need", "this machine has"),
        (
            &["model.generator_width=65537"],
            "`model.generator_width`",
            "65536",
        ),
        (
            &["model.noise_dim=9223372036854775807"],
            "`model.noise_dim`",
            "65536",
        ),
        (&["model.resolution=16384"], "`model.resolution`", "8192"),
        (&["data.workers=100000"], "`data.workers`", "1024"),
        (&["data.load_size=65536"], "`data.load_size`", "8192"),
        (
            &["data.load_size=4294967296"],
            "`data.load_size`",
            "4294967295",
        ),
        (&["train.batch_size=1000000"], "`train.batch_size`", "65536"),
        (
            &["data.cache_mib=9223372036854775807"],
            "`data.cache_mib`",
            "16777216",
        ),
    ];
    for (overrides, what, bound) in cases {
        let output = one_step("df-gan", folder.path(), overrides);

        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{overrides:?}: {said}");
        assert!(
            said.contains(what) && said.contains(bound),
            "{overrides:?}: {said}"
        );
        assert!(!folder.path().join("df-gan").exists(), "{overrides:?}");
    }
}

#[test]
fn the_largest_number_of_workers_trains() {
    let folder = tempfile::tempdir().expect("temporary folder");

    let output = one_step("df-gan", folder.path(), &["data.workers=1024"]);

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}
