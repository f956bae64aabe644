//! Birds of a new random species in every picture: the training data of the attribute probe.

use image::RgbImage;

use super::GENERATOR_VERSION;
use super::birds::random_bird;
use super::uri::{PoseMode, SIZES};
use crate::dataset::{ImageSize, Record, Split, TextImageDataset};
use crate::error::DataError;

const SCHEME: &str = "synth:random-birds";

/// Pictures without captions whose attributes are known, and no two of one species.
#[derive(Debug, Clone)]
pub struct RandomBirds {
    count: usize,
    size: u32,
    seed: u64,
    pose: PoseMode,
    classes: Vec<String>,
}

impl RandomBirds {
    /// Whether an address is one of these.
    pub fn is_address(uri: &str) -> bool {
        uri.starts_with(SCHEME)
    }

    /// Opens `synth:random-birds?n=20000&size=64&seed=3`, with `pose=aligned` of birds that stand as
    /// those of `synth:birds?pose=aligned` do.
    pub fn open(uri: &str) -> Result<Self, DataError> {
        Self::parse(uri).map_err(|message| DataError::Uri {
            uri: uri.to_owned(),
            message,
        })
    }

    fn parse(uri: &str) -> Result<Self, String> {
        let rest = uri.strip_prefix(SCHEME).unwrap_or_default();
        let query = rest.strip_prefix('?').unwrap_or_default();
        if !rest.is_empty() && !rest.starts_with('?') {
            return Err(format!("expected `{SCHEME}?n=...&size=...&seed=...`"));
        }
        let (mut count, mut size, mut seed) = (20_000, 64, 3);
        let mut pose = PoseMode::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| format!("`{pair}` is not `key=value`"))?;
            if key == "pose" {
                pose = PoseMode::read(Some(value))?;
                continue;
            }
            let number: u64 = value
                .parse()
                .map_err(|_| format!("`{key}={value}` is not a whole number"))?;
            match key {
                "n" if (1..=10_000_000).contains(&number) => count = number as usize,
                "n" => return Err(format!("`n={number}` is outside 1..=10000000")),
                "size" => {
                    size = u32::try_from(number)
                        .ok()
                        .filter(|s| SIZES.contains(s))
                        .ok_or_else(|| {
                            format!(
                                "`size={number}` is outside {}..={}",
                                SIZES.start(),
                                SIZES.end()
                            )
                        })?;
                }
                "seed" => seed = number,
                _ => {
                    return Err(format!(
                        "unknown key `{key}`, expected one of `n`, `size`, `seed`, `pose`"
                    ));
                }
            }
        }
        Ok(Self {
            count,
            size,
            seed,
            pose,
            classes: vec!["random species".into()],
        })
    }
}

impl TextImageDataset for RandomBirds {
    fn uri(&self) -> String {
        let pose = self
            .pose
            .option()
            .map_or_else(String::new, |o| format!("&{o}"));
        format!(
            "{SCHEME}?n={}&size={}&seed={}{pose}",
            self.count, self.size, self.seed
        )
    }

    fn len(&self) -> usize {
        self.count
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class_of(&self, _index: usize) -> usize {
        0
    }

    fn record(&self, index: usize) -> Result<Record, DataError> {
        Ok(Record {
            key: format!("random_bird_{index:07}"),
            class: 0,
            captions: Vec::new(),
            bounding_box: None,
            parts: Vec::new(),
            labels: Vec::new(),
            objects: Vec::new(),
        })
    }

    fn image(&self, index: usize, size: ImageSize) -> Result<RgbImage, DataError> {
        let size = match size {
            ImageSize::Native => self.size,
            ImageSize::Hint(size) => size,
        };
        Ok(random_bird(self.seed, index as u64, size, self.pose).0)
    }

    fn drawn_side(&self) -> Option<u32> {
        Some(self.size)
    }

    /// Every split is the whole: no species is ever seen twice.
    fn split(&self, _split: Split) -> Vec<usize> {
        (0..self.count).collect()
    }

    fn attributes(&self, index: usize) -> Option<Vec<u8>> {
        Some(super::birds::random_attributes(self.seed, index as u64).to_vec())
    }

    fn fingerprint(&self) -> String {
        format!(
            "{:08x}",
            crc32fast::hash(format!("{GENERATOR_VERSION} {}", self.uri()).as_bytes())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_those_of_the_picture() {
        let birds = RandomBirds::open("synth:random-birds?n=5&seed=9").expect("valid");
        for index in 0..5 {
            let (_, attributes) = random_bird(9, index as u64, 16, PoseMode::Varied);
            assert_eq!(birds.attributes(index), Some(attributes.to_vec()));
        }
    }

    #[test]
    fn wrong_options_are_refused_by_name() {
        for (uri, word) in [
            ("synth:random-birds?n=0", "n=0"),
            ("synth:random-birds?size=9999", "size=9999"),
            ("synth:random-birds?count=3", "count"),
            ("synth:random-birds?pose=alined", "did you mean `aligned`?"),
            ("synth:random-birdsx", "expected"),
        ] {
            let error = RandomBirds::open(uri).expect_err("not valid").to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
