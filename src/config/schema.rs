//! The typed form of an experiment file.
//!
//! Everything but `[model]` is the same for all families; `[model]` is the family's own
//! configuration and is parsed by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wordpaint_data::Split;
use wordpaint_models::system::{Optimizer, Positive, Sampling, Schedule};

use super::guard::Guard;
use super::pretrained::PretrainedTable;

/// A resolved experiment: defaults, parents, file and overrides merged and checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// File stem, `<system>-<dataset>[-<variant>]`.
    #[serde(default)]
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Name of the family in the registry.
    pub family: String,
    /// Whether the `[quick]` overrides are in force.
    #[serde(default)]
    pub quick: bool,
    /// Where images and captions come from.
    pub data: Data,
    /// How captions become what the system wants.
    #[serde(default)]
    pub text: Text,
    /// Networks that were trained before, by kind (`vgg`).
    #[serde(default)]
    pub pretrained: BTreeMap<String, PretrainedTable>,
    /// The family's own table.
    #[serde(default)]
    pub model: toml::Table,
    /// Optimisation.
    pub train: Train,
    /// What is watched while it trains.
    #[serde(default)]
    pub guard: Guard,
    /// What is measured after training.
    #[serde(default)]
    pub evaluate: Evaluate,
    /// Published figures this experiment aims at.
    #[serde(default)]
    pub expect: Vec<Expect>,
}

/// `[data]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Dataset address (`cub:data/cub`, `synth:birds?preset=small&size=64`).
    pub uri: String,
    /// Split trained on.
    #[serde(default = "trainval")]
    pub split: Split,
    /// Split evaluated on.
    #[serde(default = "test")]
    pub eval_split: Split,
    /// Crop to 1.5 times the bounding box before resizing.
    #[serde(default)]
    pub crop_to_box: bool,
    /// Resizing rule of the published loader.
    #[serde(default)]
    pub resize: Resize,
    /// Side in pixels to which images are brought before a random crop; 0 = the wanted size itself.
    #[serde(default)]
    pub load_size: u32,
    /// Which side that is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fit: Fit,
    /// Pairs in a batch, half of which are positives of the other half.
    #[serde(default, skip_serializing_if = "is_default")]
    pub positives: Positives,
    /// Share of the training images with wrong labels, drawn with `train.seed`: another class, or where
    /// images have several labels those of another image. What is measured has its true labels.
    #[serde(default, skip_serializing_if = "is_default")]
    pub label_noise: f64,
    /// Random horizontal flip in training.
    #[serde(default)]
    pub flip: bool,
    /// Memory in MiB for decoded images.
    #[serde(default = "cache_mib")]
    pub cache_mib: usize,
    /// Decoding threads; 0 = one per core.
    #[serde(default)]
    pub workers: usize,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What becomes of the aspect of an image that is not square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// Both sides get the wanted length.
    #[default]
    Stretch,
    /// The shorter side gets it, the aspect is kept; the crop takes a part (AttnGAN and those after
    /// it).
    ShorterSide,
}

/// How the second half of a batch is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Positives {
    /// There are no pairs: batches are drawn as the system says.
    #[default]
    None,
    /// Another image of the same class or with a common label (supervised contrast).
    Label,
    /// The same image with another caption (the control).
    Caption,
}

impl Positives {
    /// How batches are drawn where a system by itself draws them by `own`.
    pub const fn sampling(self, own: Sampling) -> Sampling {
        match self {
            Self::None => own,
            Self::Label => Sampling::Positives(Positive::Label),
            Self::Caption => Sampling::Positives(Positive::Caption),
        }
    }
}

/// How an image is brought to its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resize {
    /// Half-pixel bilinear without antialiasing, as OpenCV, Torch and TensorFlow do.
    #[default]
    OpencvBilinear,
    /// Antialiased triangle filter with Pillow's integer arithmetic.
    PilBilinear,
}

/// `[text]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Where sentence embeddings come from: `precomputed` (with the data), `experiment:NAME` (newest
    /// complete run), or a path of a run folder or weights file. Empty where none are needed.
    #[serde(default)]
    pub encoder: String,
}

/// `[train]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// Seed of weights, sample order and noise.
    #[serde(default = "seed")]
    pub seed: u64,
    /// Samples per step; the last incomplete batch of an epoch is dropped.
    pub batch_size: usize,
    /// Stages in order.
    pub stages: Vec<Stage>,
    /// Overrides of the family's optimiser settings by group.
    #[serde(default)]
    pub optimizer: BTreeMap<String, GroupSettings>,
    /// Steps between two logged lines.
    #[serde(default = "log_every")]
    pub log_every: usize,
    /// Steps between two checkpoints; 0 = only at the end of a stage and at stops.
    #[serde(default = "checkpoint_every")]
    pub checkpoint_every: usize,
    /// Complete checkpoints kept.
    #[serde(default = "keep_checkpoints")]
    pub keep_checkpoints: usize,
    /// Steps between two sample grids; 0 = none.
    #[serde(default = "sample_every")]
    pub sample_every: usize,
    /// Captions in a sample grid.
    #[serde(default = "samples")]
    pub samples: usize,
    /// Largest share of the training time for measuring generated images against real ones: the
    /// sample grid's sharpness, diversity and SSIM, and on 64 images a kernel distance and, with
    /// `evaluate.probe`, attribute agreement; 0 = none.
    #[serde(default = "monitor_share")]
    pub monitor_share: f64,
    /// What is done where more memory is predicted than the machine has.
    #[serde(default, skip_serializing_if = "is_default")]
    pub memory: Memory,
}

/// What is done where a training is predicted to need more memory than the machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Memory {
    /// It is refused.
    #[default]
    Checked,
    /// It begins all the same.
    Any,
}

/// One entry of `[[train.stages]]`; exactly one of `epochs` and `steps`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// A stage of the family.
    pub name: String,
    /// Passes over the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Iterations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
}

/// Overrides of one parameter group.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSettings {
    /// Learning rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lr: Option<f64>,
    /// Whole optimiser, where another kind is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<Optimizer>,
    /// Schedule of the learning rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

/// Names of the evaluation protocols.
pub const PROTOCOLS: [&str; 6] = [
    "paired",
    "quick",
    "sdn-29330",
    "attngan-30k",
    "ssagan",
    "galip",
];

/// `[evaluate]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluate {
    /// Which images, how many, which instruments: one of [`PROTOCOLS`].
    #[serde(default = "paired")]
    pub protocol: String,
    /// Images generated; 0 = one per test image.
    #[serde(default)]
    pub images: usize,
    /// Which caption of each image.
    #[serde(default)]
    pub caption: usize,
    /// Run of the attribute probe (built-in birds only), `experiment:NAME` or a run folder; empty =
    /// no probe.
    #[serde(default)]
    pub probe: String,
    /// Pretraining of `damsm` or `clip` whose encoders measure R-precision, `experiment:NAME` or a run folder;
    /// empty = those the system learns from, where it has any.
    #[serde(default)]
    pub retrieval_encoder: String,
}

impl Default for Evaluate {
    fn default() -> Self {
        Self {
            protocol: paired(),
            images: 0,
            caption: 0,
            probe: String::new(),
            retrieval_encoder: String::new(),
        }
    }
}

/// One published table this experiment is a row of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Paper and table.
    pub source: String,
    /// Its figures.
    pub rows: Vec<ExpectRow>,
}

/// One published figure with the instrument it was measured with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectRow {
    /// Metric (`IS`, `SSIM`).
    pub metric: String,
    /// Value.
    pub value: f64,
    /// Published deviation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plusminus: Option<f64>,
    /// Protocol or network behind the number.
    pub instrument: String,
    /// Anything a reader must know.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

fn paired() -> String {
    PROTOCOLS[0].into()
}
const fn trainval() -> Split {
    Split::Trainval
}
const fn test() -> Split {
    Split::Test
}
const fn cache_mib() -> usize {
    1024
}
const fn seed() -> u64 {
    1
}
const fn log_every() -> usize {
    10
}
const fn checkpoint_every() -> usize {
    500
}
const fn keep_checkpoints() -> usize {
    2
}
const fn sample_every() -> usize {
    500
}
const fn samples() -> usize {
    8
}
const fn monitor_share() -> f64 {
    0.01
}
