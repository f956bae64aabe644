//! The files, written.

use std::path::Path;

use wordpaint_files::Together;

use super::{Prepared, Side};
use crate::error::DataError;
use crate::formats::pickle::Writer;
use crate::input;

impl Prepared {
    /// Names below a folder and contents of all files; `captions.pickle` comes last.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let json = |value: Result<Vec<u8>, serde_json::Error>| {
            value.expect("lists of strings and numbers are always JSON")
        };
        let mut files = vec![
            (
                "vocabulary.json".to_owned(),
                json(serde_json::to_vec(&self.words)),
            ),
            ("captions.json".to_owned(), json(serde_json::to_vec(self))),
        ];
        for (name, side) in [("train", &self.train), ("test", &self.test)] {
            files.push((format!("{name}/filenames.pickle"), keys(side)));
            if !side.classes.is_empty() {
                files.push((format!("{name}/class_info.pickle"), classes(side)));
            }
        }
        files.push((super::PICKLE.to_owned(), self.pickle()));
        files
    }

    /// `captions.pickle`.
    fn pickle(&self) -> Vec<u8> {
        let numbered = || self.words.iter().zip(0..);
        let mut writer = Writer::default();
        writer.list(0..4, |w, part| match part {
            0 => captions(w, &self.train),
            1 => captions(w, &self.test),
            2 => w.dict(numbered(), |w, (word, id)| {
                w.int(id);
                w.text(word);
            }),
            _ => w.dict(numbered(), |w, (word, id)| {
                w.text(word);
                w.int(id);
            }),
        });
        writer.finish()
    }

    /// Writes all files into `folder`, which is made if it is not there. Nothing is overwritten: a set
    /// that a stopped process left without its last file is completed.
    ///
    /// # Errors
    ///
    /// If one of the files is there already, or one cannot be written; then none is.
    pub fn write(&self, folder: &Path) -> Result<(), DataError> {
        let files = self.files();
        let is_kept = |name: &str, content: &[u8]| {
            let found = input::read(&folder.join(name), input::ARRAYS).ok();
            name != super::PICKLE && found.is_some_and(|found| found == content)
        };
        let mut in_the_way = files
            .iter()
            .filter(|(name, content)| folder.join(name).exists() && !is_kept(name, content));
        if let Some((name, _)) = in_the_way.next() {
            let message = "is there already and stays as it is: encoders that were trained with \
                           it need its word ids; name another folder, or move it away";
            return Err(DataError::format(folder.join(name), message));
        }
        let mut together = Together::default();
        let missing = files.iter().filter(|(name, _)| !folder.join(name).exists());
        for (name, content) in missing {
            let added = together.add(&folder.join(name), content);
            added.map_err(DataError::File)?;
        }
        together.publish().map_err(DataError::File)
    }
}

fn keys(side: &Side) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.list(&side.keys, |w, key| w.text(key));
    writer.finish()
}

fn classes(side: &Side) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.list(&side.classes, |w, &class| w.int(class));
    writer.finish()
}

fn captions(writer: &mut Writer, side: &Side) {
    writer.list(&side.captions, |w, caption| {
        w.list(caption, |w, &id| w.int(id));
    });
}
