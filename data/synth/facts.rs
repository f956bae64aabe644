//! What the address of a built-in dataset says about it.

use super::kind::{Kind, SplitMode};
use super::splits::CAPTIONS;
use super::{RandomBirds, SynthScenes, SynthSpec};
use crate::scheme::{DataFacts, Extra, Sizes};
use crate::{DataError, TextImageDataset};

/// Reads an address; nothing is drawn.
pub(super) fn of(uri: &str) -> Result<DataFacts, DataError> {
    if SynthScenes::is_address(uri) {
        return Ok(SynthScenes::specify(uri)?.facts());
    }
    if RandomBirds::is_address(uri) {
        return Ok(of_random_birds(&RandomBirds::open(uri)?));
    }
    let spec = SynthSpec::parse(uri)?;
    Ok(DataFacts {
        captions: Some(CAPTIONS),
        extras: match spec.kind {
            Kind::Birds => &[Extra::Attributes, Extra::Boxes, Extra::Parts],
            Kind::Flowers => &[Extra::Boxes],
        },
        sizes: Some(sizes(&spec)),
    })
}

/// They are for training alone and every split is the whole.
fn of_random_birds(birds: &RandomBirds) -> DataFacts {
    DataFacts {
        captions: Some(0),
        extras: &[Extra::Attributes],
        sizes: Some(Sizes {
            classes: [birds.classes().len(), 0, 0],
            images: [birds.len(), birds.len()],
            is_class_disjoint: false,
        }),
    }
}

fn sizes(spec: &SynthSpec) -> Sizes {
    let counts = spec.counts;
    let all = counts.images();
    match spec.split {
        // Every fifth image of a class is a test image.
        SplitMode::PerImage => {
            let test = (0..counts.classes).map(|c| counts.images_of(c) / 5).sum();
            Sizes {
                classes: [counts.classes, 0, 0],
                images: [all - test, test],
                is_class_disjoint: false,
            }
        }
        SplitMode::ClassDisjoint | SplitMode::Compositional => {
            let test = all * counts.test / counts.classes;
            Sizes {
                classes: [counts.train(), counts.val, counts.test],
                images: [all - test, test],
                is_class_disjoint: true,
            }
        }
    }
}
