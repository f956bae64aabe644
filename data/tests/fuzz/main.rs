//! Readers of data files over changed files.

mod harness;
mod seeds;

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use harness::{FAST, SLOW, Target, hold, serve};
use wordpaint_data::formats::captions::WordCaptions;
use wordpaint_data::formats::npy;
use wordpaint_data::formats::pickle::{Pickle, Value};
use wordpaint_data::formats::t7::{Item, T7};
use wordpaint_data::formats::{matlab, npz, torch};
use wordpaint_data::{TextImageDataset, layouts};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const PICKLE: Target = Target {
    name: "pickle",
    seeds: seeds::pickles,
    read: |_, data| {
        let Ok(pickle) = Pickle::parse(Path::new("x.pickle"), data.to_vec()) else {
            return false;
        };
        walk_pickle(&pickle);
        true
    },
};

const CAPTIONS: Target = Target {
    name: "captions-pickle",
    seeds: seeds::captions,
    read: |folder, data| WordCaptions::open(&write(folder, "captions.pickle", data)).is_ok(),
};

const LEGACY: Target = Target {
    name: "torch-legacy",
    seeds: || vec![include_bytes!("../torch/legacy.pth").to_vec()],
    read: |folder, data| torch::read(&write(folder, "a.pth", data)).is_ok(),
};

const ARCHIVE: Target = Target {
    name: "torch-zip",
    seeds: || {
        vec![
            include_bytes!("../torch/zip.pth").to_vec(),
            include_bytes!("../torch/checkpoint.pth").to_vec(),
        ]
    },
    read: |folder, data| torch::read(&write(folder, "a.pth", data)).is_ok(),
};

/// Under a checksum that fits, so that the pickle is read.
const STATE: Target = Target {
    name: "torch-state",
    seeds: || vec![seeds::state()],
    read: |folder, data| {
        let bytes = zip(&[
            ("a/data.pkl", data),
            ("a/byteorder", b"little"),
            ("a/data/0", &[0; 16]),
        ]);
        torch::read(&write(folder, "a.pth", &bytes)).is_ok()
    },
};

const T7_FILES: Target = Target {
    name: "t7",
    seeds: || vec![seeds::t7()],
    read: |_, data| {
        let Ok(file) = T7::parse(Path::new("x.t7"), data.to_vec()) else {
            return false;
        };
        walk_t7(&file);
        true
    },
};

const NPY: Target = Target {
    name: "npy",
    seeds: seeds::npy,
    read: |_, data| {
        let Ok(array) = npy::Array::parse(data.to_vec()) else {
            return false;
        };
        let _ = (array.to_f32(), array.to_f64(), array.count(), array.text());
        true
    },
};

const NPZ: Target = Target {
    name: "npz",
    seeds: || {
        let arrays = seeds::npy();
        vec![zip(&[("mu.npy", &arrays[0]), ("sigma.npy", &arrays[1])])]
    },
    read: |folder, data| npz::read(&write(folder, "a.npz", data)).is_ok(),
};

const MATLAB: Target = Target {
    name: "matlab",
    seeds: seeds::matlab,
    read: |_, data| matlab::parse(data).is_ok(),
};

const COCO: Target = Target {
    name: "coco",
    seeds: || vec![seeds::COCO_CAPTIONS.into(), seeds::COCO_INSTANCES.into()],
    read: |folder, data| {
        let annotations = folder.join("annotations");
        fs::create_dir_all(&annotations).expect("a folder");
        let is_captions = data.windows(10).any(|part| part == b"\"caption\":");
        let (captions, instances): (&[u8], &[u8]) = if is_captions {
            (data, seeds::COCO_INSTANCES.as_bytes())
        } else {
            (seeds::COCO_CAPTIONS.as_bytes(), data)
        };
        write(&annotations, "captions_train2014.json", captions);
        write(&annotations, "instances_train2014.json", instances);
        walk_dataset(layouts::coco::open(&format!("coco:{}", folder.display())))
    },
};

const PREPARED: Target = Target {
    name: "captions-json",
    seeds: || vec![seeds::PREPARED.into()],
    read: |folder, data| {
        write(folder, "captions.json", data);
        walk_dataset(layouts::attngan::open(&format!(
            "attngan:{}",
            folder.display()
        )))
    },
};

const IMAGES: Target = Target {
    name: "images",
    seeds: seeds::images,
    read: |folder, data| {
        let class = folder.join("class");
        fs::create_dir_all(&class).expect("a folder");
        write(&class, "a.txt", b"a bird");
        write(&class, "a.png", data);
        verified(folder)
    },
};

/// PNG files whose checksums fit, so that their chunks are decoded.
const CHUNKS: Target = Target {
    name: "png-chunks",
    seeds: || seeds::images()[..2].to_vec(),
    read: |folder, data| {
        let class = folder.join("class");
        fs::create_dir_all(&class).expect("a folder");
        write(&class, "a.txt", b"a bird");
        write(&class, "a.png", &seeds::with_checksums(data));
        verified(folder)
    },
};

const TEXTS: Target = Target {
    name: "caption-lists",
    seeds: || {
        vec![
            b"a red bird\na blue bird\n".to_vec(),
            "\u{feff}caf\u{e9}\r\n\r\n".into(),
        ]
    },
    read: |folder, data| {
        let class = folder.join("class");
        fs::create_dir_all(&class).expect("a folder");
        write(&class, "a.txt", data);
        write(&class, "a.png", &seeds::images()[0]);
        verified(folder)
    },
};

/// What stands in `folder`, verified as by `wordpaint data verify`.
fn verified(folder: &Path) -> bool {
    let data = layouts::folder::open(&format!("folder:{}", folder.display())).expect("a folder");
    data.verify(&|_, _| ()).is_empty()
}

fn walk_dataset(data: Result<layouts::OnDisk, wordpaint_data::DataError>) -> bool {
    let Ok(data) = data else {
        return false;
    };
    for index in 0..data.len() {
        let _ = data.record(index);
    }
    data.fingerprint();
    true
}

/// Touches everything that a loader could.
fn walk_pickle(pickle: &Pickle) {
    let mut waiting = vec![pickle.root()];
    let mut steps = 0;
    while let Some(value) = waiting.pop() {
        // Values that hold themselves go on for ever.
        steps += 1;
        if steps > 10_000 {
            return;
        }
        let _ = (pickle.texts(value), pickle.ints(value), pickle.text(value));
        if let Ok(array) = pickle.array(value) {
            let _ = (array.to_f32(), array.to_i64());
        }
        if matches!(value, Value::Object(_)) {
            waiting.extend(pickle.list(value).unwrap_or_default().iter().take(100));
            let entries = pickle.dict(value).unwrap_or_default().iter().take(100);
            waiting.extend(entries.flat_map(|&(key, value)| [key, value]));
        }
    }
}

fn walk_t7(file: &T7) {
    let mut waiting = vec![file.root()];
    let mut steps = 0;
    while let Some(item) = waiting.pop() {
        steps += 1;
        if steps > 10_000 {
            return;
        }
        let _ = (file.text(item), file.number(item), file.class(item));
        let _ = (file.field(item, "modules"), file.element(item, 1));
        if let Ok(tensor) = file.tensor(item) {
            let _ = (tensor.to_f32(), tensor.to_f64());
        }
        if matches!(item, Item::Object(_)) {
            let entries = file.entries(item).unwrap_or_default().iter().take(100);
            waiting.extend(entries.flat_map(|&(key, value)| [key, value]));
        }
    }
}

fn write(folder: &Path, name: &str, data: &[u8]) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::write(&path, data).expect("writes");
    path
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(*name, options).expect("memory");
        zip.write_all(bytes).expect("memory");
    }
    zip.finish().expect("memory").into_inner()
}

/// A fast and a slow test per reader, and the list of all for the child.
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
    pickles_answer: PICKLE,
    pickled_captions_answer: CAPTIONS,
    state_dictionaries_of_the_older_format_answer: LEGACY,
    state_dictionaries_in_archives_answer: ARCHIVE,
    pickles_of_state_dictionaries_answer: STATE,
    torch7_files_answer: T7_FILES,
    arrays_of_numpy_answer: NPY,
    archives_of_numpy_answer: NPZ,
    matlab_files_answer: MATLAB,
    annotations_of_coco_answer: COCO,
    prepared_captions_answer: PREPARED,
    images_answer_to_verify: IMAGES,
    chunks_of_png_answer_to_verify: CHUNKS,
    lists_of_captions_answer_to_verify: TEXTS,
}
