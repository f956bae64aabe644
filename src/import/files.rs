//! Reading the files of an import.

use std::path::Path;

use wordpaint_models::published::{Arrays, Part, PublishedFiles, Role};

use super::Import;
use super::flags::{Known, published};
use super::torch7::torch7;
use crate::setup::{SetupError, weights};

impl Import {
    /// The arrays of all files with networks, under the names that the family gives them.
    pub(super) fn read_all(&self, files: &dyn PublishedFiles) -> Result<Arrays, SetupError> {
        let first = self.read_first(files)?;
        let mut arrays = self.checked(files, Part::First, &self.file, first)?;
        for companion in files.companions() {
            if !matches!(companion.role, Role::Discriminator | Role::ImageEncoder) {
                continue;
            }
            for (i, path) in self.given(companion.role).into_iter().enumerate() {
                let part = Part::Beside(companion.role, i);
                let more = self.checked(files, part, path, self.read(path)?)?;
                for (name, data) in more {
                    let is_twice = arrays.insert(name.clone(), data).is_some();
                    if is_twice && companion.needed.is_some() {
                        return Err(self.twice(
                            path,
                            &name,
                            [files.first(), companion.role.noun()],
                        ));
                    }
                }
            }
        }
        Ok(arrays)
    }

    /// The error about an array `name` of the file at `path` that the first file has, too; they should
    /// be networks of these `kinds`.
    fn twice(&self, path: &Path, name: &str, kinds: [&str; 2]) -> SetupError {
        SetupError::Weights {
            path: path.to_path_buf(),
            message: format!(
                "holds `{name}` as {} does; one should be the {} and one the {}",
                self.file.display(),
                kinds[0],
                kinds[1]
            ),
        }
    }

    fn read_first(&self, files: &dyn PublishedFiles) -> Result<Arrays, SetupError> {
        let is_torch7 = self.file.extension().is_some_and(|e| e == "t7");
        match files.torch7().filter(|_| is_torch7) {
            Some(place) => {
                let arrays = torch7(&self.file, &place)?;
                self.check_finite(&self.file, &arrays)?;
                Ok(arrays)
            }
            None => self.read(&self.file),
        }
    }

    /// Arrays of a published file.
    pub(super) fn read(&self, path: &Path) -> Result<Arrays, SetupError> {
        let arrays = weights::read_any(path)?;
        self.check_finite(path, &arrays)?;
        Ok(arrays)
    }

    /// Refuses numbers that are not finite, unless they are asked for.
    fn check_finite(&self, path: &Path, arrays: &Arrays) -> Result<(), SetupError> {
        match weights::not_finite(arrays).filter(|_| !self.allow_non_finite) {
            None => Ok(()),
            Some(problem) => Err(SetupError::Weights {
                path: path.to_path_buf(),
                message: format!(
                    "{problem}: nothing that depends on it gives numbers; fetch the file again, or \
                     take it as it is with `--allow-non-finite`"
                ),
            }),
        }
    }

    /// The arrays of the file at `path` by the family's names, refused where they are those of a
    /// family with the same scheme of names.
    fn checked(
        &self,
        files: &dyn PublishedFiles,
        part: Part,
        path: &Path,
        arrays: Arrays,
    ) -> Result<Arrays, SetupError> {
        let arrays = files.named(arrays, part);
        let Some(scheme) = files.scheme() else {
            return Ok(arrays);
        };
        let alike: Vec<Known> = published()
            .into_iter()
            .filter(|known| known.files.is_some_and(|f| f.scheme() == Some(scheme)))
            .collect();
        let others = alike.iter().filter(|known| known.name != self.family);
        let mut others = others.filter_map(|known| {
            let evidence = known.files?.evidence(part, &arrays)?;
            Some((known.name, evidence))
        });
        let message = if let Some((other, evidence)) = others.next() {
            of_another(files, part, other, evidence)
        } else if files.needs_evidence(part) && files.evidence(part, &arrays).is_none() {
            let names: Vec<&str> = alike.iter().map(|known| known.name).collect();
            of_none(files, part, &names.join("` or `"))
        } else {
            return Ok(arrays);
        };
        Err(SetupError::Weights {
            path: path.to_path_buf(),
            message,
        })
    }
}

fn of_another(files: &dyn PublishedFiles, part: Part, other: &str, evidence: &str) -> String {
    match part {
        Part::First => format!(
            "is a {} of `{other}`{evidence}; `wordpaint import {other}` takes it",
            files.first()
        ),
        Part::Beside(role, _) => format!("is a {} of `{other}`{evidence}", role.noun()),
    }
}

fn of_none(files: &dyn PublishedFiles, part: Part, names: &str) -> String {
    match part {
        Part::First => format!(
            "is not a {} of `{names}`; give the published file",
            files.first()
        ),
        Part::Beside(role, _) => format!("is no {} of `{names}`", role.noun()),
    }
}
