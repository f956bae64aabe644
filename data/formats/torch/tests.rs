//! Files written by PyTorch 2.15: a state dictionary in both formats, inside a training checkpoint,
//! and a whole module.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use super::*;

const NEW: &[u8] = include_bytes!("../../tests/torch/zip.pth");
const OLD: &[u8] = include_bytes!("../../tests/torch/legacy.pth");
const CHECKPOINT: &[u8] = include_bytes!("../../tests/torch/checkpoint.pth");
const MODULE: &[u8] = include_bytes!("../../tests/torch/module.pth");

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary folder"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("weights.pth")
    }

    fn read(&self, content: &[u8]) -> Result<BTreeMap<String, Array>, String> {
        std::fs::write(self.path(), content).expect("writes");
        read(&self.path()).map_err(|error| error.to_string())
    }
}

fn eighths(numbers: &[u8]) -> Vec<f32> {
    numbers.iter().map(|&n| f32::from(n) / 8.0).collect()
}

fn expected() -> BTreeMap<String, Array> {
    let entries: [(&str, &[usize], Vec<f32>); 7] = [
        // Stored with the channels last.
        (
            "conv.weight",
            &[2, 2, 2, 2],
            eighths(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
        ),
        ("conv.bias", &[2], vec![0.5, -1.5]),
        // Columns 1 and 2 of a 4 x 6 matrix, transposed.
        (
            "linear.weight",
            &[2, 4],
            eighths(&[1, 7, 13, 19, 2, 8, 14, 20]),
        ),
        ("half", &[3], vec![1.0, -0.333_251_95, 65504.0]),
        ("brain", &[2], vec![1.0, -2.5]),
        ("double", &[1], vec![0.1]),
        ("scalar", &[], vec![7.0]),
    ];
    let array = |(name, shape, values): (&str, &[usize], Vec<f32>)| {
        let shape = shape.to_vec();
        (name.to_owned(), Array { shape, values })
    };
    entries.into_iter().map(array).collect()
}

#[test]
fn both_formats_and_a_training_checkpoint_give_the_same_numbers() {
    let scratch = Scratch::new();

    for file in [NEW, OLD, CHECKPOINT] {
        assert_eq!(scratch.read(file), Ok(expected()));
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let scratch = Scratch::new();

    for file in [NEW, OLD] {
        for length in 0..file.len() {
            let error = scratch.read(&file[..length]);
            let error = error.expect_err(&format!("{length} of {} bytes", file.len()));
            assert!(error.contains("weights.pth: "), "{error}");
        }
    }
}

#[test]
fn a_changed_number_in_an_archive_is_noticed() {
    let scratch = Scratch::new();
    let bias: Vec<u8> = [0.5_f32, -1.5]
        .iter()
        .flat_map(|n| n.to_le_bytes())
        .collect();
    let at = NEW
        .windows(8)
        .position(|bytes| bytes == bias)
        .expect("stored as it is");
    let mut changed = NEW.to_vec();
    changed[at] ^= 1;

    let error = scratch.read(&changed).expect_err("another number");

    assert!(error.contains("checksum"), "{error}");
}

#[test]
fn no_changed_byte_makes_the_reader_panic() {
    let scratch = Scratch::new();

    for file in [NEW, OLD] {
        for at in 0..file.len() {
            let mut changed = file.to_vec();
            changed[at] = !changed[at];
            let attempt = catch_unwind(AssertUnwindSafe(|| scratch.read(&changed)));
            assert!(attempt.is_ok(), "byte {at}");
        }
    }
}

#[test]
fn whole_modules_and_hostile_pickles_are_refused_with_the_name_they_ask_for() {
    let scratch = Scratch::new();
    let keys = OLD
        .windows(4)
        .position(|bytes| bytes == b"\x80\x02cc")
        .expect("main pickle");
    let mut hostile = OLD[..keys].to_vec();
    hostile.extend_from_slice(b"cos\nsystem\n(S'touch executed'\ntR.");

    let module = scratch.read(MODULE).expect_err("code");
    let command = scratch.read(&hostile).expect_err("code");

    assert!(
        module.contains("torch.nn.modules.linear.Linear"),
        "{module}"
    );
    assert!(module.contains("state_dict()"), "{module}");
    assert!(command.contains("`os.system`"), "{command}");
}

#[test]
fn modules_of_scripts_are_read_by_their_attributes_and_nothing_else_of_them() {
    let scratch = Scratch::new();
    let module = |attributes: &[u8]| {
        let class = b"\x80\x02c__torch__.nn\nNet\nq\x00)\x81q\x01";
        around(&[class.as_slice(), attributes, b"."].concat())
    };

    for (attributes, expected) in [
        // A module that holds itself.
        (
            &b"}X\x01\x00\x00\x00ah\x01sb"[..],
            "than any state dictionary",
        ),
        (b"}b}b", "holds no tensor"),
        (b"}X\x01\x00\x00\x00aNsb}b", "twice"),
        (b"Nb", "no dictionary"),
        (b"h\x00(Nt\x81b", "other than a module"),
        (b"cos\nsystem\n)\x81b", "`os.system`"),
    ] {
        let error = scratch.read(&module(attributes)).expect_err("no weights");

        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn other_files_are_refused_with_what_they_are() {
    let scratch = Scratch::new();
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");

    for (content, expected) in [
        (tar.as_slice(), "tar archive"),
        (b"", "not a file of `torch.save`"),
        (b"\x89HDF\r\n", "not a file of `torch.save`"),
    ] {
        let error = scratch.read(content).expect_err("not a state dictionary");
        assert!(error.contains(expected), "{error}");
    }
}

/// A file of the older format around a pickle of the state dictionary.
fn around(pickle: &[u8]) -> Vec<u8> {
    let start = OLD
        .windows(4)
        .position(|bytes| bytes == b"\x80\x02cc")
        .expect("main pickle");
    [&OLD[..start], pickle, b"\x80\x02]."].concat()
}

#[test]
fn a_small_file_whose_dictionaries_hold_themselves_costs_little() {
    // 20,000 times the same long key with the dictionary itself under it: 60 KB, which unfolded
    // would be 5 GB of names.
    let mut pickle = b"\x80\x02}q\x00(X\x20\x4e\x00\x00".to_vec();
    pickle.extend(vec![b'k'; 20_000]);
    pickle.extend(b"q\x01h\x00");
    pickle.extend(b"h\x01h\x00".repeat(10_000));
    pickle.extend(b"u.");

    let error = Scratch::new().read(&around(&pickle)).expect_err("hostile");

    assert!(
        error.contains("longer names than any state dictionary"),
        "{error}"
    );

    let mut pickle = b"\x80\x02}q\x00(X\x01\x00\x00\x00kq\x01h\x00".to_vec();
    pickle.extend(b"h\x01h\x00".repeat(10_000));
    pickle.extend(b"u.");
    let error = Scratch::new().read(&around(&pickle)).expect_err("hostile");
    assert!(
        error.contains("more entries than any state dictionary"),
        "{error}"
    );
}

#[test]
fn a_storage_larger_than_its_file_is_refused_before_it_is_made() {
    let tensor = |count: &[u8]| {
        [
            b"\x80\x02}(X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(".as_slice(),
            b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu",
            count,
            b"tQK\x00",
            count,
            b"\x85K\x01\x85\x89NtRu.",
        ]
        .concat()
    };
    for count in [
        &b"J\xff\xff\xff\x7f"[..],
        b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
    ] {
        let error = Scratch::new()
            .read(&around(&tensor(count)))
            .expect_err("huge");
        assert!(
            error.contains("more numbers than the file has bytes"),
            "{error}"
        );
    }
}
