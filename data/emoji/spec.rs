//! Addresses of the emoji sets.

use crate::DataError;
use crate::synth::kind::unknown;
use crate::synth::uri::{SIZES, number, options};

/// Everything that decides the content of an emoji set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmojiSpec {
    /// Images per emoji.
    pub per_class: usize,
    /// Side of a picture in pixels.
    pub size: u32,
    /// Seed of everything random.
    pub seed: u64,
}

const KEYS: [&str; 3] = ["per_class", "size", "seed"];

impl EmojiSpec {
    /// Reads an address; every key and value is checked.
    pub fn parse(uri: &str) -> Result<Self, DataError> {
        Self::read(uri).map_err(|message| DataError::Uri {
            uri: uri.to_owned(),
            message,
        })
    }

    fn read(uri: &str) -> Result<Self, String> {
        let rest = uri
            .strip_prefix("emoji:")
            .ok_or("expected `emoji:nature-food?...`")?;
        let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
        if name != "nature-food" {
            return Err(unknown("emoji set", name, &["nature-food", "scenes"]));
        }
        let [per_class, size, seed] = options(query, &KEYS)?;
        Ok(Self {
            per_class: number("per_class", per_class, 24, &(1..=9999))?,
            size: number("size", size, 64, &SIZES)?,
            seed: number("seed", seed, 7, &(0..=u64::MAX))?,
        })
    }

    /// The address in normal form.
    pub fn uri(&self) -> String {
        let Self {
            per_class,
            size,
            seed,
        } = self;
        format!("emoji:nature-food?per_class={per_class}&size={size}&seed={seed}")
    }
}
