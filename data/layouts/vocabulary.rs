//! Words that come with a folder, by the numbers that its lists use.

use std::collections::HashMap;
use std::path::PathBuf;

use super::entry::{Captions, Entry};
use super::verify::summarise;
use crate::prepare::Prepared;
use crate::words::words;

/// Words by id, and the folder whose lists use them.
#[derive(Debug)]
pub(super) struct Vocabulary {
    pub(super) words: Vec<String>,
    folder: PathBuf,
}

impl Vocabulary {
    pub(super) const fn new(folder: PathBuf, words: Vec<String>) -> Self {
        Self { words, folder }
    }

    /// Compares the captions of the text files with the word ids of the lists.
    pub(super) fn compare(&self, entries: &[Entry]) -> Vec<String> {
        if entries
            .iter()
            .any(|e| matches!(e.captions, Captions::Held(_)))
        {
            // They were made from the ids.
            return Vec::new();
        }
        let prepared = match Prepared::open(&self.folder) {
            Ok(prepared) => prepared,
            Err(error) => return vec![error.to_string()],
        };
        let ids: HashMap<&str, u32> = prepared.words.iter().map(String::as_str).zip(0..).collect();
        let count = prepared.captions_per_image.max(1);
        let sides = [&prepared.train, &prepared.test];
        let lists = sides.iter().flat_map(|side| side.captions.chunks(count));
        let differs = |(entry, lists): (&Entry, &[Vec<u32>])| {
            // What cannot be read has been found by the other checks.
            let texts = entry.captions.read().ok()?;
            let place = texts.iter().zip(lists).position(|(text, list)| {
                let found = words(text);
                let found: Vec<Option<&u32>> =
                    found.iter().map(|word| ids.get(word.as_str())).collect();
                found != list.iter().map(Some).collect::<Vec<_>>()
            })?;
            let path = entry.captions.path()?.display();
            Some(format!("{path}: caption {place} has other words"))
        };
        let problems: Vec<String> = entries.iter().zip(lists).filter_map(differs).collect();
        let mut findings = Vec::new();
        let what = "caption files do not agree with captions.pickle";
        summarise(what, &problems, entries.len(), &mut findings);
        findings
    }
}
