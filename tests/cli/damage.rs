//! Checkpoints that were altered after they were written.

use std::fs;
use std::path::Path;

use crate::tiny::{copy, stderr, tiny};

const FILES: [&str; 6] = [
    "manifest.json",
    "run.json",
    "model.safetensors",
    "optimizer.mpk",
    "place.json",
    "config.toml",
];

/// A run of two steps with both checkpoints, which has not noted its end.
fn unfinished(folder: &Path) -> std::path::PathBuf {
    let run = folder.join("original");
    let overrides = [
        "train.stages=[{name='stage-1', steps=2}]",
        "train.checkpoint_every=1",
        "train.keep_checkpoints=2",
        "train.sample_every=0",
    ];
    let output = tiny().again("sdn", &run, &overrides).output();
    let output = output.expect("the binary starts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    fs::remove_file(run.join("environment.json")).expect("there");
    run
}

/// Flips one bit of the newest checkpoint's `file` and resumes: the flip must be said aloud and the
/// checkpoint before be used.
fn assert_noticed(original: &Path, folder: &Path, file: &str, key: u64) {
    let run = folder.join(format!("flip-{key}"));
    copy(original, &run);
    let path = run.join("checkpoints/step-2").join(file);
    let mut content = fs::read(&path).expect("readable");
    let mut rng = wordpaint_rng::Rng::new(&[key]);
    let (place, bit) = (rng.n(content.len()), rng.n(8));
    content[place] ^= 1 << bit;
    fs::write(&path, content).expect("writable");

    let output = tiny().wordpaint().arg("resume").arg(&run).output();
    let output = output.expect("the binary starts");

    let said = stderr(&output);
    let what = format!("bit {bit} of byte {place} of {file}: {said}");
    assert_eq!(output.status.code(), Some(0), "{what}");
    assert!(said.contains("skipped a damaged checkpoint"), "{what}");
    assert!(said.contains("step-2") && said.contains(file), "{what}");
    assert!(said.contains("continuing from step 1"), "{what}");
    let (good, mended) = (original, run.as_path());
    let weights = |run: &Path| fs::read(run.join("checkpoints/step-2/model.safetensors"));
    assert!(
        weights(good).expect("saved") == weights(mended).expect("saved again"),
        "{what}"
    );
    fs::remove_dir_all(run).expect("removes");
}

#[test]
fn a_flipped_bit_in_any_file_makes_the_checkpoint_before_the_one_to_resume() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let original = unfinished(folder.path());
    for (key, file) in FILES.iter().enumerate() {
        assert_noticed(&original, folder.path(), file, key as u64);
    }
}

#[test]
#[ignore = "slow: fifty processes"]
fn fifty_of_fifty_flipped_bits_are_noticed() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let original = unfinished(folder.path());
    for key in 100..150 {
        let file = *wordpaint_rng::Rng::new(&[key, 1]).pick(&FILES);
        assert_noticed(&original, folder.path(), file, key);
    }
}

#[test]
fn without_an_intact_checkpoint_the_run_is_left_alone_and_every_damage_is_named() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = unfinished(folder.path());
    for step in [1, 2] {
        let path = run.join(format!("checkpoints/step-{step}/optimizer.mpk"));
        let content = fs::read(&path).expect("readable");
        fs::write(&path, &content[..content.len() / 2]).expect("writable");
    }

    let output = tiny().wordpaint().arg("resume").arg(&run).output();
    let output = output.expect("the binary starts");

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("step-1") && said.contains("step-2"), "{said}");
    assert!(
        said.contains("`optimizer.mpk` is not what manifest.json says"),
        "{said}"
    );
    assert!(run.join("checkpoints/step-1").is_dir());
}

#[test]
fn an_encoder_copy_cut_short_is_copied_again() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = unfinished(folder.path());
    let copied = run.join("text_encoder");
    assert!(copied.is_dir(), "the run holds its encoder");
    fs::remove_file(copied.join("config.toml")).expect("written last");

    let output = tiny().wordpaint().arg("resume").arg(&run).output();
    let output = output.expect("the binary starts");

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(copied.join("config.toml").is_file());
}
