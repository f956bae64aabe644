//! `import` of the encoders of DAMSM and of the systems that learn from them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use burn::backend::Flex;
use burn::prelude::{Int, Tensor, TensorData};
use burn::tensor::Tolerance;
use wordpaint::data::pixels::to_images;
use wordpaint::run::folder::RunFolder;
use wordpaint::setup::Dirs;
use wordpaint::setup::opened::open;
use wordpaint_models::attngan;
use wordpaint_models::auxiliary::TextInput;
use wordpaint_models::batch::Text;
use wordpaint_models::damsm::{self, Pretraining, published_key};
use wordpaint_models::dm_gan;
use wordpaint_models::import::Source;
use wordpaint_models::nn::word_attention::MaskMode;
use wordpaint_models::noise::Noise;
use wordpaint_models::staged::config::{Config, Variant};
use wordpaint_models::staged::generator::Draw;
use wordpaint_models::staged::keys::{discriminator_key, generator_key};
use wordpaint_models::staged::system::Staged;
use wordpaint_models::staged::word_module::Caption;
use wordpaint_models::state::named_tensors;
use wordpaint_models::system::{Family, Frozen, Pipeline, System};
use wordpaint_models::text::lstm::{EncoderConfig, Kind};
use wordpaint_models::vision::backbone::{BackboneConfig, InceptionBackboneConfig};

use crate::import::{golden, model, publish, write};
use crate::tiny::{stderr, stdout, tiny};

const WORDS: [&str; 6] = ["<end>", "a", "red", "bird", "with", "wings"];

/// Length of features where none is given.
const DIM: usize = 6;

fn encoder(kind: Kind, dim: usize) -> EncoderConfig {
    EncoderConfig {
        kind,
        embedding_dim: 5,
        dim,
        ..EncoderConfig::default()
    }
}

fn pretraining(kind: Kind, dim: usize) -> Pretraining<Flex> {
    let config = damsm::Config {
        text: TextInput {
            encoder: encoder(kind, dim),
            vocabulary: WORDS.len(),
            ..TextInput::default()
        },
        backbone: BackboneConfig::Inception(InceptionBackboneConfig {
            divisor: 16,
            ..InceptionBackboneConfig::default()
        }),
        image_size: 80,
        ..damsm::Config::default()
    };
    Pretraining::init(&config, &Default::default())
}

fn staged<F: Variant>() -> Staged<Flex, F> {
    let config = Config {
        stages: 2,
        generator_width: 2,
        discriminator_width: 2,
        residuals: 1,
        noise_dim: 3,
        condition_dim: 4,
        text: TextInput {
            encoder: encoder(Kind::Gru, DIM),
            vocabulary: WORDS.len(),
            ..TextInput::default()
        },
        mask: MaskMode::Tiled,
        ..F::published()
    };
    Staged::init(&config, &Default::default())
}

/// Files of a pair as published: text encoder, image encoder, words.
fn write_pair(folder: &Path, pair: &Pretraining<Flex>) -> [PathBuf; 3] {
    let files = ["text_encoder.pth", "image_encoder.pth", "words.json"];
    let [text, image, words] = files.map(|name| folder.join(name));
    let named = named_tensors(pair);
    let (of_text, of_image): (Vec<_>, Vec<_>) = named
        .into_iter()
        .partition(|(name, _)| name.starts_with("text."));
    write(&text, &publish(of_text, published_key));
    let mut of_image = publish(of_image, published_key);
    let counter = TensorData::new(vec![9.0_f32], [1]);
    of_image.push(("Conv2d_1a_3x3.bn.num_batches_tracked".into(), counter));
    write(&image, &of_image);
    fs::write(&words, serde_json::to_vec(&WORDS).expect("words")).expect("writes");
    [text, image, words]
}

/// Files of a system as published: generator, discriminators.
fn write_system<F: Variant>(folder: &Path, system: &Staged<Flex, F>) -> (PathBuf, [PathBuf; 2]) {
    let named = named_tensors(system);
    let part = |prefix: &str, key: &dyn Fn(&str) -> Option<Source>| {
        let inside = named.iter().filter_map(|(name, data)| {
            let rest = name.strip_prefix(prefix)?;
            Some((rest.to_owned(), data.clone()))
        });
        publish(inside, key)
    };
    let generator = folder.join("netG.pth");
    write(
        &generator,
        &part("generator.", &|name| generator_key(name, false)),
    );
    let critics = [0, 1].map(|i| {
        let path = folder.join(format!("netD{i}.pth"));
        let key = |name: &str| discriminator_key(name, i, F::NORMALIZATION);
        write(&path, &part(&format!("discriminators.{i}."), &key));
        path
    });
    (generator, critics)
}

fn import(arguments: &[&str], files: &[&Path], settings: &[&str]) -> Output {
    let mut command = tiny().wordpaint();
    command
        .arg("import")
        .args(arguments)
        .args(files)
        .args(settings);
    command.output().expect("the binary starts")
}

fn succeeded(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
}

/// Imports a pair of features of `dim` numbers into `folder/pair`.
fn import_pair(folder: &Path, kind: Kind, dim: usize) -> (Pretraining<Flex>, PathBuf) {
    let pair = pretraining(kind, dim);
    let [text, image, words] = write_pair(folder, &pair);
    let run = folder.join("pair");
    let output = import(
        &["damsm"],
        &[
            &text,
            Path::new("--image"),
            &image,
            Path::new("--vocabulary"),
            &words,
            Path::new("-o"),
            &run,
        ],
        &["model.image_size=80", "data.load_size=80"],
    );
    succeeded(&output);
    let said = stdout(&output);
    assert!(said.contains("text.embedding <- encoder.weight"), "{said}");
    assert!(
        said.contains("heads.regions <- emb_features.weight"),
        "{said}"
    );
    assert!(
        said.contains("unmapped  Conv2d_1a_3x3.bn.num_batches_tracked"),
        "{said}"
    );
    (pair, run)
}

#[test]
fn a_published_pair_comes_back_with_every_weight() {
    for kind in [Kind::Lstm, Kind::Gru] {
        let folder = tempfile::tempdir().expect("temporary folder");

        let (pair, run) = import_pair(folder.path(), kind, DIM);

        let expected = named_tensors(&pair).into_iter().collect();
        assert_eq!(model(&run), expected);
        let words = fs::read_to_string(run.join("vocabulary.json")).expect("kept");
        assert_eq!(words, serde_json::to_string(&WORDS).expect("words"));
    }
}

fn assert_generates_alike<F: Variant>(family: &str) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (pair, encoders) = import_pair(folder.path(), Kind::Gru, DIM);
    let system = staged::<F>().with_text(pair.text);
    let (generator, critics) = write_system(folder.path(), &system);
    let run = folder.path().join("run");
    let encoder = format!("text.encoder={}", encoders.display());
    let scored: Vec<&Path> = critics
        .iter()
        .flat_map(|path| [Path::new("--discriminator"), path.as_path()])
        .collect();
    let files = [&[generator.as_path(), Path::new("-o"), &run][..], &scored].concat();

    succeeded(&import(&[family], &files, &[&encoder]));

    let expected = named_tensors(&system).into_iter().collect();
    assert_eq!(model(&run), expected, "{family}");
    let words = 18;
    let ids: Vec<i32> = [1, 2, 3].into_iter().chain([0; 15]).collect();
    let tokens = TensorData::new(ids, [1, 1, words]);
    let text = Text {
        embeddings: None,
        tokens: Some(Tensor::<Flex, 3, Int>::from_data(
            tokens,
            &Default::default(),
        )),
        lengths: vec![3],
    };
    let generated = Pipeline::new(&system, &Frozen::new()).generate(&text, Noise::new(3, 0));
    let expected = to_images(generated.finals().next().expect("two stages paint"));
    let alone = folder.path().join("alone");
    let files = [generator.as_path(), Path::new("-o"), &alone];
    succeeded(&import(&[family], &files, &[&encoder]));
    let kept = model(&alone).into_keys();
    let critics: Vec<String> = kept.filter(|n| n.starts_with("discriminators.")).collect();
    assert!(critics.is_empty(), "out of nothing: {critics:?}");
    for run in [run, alone] {
        let out = run.join("images");
        let mut command = tiny().wordpaint();
        command.args(["generate", "a red bird", "--seed", "3", "--from"]);
        command.arg(&run).arg("-o").arg(&out);
        succeeded(&command.output().expect("the binary starts"));
        let image = image::open(out.join("01-a-red-bird-1.png")).expect("an image");
        assert!(
            image.into_rgb8() == expected[0],
            "{family} paints another image, {}",
            run.display()
        );
    }
}

#[test]
fn published_systems_make_the_images_of_the_networks_they_came_from() {
    assert_generates_alike::<attngan::Family>("attngan");
    assert_generates_alike::<dm_gan::Family>("dm-gan");
}

/// The generator of a golden file, saved as published and imported, generates the file's images.
fn assert_generates_golden<F, L>(family: &str, file: &str)
where
    L: Variant,
    F: Family<Config = Config<L>, System<Flex> = Staged<Flex, L>>,
{
    let Some(golden) = golden(file) else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let dim = golden["in/sent_emb"].shape[1];
    let (_, encoders) = import_pair(folder.path(), Kind::Lstm, dim);
    let weights = golden.iter().filter_map(|(name, data)| {
        // As saved by a trainer on several GPUs.
        Some((format!("module.{}", name.strip_prefix("w/")?), data.clone()))
    });
    let generator = folder.path().join("netG.pth");
    write(&generator, &weights.collect::<Vec<_>>());
    let run = folder.path().join("run");
    let encoder = format!("text.encoder={}", encoders.display());

    succeeded(&import(
        &[family],
        &[&generator, Path::new("-o"), &run],
        &[&encoder],
    ));

    let run = RunFolder::open(&run).expect("a run");
    let dirs = Dirs::from_environment();
    let opened = open::<F, Flex>(&run, &Default::default(), &dirs, &|_| {}).expect("complete");
    let tensor = |name: &str| golden[name].clone();
    let matrix = |name: &str| Tensor::<Flex, 2>::from_data(tensor(name), &Default::default());
    let caption = Caption {
        words: Tensor::from_data(tensor("in/word_embs"), &Default::default()),
        padding: matrix("in/mask").greater_elem(0.5),
    };
    let draw = Draw {
        z: matrix("in/z"),
        epsilon: matrix("in/eps"),
    };
    let generator = &opened.system.generator;
    let generated = generator.forward(matrix("in/sent_emb"), &caption, draw);
    let small = generated.images[0].clone().into_data();
    // That of the table of golden files.
    small.assert_approx_eq::<f32>(&golden["out/compat/img64"], Tolerance::absolute(5e-4));
    let [_, _, height, width] = generated.images[1].dims();
    let every_second: Vec<f32> = generated.images[1]
        .to_data()
        .iter::<f32>()
        .enumerate()
        .filter(|(i, _)| (i % width).is_multiple_of(2) && (i / width % height).is_multiple_of(2))
        .map(|(_, value)| value)
        .collect();
    let expected = &golden["out/compat/img128_stride2"];
    let found = TensorData::new(every_second, expected.shape.clone());
    found.assert_approx_eq::<f32>(expected, Tolerance::absolute(5e-4));
}

#[test]
fn golden_generators_from_published_files_make_the_golden_images() {
    assert_generates_golden::<attngan::Family, _>("attngan", "attngan_generator");
    assert_generates_golden::<dm_gan::Family, _>("dm-gan", "dm_gan_generator");
}

#[test]
fn files_of_other_systems_and_with_missing_arrays_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (_, encoders) = import_pair(folder.path(), Kind::Lstm, DIM);
    let encoder = format!("text.encoder={}", encoders.display());
    let (generator, critics) = write_system(folder.path(), &staged::<dm_gan::Family>());
    let mut cut = wordpaint::setup::weights::read(&generator).expect("readable");
    cut.remove("h_net2.A.weight").expect("there");
    let less = folder.path().join("less.safetensors");
    write(&less, &cut.into_iter().collect::<Vec<_>>());
    let run = folder.path().join("run");
    let image = folder.path().join("image_encoder.pth");
    let text = folder.path().join("text_encoder.pth");
    let words = folder.path().join("few.json");
    fs::write(&words, r#"["<end>", "a"]"#).expect("writes");
    let flag = |name: &'static str| Path::new(name);
    let cases: [(&str, Vec<&Path>, i32, &str); 7] = [
        ("attngan", vec![&generator], 4, "is a generator of `dm-gan`"),
        (
            "dm-gan",
            vec![&less],
            4,
            "refinements.0.reader.Memory.gate_word: nothing in the file",
        ),
        (
            "attngan",
            vec![&less, flag("--discriminator"), &critics[0]],
            4,
            "with spectral normalisation",
        ),
        (
            "dm-gan",
            vec![&generator, flag("--discriminator"), &critics[0]],
            2,
            "once per size",
        ),
        ("damsm", vec![&text], 2, "--image FILE"),
        (
            "damsm",
            vec![&text, flag("--image"), &image],
            2,
            "--vocabulary FILE",
        ),
        (
            "damsm",
            vec![&text, flag("--image"), &image, flag("--vocabulary"), &words],
            4,
            "has 2 words",
        ),
    ];
    for (family, files, code, message) in cases {
        let files = [&files[..], &[Path::new("-o"), &run]].concat();
        let settings: &[&str] = if family == "damsm" { &[] } else { &[&encoder] };

        let output = import(&[family], &files, settings);

        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{family}: {said}");
        assert!(said.contains(message), "{family}: {said}");
        assert!(!run.exists(), "{family}");
    }
}
