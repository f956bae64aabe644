//! The files, written.

use std::fs;
use std::path::Path;

use super::{Prepared, Side};
use crate::error::DataError;
use crate::formats::pickle::Writer;

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

    /// Writes all files into `folder`, which is made if it is not there. Nothing is overwritten.
    ///
    /// # Errors
    ///
    /// If one of the files is there already, or one cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), DataError> {
        let files = self.files();
        if let Some((name, _)) = files.iter().find(|(name, _)| folder.join(name).exists()) {
            let message = "is there already and stays as it is: encoders that were trained with \
                           it need its word ids; name another folder, or move it away";
            return Err(DataError::format(folder.join(name), message));
        }
        for (name, content) in files {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(|e| DataError::io("create", parent, e))?;
            }
            // A name of its own first: half a file must not look like a whole one.
            let partial = path.with_extension("partial");
            fs::write(&partial, content).map_err(|e| DataError::io("write", &partial, e))?;
            fs::rename(&partial, &path).map_err(|e| DataError::io("create", &path, e))?;
        }
        Ok(())
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
