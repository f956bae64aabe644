//! What a user may hand over by mistake: each is refused with the place, the remedy and the right
//! exit code, and leaves no half-written run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wordpaint_data::synth::{Layout, export};

use crate::tiny::{stderr, tiny};

/// Exports a tiny dataset in the published layout of CUB.
fn cub(folder: &Path) -> PathBuf {
    let root = folder.join("cub");
    let uri = "synth:birds?classes=4&per_class=6&size=32&seed=7";
    export(uri, Layout::Cub, &root, &mut |_, _| {}).expect("exports");
    root
}

/// The folder of a class that is trained on, below `folder`.
fn class(root: &Path, folder: &str) -> PathBuf {
    let classes = fs::read_to_string(root.join("trainvalclasses.txt")).expect("exported");
    let name = classes.lines().next().expect("a class");
    root.join(folder).join(name.trim())
}

/// The first file below `folder` with `ending`.
fn find(folder: &Path, ending: &str) -> PathBuf {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).expect("readable folder") {
            let path = entry.expect("readable entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                found.push(path);
            }
        }
    }
    found.into_iter().min().expect("a file")
}

/// Trains the tiny GAN on `root` and expects a refusal that says `words`; no run may remain.
fn assert_refused(folder: &Path, root: &Path, overrides: &[&str], code: i32, words: &[&str]) {
    let run = folder.join("run");
    let uri = format!("data.uri=cub:{}", root.display());
    let mut all = vec![
        uri.as_str(),
        "train.batch_size=2",
        "train.stages=[{name='adversarial', epochs=2}]",
    ];
    all.extend_from_slice(overrides);
    let output = tiny().again("gan", &run, &all).output();
    let output = output.expect("the binary starts");

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    assert!(!run.join("checkpoints").exists(), "saved something: {said}");
}

#[test]
fn an_exported_dataset_trains() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let uri = format!("data.uri=cub:{}", cub(folder.path()).display());
    let run = folder.path().join("run");
    let output = tiny()
        .again(
            "gan",
            &run,
            &[&uri, "train.batch_size=2", "train.sample_every=0"],
        )
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_truncated_image_is_named() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let root = cub(folder.path());
    let image = find(&class(&root, "CUB_200_2011/images"), "jpg");
    let content = fs::read(&image).expect("readable");
    fs::write(&image, &content[..content.len() / 2]).expect("writable");

    let name = image.file_name().expect("named").to_string_lossy();
    // It may be met in the first step or later; what was trained before is then saved.
    let run = folder.path().join("run");
    let uri = format!("data.uri=cub:{}", root.display());
    let overrides = [
        &uri,
        "train.batch_size=2",
        "train.stages=[{name='adversarial', epochs=4}]",
    ];
    let output = tiny().again("gan", &run, &overrides).output();
    let output = output.expect("the binary starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(&*name), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_configuration_that_is_not_utf_8_is_refused_with_the_byte() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    crate::tiny::copy(&tiny().run("gan"), &run);
    let file = run.join("config.toml");
    let mut bytes = b"# caf\xe9\n".to_vec();
    bytes.extend(fs::read(&file).expect("a run"));
    fs::write(&file, bytes).expect("writes");
    crate::training::reopen(&run);
    let [mut resume, mut train] = [tiny().wordpaint(), tiny().wordpaint()];
    resume.arg("resume").arg(&run);
    train.arg("train").arg(&file);
    for mut command in [resume, train] {
        let output = command.output().expect("the binary starts");

        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("byte 5, counted from 0, is 0xe9"), "{said}");
        assert!(said.contains("config.toml:1"), "{said}");
    }
}

#[test]
fn what_an_argument_makes_wrong_is_not_looked_for_in_the_file() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    let few = "data.uri=synth:birds?classes=3&per_class=4&size=32&seed=7";
    for (name, argument) in [
        ("gan", "train.stages=[{name='adversarial', steps=0}]"),
        ("gan", "train.optimizer.generator={lr=-1.0}"),
        // Fewer classes than the batch that the file asks for.
        ("encoder", few),
    ] {
        let output = tiny().again(name, &run, &[argument]).output();
        let output = output.expect("the binary starts");

        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("--> command line: "), "{said}");
        assert!(said.contains(argument), "{said}");
        assert!(!said.contains("config.toml:"), "{said}");
    }
}

#[test]
fn a_missing_caption_file_is_named() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let root = cub(folder.path());
    let captions = find(&class(&root, "text_c10"), "txt");
    fs::remove_file(&captions).expect("removes");

    let name = captions.file_name().expect("named").to_string_lossy();
    let words = [&*name, "is missing", "one per line"];
    assert_refused(folder.path(), &root, &[], 3, &words);
    assert!(!folder.path().join("run").exists());
}

#[test]
fn a_class_without_images_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let root = cub(folder.path());
    let classes = root.join("CUB_200_2011/classes.txt");
    let mut text = fs::read_to_string(&classes).expect("readable");
    let lines = text.lines().count();
    let next = lines + 1;
    text.extend([format!("{next} {next:03}.Nobody\n")]);
    fs::write(&classes, text).expect("writable");

    let place = format!("classes.txt:{next}");
    let words = [place.as_str(), "has no image", "restore"];
    assert_refused(folder.path(), &root, &[], 3, &words);
    assert!(!folder.path().join("run").exists());
}

#[test]
fn a_pickle_that_would_run_code_is_refused_and_does_not_run() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let root = cub(folder.path());
    let images = root.join("CUB_200_2011/images");
    let image = find(&images, "jpg").with_extension("");
    let key = image.strip_prefix(&images).expect("below").display();
    let proof = folder.path().join("proof");
    for split in ["train", "test"] {
        fs::create_dir_all(root.join(split)).expect("creates");
        let names = format!("(lp0\nS'{key}'\np1\na.");
        fs::write(root.join(split).join("filenames.pickle"), names).expect("writes");
        let call = format!("cos\nsystem\n(S'touch {}'\ntR.", proof.display());
        let embeddings = root.join(split).join("char-CNN-RNN-embeddings.pickle");
        fs::write(embeddings, call).expect("writes");
    }

    let overrides = ["text.encoder=precomputed"];
    let words = ["char-CNN-RNN-embeddings.pickle"];
    assert_refused(folder.path(), &root, &overrides, 3, &words);
    assert!(!proof.exists(), "the pickle was executed");
    assert!(!folder.path().join("run").exists());
}

#[test]
fn weights_of_another_network_are_refused_with_the_first_names_that_do_not_fit() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    let weights = find(&tiny().run("gan").join("checkpoints"), "safetensors");
    let from = format!("pretrained.vgg.from={}", weights.display());
    let output = tiny().again("sdn", &run, &[&from]).output();
    let output = output.expect("the binary starts");

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("model.safetensors"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(!run.exists());
}

#[test]
fn a_run_folder_that_cannot_be_written_fails_before_training() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("file");
    fs::write(&file, "in the way").expect("writes");
    let output = tiny().again("gan", &file.join("run"), &[]).output();
    let output = output.expect("the binary starts");

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&file.display().to_string()), "{said}");
    assert!(said.contains("choose another place"), "{said}");
    assert_eq!(fs::read(&file).expect("untouched"), b"in the way");
}

#[test]
fn a_full_disk_leaves_the_checkpoint_before_and_no_half_of_the_next() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    // A limit on the size of a file fails writes as a full disk does, and needs no rights. The
    // moments are the largest file: the weights of the same checkpoint still fit.
    let sizes = tiny().run("gan");
    let moments = fs::metadata(find(&sizes.join("checkpoints"), "mpk")).expect("saved");
    let weights = fs::metadata(find(&sizes.join("checkpoints"), "safetensors")).expect("saved");
    let limit = (moments.len() - 1) / 1024;
    assert!(weights.len() / 1024 < limit, "the weights must fit");
    let train = tiny().again(
        "gan",
        &run,
        &["train.sample_every=0", "train.checkpoint_every=2"],
    );
    let mut shell = Command::new("bash");
    shell
        .arg("-c")
        .arg(format!(
            "trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\""
        ))
        .arg(train.get_program())
        .args(train.get_args());
    for (key, value) in train.get_envs() {
        if let Some(value) = value {
            shell.env(key, value);
        }
    }
    let output = shell.output().expect("bash is there");

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("optimizer.mpk"), "{said}");
    let wanted = format!("{} bytes were to be written", moments.len());
    assert!(
        said.contains(&wanted) && said.contains("are free there"),
        "{said}"
    );
    assert!(!said.contains("panicked"), "{said}");
    let left = fs::read_dir(run.join("checkpoints")).expect("readable");
    assert_eq!(left.count(), 0, "half a checkpoint was left");

    // With space again, the same folder goes on.
    let resumed = tiny().wordpaint().arg("resume").arg(&run).output();
    let resumed = resumed.expect("the binary starts");
    assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
}
