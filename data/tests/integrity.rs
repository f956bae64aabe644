//! Every format that carries checksums: a flipped bit is refused or changes nothing, and so is what
//! is missing or stands behind the end.

use std::io::{Cursor, Write};
use std::path::Path;

use image::{ImageFormat, RgbImage, RgbaImage};
use wordpaint_data::formats::{matlab, npz, torch};
use wordpaint_data::layouts::decode_rgb_bytes;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Reads a file's bytes into something that can be compared; `None` where they are refused.
type Read<'a> = &'a dyn Fn(&[u8]) -> Option<String>;

/// Flips one bit of every byte in turn.
fn hold_flips(what: &str, bytes: &[u8], read: Read<'_>) {
    let bits = (0..bytes.len()).map(|at| at * 8 + at * 5 % 8);
    hold_flips_of(bits, what, bytes, read);
}

fn hold_flips_of(bits: impl Iterator<Item = usize>, what: &str, bytes: &[u8], read: Read<'_>) {
    let whole = read(bytes).unwrap_or_else(|| panic!("{what} is valid"));
    for bit in bits {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Some(found) = read(&flipped) {
            assert_eq!(found, whole, "{what}, bit {} of byte {}", bit % 8, bit / 8);
        }
    }
}

/// Cuts the file everywhere.
fn hold_cuts(what: &str, bytes: &[u8], read: Read<'_>) {
    for length in 0..bytes.len() {
        let found = read(&bytes[..length]);
        assert_eq!(found, None, "{what}, {length} of {} bytes", bytes.len());
    }
}

/// Puts bytes behind the end.
fn hold_tails(what: &str, bytes: &[u8], read: Read<'_>) {
    let whole = read(bytes);
    for tail in [&[0; 1][..], &[0xff; 40], bytes] {
        let longer = [bytes, tail].concat();
        let found = read(&longer);
        assert!(
            found.is_none() || found == whole,
            "{what}, a tail of {}",
            tail.len()
        );
    }
}

fn hold_all(what: &str, bytes: &[u8], read: Read<'_>) {
    hold_flips(what, bytes, read);
    hold_cuts(what, bytes, read);
    hold_tails(what, bytes, read);
}

fn npy(shape: &str, values: &[f64]) -> Vec<u8> {
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    bytes
}

/// What `read` makes of the bytes as a file.
fn from_file<T: std::fmt::Debug, E>(
    name: &str,
    read: impl Fn(&Path) -> Result<T, E>,
) -> impl Fn(&[u8]) -> Option<String> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let name = name.to_owned();
    move |bytes| {
        let path = folder.path().join(&name);
        std::fs::write(&path, bytes).expect("writes");
        read(&path).ok().map(|found| format!("{found:?}"))
    }
}

#[test]
fn archives_of_numpy_are_compared_with_their_checksums() {
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in [
            ("mu.npy", npy("(2,)", &[0.5, -1.0])),
            ("sigma.npy", npy("(2, 2)", &[2.0, 0.25, 0.25, 1.0])),
        ] {
            let options = SimpleFileOptions::default().compression_method(method);
            zip.start_file(name, options).expect("memory");
            zip.write_all(&content).expect("memory");
        }
        let bytes = zip.finish().expect("memory").into_inner();

        hold_all("npz", &bytes, &from_file("a.npz", npz::read));
    }
}

#[test]
fn state_dictionaries_in_archives_are_compared_with_their_checksums() {
    let bytes = include_bytes!("torch/zip.pth");

    hold_all("pth", bytes, &from_file("a.pth", torch::read));
}

#[test]
#[ignore = "slow: half a minute of flips"]
fn every_bit_of_a_state_dictionary_is_compared_with_its_checksum() {
    let bytes = include_bytes!("torch/zip.pth");
    let all = 0..bytes.len() * 8;

    hold_flips_of(all, "pth", bytes, &from_file("a.pth", torch::read));
}

#[test]
fn compressed_variables_of_matlab_are_compared_with_their_checksums() {
    let tagged = |kind: u32, content: &[u8]| {
        let mut out = kind.to_le_bytes().to_vec();
        out.extend((content.len() as u32).to_le_bytes());
        out.extend(content);
        out.resize(out.len().next_multiple_of(8), 0);
        out
    };
    let values: Vec<u8> = (1..=30_u16).flat_map(u16::to_le_bytes).collect();
    let body = [
        tagged(6, &[6, 0, 0, 0, 0, 0, 0, 0]),
        tagged(5, &[1, 0, 0, 0, 30, 0, 0, 0]),
        tagged(1, b"labels"),
        tagged(4, &values),
    ];
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packed
        .write_all(&tagged(14, &body.concat()))
        .expect("memory");
    let packed = packed.finish().expect("memory");
    let mut bytes = vec![b' '; 124];
    bytes.extend([0, 1, b'I', b'M']);
    let start = bytes.len();
    bytes.extend(15_u32.to_le_bytes());
    bytes.extend((packed.len() as u32).to_le_bytes());
    bytes.extend(&packed);
    // Seen through the variable that is asked for, as by a dataset.
    let read = |bytes: &[u8]| {
        let found = matlab::parse(bytes).ok()?;
        let labels = found.into_iter().find(|matrix| matrix.name == "labels")?;
        Some(format!("{labels:?}"))
    };

    hold_flips("mat", &bytes, &read);
    hold_tails("mat", &bytes, &read);
    for length in start + 1..bytes.len() {
        assert_eq!(read(&bytes[..length]), None, "{length} bytes");
    }
}

#[test]
fn images_with_checksums_are_compared_with_them_to_the_last_chunk() {
    let read = |bytes: &[u8]| {
        let image = decode_rgb_bytes(Path::new("a.png"), bytes).ok()?;
        Some(format!("{:?} {:?}", image.dimensions(), image.as_raw()))
    };
    let colour = RgbImage::from_fn(7, 5, |x, y| image::Rgb([(x * 36) as u8, (y * 50) as u8, 9]));
    let clear = RgbaImage::from_fn(3, 4, |x, y| image::Rgba([x as u8, y as u8, 200, 90]));
    let grey = image::GrayImage::from_fn(6, 2, |x, y| image::Luma([(x * 40 + y) as u8]));
    for image in [
        image::DynamicImage::from(colour),
        image::DynamicImage::from(clear),
        image::DynamicImage::from(grey),
    ] {
        let mut bytes = Cursor::new(Vec::new());
        image
            .write_to(&mut bytes, ImageFormat::Png)
            .expect("memory");

        hold_all("png", bytes.get_ref(), &read);
    }
}

#[test]
fn images_without_checksums_are_refused_where_they_end_early() {
    let image = RgbImage::from_fn(24, 16, |x, y| image::Rgb([(x * 10) as u8, y as u8, 77]));
    for format in [ImageFormat::WebP, ImageFormat::Jpeg] {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).expect("memory");
        let read = |bytes: &[u8]| {
            let image = decode_rgb_bytes(Path::new("a"), bytes).ok()?;
            Some(format!("{:?} {:?}", image.dimensions(), image.as_raw()))
        };

        hold_cuts("image", bytes.get_ref(), &read);
        hold_tails("image", bytes.get_ref(), &read);
    }
}
