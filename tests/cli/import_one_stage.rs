//! `import` of one-stage systems, from files with the published names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use burn::backend::Flex;
use burn::prelude::{Tensor, TensorData};
use wordpaint_models::df_gan;
use wordpaint_models::one_stage::config::Variant;
use wordpaint_models::one_stage::system::OneStage;
use wordpaint_models::ssa_gan;
use wordpaint_models::state::{load_named, named_tensors};
use wordpaint_models::system::{Parts, System};
use wordpaint_models::text::lstm::{EncoderConfig, Kind, encoder_key};

use crate::import::{Arrays, golden, model, publish, write};
use crate::pth::write_state;
use crate::tiny::{stderr, stdout, tiny};

const WORDS: [&str; 5] = ["<end>", "a", "red", "bird", "wings"];

/// The arrays below `from`, below `to`.
fn moved(arrays: &Arrays, from: &str, to: &str) -> Vec<(String, TensorData)> {
    let inside = arrays.iter().filter_map(|(name, data)| {
        let rest = name.strip_prefix(from)?;
        Some((format!("{to}{rest}"), data.clone()))
    });
    inside.collect()
}

/// Writes a text encoder for sentences of `dim` numbers and its words; their paths.
fn write_text(folder: &Path, dim: usize) -> [PathBuf; 2] {
    let config = EncoderConfig {
        kind: Kind::Lstm,
        embedding_dim: 3,
        dim,
        ..EncoderConfig::default()
    };
    let encoder = config.init::<Flex>(WORDS.len(), &Default::default());
    let paths = ["text_encoder.pth", "words.json"].map(|name| folder.join(name));
    write(&paths[0], &publish(named_tensors(&encoder), encoder_key));
    fs::write(&paths[1], serde_json::to_vec(&WORDS).expect("words")).expect("writes");
    paths
}

fn import(family: &str, files: &[&Path], text: &[PathBuf; 2], run: &Path) -> Output {
    let mut command = tiny().wordpaint();
    command.args(["import", family]).args(files);
    command.arg("--text").arg(&text[0]);
    command.arg("--vocabulary").arg(&text[1]);
    command.arg("-o").arg(run);
    command.output().expect("the binary starts")
}

fn has_discriminator(arrays: &Arrays) -> bool {
    arrays.keys().any(|name| name.starts_with("discriminator."))
}

/// The system that an imported run holds.
fn open<F: Variant>(run: &Path) -> OneStage<Flex, F> {
    let experiment =
        wordpaint::config::load(run.join("config.toml").to_str().expect("UTF-8"), &[], false);
    let config = experiment.expect("valid").config_of::<F>().expect("valid");
    let arrays = model(run);
    let device = Default::default();
    let fresh = if has_discriminator(&arrays) {
        OneStage::<Flex, F>::init(&config, &device)
    } else {
        OneStage::with_parts(&config, Parts::ForGeneration, &device)
    };
    let (system, report) = load_named::<Flex, _>(fresh, |name, _| arrays.get(name).cloned());
    assert!(report.is_complete(), "{report:?}");
    system
}

/// The generator of `run` generates `out/image` from noise and sentence of the file.
fn assert_golden_image<F: Variant>(golden: &Arrays, run: &Path) {
    let input = |key: &str| -> Tensor<Flex, 2> {
        Tensor::from_data(golden[key].clone(), &Default::default())
    };
    let generated = open::<F>(run)
        .generator
        .forward(input("in/noise"), input("in/sent"));
    let tolerance = burn::tensor::Tolerance::<f32>::absolute(2e-5);
    let image = generated.image.into_data();
    image.assert_approx_eq(&golden["out/image"], tolerance);
}

fn assert_generates(folder: &Path, run: &Path) {
    let mut command = tiny().wordpaint();
    command.args(["generate", "a red bird", "--from"]).arg(run);
    command.arg("-o").arg(folder.join("images"));
    let output = command.output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_published_ssa_gan_makes_the_golden_image() {
    let Some(golden) = golden("ssa_gan_generator") else {
        return;
    };
    let folder = tempfile::tempdir().expect("temporary folder");
    let text = write_text(folder.path(), golden["in/sent"].shape[1]);
    let file = folder.path().join("netG_550.pth");
    // As saved from a data-parallel wrapper.
    let mut arrays = moved(&golden, "w/", "module.");
    let counter = TensorData::new(vec![0.0_f32], [1]);
    arrays.push(("module.conv_mask.1.num_batches_tracked".into(), counter));
    write(&file, &arrays);
    let run = folder.path().join("run");

    let output = import("ssa-gan", &[&file], &text, &run);

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(
        said.contains("unmapped  netG.conv_mask.1.num_batches_tracked"),
        "{said}"
    );
    assert!(
        said.contains("generator.stem.weight <- netG.fc.weight"),
        "{said}"
    );
    assert!(
        !has_discriminator(&model(&run)),
        "a discriminator out of nothing"
    );
    assert_golden_image::<ssa_gan::Family>(&golden, &run);
    assert_generates(folder.path(), &run);
}

#[test]
fn a_discriminator_comes_beside_the_generator_without_what_it_never_uses() {
    let Some(golden) = golden("ssa_gan_g_step") else {
        return;
    };
    let folder = tempfile::tempdir().expect("temporary folder");
    let text = write_text(folder.path(), golden["in/sent"].shape[1]);
    let files = ["netG.pth", "netD.pth"].map(|name| folder.path().join(name));
    write(&files[0], &moved(&golden, "w/G.", "module."));
    let mut critic = moved(&golden, "w/D.", "module.");
    let dead = TensorData::new(vec![0.0_f32; 3], [3]);
    critic.push(("module.block9.conv_s.bias".into(), dead));
    write(&files[1], &critic);
    let run = folder.path().join("run");
    let flag = Path::new("--discriminator");

    let output = import("ssa-gan", &[&files[0], flag, &files[1]], &text, &run);

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(said.contains("unmapped  netD.block9.conv_s.bias"), "{said}");
    let input = |key: &str| -> TensorData { golden[key].clone() };
    let system = open::<ssa_gan::Family>(&run);
    let fake = Tensor::<Flex, 4>::from_data(input("out/fake"), &Default::default());
    let sentence = Tensor::<Flex, 2>::from_data(input("in/sent"), &Default::default());
    let critic = system.critic();
    let logits = critic.logits(critic.features(fake), sentence);
    let expected = input("out/logits");
    let tolerance = burn::tensor::Tolerance::<f32>::absolute(2e-5);
    let logits = logits.unsqueeze_dims::<4>(&[1, 2, 3]).into_data();
    logits.assert_approx_eq(&expected, tolerance);
}

#[test]
fn a_training_state_of_df_gan_makes_the_golden_image() {
    let Some(golden) = golden("df_gan_generator") else {
        return;
    };
    let Some(scored) = crate::import::golden("df_gan_discriminator") else {
        return;
    };
    let folder = tempfile::tempdir().expect("temporary folder");
    let text = write_text(folder.path(), golden["in/sent"].shape[1]);
    let file = folder.path().join("state_epoch_1220.pth");
    let networks = [
        ("netG", moved(&golden, "w/", "module.")),
        ("netD", moved(&scored, "w/netD.", "module.")),
        ("netC", moved(&scored, "w/netC.", "module.")),
    ];
    write_state(&file, &networks);
    let run = folder.path().join("run");

    let output = import("df-gan", &[&file], &text, &run);

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    let unmapped = said.lines().filter(|line| line.starts_with("unmapped"));
    // Shortcuts of blocks whose number of channels stays.
    assert!(unmapped.clone().count() > 0, "{said}");
    for line in unmapped {
        assert!(line.contains(".conv_s."), "{line}");
    }
    assert_golden_image::<df_gan::Family>(&golden, &run);
    assert_generates(folder.path(), &run);
}

#[test]
fn df_gan_before_2022_makes_the_golden_image() {
    let Some(golden) = golden("df_gan_v1_generator") else {
        return;
    };
    let folder = tempfile::tempdir().expect("temporary folder");
    let text = write_text(folder.path(), golden["in/sent"].shape[1]);
    let file = folder.path().join("netG_600.pth");
    write(&file, &moved(&golden, "w/", ""));
    let run = folder.path().join("run");

    let output = import("df-gan", &[&file], &text, &run);

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_golden_image::<df_gan::Family>(&golden, &run);
}

/// Family, files, text encoder, exit code, part of the message.
type Case<'a> = (&'a str, &'a [&'a Path], &'a [PathBuf; 2], i32, &'a str);

#[test]
fn files_that_do_not_fit_are_refused_with_the_reason() {
    let Some(golden) = golden("df_gan_v1_generator") else {
        return;
    };
    let folder = tempfile::tempdir().expect("temporary folder");
    let dim = golden["in/sent"].shape[1];
    let text = write_text(folder.path(), dim);
    let other = tempfile::tempdir().expect("temporary folder");
    let short = write_text(other.path(), dim + 2);
    let file = folder.path().join("netG.pth");
    let mut arrays = moved(&golden, "w/", "");
    write(&file, &arrays);
    let less = folder.path().join("less.pth");
    arrays.retain(|(name, _)| name != "block0.c1.bias");
    write(&less, &arrays);
    let run = folder.path().join("run");
    let flag = Path::new("--discriminator");
    let cases: [Case<'_>; 5] = [
        ("ssa-gan", &[&file], &text, 4, "is a generator of `df-gan`"),
        ("df-gan", &[&text[0]], &text, 4, "is not a generator"),
        (
            "df-gan",
            &[&less],
            &text,
            4,
            "generator.blocks.0.convs.0.bias: nothing in the file",
        ),
        ("df-gan", &[&file], &short, 2, "encoder.dim"),
        (
            "df-gan",
            &[&file, flag, &file, flag, &file],
            &text,
            2,
            "has one discriminator",
        ),
    ];
    for (family, files, text, code, message) in cases {
        let output = import(family, files, text, &run);

        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{family}: {said}");
        assert!(said.contains(message), "{family}: {said}");
        assert!(!run.exists(), "{family}");
    }
}
