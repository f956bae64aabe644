//! Built-in datasets: pictures, captions and annotations computed from a seed, so that every command
//! runs offline through the same interface as the published sets.

pub mod birds;
pub(crate) mod captions;
mod dataset;
mod export;
mod facts;
pub mod flowers;
pub(crate) mod kind;
mod names;
mod noise;
mod palette;
mod preset;
mod random_birds;
pub(crate) mod raster;
pub(crate) mod scenes;
mod splits;
pub(crate) mod uri;

pub use birds::SynthBirds;
pub use dataset::Synth;
pub use export::{Layout, export};
pub use flowers::SynthFlowers;
pub use kind::{Kind, SplitMode};
pub use preset::{Counts, Preset};
pub use random_birds::RandomBirds;
pub use scenes::{SceneSpec, SynthScenes};
pub use uri::{PoseMode, SIZES, SynthSpec};

use crate::scheme::Scheme;
use crate::{DataError, TextImageDataset};

/// Version of the generator, stored in exports and fingerprints. Raise it whenever any picture,
/// caption or annotation changes; a snapshot test holds it to that.
pub const GENERATOR_VERSION: u32 = 1;

/// Second key of every random stream: what the stream is for.
pub(crate) mod streams {
    pub(crate) const SPECIES: u64 = 1;
    pub(crate) const BIRD: u64 = 2;
    pub(crate) const FLOWER_SPECIES: u64 = 3;
    pub(crate) const FLOWER: u64 = 4;
    pub(crate) const CAPTIONS: u64 = 5;
    pub(crate) const SCENE: u64 = 6;
    pub(crate) const SCENE_CAPTIONS: u64 = 7;
    pub(crate) const SPLITS: u64 = 9;
    pub(crate) const LABEL_NOISE: u64 = 11;
    pub(crate) const CAPTION_NOISE: u64 = 12;
    pub(crate) const PROBE_SPECIES: u64 = 13;
    pub(crate) const PROBE_IMAGE: u64 = 14;
}

/// Addresses of built-in datasets.
pub(crate) const SCHEME: Scheme = Scheme {
    name: "synth",
    open,
    facts: facts::of,
};

/// Opens a built-in dataset by its address, for example
/// `synth:birds?classes=40&per_class=20&size=64&seed=7` or `synth:flowers?preset=nano`.
///
/// Options: `preset` (nano, tiny, small, many, full) or `classes` and `per_class`; `size` in pixels;
/// `seed`; `pose` (varied, aligned); `split` (class-disjoint, compositional, per-image); `label_noise`
/// and `caption_noise` as shares. Without any, the `tiny` preset at 64 pixels. `synth:scenes` takes
/// `preset` or `n`, `size`, `seed`, `pose` and `label_noise`, `synth:random-birds` `n`, `size`, `seed`
/// and `pose`.
pub fn open(uri: &str) -> Result<Box<dyn TextImageDataset>, DataError> {
    if RandomBirds::is_address(uri) {
        return Ok(Box::new(RandomBirds::open(uri)?));
    }
    if SynthScenes::is_address(uri) {
        return Ok(Box::new(SynthScenes::open(uri)?));
    }
    let spec = SynthSpec::parse(uri)?;
    Ok(match spec.kind {
        Kind::Birds => Box::new(SynthBirds::new(spec)?),
        Kind::Flowers => Box::new(SynthFlowers::new(spec)?),
    })
}
