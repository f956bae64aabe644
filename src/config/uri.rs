//! What the address of a dataset says about it, without touching the data.

use wordpaint_data::synth::{Kind, RandomBirds, SceneSpec, SplitMode, SynthSpec};
use wordpaint_data::{DataError, Split, TextImageDataset};

use super::error::ConfigError;

const KEY: &str = "data.uri";

/// A dataset as far as its address tells.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFacts {
    /// What stands before the colon.
    pub scheme: String,
    /// Captions per image, where they are known.
    pub captions: Option<usize>,
    /// Whether it is drawn and not read.
    pub is_built_in: bool,
    /// Whether attribute values come with it.
    pub has_attributes: bool,
    /// Whether images show several objects, none of which is the one.
    is_multi_label: bool,
    counts: Option<Counts>,
}

/// Published or generated sizes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Counts {
    /// Classes of train, val and test.
    classes: [usize; 3],
    /// Images of train and val together, and of test.
    images: [usize; 2],
    is_class_disjoint: bool,
}

/// CUB-200-2011 with Reed's splits.
const CUB: Counts = Counts {
    classes: [100, 50, 50],
    images: [8855, 2933],
    is_class_disjoint: true,
};
/// COCO 2014: val2014 is tested on, every image is a class of its own.
const COCO: Counts = Counts {
    classes: [82_783, 0, 40_504],
    images: [82_783, 40_504],
    is_class_disjoint: true,
};
/// Oxford-102 with Reed's splits.
const OXFORD: Counts = Counts {
    classes: [62, 20, 20],
    images: [7034, 1155],
    is_class_disjoint: true,
};

impl DataFacts {
    /// Reads the address in `data.uri`.
    pub fn of(uri: &str) -> Result<Self, ConfigError> {
        let Some((scheme, path)) = uri.split_once(':') else {
            return Err(
                ConfigError::at(KEY, format!("`{uri}` is no dataset address")).with_expected(
                    "KIND:PATH, for example cub:data/cub or synth:birds?preset=tiny",
                ),
            );
        };
        let schemes = wordpaint_data::open::schemes();
        if !schemes.contains(&scheme) {
            let message = format!("has an unknown kind of dataset `{scheme}:`");
            return Err(ConfigError::at(KEY, message).with_accepted(scheme, &schemes));
        }
        if path.trim().is_empty() {
            return Err(ConfigError::at(KEY, format!("`{uri}` names no data"))
                .with_expected(format!("{scheme}:PATH")));
        }
        let read = |captions, counts| Self {
            scheme: scheme.to_owned(),
            captions,
            is_built_in: false,
            has_attributes: false,
            is_multi_label: scheme == "coco",
            counts,
        };
        if let Some(spec) = SceneSpec::of(uri) {
            return Ok(scenes(scheme, &spec.map_err(|error| wrong(uri, error))?));
        }
        match scheme {
            "coco" => Ok(read(Some(5), Some(COCO))),
            "cub" => Ok(read(Some(10), Some(CUB))),
            "oxford" => Ok(read(Some(10), Some(OXFORD))),
            "synth" => built_in(uri),
            _ => Ok(read(None, None)),
        }
    }

    /// Whether its images may have bounding boxes.
    pub fn has_boxes(&self) -> bool {
        !self.is_multi_label && !matches!(self.scheme.as_str(), "oxford" | "folder")
    }

    /// Whether sentence embeddings may come with it.
    pub fn has_embeddings(&self) -> bool {
        !matches!(self.scheme.as_str(), "synth" | "emoji")
    }

    /// Classes of all splits together, where they are known.
    pub fn all_classes(&self) -> Option<usize> {
        Some(self.counts?.classes.iter().sum())
    }

    /// Classes of a split, where they are known.
    pub fn classes(&self, split: Split) -> Option<usize> {
        let Counts {
            classes: [train, val, test],
            is_class_disjoint,
            ..
        } = self.counts?;
        if !is_class_disjoint {
            return self.all_classes();
        }
        Some(match split {
            Split::Train => train,
            Split::Val => val,
            Split::Trainval => train + val,
            Split::Test => test,
            Split::All => train + val + test,
        })
    }

    /// Images of a split, where they are known. Of train and val only the sum is published: each
    /// gets its share by classes.
    pub fn images(&self, split: Split) -> Option<usize> {
        let Counts {
            classes: [train, val, _],
            images: [trainval, test],
            ..
        } = self.counts?;
        let share = |classes: usize| trainval * classes / (train + val).max(1);
        Some(match split {
            Split::Train => share(train),
            Split::Val => share(val),
            Split::Trainval => trainval,
            Split::Test => test,
            Split::All => trainval + test,
        })
    }
}

fn wrong(uri: &str, error: DataError) -> ConfigError {
    match error {
        DataError::Uri { message, .. } => {
            ConfigError::at(KEY, format!("cannot be `{uri}`: {message}"))
        }
        other => ConfigError::at(KEY, format!("is wrong: {other}")),
    }
}

/// Scenes have five captions, and every one is a class of its own.
fn scenes(scheme: &str, spec: &SceneSpec) -> DataFacts {
    let [train, test] = spec.images;
    DataFacts {
        scheme: scheme.to_owned(),
        captions: Some(5),
        is_built_in: true,
        has_attributes: false,
        is_multi_label: true,
        counts: Some(Counts {
            classes: [train, 0, test],
            images: [train, test],
            is_class_disjoint: true,
        }),
    }
}

fn built_in(uri: &str) -> Result<DataFacts, ConfigError> {
    let wrong = |error| wrong(uri, error);
    let drawn = |captions, has_attributes, counts| DataFacts {
        scheme: "synth".to_owned(),
        captions: Some(captions),
        is_built_in: true,
        has_attributes,
        is_multi_label: false,
        counts: Some(counts),
    };
    if RandomBirds::is_address(uri) {
        let birds = RandomBirds::open(uri).map_err(wrong)?;
        let counts = Counts {
            classes: [birds.classes().len(), 0, 0],
            images: [birds.len(), birds.len()],
            is_class_disjoint: false,
        };
        return Ok(drawn(0, true, counts));
    }
    let spec = SynthSpec::parse(uri).map_err(wrong)?;
    Ok(drawn(10, spec.kind == Kind::Birds, generated(&spec)))
}

fn generated(spec: &SynthSpec) -> Counts {
    let counts = spec.counts;
    let all = counts.images();
    match spec.split {
        // Every fifth image of a class is a test image.
        SplitMode::PerImage => {
            let test = (0..counts.classes).map(|c| counts.images_of(c) / 5).sum();
            Counts {
                classes: [counts.classes, 0, 0],
                images: [all - test, test],
                is_class_disjoint: false,
            }
        }
        SplitMode::ClassDisjoint | SplitMode::Compositional => {
            let test = all * counts.test / counts.classes;
            Counts {
                classes: [counts.train(), counts.val, counts.test],
                images: [all - test, test],
                is_class_disjoint: true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_sets_have_their_published_sizes() {
        let cub = DataFacts::of("cub:anywhere").expect("valid");
        let oxford = DataFacts::of("oxford:anywhere").expect("valid");

        assert_eq!(cub.images(Split::Trainval), Some(8855));
        assert_eq!(cub.classes(Split::Trainval), Some(150));
        assert_eq!(oxford.images(Split::Test), Some(1155));
        assert_eq!(oxford.all_classes(), Some(102));
    }

    #[test]
    fn scenes_and_coco_have_images_of_their_own_class_without_the_one_box() {
        for (uri, train, test) in [
            ("coco:anywhere", 82_783, 40_504),
            ("synth:scenes?preset=nano", 64, 16),
            ("emoji:scenes?n=100", 80, 20),
        ] {
            let facts = DataFacts::of(uri).expect("valid");
            assert_eq!(facts.images(Split::Trainval), Some(train), "{uri}");
            assert_eq!(facts.classes(Split::Test), Some(test), "{uri}");
            assert_eq!(
                (facts.captions, facts.has_boxes()),
                (Some(5), false),
                "{uri}"
            );
        }
        let error = DataFacts::of("synth:scenes?sise=3").expect_err("no such option");
        assert!(
            error.to_string().contains("did you mean `size`?"),
            "{error}"
        );
    }

    #[test]
    fn sizes_of_built_in_data_are_those_of_the_opened_dataset() {
        for uri in [
            "synth:birds?preset=nano",
            "synth:birds?preset=many&pose=aligned",
            "synth:flowers?preset=tiny",
            "synth:birds?classes=7&per_class=11&split=per-image",
        ] {
            let facts = DataFacts::of(uri).expect("valid");
            let dataset = wordpaint_data::open(uri).expect("built in");

            for split in [Split::Train, Split::Trainval, Split::Test, Split::All] {
                let indices = dataset.split(split);
                let mut classes: Vec<usize> =
                    indices.iter().map(|i| dataset.class_of(*i)).collect();
                classes.sort_unstable();
                classes.dedup();
                assert_eq!(facts.images(split), Some(indices.len()), "{uri} {split:?}");
                assert_eq!(facts.classes(split), Some(classes.len()), "{uri} {split:?}");
            }
        }
    }

    #[test]
    fn a_wrong_option_of_built_in_data_is_named() {
        let error = DataFacts::of("synth:birds?sise=64")
            .expect_err("misspelt")
            .to_string();

        assert!(
            error.contains("`sise`") && error.contains("did you mean `size`?"),
            "{error}"
        );
    }
}
