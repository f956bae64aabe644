//! `import`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::backend::NdArray;
use burn::prelude::TensorData;
use wordpaint::run::weights::to_safetensors;
use wordpaint::setup::Dirs;
use wordpaint::setup::text::Encoder;
use wordpaint_models::backend::Backend;
use wordpaint_models::gan_int_cls::{self, GanIntCls};
use wordpaint_models::import::{Layout, Source};
use wordpaint_models::state::{named_tensors, transposed};
use wordpaint_models::system::System;
use wordpaint_models::text::char_cnn_rnn::port_key;

use crate::pth::write_pth;
use crate::tiny::{stderr, stdout, tiny};

/// Arrays of a file by name.
pub(crate) type Arrays = BTreeMap<String, TensorData>;

/// Our parameters under their published names and in their published layout.
pub(crate) fn publish(
    ours: impl IntoIterator<Item = (String, TensorData)>,
    key: impl Fn(&str) -> Option<Source>,
) -> Vec<(String, TensorData)> {
    let published = ours.into_iter().map(|(name, data)| {
        let source = key(&name).expect("a published parameter");
        let data = match source.layout {
            Layout::Transposed => transposed(data),
            Layout::Pointwise => TensorData {
                shape: [data.shape[0], data.shape[1], 1, 1].into(),
                ..data
            },
            _ => data,
        };
        (source.key, data)
    });
    published.collect()
}

/// Writes arrays in the format of the file's ending.
pub(crate) fn write(path: &Path, tensors: &[(String, TensorData)]) {
    if path.extension().is_some_and(|ending| ending == "pth") {
        write_pth(path, tensors);
    } else {
        fs::write(path, to_safetensors(tensors)).expect("writes");
    }
}

/// A golden file, or a note that the test is skipped.
pub(crate) fn golden(name: &str) -> Option<Arrays> {
    let folder = std::env::var_os("WORDPAINT_GOLDEN").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/golden"),
        PathBuf::from,
    );
    let path = folder.join(format!("{name}.safetensors"));
    if !path.is_file() {
        let is_required = std::env::var_os("WORDPAINT_REQUIRE_GOLDEN").is_some_and(|v| v == "1");
        assert!(!is_required, "there is no {}", path.display());
        eprintln!("skipped: there is no {}", path.display());
        return None;
    }
    Some(wordpaint::setup::weights::read(&path).expect("a golden file"))
}

/// Weights of a run's newest checkpoint.
pub(crate) fn model(run: &Path) -> Arrays {
    let checkpoints = run.join("checkpoints");
    let newest = fs::read_dir(checkpoints)
        .expect("readable folder")
        .map(|entry| entry.expect("readable entry").path())
        .max()
        .expect("a checkpoint");
    wordpaint::setup::weights::read(&newest.join("model.safetensors")).expect("readable")
}

/// The tiny encoder's weights as the PyTorch port would publish them.
fn published_encoder() -> Vec<(String, TensorData)> {
    publish(model(&tiny().run("encoder")), |name| {
        port_key(name.strip_prefix("encoder.")?)
    })
}

#[test]
fn an_imported_encoder_embeds_as_the_one_it_came_from() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (file, run) = (
        folder.path().join("gru.safetensors"),
        folder.path().join("encoder"),
    );
    let mut tensors = published_encoder();
    tensors.push(("epoch".into(), TensorData::new(vec![7.0_f32], [1])));
    write(&file, &tensors);

    let imported = tiny()
        .wordpaint()
        .args(["import", "char-cnn-rnn"])
        .arg(&file)
        .arg("-o")
        .arg(&run)
        .output()
        .expect("the binary starts");

    assert_eq!(imported.status.code(), Some(0), "{}", stderr(&imported));
    let said = stdout(&imported);
    assert!(said.contains("encoder.projection.weight <- emb_proj.weight"));
    assert!(said.contains("unmapped  epoch"), "{said}");
    assert_eq!(model(&run), model(&tiny().run("encoder")));
    let generate = |name: &str, encoder: &Path| {
        let out = folder.path().join(name);
        let output = tiny()
            .wordpaint()
            .args(["generate", "a red bird", "--from"])
            .arg(tiny().run("gan"))
            .arg("--encoder")
            .arg(encoder)
            .arg("-o")
            .arg(&out)
            .output()
            .expect("the binary starts");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        fs::read(out.join("grid.png")).expect("readable")
    };
    let original = generate("original", &tiny().run("encoder"));
    assert!(original == generate("imported", &run), "other embeddings");
}

/// A small encoder as PyTorch (before 1.6) and Torch7 store it.
fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/fixtures");
    folder.join(name)
}

#[test]
fn encoders_of_pytorch_and_torch7_embed_as_they_do_in_pytorch() {
    // What PyTorch 2.15 makes of them with the same weights.
    let expected = [
        (
            "a red bird with a short bill",
            [
                -0.3221918,
                0.2285904,
                -0.1627592,
                -0.02057645,
                -0.1922697,
                0.5659444_f32,
            ],
        ),
        (
            "This Small bird - it's blue!",
            [
                -0.3187588,
                0.2463842,
                -0.1401239,
                -0.005225301,
                -0.2581829,
                0.5342252,
            ],
        ),
    ];
    let captions = expected.map(|(caption, _)| caption);
    let folder = tempfile::tempdir().expect("temporary folder");
    let dirs = Dirs {
        runs: folder.path().join("runs"),
        cache: folder.path().join("cache"),
    };
    for file in ["char-cnn-rnn.pth", "char-cnn-rnn.t7"] {
        let run = folder.path().join(file);
        let output = tiny()
            .wordpaint()
            .args(["import", "char-cnn-rnn"])
            .arg(fixture(file))
            .arg("-o")
            .arg(&run)
            .output()
            .expect("the binary starts");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

        let run = run.display().to_string();
        let encoder = Encoder::<NdArray>::named(&run, false, &Default::default(), &dirs);
        let rows = encoder
            .expect("a text encoder")
            .encode(&captions)
            .into_data();

        let rows: Vec<f32> = rows.iter().collect();
        let wanted = expected.iter().flat_map(|(_, row)| row);
        assert_eq!(rows.len(), 12);
        for (got, wanted) in rows.iter().zip(wanted) {
            assert!((got - wanted).abs() < 1e-6, "{file}: {got} {wanted}");
        }
    }
}

fn gan<B: Backend>(device: &B::Device) -> Vec<(String, TensorData)> {
    let config = gan_int_cls::Config {
        text_dim: 8,
        projection_dim: 3,
        noise_dim: 5,
        generator_width: 2,
        discriminator_width: 3,
        ..gan_int_cls::Config::port()
    };
    let system = GanIntCls::<B>::init(&config, device);
    publish(named_tensors::<B, _>(&system), gan_int_cls::port_key)
}

#[test]
fn both_files_of_the_port_become_a_run_that_generates() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let [g, d, run, out] =
        ["g.safetensors", "d.safetensors", "run", "images"].map(|name| folder.path().join(name));
    let (discriminator, generator): (Vec<_>, Vec<_>) = gan::<NdArray>(&Default::default())
        .into_iter()
        .partition(|(name, _)| name.starts_with("netD") || name.starts_with("projector"));
    write(&g, &generator);
    write(&d, &discriminator);
    let import = |more: &[&str]| {
        let mut command = tiny().wordpaint();
        command.args(["import", "gan-int-cls"]).arg(&g);
        command.args(more).arg("-o").arg(&run);
        command.output().expect("the binary starts")
    };

    let alone = import(&[]);
    let twice = import(&["--discriminator", &g.display().to_string()]);
    let both = import(&["--discriminator", &d.display().to_string()]);

    assert_eq!(alone.status.code(), Some(2), "{}", stderr(&alone));
    assert_eq!(twice.status.code(), Some(4), "{}", stderr(&twice));
    assert_eq!(both.status.code(), Some(0), "{}", stderr(&both));
    let generate = |more: &[&str]| {
        let mut command = tiny().wordpaint();
        command.args(["generate", "a red bird", "--from"]).arg(&run);
        command.args(more).arg("-o").arg(&out);
        command.output().expect("the binary starts")
    };
    let without = generate(&[]);
    let with = generate(&["--encoder", &tiny().run("encoder").display().to_string()]);
    assert_eq!(without.status.code(), Some(2));
    assert!(stderr(&without).contains("--encoder RUN"));
    assert_eq!(with.status.code(), Some(0), "{}", stderr(&with));
    let again = import(&["--discriminator", &d.display().to_string()]);
    assert!(stderr(&again).contains("is there already"));
}

#[test]
fn other_damaged_and_hostile_files_are_refused_and_leave_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let at = |name: &str| folder.path().join(name);
    let mut other = published_encoder();
    other.retain(|(name, _)| !name.starts_with("rnn."));
    write(&at("other.safetensors"), &other);
    let whole = to_safetensors(&published_encoder());
    fs::write(at("cut.safetensors"), &whole[..whole.len() / 2]).expect("writes");
    fs::write(at("cut.pth"), b"PK\x03\x04 and no more").expect("writes");
    // Runs a command where pickles are executed.
    fs::write(at("hostile.pth"), b"cos\nsystem\n(S'touch executed'\ntR.").expect("writes");
    fs::write(at("cut.t7"), b"\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1\x0b").expect("writes");
    for (whole, half) in [
        ("char-cnn-rnn.pth", "half.pth"),
        ("char-cnn-rnn.t7", "half.t7"),
    ] {
        let content = fs::read(fixture(whole)).expect("readable");
        fs::write(at(half), &content[..content.len() / 2]).expect("writes");
    }
    fs::copy(fixture("char-cnn-rnn.pth"), at("encoder.pth")).expect("copies");
    let before = fs::read_dir(folder.path())
        .expect("readable folder")
        .count();
    let cases = [
        ("char-cnn-rnn", "other.safetensors", 4, "encoder.recurrent"),
        ("vgg", "other.safetensors", 4, "is not a VGG16"),
        ("char-cnn-rnn", "cut.safetensors", 4, "not a readable"),
        ("char-cnn-rnn", "cut.pth", 4, "not a readable"),
        ("char-cnn-rnn", "hostile.pth", 4, "not a readable"),
        ("char-cnn-rnn", "half.pth", 4, "truncated"),
        ("vgg", "encoder.pth", 4, "is not a VGG16"),
        ("char-cnn-rnn", "cut.t7", 4, "cut.t7"),
        ("char-cnn-rnn", "half.t7", 4, "half.t7"),
        ("char-cnn-rnn", "absent.pth", 4, "absent.pth"),
        ("sdn", "other.safetensors", 2, "no weights of SDN"),
        (
            "painter",
            "other.safetensors",
            2,
            "expected one of `char-cnn-rnn`",
        ),
    ];
    for (family, file, code, message) in cases {
        let output = tiny()
            .wordpaint()
            .args(["import", family])
            .arg(at(file))
            .arg("-o")
            .arg(at("run"))
            .current_dir(folder.path())
            .output()
            .expect("the binary starts");

        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{file}: {said}");
        assert!(said.contains(message), "{file}: {said}");
        assert!(!said.contains("panicked"), "{file}: {said}");
    }
    let after = fs::read_dir(folder.path())
        .expect("readable folder")
        .count();
    assert_eq!(before, after);
}
