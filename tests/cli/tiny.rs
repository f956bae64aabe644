//! Runs that take seconds: every network of the chain with a handful of channels on 32 pixels. They
//! are trained once per test process, with the real binary; tests must not change them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use assert_cmd::Command;
use tempfile::TempDir;

/// Built-in birds of all tiny runs.
pub(crate) const DATA: &str = "data.uri=synth:birds?preset=nano&size=32&seed=7";

/// Tiny runs and the folders they live in.
pub(crate) struct Tiny {
    folder: TempDir,
}

impl Tiny {
    /// The binary with this chain's runs and cache.
    pub(crate) fn wordpaint(&self) -> Command {
        wordpaint(self.folder.path())
    }

    /// Folder of the run called `name`: `vgg`, `encoder`, `sdn` (two heads), `gan`, `damsm`,
    /// `attngan`, `dm-gan`, `df-gan`, `ssa-gan`, `captioner` or `clip`.
    pub(crate) fn run(&self, name: &str) -> PathBuf {
        self.folder.path().join("runs").join(name)
    }

    /// Trains the experiment of run `name` anew into `folder`, with other settings.
    pub(crate) fn again(&self, name: &str, folder: &Path, overrides: &[&str]) -> Command {
        let mut command = self.wordpaint();
        command
            .arg("train")
            .arg(self.run(name).join("config.toml"))
            .arg("--run")
            .arg(folder)
            .args(overrides);
        command
    }

    fn train(&self, name: &str, experiment: &str, overrides: &[&str]) {
        let output = self
            .wordpaint()
            .args(["train", experiment, "--quick", "--run"])
            .arg(self.run(name))
            .args([DATA, "data.workers=1", "train.checkpoint_every=1000"])
            .args(overrides)
            .output()
            .expect("the binary starts");
        assert!(output.status.success(), "{name}: {}", stderr(&output));
    }
}

/// The binary with `folder/runs` and `folder/cache`.
pub(crate) fn wordpaint(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wordpaint"));
    command
        .env("WORDPAINT_RUNS", folder.join("runs"))
        .env("WORDPAINT_CACHE", folder.join("cache"))
        .env_remove("RUST_LOG")
        .current_dir(folder);
    command
}

/// What a command wrote to stderr.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a command wrote to stdout.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The chain, trained at first use.
pub(crate) fn tiny() -> &'static Tiny {
    static TINY: OnceLock<Tiny> = OnceLock::new();
    TINY.get_or_init(|| {
        let tiny = Tiny {
            folder: tempfile::tempdir().expect("temporary folder"),
        };
        let widths = "model.widths=[4, 4, 6, 6, 8]";
        tiny.train(
            "vgg",
            "vgg-cub",
            &[
                widths,
                "model.image_size=32",
                "train.batch_size=4",
                "train.stages=[{name='train', steps=3}]",
            ],
        );
        let vgg = format!("pretrained.vgg.from={}", tiny.run("vgg").display());
        tiny.train(
            "encoder",
            "char-cnn-rnn-cub",
            &[
                &vgg,
                "model.conv_channels=[6, 6]",
                "model.cnn_dim=6",
                "model.embedding_dim=8",
                "train.batch_size=4",
                "train.stages=[{name='joint-embedding', steps=3}]",
            ],
        );
        let encoder = format!("text.encoder={}", tiny.run("encoder").display());
        let common = [encoder.as_str(), "evaluate.probe=", "model.text_dim=8"];
        let sdn = [
            widths,
            &vgg,
            "model.fc_width=8",
            "model.base=1",
            "model.heads=2",
            "train.batch_size=4",
            "train.stages=[{name='stage-1', steps=2}, {name='stage-2', steps=2}]",
            "train.sample_every=0",
        ];
        tiny.train("sdn", "sdn-cub", &[&common[..], &sdn].concat());
        let gan = [
            "data.load_size=0",
            "model.generator_width=4",
            "model.discriminator_width=2",
            "model.projection_dim=4",
            "model.noise_dim=4",
            "train.batch_size=4",
            // Enough for noise to be seen in 8 bits.
            "train.optimizer.generator.lr=0.05",
            "train.stages=[{name='adversarial', steps=10}]",
            "train.sample_every=0",
        ];
        tiny.train("gan", "gan-int-cls-cub", &[&common[..], &gan].concat());
        train_words(&tiny, &vgg);
        let clip = [
            "model.image_size=32",
            "model.image={patch=16, width=8, layers=1, heads=2}",
            "model.text={width=8, layers=1, heads=2}",
            "model.embedding=6",
            "model.tokens=20",
            "model.vocabulary=540",
            "train.batch_size=4",
            "train.sample_every=0",
            "train.stages=[{name='matching', steps=3}]",
        ];
        tiny.train("clip", "clip-cub", &clip);
        tiny
    })
}

/// The pretraining on words and the systems that build on it.
fn train_words(tiny: &Tiny, vgg: &str) {
    let words = [
        "model.words=10",
        "model.vocabulary=60",
        "model.encoder.embedding_dim=6",
        "model.encoder.dim=8",
        "train.batch_size=4",
        "train.sample_every=0",
    ];
    let damsm = [
        vgg,
        "model.trunk.widths=[4, 4, 6, 6, 8]",
        "model.image_size=32",
        "train.stages=[{name='matching', steps=3}]",
    ];
    tiny.train("damsm", "damsm-cub", &[&words[..], &damsm].concat());
    let encoder = format!("text.encoder={}", tiny.run("damsm").display());
    let staged = [
        encoder.as_str(),
        "evaluate.probe=",
        "model.stages=2",
        "model.residuals=1",
        "model.generator_width=2",
        "model.discriminator_width=2",
        "model.noise_dim=4",
        "model.condition_dim=4",
        // Enough for noise to be seen in 8 bits.
        "train.optimizer.g.lr=0.05",
        "model.ema=0.5",
        "train.stages=[{name='adversarial', steps=4}]",
    ];
    let staged = [&words[..], &staged].concat();
    tiny.train("attngan", "attngan-cub", &staged);
    tiny.train("dm-gan", "dm-gan-cub", &staged);
    let one_stage = [
        encoder.as_str(),
        "evaluate.probe=",
        "model.resolution=32",
        "model.generator_width=2",
        "model.discriminator_width=2",
        "model.mask_width=4",
        "model.noise_dim=4",
        // Enough for noise to be seen in 8 bits.
        "train.optimizer.g.lr=0.05",
        "model.ema=0.5",
        "train.stages=[{name='adversarial', steps=4}]",
    ];
    let one_stage = [&words[..], &one_stage].concat();
    let captioner = [
        encoder.as_str(),
        "model.image_size=32",
        "model.image_dim=8",
        "model.words=10",
        "model.vocabulary=60",
        "model.decoder.embedding_dim=4",
        "model.decoder.hidden=6",
        "train.batch_size=4",
        "train.stages=[{name='captioning', steps=3}]",
    ];
    tiny.train("captioner", "captioner-cub", &captioner);
    tiny.train("df-gan", "df-gan-cub", &one_stage);
    tiny.train("ssa-gan", "ssa-gan-cub", &one_stage);
}

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("creates");
    for entry in fs::read_dir(from).expect("readable folder") {
        let entry = entry.expect("readable entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copies");
        }
    }
}
