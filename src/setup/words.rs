//! Tokenizers, and the vocabularies of those that know words: built from the captions of the data, or
//! taken over from the pretraining whose text encoder is used.

use std::sync::Arc;

use wordpaint_data::tokenizers::{self, OfVocabulary, Origin, Tokenizer};
use wordpaint_data::vocabulary::Vocabulary;
use wordpaint_data::{DataError, TextImageDataset, input};
use wordpaint_models::system::Tokens;

use super::reference::{Target, resolve};
use super::{Dirs, SetupError, Status};
use crate::config::Experiment;
use crate::run::checkpoint::CheckpointError;
use crate::run::difference::Kind;
use crate::run::folder::{RunFolder, write_atomic};
use crate::run::manifest::{self, VOCABULARY, sha256};

/// The tokenizer that a system of `experiment` reads captions of `dataset` with; a vocabulary is kept
/// in `run`.
///
/// # Errors
///
/// If there is none of that name, if a run that is referred to is not there, or if captions or files
/// cannot be read.
pub fn tokenizer(
    experiment: &Experiment,
    tokens: Tokens,
    dataset: &dyn TextImageDataset,
    run: Option<&RunFolder>,
    dirs: &Dirs,
    status: Status<'_>,
) -> Result<Arc<dyn Tokenizer>, SetupError> {
    Ok(match tokenizers::find(tokens.tokenizer)? {
        Origin::Fixed(open) => open()?,
        Origin::Vocabulary(of) => {
            let capacity = tokens.vocabulary;
            let kept = vocabulary(experiment, (of, capacity), dataset, run, dirs, status)?;
            (of.open)(kept)?
        }
    })
}

/// The tokenizer that the system in `run` was trained with.
///
/// # Errors
///
/// If there is none of that name, or if the vocabulary kept in the run cannot be used.
pub fn tokenizer_of_run(run: &RunFolder, tokens: Tokens) -> Result<Arc<dyn Tokenizer>, SetupError> {
    Ok(match tokenizers::find(tokens.tokenizer)? {
        Origin::Fixed(open) => open()?,
        Origin::Vocabulary(of) => (of.open)(of_run(run)?)?,
    })
}

/// The vocabulary of `experiment`, as a tokenizer wants it, of at most `capacity` ids: the copy inside `run` where there is
/// one, else that of the pretraining it uses, else built from all captions of `dataset`; the latter
/// two are then kept in `run`.
fn vocabulary(
    experiment: &Experiment,
    (of, capacity): (OfVocabulary, usize),
    dataset: &dyn TextImageDataset,
    run: Option<&RunFolder>,
    dirs: &Dirs,
    status: Status<'_>,
) -> Result<Vocabulary, SetupError> {
    if let Some(run) = run.filter(|run| run.join(VOCABULARY).is_file()) {
        return of_run(run);
    }
    let found = if experiment.family_facts()?.has_pretrained_words() {
        of_run(&pretraining(experiment, dirs)?)?
    } else {
        build(of, dataset, capacity, status)?
    };
    if let Some(run) = run {
        keep(run, &found)?;
    }
    Ok(found)
}

/// Writes the vocabulary of `run`. Where the run was trained with one, it must be that.
///
/// # Errors
///
/// If it is another one or cannot be written.
pub fn keep(run: &RunFolder, vocabulary: &Vocabulary) -> Result<(), CheckpointError> {
    let text = serde_json::to_vec(vocabulary).expect("a list of strings can be written");
    manifest::check_file(run, Kind::Vocabulary, VOCABULARY, &text)?;
    write_atomic(&run.join(VOCABULARY), &text)?;
    manifest::record(run, |manifest| {
        manifest.files.insert(VOCABULARY.to_owned(), sha256(&text));
    })
}

/// The vocabulary kept in `run`.
///
/// # Errors
///
/// If it is not there, is damaged, or is not the one that the run was trained with.
pub fn of_run(run: &RunFolder) -> Result<Vocabulary, SetupError> {
    let path = run.join(VOCABULARY);
    let fail = |message: String| SetupError::Weights {
        path: path.clone(),
        message,
    };
    let text = input::read(&path, input::TEXT).map_err(|error| {
        fail(format!(
            "cannot be read ({error}); a run of a word-level system keeps its vocabulary there"
        ))
    })?;
    manifest::check_file(run, Kind::Vocabulary, VOCABULARY, &text)?;
    serde_json::from_slice(&text).map_err(|error| {
        fail(format!(
            "is no list of words ({error}); train the encoders anew"
        ))
    })
}

/// The pretraining named by `text.encoder`.
///
/// # Errors
///
/// If it is not there or is no run.
pub fn pretraining(experiment: &Experiment, dirs: &Dirs) -> Result<RunFolder, SetupError> {
    match resolve(&experiment.text.encoder, experiment.quick, dirs)? {
        Target::Run(run) => Ok(run),
        Target::File(path) => Err(SetupError::Weights {
            path,
            message: "is a file; `text.encoder` of a word-level system expects a run of `damsm`"
                .into(),
        }),
    }
}

fn build(
    of: OfVocabulary,
    dataset: &dyn TextImageDataset,
    capacity: usize,
    status: Status<'_>,
) -> Result<Vocabulary, SetupError> {
    if let Some(words) = dataset.vocabulary()?.filter(|_| of.takes_words) {
        let count = words.len();
        if count > capacity {
            return Err(SetupError::Setting {
                key: "model.vocabulary",
                message: format!(
                    "is {capacity}, but the data come with a vocabulary of {count}; set it to \
                     {count}"
                ),
            });
        }
        return Ok(words.into());
    }
    let mut captions = Vec::new();
    for index in 0..dataset.len() {
        captions.extend(dataset.record(index)?.captions);
    }
    let built = (of.build)(&captions, capacity);
    if built.count == 0 && built.left_out == 0 {
        let message = format!("{}: no caption has a word", dataset.uri());
        return Err(DataError::Inconsistent(message).into());
    }
    let left_out = match built.left_out {
        0 => String::new(),
        rest => format!(", {rest} rarer ones left out (`model.vocabulary = {capacity}`)"),
    };
    status(&format!(
        "vocabulary of {} {}{left_out}",
        built.count, built.noun
    ));
    Ok(built.vocabulary)
}

#[cfg(test)]
mod tests {
    use wordpaint_models::system::TextForm;

    use super::*;
    use crate::config::Library;

    #[test]
    fn every_experiment_asks_for_a_tokenizer_that_gives_ids_its_system_knows() {
        let library = Library::default();
        for name in library.names() {
            let experiment = library.load(&name, &[], false).expect("shipped");
            let facts = experiment.family_facts().expect("shipped");
            if let TextForm::Tokens(tokens) = facts.needs.text {
                let origin = tokenizers::find(tokens.tokenizer).expect("listed");
                if let Origin::Fixed(open) = origin {
                    let ids = open().expect("built in").len();
                    assert_eq!(ids, tokens.vocabulary, "{name}");
                }
            }
        }
    }
}
