//! Files as `torch.save` writes state dictionaries: an archive of a pickle and of raw numbers.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use burn::prelude::TensorData;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

type Named = (String, TensorData);

/// Writes 32-bit floats under their names.
pub(crate) fn write_pth(path: &Path, tensors: &[Named]) {
    let mut out = b"\x80\x02".to_vec();
    dict(&mut out, tensors, 0);
    out.push(b'.');
    write(path, &out, tensors.iter());
}

/// Writes state dictionaries of several networks as a training state keeps them: in a dictionary
/// called `model`, beside the number of the epoch.
pub(crate) fn write_state(path: &Path, networks: &[(&str, Vec<Named>)]) {
    let mut out = b"\x80\x02}(".to_vec();
    text(&mut out, "model");
    out.extend(b"}(");
    let mut first = 0;
    for (name, tensors) in networks {
        text(&mut out, name);
        dict(&mut out, tensors, first);
        first += tensors.len();
    }
    out.push(b'u');
    text(&mut out, "epoch");
    number(&mut out, 1220);
    out.extend(b"u.");
    write(path, &out, networks.iter().flat_map(|(_, tensors)| tensors));
}

/// An archive of a pickle and of the storages it refers to.
fn write<'a>(path: &Path, pickle: &[u8], tensors: impl Iterator<Item = &'a Named>) {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut add = |name: String, content: &[u8]| {
        archive.start_file(name, stored).expect("a new file");
        archive.write_all(content).expect("writes");
    };
    add("archive/data.pkl".into(), pickle);
    add("archive/byteorder".into(), b"little");
    for (i, (_, data)) in tensors.enumerate() {
        let values: Vec<u8> = data.iter::<f32>().flat_map(f32::to_le_bytes).collect();
        add(format!("archive/data/{i}"), &values);
    }
    add("archive/version".into(), b"3\n");
    let bytes = archive.finish().expect("complete").into_inner();
    fs::write(path, bytes).expect("writes");
}

/// An `OrderedDict` of tensors, each a view of a storage of its own from number `first` on, by
/// protocol 2.
fn dict(out: &mut Vec<u8>, tensors: &[Named], first: usize) {
    out.extend(b"ccollections\nOrderedDict\n)R(");
    for (i, (name, data)) in (first..).zip(tensors) {
        text(out, name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(out, "storage");
        out.extend(b"ctorch\nFloatStorage\n");
        text(out, &i.to_string());
        text(out, "cpu");
        let shape = data.shape.to_vec();
        number(out, shape.iter().product());
        // Storage by its id, from offset 0.
        out.extend(b"tQ");
        number(out, 0);
        let strides = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product());
        tuple(out, &shape);
        tuple(out, &strides.collect::<Vec<_>>());
        // No gradient, no hooks.
        out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    out.push(b'u');
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn number(out: &mut Vec<u8>, number: usize) {
    out.push(b'J');
    out.extend((number as i32).to_le_bytes());
}

fn tuple(out: &mut Vec<u8>, numbers: &[usize]) {
    out.push(b'(');
    for &n in numbers {
        number(out, n);
    }
    out.push(b't');
}
