//! What a system asks of the data pipeline.

/// How samples are drawn for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sampling {
    /// Every (image, caption) pair once per epoch.
    Pairs,
    /// Every image once per epoch, captions drawn at random.
    #[default]
    Images,
    /// A random class, then a random image of it (Reed's GAN loader).
    ClassUniform,
    /// Batches of distinct classes, one random image of each (joint embedding training).
    DistinctClasses,
    /// Every image once per epoch, and behind these as many positives: sample `n / 2 + i` of a batch
    /// of `n` belongs to sample `i`.
    Positives(Positive),
}

/// Who is put beside an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Positive {
    /// Another image of its class; of data with several labels one that shares a label, which is
    /// drawn first, so that frequent labels do not prevail. The image itself where there is none.
    Label,
    /// The image itself, with another caption.
    Caption,
}

/// The form in which a system wants its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextForm {
    /// None.
    #[default]
    None,
    /// Sentence embeddings of `dim` numbers from a frozen encoder or from files.
    Embedding {
        /// Length of the embedding.
        dim: usize,
    },
    /// Ids that a tokenizer gives.
    Tokens(Tokens),
}

impl TextForm {
    /// Whether captions are read at all.
    pub fn is_some(&self) -> bool {
        *self != Self::None
    }
}

/// Ids that a system reads of a caption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// Name of the tokenizer, as the data package lists it: `characters`, `words`.
    pub tokenizer: &'static str,
    /// Length of the id row, which is padded with 0.
    pub length: usize,
    /// Ids that the system knows, the one for "nothing there" included. A vocabulary that is made of
    /// the captions leaves rarer words out.
    pub vocabulary: usize,
}

/// Where things are in the images, as far as a system asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Annotations {
    /// Not at all.
    #[default]
    None,
    /// A bounding box around the object.
    Boxes,
    /// The places of so many parts of the object.
    Parts(usize),
}

/// What a system asks of the data pipeline; by default every image once per epoch, without pixels
/// and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Square image sizes in pixels, ascending; empty when it looks at no pixels.
    pub image_sizes: Vec<usize>,
    /// Whether every sample needs an image of another class.
    pub has_mismatched: bool,
    /// Form of the text.
    pub text: TextForm,
    /// Captions per sample.
    pub captions: usize,
    /// Whether no caption is drawn twice for a sample.
    pub has_distinct_captions: bool,
    /// How batches are drawn.
    pub sampling: Sampling,
    /// Length of precomputed image features, where they replace pixels.
    pub features: Option<usize>,
    /// Whether the attribute values of built-in birds are needed.
    pub has_attributes: bool,
    /// Where things are in the images, which then have pixels.
    pub annotations: Annotations,
}

/// What batches of an experiment are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchFacts {
    /// Samples.
    pub samples: usize,
    /// Whether the second half of the samples belongs to the first ([`Sampling::Positives`]).
    pub has_positives: bool,
}

/// Fewest samples of a batch from which a system learns, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmallestBatch {
    /// How many.
    pub samples: usize,
    /// Why not fewer.
    pub reason: &'static str,
}

impl SmallestBatch {
    /// Nothing in a sample refers to another one.
    pub const ONE: Self = Self::new(1, "");
    /// Losses that find the positive of a sample among the others.
    pub const MATCHING: Self = Self::new(
        2,
        "a caption and its image are told from the others of the batch",
    );
    /// Discriminators that are shown wrong pairs.
    pub const MISMATCHED: Self = Self::new(
        2,
        "the discriminator is shown images with the caption of another sample of the batch",
    );

    /// At least `samples`, because of `reason`.
    pub const fn new(samples: usize, reason: &'static str) -> Self {
        Self { samples, reason }
    }
}

/// What the classes of the data are to a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Classes {
    /// Nothing.
    Unused,
    /// They say which samples are told from each other: within one class none is.
    Rivals,
    /// It learns to name them.
    Targets,
}

impl Default for Needs {
    fn default() -> Self {
        Self {
            image_sizes: Vec::new(),
            has_mismatched: false,
            text: TextForm::default(),
            captions: 1,
            has_distinct_captions: false,
            sampling: Sampling::default(),
            features: None,
            has_attributes: false,
            annotations: Annotations::default(),
        }
    }
}

impl Needs {
    /// Every image once per epoch, without text.
    pub fn of_images(image_sizes: Vec<usize>) -> Self {
        Self {
            image_sizes,
            ..Self::default()
        }
    }

    /// Every image once per epoch with a caption: at most `length` ids of `vocabulary`.
    pub fn of_words(image_sizes: Vec<usize>, length: usize, vocabulary: usize) -> Self {
        Self {
            text: TextForm::Tokens(Tokens {
                tokenizer: "words",
                length,
                vocabulary,
            }),
            ..Self::of_images(image_sizes)
        }
    }
}
