//! Files as `torch.save` writes state dictionaries: an archive of a pickle and of raw numbers.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use burn::prelude::TensorData;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Writes 32-bit floats under their names.
pub(crate) fn write_pth(path: &Path, tensors: &[(String, TensorData)]) {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut add = |name: String, content: &[u8]| {
        archive.start_file(name, stored).expect("a new file");
        archive.write_all(content).expect("writes");
    };
    add("archive/data.pkl".into(), &pickle(tensors));
    add("archive/byteorder".into(), b"little");
    for (i, (_, data)) in tensors.iter().enumerate() {
        let values: Vec<u8> = data.iter::<f32>().flat_map(f32::to_le_bytes).collect();
        add(format!("archive/data/{i}"), &values);
    }
    add("archive/version".into(), b"3\n");
    let bytes = archive.finish().expect("complete").into_inner();
    fs::write(path, bytes).expect("writes");
}

/// An `OrderedDict` of tensors, each a view of a storage of its own, by protocol 2.
fn pickle(tensors: &[(String, TensorData)]) -> Vec<u8> {
    let mut out = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    for (i, (name, data)) in tensors.iter().enumerate() {
        text(&mut out, name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut out, "storage");
        out.extend(b"ctorch\nFloatStorage\n");
        text(&mut out, &i.to_string());
        text(&mut out, "cpu");
        let shape = data.shape.to_vec();
        number(&mut out, shape.iter().product());
        // Storage by its id, from offset 0.
        out.extend(b"tQ");
        number(&mut out, 0);
        let strides = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product());
        tuple(&mut out, &shape);
        tuple(&mut out, &strides.collect::<Vec<_>>());
        // No gradient, no hooks.
        out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    out.extend(b"u.");
    out
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
