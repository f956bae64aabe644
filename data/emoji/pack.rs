//! The embedded archive.

use std::collections::HashMap;
use std::io::{Cursor, Read};

use serde::Deserialize;

use crate::DataError;

/// Uncompressed, so that pictures are slices of it.
static PACK: &[u8] = include_bytes!("../../assets/emoji/pack.zip");
/// More pictures of things that COCO knows.
static OBJECTS: &[u8] = include_bytes!("../../assets/emoji/objects.zip");

/// Whose drawing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Microsoft's Fluent 3D, 256 x 256 pixels.
    Fluent,
    /// Google's Noto, 64 x 64 pixels.
    Noto,
}

/// Entry of `emoji.json`; `xtask` writes it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Emoji {
    /// Code points, lower-case, joined by `-`.
    pub(super) hexcode: String,
    /// Name, lower-case.
    pub(super) label: String,
    /// Words people search it by.
    pub(super) tags: Vec<String>,
    /// Key of its subgroup, for example `animal-bird`.
    pub(super) subgroup: String,
}

/// Table of the pack and the places of its pictures.
#[derive(Debug)]
pub(super) struct Pack {
    emoji: Vec<Emoji>,
    members: HashMap<String, &'static [u8]>,
}

impl Pack {
    /// Reads the table of contents; no picture is decoded.
    pub(super) fn embedded() -> Result<Self, DataError> {
        let damaged = |e: &dyn std::fmt::Display| {
            DataError::Inconsistent(format!(
                "the built-in emoji pack is damaged ({e}); build the program again"
            ))
        };
        let mut archive = zip::ZipArchive::new(Cursor::new(PACK)).map_err(|e| damaged(&e))?;
        let mut table = String::new();
        archive
            .by_name("emoji.json")
            .map_err(|e| damaged(&e))?
            .read_to_string(&mut table)
            .map_err(|e| damaged(&e))?;
        let emoji = serde_json::from_str(&table).map_err(|e| damaged(&e))?;
        let objects = zip::ZipArchive::new(Cursor::new(OBJECTS)).map_err(|e| damaged(&e))?;
        let mut members = HashMap::new();
        for (mut archive, bytes) in [(archive, PACK), (objects, OBJECTS)] {
            for i in 0..archive.len() {
                let member = archive.by_index(i).map_err(|e| damaged(&e))?;
                let start = member.data_start() as usize;
                let content = bytes.get(start..start + member.size() as usize);
                let content = content.ok_or_else(|| damaged(&"cut off"))?;
                members.insert(member.name().to_owned(), content);
            }
        }
        Ok(Self { emoji, members })
    }

    /// All emoji, in class order.
    pub(super) fn emoji(&self) -> &[Emoji] {
        &self.emoji
    }

    /// WebP or PNG file of an emoji by its code points.
    pub(super) fn picture(&self, code: &str, style: Style) -> Result<&'static [u8], DataError> {
        let name = match style {
            Style::Fluent => format!("fluent/{code}.webp"),
            Style::Noto => format!("noto/{code}.png"),
        };
        self.members.get(&name).copied().ok_or_else(|| {
            DataError::Inconsistent(format!("the built-in emoji pack has no `{name}`"))
        })
    }

    /// Checksum of the whole pack.
    pub(super) fn crc() -> u32 {
        crc32fast::hash(PACK)
    }

    /// Checksum of the pictures beside the pack.
    pub(super) fn crc_of_objects() -> u32 {
        crc32fast::hash(OBJECTS)
    }
}
