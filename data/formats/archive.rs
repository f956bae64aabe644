//! Zip archives, checked: the list of members against the header before each of them, every member
//! to its end, and what they unpack to against the size of the file.

use std::io::{Read, Seek, SeekFrom};

use zip::ZipArchive;

/// Bytes that any archive may unpack to.
const UNPACKED: u64 = 64 << 20;
/// How many times its own size an archive may unpack to beyond that; zeros are packed a thousand
/// times smaller, numbers hardly at all.
const RATIO: u64 = 100;
/// Bytes of the fixed part of a member's entry in the list at the end.
const ENTRY: usize = 46;
/// Bytes of the fixed part of the header before a member.
const HEADER: usize = 30;

/// An open archive.
#[derive(Debug)]
pub(super) struct Archive<R> {
    zip: ZipArchive<R>,
}

/// What the list at the end says of a member.
struct Listed {
    name: Vec<u8>,
    start: u64,
    method: u16,
    crc: u32,
}

impl<R: Read + Seek> Archive<R> {
    /// Opens an archive and compares its list of members with their headers.
    ///
    /// # Errors
    ///
    /// If it is no archive, or list and headers disagree, or it would unpack to much more than its
    /// own size.
    pub(super) fn open(reader: R) -> Result<Self, String> {
        let failed = |e: zip::result::ZipError| e.to_string();
        let mut zip = ZipArchive::new(reader).map_err(failed)?;
        if zip.offset() != 0 {
            return Err("it does not begin with its first member".into());
        }
        let (start, count) = (zip.central_directory_start(), zip.len());
        let mut members = Vec::new();
        let mut unpacked = 0_u64;
        for index in 0..count {
            let member = zip.by_index_raw(index).map_err(failed)?;
            unpacked = unpacked.saturating_add(member.size());
            members.push((member.name_raw().to_vec(), member.header_start()));
        }
        let mut reader = zip.into_inner();
        let unreadable = |e: std::io::Error| e.to_string();
        let length = reader.seek(SeekFrom::End(0)).map_err(unreadable)?;
        let most = UNPACKED.saturating_add(length.saturating_mul(RATIO));
        if unpacked > most {
            return Err(format!(
                "its {length} bytes announce {unpacked} unpacked ones, more than the {most} allowed"
            ));
        }
        let listed = list(&mut reader, start, &members)?;
        for member in &listed {
            check_header(&mut reader, member)?;
        }
        reader.rewind().map_err(unreadable)?;
        let zip = ZipArchive::new(reader).map_err(failed)?;
        Ok(Self { zip })
    }

    /// Names of the members.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.zip.file_names()
    }

    /// The bytes of the member called `name`; `None` where there is none. Its checksum is compared.
    ///
    /// # Errors
    ///
    /// If it is damaged or has more than `most` bytes.
    pub(super) fn member(&mut self, name: &str, most: u64) -> Result<Option<Vec<u8>>, String> {
        let Some(index) = self.zip.index_for_name(name) else {
            return Ok(None);
        };
        let member = self.zip.by_index(index).map_err(|e| e.to_string())?;
        let size = member.size();
        if size > most {
            return Err(format!(
                "it has {size} bytes where {most} were announced or allowed"
            ));
        }
        let mut bytes = Vec::new();
        // One byte more than announced: only the end of a member compares its checksum.
        let read = member.take(size.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|e| e.to_string())?;
        if bytes.len() as u64 != size {
            return Err(format!("it has not the {size} bytes that were announced"));
        }
        Ok(Some(bytes))
    }
}

/// The list of members at the end, which begins at `start`, as it stands in the file.
///
/// An entry too few would hide a member, and two of one name would hide one of them.
fn list<R: Read + Seek>(
    reader: &mut R,
    start: u64,
    members: &[(Vec<u8>, u64)],
) -> Result<Vec<Listed>, String> {
    const OTHERS: [&[u8]; 2] = [b"PK\x05\x06", b"PK\x06\x06"];
    reader
        .seek(SeekFrom::Start(start))
        .map_err(|e| e.to_string())?;
    let mut listed = Vec::with_capacity(members.len());
    loop {
        let mut signature = [0; 4];
        fill(reader, &mut signature)?;
        if OTHERS.contains(&&signature[..]) {
            break;
        }
        let Some((expected, at)) = members.get(listed.len()) else {
            return Err("its list of members has more entries than it counts".into());
        };
        let mut entry = [0; ENTRY - 4];
        fill(reader, &mut entry)?;
        if signature != *b"PK\x01\x02" {
            return Err("its list of members is damaged".into());
        }
        let number = |at: usize| u16::from_le_bytes([entry[at - 4], entry[at - 3]]);
        let mut name = vec![0; number(28).into()];
        fill(reader, &mut name)?;
        if name != *expected {
            return Err("its list of members names one twice".into());
        }
        let rest = i64::from(number(30)) + i64::from(number(32));
        reader.seek_relative(rest).map_err(|e| e.to_string())?;
        listed.push(Listed {
            name,
            start: *at,
            method: number(10),
            crc: u32::from(number(18)) << 16 | u32::from(number(16)),
        });
    }
    if listed.len() == members.len() {
        return Ok(listed);
    }
    Err("its list of members has fewer entries than it counts".into())
}

/// Compares the header before a member with what the list says of it.
fn check_header<R: Read + Seek>(reader: &mut R, listed: &Listed) -> Result<(), String> {
    /// The checksum follows the member.
    const IS_STREAMED: u16 = 1 << 3;
    let seek = reader.seek(SeekFrom::Start(listed.start));
    seek.map_err(|e| e.to_string())?;
    let mut header = [0; HEADER];
    fill(reader, &mut header)?;
    let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let mut name = vec![0; number(26).into()];
    fill(reader, &mut name)?;
    let crc = u32::from(number(16)) << 16 | u32::from(number(14));
    let is_same_crc = number(6) & IS_STREAMED != 0 || crc == listed.crc;
    if name == listed.name && number(8) == listed.method && is_same_crc {
        return Ok(());
    }
    Err(format!(
        "what it lists as `{}` is `{}`, or packed in another way, where it stands",
        String::from_utf8_lossy(&listed.name),
        String::from_utf8_lossy(&name)
    ))
}

fn fill(reader: &mut impl Read, bytes: &mut [u8]) -> Result<(), String> {
    reader.read_exact(bytes).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    fn zip(method: CompressionMethod, members: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            let options = SimpleFileOptions::default().compression_method(method);
            zip.start_file(*name, options).expect("memory");
            zip.write_all(bytes).expect("memory");
        }
        zip.finish().expect("memory").into_inner()
    }

    type Members = Vec<(String, Vec<u8>)>;

    fn read(bytes: &[u8]) -> Result<Members, String> {
        let mut archive = Archive::open(Cursor::new(bytes))?;
        let mut names: Vec<String> = archive.names().map(str::to_owned).collect();
        names.sort();
        let members = names.into_iter().map(|name| {
            let bytes = archive.member(&name, u64::MAX)?.expect("listed");
            Ok((name, bytes))
        });
        members.collect()
    }

    #[test]
    fn a_flipped_bit_anywhere_is_refused_or_changes_nothing() {
        let members = [
            ("one.npy", (0..90).collect::<Vec<u8>>()),
            ("two.npy", vec![7; 300]),
            ("three.npy", b"text".to_vec()),
        ];
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let bytes = zip(method, &members);
            let whole = read(&bytes).expect("valid");
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                if let Ok(found) = read(&flipped) {
                    assert_eq!(found, whole, "{method} bit {bit}");
                }
            }
        }
    }

    #[test]
    fn an_archive_cut_anywhere_is_refused() {
        let bytes = zip(CompressionMethod::Deflated, &[("a", vec![1; 500])]);
        for length in 0..bytes.len() {
            read(&bytes[..length]).expect_err("cut");
        }
    }

    #[test]
    fn an_archive_that_unpacks_to_far_more_than_its_size_is_refused() {
        let bomb = zip(CompressionMethod::Deflated, &[("zeros", vec![0; 80 << 20])]);
        assert!(bomb.len() < 100_000, "{}", bomb.len());

        let error = read(&bomb).expect_err("a bomb");

        assert!(error.contains("83886080 unpacked ones"), "{error}");
    }

    #[test]
    fn two_members_of_one_name_are_refused() {
        let mut bytes = zip(
            CompressionMethod::Stored,
            &[("one", vec![1]), ("two", vec![2])],
        );
        while let Some(at) = bytes.windows(3).position(|name| name == b"two") {
            bytes[at..at + 3].copy_from_slice(b"one");
        }

        read(&bytes).expect_err("twice");
    }
}
