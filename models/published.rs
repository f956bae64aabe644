//! What a family says about the weights that were published for it: which files there are, what their
//! arrays decide, and which array is which parameter of ours.

use std::collections::BTreeMap;

use burn::prelude::TensorData;

use crate::import::Source;

/// Arrays of published files by name.
pub type Arrays = BTreeMap<String, TensorData>;

/// Largest size read off an array; published networks have no larger one.
const LARGEST: usize = 65_536;

/// What was published of a family with the configuration `C`.
pub enum Published<C: 'static> {
    /// Nothing that is known.
    Unknown,
    /// Nothing; says so and what to do instead.
    Nothing(&'static str),
    /// Networks, which become a run.
    Networks(&'static dyn PublishedNetworks<C>),
    /// A network that others take features from, which becomes a file of weights.
    Backbone {
        /// In a sentence (`a VGG`).
        called: &'static str,
        /// What the arrays hold.
        read: fn(&Arrays) -> Backbone,
    },
}

/// The published files of a family, before its configuration is known.
pub trait PublishedFiles: Sync {
    /// Experiment that an imported run is based on.
    fn base(&self) -> &'static str;

    /// What the first file holds (`generator`).
    fn first(&self) -> &'static str;

    /// Files that come beside the first.
    fn companions(&self) -> Vec<Companion>;

    /// What the networks are called before the family's name (`a pair of encoders of `).
    fn called(&self) -> &'static str {
        ""
    }

    /// Where a Torch7 file holds the arrays, if it was published as one.
    fn torch7(&self) -> Option<Torch7> {
        None
    }

    /// The arrays of one file under the names that the other functions speak of.
    fn named(&self, arrays: Arrays, part: Part) -> Arrays {
        let _ = part;
        arrays
    }

    /// Settings of the run, `model.key=value`, that the arrays of all files decide.
    fn settings(&self, arrays: &Arrays) -> Vec<String>;

    /// Whether the networks that only training needs are among the arrays.
    fn is_trainable(&self, arrays: &Arrays) -> bool {
        let _ = arrays;
        true
    }

    /// Words that the text encoder among the arrays knows.
    fn words(&self, arrays: &Arrays) -> Option<usize> {
        let _ = arrays;
        None
    }

    /// Name of the scheme by which this and other families name their arrays. Such families tell
    /// their files apart by [`Self::evidence`].
    fn scheme(&self) -> Option<&'static str> {
        None
    }

    /// What shows that the `part` is of this family and of no other of its scheme, as it follows the
    /// family's name in a message (may be empty); `None` where nothing shows it.
    fn evidence(&self, part: Part, arrays: &Arrays) -> Option<&'static str> {
        let _ = (part, arrays);
        None
    }

    /// Whether a `part` without evidence of any family of the scheme is refused.
    fn needs_evidence(&self, part: Part) -> bool {
        let _ = part;
        false
    }
}

/// The published networks of a family with the configuration `C`.
pub trait PublishedNetworks<C>: PublishedFiles {
    /// Where one of our parameters is found; `None` for an unknown name.
    fn key(&self, name: &str, config: &C, arrays: &Arrays) -> Option<Source>;

    /// Number of discriminators.
    fn discriminators(&self, config: &C) -> usize {
        let _ = config;
        1
    }
}

/// One of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The first.
    First,
    /// One beside it, counted from 0 among those of its role.
    Beside(Role, usize),
}

/// What a file beside the first holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A discriminator.
    Discriminator,
    /// An image encoder.
    ImageEncoder,
    /// The text encoder of a system that reads words.
    TextEncoder,
    /// The words that a text encoder knows by number.
    Vocabulary,
    /// The pairs of bytes that a text encoder knows by number.
    Merges,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Discriminator,
        Self::ImageEncoder,
        Self::TextEncoder,
        Self::Vocabulary,
        Self::Merges,
    ];

    /// In a sentence.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Discriminator => "discriminator",
            Self::ImageEncoder => "image encoder",
            Self::TextEncoder => "text encoder",
            Self::Vocabulary => "vocabulary",
            Self::Merges => "merges file",
        }
    }
}

/// A file beside the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Companion {
    /// What it holds.
    pub role: Role,
    /// Why it cannot be left out; `None` where it can.
    pub needed: Option<&'static str>,
    /// Whether there is one for every size that is generated.
    pub is_per_size: bool,
    /// How often it is given, for the help; empty where that needs no word.
    pub when: &'static str,
}

impl Companion {
    /// A file that can be left out.
    pub const fn optional(role: Role) -> Self {
        Self {
            role,
            needed: None,
            is_per_size: false,
            when: "",
        }
    }

    /// Beside a generator that reads words: its `discriminators`, and a text encoder with its words.
    pub fn of_generator(discriminators: Self) -> Vec<Self> {
        let text = [Role::TextEncoder, Role::Vocabulary].map(Self::optional);
        [discriminators].into_iter().chain(text).collect()
    }

    /// A file that cannot be left out, `because` of how the weights were published.
    pub const fn needed(role: Role, because: &'static str) -> Self {
        Self {
            needed: Some(because),
            ..Self::optional(role)
        }
    }
}

/// Why a text encoder comes with its words.
pub const KNOWS_BY_NUMBER: &str = "a text encoder knows words by number";

/// Where a Torch7 file holds the arrays of a network.
pub struct Torch7 {
    /// Fields on the way to the network; the first way that is there.
    pub ways: &'static [&'static [&'static str]],
    /// Places below the network, joined with dots, given which ones are there.
    pub keys: fn(IsThere<'_>) -> Vec<String>,
}

/// Whether there is an array at a place of a file.
pub type IsThere<'a> = &'a dyn Fn(&str) -> bool;

/// A network that others take features from, as a file of weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backbone {
    /// Name of the file without its ending (`vgg16`).
    pub name: String,
    /// In a sentence (`a VGG16 of torchvision`).
    pub called: String,
    /// Its parameters.
    pub parameters: Vec<BackboneParameter>,
}

/// A parameter of a [`Backbone`], which keeps its published layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackboneParameter {
    /// Our name.
    pub name: String,
    /// Published name.
    pub key: String,
    /// Shape.
    pub shape: Vec<usize>,
}

/// Adds `model.key=value`, where there is a value.
pub fn setting(settings: &mut Vec<String>, key: &str, value: Option<usize>) {
    settings.extend(value.map(|value| format!("model.{key}={value}")));
}

/// An array by name, with or without the prefix of data-parallel files.
pub fn find<'a>(arrays: &'a Arrays, key: &str) -> Option<&'a TensorData> {
    arrays
        .get(key)
        .or_else(|| arrays.get(&format!("module.{key}")))
}

/// A size of an array, where it is believable.
pub fn size(arrays: &Arrays, key: &str, axis: usize) -> Option<usize> {
    let shape = &find(arrays, key)?.shape;
    shape
        .get(axis)
        .copied()
        .filter(|n| (1..=LARGEST).contains(n))
}
