//! Image files to RGB.

use std::path::Path;

use image::{ImageReader, Limits, RgbImage};

use crate::DataError;
use crate::formats::cursor::{Cursor, Truncated};
use crate::input;

/// Most bytes that an image may unpack to: 89 million pixels of eight bits and three colours.
const LARGEST: u64 = 1 << 28;
/// First bytes of a PNG file.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Decodes a JPEG, PNG or WebP file; grey and CMYK become RGB, transparency is dropped and 16 bits
/// are scaled to 8, as Pillow's conversion to RGB does for all but the last.
///
/// JPEG decoders fill what a truncated file lacks with grey, and PNG decoders read no checksum behind
/// the last row, so both are checked first.
pub fn decode_rgb(path: &Path) -> Result<RgbImage, DataError> {
    decode_rgb_bytes(path, &read(path)?)
}

/// [`decode_rgb`] of the contents of the file at `path`.
pub fn decode_rgb_bytes(path: &Path, data: &[u8]) -> Result<RgbImage, DataError> {
    check_complete(path, data)?;
    let reader = ImageReader::new(std::io::Cursor::new(data)).with_guessed_format();
    let mut reader = reader.map_err(|e| DataError::io("read", path, e))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(LARGEST);
    reader.limits(limits);
    reader.decode().map(|image| image.to_rgb8()).map_err(|e| {
        DataError::format(
            path,
            format!("cannot be decoded ({e}); remove it, or unpack, download or make it again"),
        )
    })
}

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    match input::read(path, input::IMAGE) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(DataError::missing(
            path,
            "the image that the lists name; unpack the image archive completely",
        )),
        other => other.map_err(|e| DataError::io("read", path, e)),
    }
}

/// Refuses what decoders forgive: files that end early, and PNG files whose checksums are not those
/// of their content.
fn check_complete(path: &Path, data: &[u8]) -> Result<(), DataError> {
    let problem = if data.starts_with(&[0xff, 0xd8]) && !jpeg_is_complete(data) {
        Some("truncated JPEG".to_owned())
    } else if let Some(chunks) = data.strip_prefix(PNG) {
        png_problem(chunks).map(|problem| format!("damaged PNG ({problem})"))
    } else {
        let announced = webp_length(data).filter(|&length| length > data.len() as u64);
        announced.map(|length| format!("truncated WebP, {length} bytes announced"))
    };
    let Some(problem) = problem else {
        return Ok(());
    };
    let message = format!(
        "{problem}: {} bytes; unpack or download it again",
        data.len()
    );
    Err(DataError::format(path, message))
}

/// What is wrong with the chunks behind the signature: each has its length, type, content and
/// checksum, and `IEND` is the last.
fn png_problem(chunks: &[u8]) -> Option<String> {
    let mut input = Cursor::new(chunks);
    loop {
        let chunk = |input: &mut Cursor<'_>| {
            let length = u32::from_be_bytes(input.array()?);
            let start = input.position();
            let kind = input.array::<4>()?;
            input.take(length.into())?;
            let content = input.slice(start..input.position()).unwrap_or_default();
            let crc = u32::from_be_bytes(input.array()?);
            Ok::<_, Truncated>((kind, crc32fast::hash(content) == crc))
        };
        match chunk(&mut input) {
            Err(_) => return Some("it ends before its end chunk".into()),
            Ok((kind, false)) => {
                let kind = kind.escape_ascii();
                return Some(format!("the checksum of its chunk `{kind}` does not fit"));
            }
            Ok((kind, true)) if &kind == b"IEND" => return None,
            Ok(_) => {}
        }
    }
}

/// Bytes of a WebP file by its header; `None` for other files.
fn webp_length(data: &[u8]) -> Option<u64> {
    let (riff, rest) = data.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let is_webp = riff == b"RIFF" && rest.starts_with(b"WEBP");
    is_webp.then(|| 8 + u64::from(u32::from_le_bytes(*length)))
}

/// Whether the markers lead from the start of a JPEG to its end marker.
fn jpeg_is_complete(data: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // Any bytes up to a marker are entropy-coded data, or padding that decoders skip.
        let Some(next) = data
            .get(at..)
            .and_then(|d| d.iter().position(|&b| b == 0xff))
        else {
            return false;
        };
        at += next + 1;
        match data.get(at) {
            None => return false,
            Some(0xd9) => return true,
            // Stuffed byte, fill byte, restart markers: no length follows.
            Some(0x00 | 0x01 | 0xd0..=0xd8) => at += 1,
            Some(0xff) => {}
            Some(_) => {
                let Some(&[high, low]) = data.get(at + 1..at + 3).and_then(|d| d.first_chunk())
                else {
                    return false;
                };
                at += 1 + usize::from(u16::from_be_bytes([high, low]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A JPEG whose comment holds an end marker, so that only a walk finds the real one.
    fn jpeg() -> Vec<u8> {
        let mut data = Vec::new();
        let image = RgbImage::from_fn(24, 16, |x, y| image::Rgb([(x * 10) as u8, y as u8, 77]));
        let encoder = image::codecs::jpeg::JpegEncoder::new(&mut data);
        image.write_with_encoder(encoder).expect("memory");
        data.splice(2..2, [0xff, 0xfe, 0, 4, 0xff, 0xd9]);
        data
    }

    #[test]
    fn jpegs_cut_anywhere_are_refused() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a.jpg");
        let whole = jpeg();
        std::fs::write(&path, &whole).expect("write");
        assert_eq!(decode_rgb(&path).expect("complete").dimensions(), (24, 16));
        for cut in [8, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).expect("write");
            let error = decode_rgb(&path).expect_err("truncated").to_string();
            assert!(error.contains("a.jpg: truncated JPEG"), "{cut}: {error}");
        }
        std::fs::write(&path, b"no image").expect("write");
        assert!(
            decode_rgb(&path)
                .expect_err("text")
                .to_string()
                .contains("cannot be decoded")
        );
        let error = decode_rgb(&folder.path().join("b.jpg"))
            .expect_err("missing")
            .to_string();
        assert!(error.contains("b.jpg is missing"), "{error}");
    }

    #[test]
    fn grey_images_become_rgb() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("grey.jpg");
        image::GrayImage::from_pixel(9, 7, image::Luma([90]))
            .save(&path)
            .expect("write");
        assert_eq!(decode_rgb(&path).expect("grey").get_pixel(4, 4).0, [90; 3]);
    }
}
