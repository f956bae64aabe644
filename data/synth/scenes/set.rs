//! What sets of scenes share: splits, keys and wrong labels.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use wordpaint_rng::Rng;

use super::spec::SceneSpec;
use crate::DataError;
use crate::dataset::Split;
use crate::synth::splits::share_of;
use crate::synth::streams;

/// Names, splits and noise of a specification.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    pub(crate) spec: SceneSpec,
    /// Keys, which are the classes too: every scene is one of its own.
    pub(crate) keys: Vec<String>,
    /// Whose labels are shown with an image instead of its own.
    donors: HashMap<usize, usize>,
}

impl Set {
    pub(crate) fn new(spec: SceneSpec) -> Self {
        let [train, test] = spec.images;
        let name = |i: usize| {
            let split = if i < train { "train" } else { "val" };
            format!("COCO_{split}2014_{:012}", i + 1)
        };
        let stream = [spec.seed, streams::LABEL_NOISE];
        let donors = share_of(spec.len(), spec.label_noise, &stream)
            .into_iter()
            .filter_map(|image| {
                // Labels stay on their side of the split.
                let (start, count) = if image < train {
                    (0, train)
                } else {
                    (train, test)
                };
                let mut rng = Rng::new(&[spec.seed, streams::LABEL_NOISE, image as u64]);
                let step = 1 + rng.n((count - 1).max(1));
                let donor = start + (image - start + step) % count;
                (donor != image).then_some((image, donor))
            });
        Self {
            donors: donors.collect(),
            keys: (0..spec.len()).map(name).collect(),
            spec,
        }
    }

    pub(crate) fn check(&self, index: usize) -> Result<(), DataError> {
        if index < self.keys.len() {
            return Ok(());
        }
        let message = format!(
            "image {index} is asked for, but there are {}",
            self.keys.len()
        );
        Err(DataError::Uri {
            uri: self.spec.uri(),
            message,
        })
    }

    /// The image whose labels are shown with `image`.
    pub(crate) fn label_source(&self, image: usize) -> usize {
        self.donors.get(&image).copied().unwrap_or(image)
    }

    /// As COCO: the first images are for training, the others for testing.
    pub(crate) fn split(&self, split: Split) -> Vec<usize> {
        let [train, test] = self.spec.images;
        match split {
            Split::Train | Split::Trainval => (0..train).collect(),
            Split::Val => Vec::new(),
            Split::Test => (train..train + test).collect(),
            Split::All => (0..train + test).collect(),
        }
    }

    /// Digest of the specification and `version`.
    pub(crate) fn fingerprint(&self, version: &str) -> String {
        let digest = Sha256::digest(format!("generator {version} {}", self.spec.identity()));
        let head = digest
            .first_chunk::<8>()
            .expect("a SHA-256 digest has 32 bytes");
        format!("{:016x}", u64::from_be_bytes(*head))
    }
}
