//! Human rank: people order the images of several methods, blindly.
//!
//! The organiser keeps the key file; a page knows images by opaque names only.

pub mod collect;
pub mod prepare;
pub mod stored;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::run::checkpoint::hex;

/// What people rank by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// How good the image looks; the caption is not shown.
    Quality,
    /// How well it fits its caption.
    Correlation,
}

impl Task {
    /// Both, in the order in which they are asked.
    pub const ALL: [Self; 2] = [Self::Quality, Self::Correlation];

    /// As in files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quality => "quality",
            Self::Correlation => "correlation",
        }
    }
}

/// The organiser's file: what every opaque name stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Tells this study from others.
    pub study: String,
    /// Version of the files' form.
    pub version: u32,
    /// Seed of texts and orders.
    pub seed: u64,
    /// Names of the methods.
    pub methods: Vec<String>,
    /// Captions of the texts that are asked about.
    pub texts: Vec<String>,
    /// What each person is asked.
    pub pages: Vec<Page>,
}

/// What one person is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Person, from 1.
    pub user: usize,
    /// Questions in their order.
    pub questions: Vec<Question>,
}

/// One ranking that a person is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Opaque name.
    pub id: String,
    /// What to rank by.
    pub task: Task,
    /// Number of the text.
    pub text: usize,
    /// Whether it was asked before, to see how consistent the person is.
    pub is_repeat: bool,
    /// Images from left to right.
    pub images: Vec<RankedImage>,
}

/// An image on a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankedImage {
    /// Opaque name.
    pub id: String,
    /// Number of the method that made it.
    pub method: usize,
}

/// A page's export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Study of the page.
    pub study: String,
    /// Person.
    pub user: usize,
    /// Rankings that were given.
    pub answers: Vec<Answer>,
}

/// One ranking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Question.
    pub question: String,
    /// Images from best to worst.
    pub order: Vec<String>,
}

/// A short digest as a name.
fn opaque(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())[..12].to_owned()
}
