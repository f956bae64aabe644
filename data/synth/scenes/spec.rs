//! Addresses of scenes: `synth:scenes?n=2000&size=64&seed=7`.

use crate::DataError;
use crate::scheme::{DataFacts, Sizes};
use crate::synth::preset::Preset;
use crate::synth::uri::{PoseMode, SIZES, number, options, share};

const KEYS: [&str; 6] = ["preset", "n", "size", "seed", "pose", "label_noise"];
/// Captions of a scene.
const CAPTIONS: usize = 5;
const COUNTS: std::ops::RangeInclusive<usize> = 5..=1_000_000;

/// Everything that decides the content of a set of scenes.
#[derive(Debug, Clone, PartialEq)]
pub struct SceneSpec {
    /// What stands before the question mark.
    scheme: &'static str,
    /// The preset, if one was named.
    pub preset: Option<Preset>,
    /// Scenes for training and for testing; the former come first.
    pub images: [usize; 2],
    /// Side of a picture in pixels.
    pub size: u32,
    /// Seed of everything random.
    pub seed: u64,
    /// How freely things stand in the landscape.
    pub pose: PoseMode,
    /// Share of images with the labels of another, 0 to 1.
    pub label_noise: f32,
}

impl SceneSpec {
    /// Reads an address that begins with `scheme`; every key and value is checked.
    pub(crate) fn parse(uri: &str, scheme: &'static str) -> Result<Self, DataError> {
        Self::read(uri, scheme).map_err(|message| DataError::Uri {
            uri: uri.to_owned(),
            message,
        })
    }

    /// Whether an address begins with `scheme` and nothing else stands before the options.
    pub(crate) fn is_address(uri: &str, scheme: &str) -> bool {
        uri.split('?').next() == Some(scheme)
    }

    fn read(uri: &str, scheme: &'static str) -> Result<Self, String> {
        let query = uri.split_once('?').map_or("", |(_, query)| query);
        let [preset, n, size, seed, pose, label_noise] = options(query, &KEYS)?;
        let preset = preset.map(Preset::find).transpose()?;
        let images = match (preset, n) {
            (Some(_), Some(_)) => return Err("give either `preset` or `n`, not both".to_owned()),
            (preset, None) => preset.unwrap_or(Preset::Tiny).scenes(),
            (None, n) => {
                let n = number("n", n, 0, &COUNTS)?;
                [n - n / 5, n / 5]
            }
        };
        Ok(Self {
            scheme,
            preset,
            images,
            size: number("size", size, 64, &SIZES)?,
            seed: number("seed", seed, 7, &(0..=u64::MAX))?,
            pose: PoseMode::read(pose)?,
            label_noise: share("label_noise", label_noise)?,
        })
    }

    /// What is known of the scenes before they are drawn: every one is a class of its own, and shows
    /// several objects, none of which is the one.
    pub(crate) const fn facts(&self) -> DataFacts {
        let [train, test] = self.images;
        DataFacts {
            captions: Some(CAPTIONS),
            extras: &[],
            sizes: Some(Sizes {
                classes: [train, 0, test],
                images: [train, test],
                is_class_disjoint: true,
            }),
        }
    }

    /// Scenes of both splits.
    pub fn len(&self) -> usize {
        self.images.iter().sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The address in normal form.
    pub fn uri(&self) -> String {
        let count = match self.preset {
            Some(preset) => format!("preset={}", preset.name()),
            None => format!("n={}", self.len()),
        };
        self.with_options(&count)
    }

    /// What decides the content, whatever way it was asked for.
    pub(crate) fn identity(&self) -> String {
        self.with_options(&format!("{:?}", self.images))
    }

    fn with_options(&self, count: &str) -> String {
        let Self {
            scheme,
            size,
            seed,
            label_noise,
            ..
        } = self;
        let noise = if *label_noise > 0.0 {
            format!("&label_noise={label_noise}")
        } else {
            String::new()
        };
        let pose = self
            .pose
            .option()
            .map_or_else(String::new, |o| format!("&{o}"));
        format!("{scheme}?{count}&size={size}&seed={seed}{pose}{noise}")
    }
}
