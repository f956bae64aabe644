//! Where experiments are found: a folder, or the copies inside the binary.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use wordpaint_data::input;

use super::error::{ConfigError, Location};

macro_rules! embed {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../experiments/", $name, ".toml")))),*]
    };
}

/// The shipped experiments, so that an installed binary works in any folder.
const EMBEDDED: &[(&str, &str)] = embed![
    "attngan-coco",
    "attngan-coco-cl",
    "attngan-coco-supcon",
    "attngan-cub",
    "attngan-cub-cl",
    "attngan-cub-supcon",
    "attribute-probe-birds",
    "attribute-probe-birds-aligned",
    "captioner-coco",
    "captioner-cub",
    "char-cnn-rnn-birds",
    "char-cnn-rnn-cub",
    "char-cnn-rnn-emoji",
    "char-cnn-rnn-oxford",
    "clip-coco",
    "clip-cub",
    "clip-oxford",
    "damsm-cl-coco",
    "damsm-cl-cub",
    "damsm-coco",
    "damsm-cub",
    "damsm-supcon-coco",
    "damsm-supcon-cub",
    "df-gan-coco",
    "df-gan-cub",
    "df-gan-cub-2020",
    "dm-gan-coco",
    "dm-gan-coco-cl",
    "dm-gan-coco-supcon",
    "dm-gan-cub",
    "dm-gan-cub-cl",
    "dm-gan-cub-supcon",
    "gan-int-cls-cub",
    "gan-int-cls-oxford",
    "sdn-birds",
    "sdn-cub",
    "sdn-cub-diverse",
    "sdn-cub-image-only",
    "sdn-cub-joint",
    "sdn-cub-stage1-only",
    "sdn-cub-stage2-only",
    "sdn-emoji",
    "sdn-oxford",
    "ssa-gan-coco",
    "ssa-gan-coco-f2f",
    "ssa-gan-coco-finetune",
    "ssa-gan-coco-r2f",
    "ssa-gan-coco-r2f-f2f",
    "ssa-gan-coco-r2f-f2f-recap",
    "ssa-gan-coco-supcon",
    "ssa-gan-cub",
    "ssa-gan-cub-f2f",
    "ssa-gan-cub-finetune",
    "ssa-gan-cub-r2f",
    "ssa-gan-cub-r2f-f2f",
    "ssa-gan-cub-r2f-f2f-recap",
    "ssa-gan-cub-supcon",
    "vgg-cub",
    "vgg-oxford",
];

/// Experiments by name.
#[derive(Debug, Clone)]
pub struct Library {
    folder: PathBuf,
}

impl Default for Library {
    /// `./experiments`, and the shipped ones.
    fn default() -> Self {
        Self::new("experiments")
    }
}

/// The text of an experiment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// File name without extension.
    pub(super) stem: String,
    /// Path for messages; also its identity.
    pub(super) path: String,
    /// Folder in which its parents are looked for first.
    pub(super) folder: Option<PathBuf>,
    /// Content.
    pub(super) text: String,
}

impl Library {
    /// The experiments of `folder`, and the shipped ones.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Names of all experiments, sorted.
    pub fn names(&self) -> Vec<String> {
        let in_folder = fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == "toml"))
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
        let shipped = EMBEDDED.iter().map(|(name, _)| (*name).to_owned());
        let names: BTreeSet<String> = in_folder.chain(shipped).collect();
        names.into_iter().collect()
    }

    /// The experiment that a user calls `name_or_path`.
    pub(super) fn find(
        &self,
        name_or_path: &str,
        beside: Option<&Path>,
    ) -> Result<Found, ConfigError> {
        let path = Path::new(name_or_path);
        if path.extension().is_some_and(|e| e == "toml") || path.components().count() > 1 {
            return read(&beside.map_or_else(|| path.to_path_buf(), |folder| folder.join(path)));
        }
        let file = format!("{name_or_path}.toml");
        for folder in beside.into_iter().chain([self.folder.as_path()]) {
            let path = folder.join(&file);
            if path.is_file() {
                return read(&path);
            }
        }
        if let Some((name, text)) = EMBEDDED.iter().find(|(name, _)| *name == name_or_path) {
            return Ok(Found {
                stem: (*name).to_owned(),
                path: format!("experiments/{name}.toml (built in)"),
                folder: None,
                text: (*text).to_owned(),
            });
        }
        Err(
            ConfigError::new(format!("there is no experiment `{name_or_path}`"))
                .with_accepted(name_or_path, &self.names()),
        )
    }
}

/// The content of an experiment file as text, without a byte order mark.
///
/// # Errors
///
/// If it is not UTF-8.
pub fn text(bytes: Vec<u8>, path: &Path) -> Result<String, ConfigError> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..at]);
        let line = 1 + before.matches('\n').count();
        let found = error.as_bytes()[at];
        ConfigError::new(format!(
            "not UTF-8: byte {at}, counted from 0, is 0x{found:02x}"
        ))
        .with_location(Location::File {
            path: path.display().to_string(),
            line: Some(line),
        })
        .with_expected("a text file in UTF-8")
        .with_help("save it as UTF-8, or convert it: iconv -f ENCODING -t UTF-8")
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn read(path: &Path) -> Result<Found, ConfigError> {
    let bytes = input::read(path, input::TEXT).map_err(|source| {
        ConfigError::new(format!("cannot read `{}`: {source}", path.display()))
            .with_expected("an experiment file or the name of an experiment")
            .with_help(
                wordpaint_files::advice(&source)
                    .unwrap_or("`wordpaint list` names the experiments"),
            )
    })?;
    let text = text(bytes, path)?;
    Ok(Found {
        stem: path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default(),
        path: path.display().to_string(),
        folder: path.parent().map(Path::to_path_buf),
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_file_is_inside_the_binary() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");

        let on_disk = Library::new(folder).names();
        let embedded: Vec<&str> = EMBEDDED.iter().map(|(name, _)| *name).collect();

        assert_eq!(on_disk, embedded, "list every file, sorted, in `embed!`");
    }

    #[test]
    fn a_file_that_is_not_utf_8_is_refused_with_the_byte_and_its_line() {
        let path = Path::new("x.toml");

        let latin = b"title = 'x'\n# caf\xe9\n".to_vec();
        let error = text(latin, path).expect_err("Latin-1").to_string();

        assert!(
            error.contains("byte 17, counted from 0, is 0xe9"),
            "{error}"
        );
        assert!(error.contains("--> x.toml:2"), "{error}");
        let marked = text(b"\xef\xbb\xbftitle = 'x'".to_vec(), path);
        assert_eq!(marked.expect("UTF-8"), "title = 'x'");
    }

    #[test]
    fn a_file_in_the_folder_goes_before_the_shipped_one() {
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::write(folder.path().join("sdn-cub.toml"), "title = \"mine\"").expect("written");
        let library = Library::new(folder.path());

        let mine = library.find("sdn-cub", None).expect("there");
        let shipped = library.find("sdn-oxford", None).expect("built in");

        assert_eq!(mine.text, "title = \"mine\"");
        assert!(shipped.path.ends_with("(built in)"), "{}", shipped.path);
    }
}
