//! Readers of the program over changed files.

#[path = "../../data/tests/fuzz/harness.rs"]
mod harness;

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use harness::{FAST, SLOW, Target, hold, serve};
use sha2::{Digest, Sha256};
use wordpaint::config;
use wordpaint::evaluate::rank::collect::collect;
use wordpaint::evaluate::rank::prepare::{Study, prepare};
use wordpaint::evaluate::statistics;
use wordpaint::launch::generation::read_captions;
use wordpaint::run::checkpoint;
use wordpaint::setup::weights;
use wordpaint::train::saving;
use wordpaint::train::strategy::StageRun;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const SAFETENSORS: Target = Target {
    name: "safetensors",
    seeds: || {
        let header = |text: &str, data: &[u8]| {
            let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
            bytes.extend(text.bytes());
            bytes.extend(data);
            bytes
        };
        vec![
            header(
                r#"{"a.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[1],"data_offsets":[8,10]}}"#,
                &[0; 10],
            ),
            header(
                r#"{"__metadata__":{"format":"pt"},"c":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}"#,
                &[1; 8],
            ),
        ]
    },
    read: |folder, data| weights::read(&write(folder, "a.safetensors", data)).is_ok(),
};

const STATISTICS: Target = Target {
    name: "statistics",
    // Both arrays, one after the other; the second begins at its magic number.
    seeds: || {
        let array = |shape: &str, values: &[f64]| {
            let header =
                format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n");
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend((header.len() as u16).to_le_bytes());
            bytes.extend(header.bytes());
            bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            bytes
        };
        let mu = array("(2,)", &[0.5, -1.0]);
        let sigma = array("(2, 2)", &[2.0, 0.25, 0.25, 1.0]);
        vec![[mu, sigma].concat()]
    },
    read: |folder, data| {
        let magic = |part: &[u8]| part == b"\x93NUMPY";
        let second = data
            .windows(6)
            .skip(1)
            .position(magic)
            .map_or(data.len(), |at| at + 1);
        let (mu, sigma) = data.split_at(second);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in [("mu.npy", mu), ("sigma.npy", sigma)] {
            zip.start_file(name, SimpleFileOptions::default())
                .expect("memory");
            zip.write_all(bytes).expect("memory");
        }
        let bytes = zip.finish().expect("memory").into_inner();
        statistics::read(&write(folder, "s.npz", &bytes)).is_ok()
    },
};

const CAPTIONS: Target = Target {
    name: "captions",
    seeds: || {
        vec![
            b"a red bird\r\n\n  a blue bird  \n".to_vec(),
            "\u{feff}caf\u{e9}".into(),
        ]
    },
    read: |folder, data| read_captions(&write(folder, "captions.txt", data)).is_ok(),
};

const OVERRIDES: Target = Target {
    name: "overrides",
    seeds: || {
        [
            "train.seed=7",
            "model.noise_dim=16",
            "data.uri=\"synth:birds?preset=nano&seed=3\"",
            "train.lr_generator=1e-4",
            "model={ noise_dim = 8, width = [1, 2] }",
            "text.encoder=experiment:char-cnn-rnn-cub",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
    },
    read: |_, data| {
        // Arguments that are not UTF-8 never get here.
        let text = String::from_utf8_lossy(data).into_owned();
        match config::load("gan-int-cls-cub", &[text], true) {
            Ok(experiment) => experiment.family_facts().is_ok(),
            // Seeds of other families are refused by name.
            Err(error) => error.to_string().contains("unknown key"),
        }
    },
};

const EXPERIMENTS: Target = Target {
    name: "experiments",
    seeds: || {
        vec![
            include_bytes!("../../experiments/gan-int-cls-oxford.toml").to_vec(),
            include_bytes!("../../experiments/char-cnn-rnn-cub.toml").to_vec(),
        ]
    },
    read: |folder, data| {
        let path = write(folder, "mine.toml", data);
        config::load(&path.display().to_string(), &[], true).is_ok()
    },
};

const MANIFESTS: Target = Target {
    name: "manifests",
    seeds: || {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = saved(folder.path(), b"{}");
        vec![fs::read(path.join("manifest.json")).expect("readable")]
    },
    read: |folder, data| {
        let path = folder.join("step-7");
        fs::create_dir_all(&path).expect("a folder");
        write(&path, "place.json", b"{}");
        write(&path, "manifest.json", data);
        checkpoint::load(&path).is_ok()
    },
};

const POSITIONS: Target = Target {
    name: "places",
    seeds: || {
        let text = r#"{"step": 7, "stage": 0, "stage_step": 7, "is_finished": false}"#;
        vec![text.into()]
    },
    read: |folder, data| {
        let loaded = checkpoint::load(&saved(folder, data)).expect("a fitting manifest");
        let stage = StageRun {
            name: "adversarial",
            phases: Vec::new(),
            has_fresh_optimizer_per_epoch: false,
            steps: 10,
        };
        saving::place(&loaded, &[stage]).is_ok()
    },
};

const KEY: &str = r#"{"study":"ab","version":1,"seed":4,"methods":["x","y"],"texts":["a bird"],
  "pages":[{"user":1,"questions":[{"id":"q","task":"quality","text":0,"is_repeat":false,
  "images":[{"id":"i","method":0},{"id":"j","method":1}]}]}]}"#;
const ANSWERS: &str = r#"{"study":"ab","user":1,"answers":[{"question":"q","order":["j","i"]}]}"#;

const RANKS: Target = Target {
    name: "ranks",
    seeds: || vec![KEY.into(), ANSWERS.into()],
    read: |folder, data| {
        let is_key = data.windows(7).any(|part| part == b"\"pages\"");
        let (key, answers) = if is_key {
            (data, ANSWERS.as_bytes())
        } else {
            (KEY.as_bytes(), data)
        };
        let key = write(folder, "key.json", key);
        let answers = write(folder, "answers.json", answers);
        collect(&key, &[answers], true).is_ok()
    },
};

const TEXTS: Target = Target {
    name: "rank-captions",
    seeds: || vec![b"a.png\ta red bird\nb.png\ta blue bird\n".to_vec()],
    read: |folder, data| {
        let images = folder.join("images");
        if !images.exists() {
            fs::create_dir(&images).expect("a folder");
            let path = images.join("other.png");
            image::RgbImage::new(2, 2).save(path).expect("writes");
        }
        let study = Study {
            methods: ["x", "y"]
                .map(|name| (name.to_owned(), images.clone()))
                .to_vec(),
            captions: write(folder, "captions.tsv", data),
            texts: 2,
            users: 1,
            repeats: 0.5,
            seed: 1,
        };
        // Good captions are told by what is missed next.
        let error = prepare(&study, &folder.join("study")).expect_err("no such images");
        error.to_string().contains("has no image")
    },
};

/// A checkpoint of step 7 that holds only a place, under its digest.
fn saved(folder: &Path, place: &[u8]) -> PathBuf {
    let path = folder.join("step-7");
    fs::create_dir_all(&path).expect("a folder");
    write(&path, "place.json", place);
    let digest = checkpoint::hex(&Sha256::digest(place));
    let manifest = format!(
        r#"{{"format": 1, "step": 7, "files": {{"place.json": {{"bytes": {}, "sha256": "{digest}"}}}}}}"#,
        place.len()
    );
    write(&path, "manifest.json", manifest.as_bytes());
    path
}

fn write(folder: &Path, name: &str, data: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, data).expect("writes");
    path
}

macro_rules! readers {
    ($($test:ident: $target:ident),* $(,)?) => {
        #[test]
        fn child() {
            serve(&[$(&$target),*]);
        }

        mod fast {
            use super::*;
            $(#[test] fn $test() { hold(&$target, FAST); })*
        }

        mod slow {
            use super::*;
            $(#[test] #[ignore = "slow: 100,000 mutations"] fn $test() { hold(&$target, SLOW); })*
        }
    };
}

readers! {
    headers_of_safetensors_answer: SAFETENSORS,
    statistics_answer: STATISTICS,
    files_of_captions_answer: CAPTIONS,
    overrides_answer: OVERRIDES,
    experiment_files_answer: EXPERIMENTS,
    manifests_of_checkpoints_answer: MANIFESTS,
    positions_of_checkpoints_answer: POSITIONS,
    files_of_ranking_studies_answer: RANKS,
    captions_of_ranking_studies_answer: TEXTS,
}
