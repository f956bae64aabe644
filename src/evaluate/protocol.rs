//! THE table of protocols: which images, how many, which instruments.

use std::collections::BTreeSet;

use wordpaint_rng::{Rng, key};

use crate::data::Source;
use crate::generate::prompts::Prompt;
use crate::setup::spread;

/// Which captions images are generated from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompts {
    /// As many images as the experiment asks for (all of the split without), at most this many,
    /// evenly spread over the split, each with the caption that the experiment names.
    Spread(usize),
    /// Every image of the split with each of its first captions.
    EachCaption(usize),
    /// Passes over the split with one random caption per image and pass, until there are this many.
    RandomPasses(usize),
    /// One pass over the split with one random caption per image.
    OnePass,
}

/// Which data a published instrument belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Any.
    Any,
    /// Classes with several images each, as those of the birds.
    Classes,
    /// Images that are of no class of their own kind, as those of COCO.
    Scenes,
}

/// An instrument that a published table was measured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Feature network; see [`super::instrument`].
    pub network: &'static str,
    /// Which data it belongs to.
    pub of: Of,
    /// What is measured with it.
    pub metrics: &'static [&'static str],
}

/// A metric of a published table for which this program has no instrument at all yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable {
    /// Its name.
    pub metric: &'static str,
    /// Why it is not measured.
    pub why: &'static str,
    /// What it would need.
    pub how: &'static str,
}

/// A named protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// What a user types; also the stem of the result's file.
    pub name: &'static str,
    /// Raised whenever a number could change.
    pub version: &'static str,
    /// One sentence for people.
    pub description: &'static str,
    /// Which captions images are generated from.
    pub prompts: Prompts,
    /// The table's instruments.
    pub published: &'static [Published],
    /// Feature networks that are measured with too where they are in place, under names of their
    /// own; see [`super::instrument`].
    pub also: &'static [&'static str],
    /// Whether attributes are read off images generated for the captions in turn, so that all of them
    /// are asked for; else off the images of all other metrics.
    pub has_turns: bool,
    /// What the table has and this program has not.
    pub unavailable: &'static [Unavailable],
}

/// R-precision, where no retrieval encoder is named.
pub const R_PRECISION: Unavailable = Unavailable {
    metric: "R-precision",
    why: "no pair of retrieval encoders judges the images of this run",
    how: "name a pretraining of `damsm` or `clip` with `--retrieval-encoder` or `evaluate.retrieval_encoder`; the table was measured \
          with its own DAMSM encoders",
};
const RANKS: [Unavailable; 2] = [
    Unavailable {
        metric: "quality rank",
        why: "people have to be asked",
        how: "wordpaint evaluate rank prepare, then collect --into NAME=RUN",
    },
    Unavailable {
        metric: "correlation rank",
        why: "people have to be asked",
        how: "wordpaint evaluate rank prepare, then collect --into NAME=RUN",
    },
];
/// What a protocol of pairs leaves to others.
const PAIRS_ONLY: &str = "this protocol compares pairs, not sets";
const OF_PAIRS: [Unavailable; 4] = [
    Unavailable {
        metric: "IS",
        why: PAIRS_ONLY,
        how: "wordpaint evaluate RUN --protocol quick, or sdn-29330",
    },
    Unavailable {
        metric: "FID",
        why: PAIRS_ONLY,
        how: "wordpaint evaluate RUN --protocol quick, or attngan-30k",
    },
    RANKS[0],
    RANKS[1],
];
/// Networks whose weights a package registry carries.
const REGISTRY: &[&str] = &["efflite0", "keras-nsfw"];
/// SDN's Inception Score.
const IMAGENET_2015: Published = Published {
    network: "imagenet-2015",
    of: Of::Any,
    metrics: &["IS"],
};
/// Inception Score of birds (StackGAN, AttnGAN, DM-GAN, SSA-GAN).
const CUB_FINETUNED: Published = Published {
    network: "cub-finetuned",
    of: Of::Classes,
    metrics: &["IS"],
};
/// Inception Score of COCO in the same tables.
const OF_SCENES: Published = Published {
    of: Of::Scenes,
    ..IMAGENET_2015
};

/// Every protocol, the default one first.
pub const ALL: &[Definition] = &[
    Definition {
        name: "paired",
        version: "4",
        description: "one image per test image from its own caption: similarity and sharpness \
                      against the real image, attributes and R-precision with the captions in turn; no \
                      distance of sets",
        prompts: Prompts::Spread(usize::MAX),
        published: &[],
        also: &[],
        has_turns: true,
        unavailable: &OF_PAIRS,
    },
    Definition {
        name: "quick",
        version: "4",
        description: "up to 512 test images, each from its own caption, with every instrument at \
                      hand; attributes with the captions in turn",
        prompts: Prompts::Spread(512),
        published: &[
            IMAGENET_2015,
            Published {
                network: "pytorch",
                of: Of::Any,
                metrics: &["FID"],
            },
        ],
        also: REGISTRY,
        has_turns: true,
        unavailable: &RANKS,
    },
    Definition {
        name: "sdn-29330",
        version: "4",
        description: "every test image with each of its first ten captions (29,330 images on CUB, \
                      11,550 on Oxford-102); similarity on the experiment's caption",
        prompts: Prompts::EachCaption(10),
        published: &[IMAGENET_2015],
        also: REGISTRY,
        has_turns: false,
        unavailable: &RANKS,
    },
    Definition {
        name: "attngan-30k",
        version: "4",
        description: "30,000 images: passes over the test split, one random caption per image and \
                      pass, as AttnGAN's and DM-GAN's code",
        prompts: Prompts::RandomPasses(30_000),
        published: &[
            CUB_FINETUNED,
            OF_SCENES,
            Published {
                network: "torchvision-legacy",
                of: Of::Any,
                metrics: &["FID"],
            },
        ],
        also: REGISTRY,
        has_turns: false,
        unavailable: &[R_PRECISION],
    },
    Definition {
        name: "ssagan",
        version: "4",
        description: "one pass over the test split with one random caption per image, as SSA-GAN's \
                      sampler",
        prompts: Prompts::OnePass,
        published: &[
            CUB_FINETUNED,
            OF_SCENES,
            Published {
                network: "tf-inception",
                of: Of::Any,
                metrics: &["FID"],
            },
        ],
        also: REGISTRY,
        has_turns: false,
        unavailable: &[R_PRECISION],
    },
    Definition {
        name: "galip",
        version: "4",
        description: "one pass over the test split with one random caption per image, as GALIP's \
                      evaluation",
        prompts: Prompts::OnePass,
        published: &[Published {
            network: "torchvision-legacy",
            of: Of::Any,
            metrics: &["FID"],
        }],
        also: REGISTRY,
        has_turns: false,
        unavailable: &[Unavailable {
            metric: "CLIP similarity",
            why: "the CLIP network of the published protocol is not in place",
            how: "needs ViT-B/32 and GALIP's own preprocessing",
        }],
    },
];

impl Definition {
    /// The published instruments for data whose images are of `classes`; labels that are images'
    /// own make every image a class of its own.
    pub fn published_of(&self, classes: &[usize]) -> impl Iterator<Item = &'static Published> {
        let distinct: BTreeSet<&usize> = classes.iter().collect();
        let has_classes = distinct.len() < classes.len();
        self.published
            .iter()
            .filter(move |published| match published.of {
                Of::Any => true,
                Of::Classes => has_classes,
                Of::Scenes => !has_classes,
            })
    }
}

/// The protocol called `name`.
pub fn find(name: &str) -> Option<&'static Definition> {
    ALL.iter().find(|definition| definition.name == name)
}

/// The captions of an image in turn, for as many images as `Prompts::Spread(most)` takes.
pub fn turns(source: &Source, most: usize, images: usize) -> Vec<Query> {
    let captions = source.split.captions.max(1);
    let chosen = spread_over(source, most, images);
    let mut queries: Vec<Query> = chosen
        .into_iter()
        .enumerate()
        .map(|(i, image)| Query {
            prompt: Prompt {
                image,
                caption: i % captions,
            },
            is_pair: false,
        })
        .collect();
    queries.sort_by_key(|query| query.prompt.caption);
    queries
}

/// Images for `Prompts::Spread(most)`: as many as the experiment asks for, all without.
pub(super) fn spread_over(source: &Source, most: usize, images: usize) -> Vec<usize> {
    let indices = &source.split.indices;
    let wanted = if images == 0 { indices.len() } else { images };
    spread(indices, wanted.min(most))
}

/// A caption that an image is generated from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// Image and caption.
    pub prompt: Prompt,
    /// Whether the generated image is compared with the real one.
    pub is_pair: bool,
}

impl Prompts {
    /// What images are generated from, in that order: by caption, so that batches share one.
    pub fn queries(self, source: &Source, images: usize, caption: usize, seed: u64) -> Vec<Query> {
        let indices = &source.split.indices;
        let captions = source.split.captions.max(1);
        let random = |pass: usize, image: usize| {
            let keys = [seed, key("evaluation captions"), pass as u64, image as u64];
            Rng::new(&keys).n(captions)
        };
        let query = |image: usize, caption: usize, is_pair: bool| Query {
            prompt: Prompt { image, caption },
            is_pair,
        };
        let mut queries: Vec<Query> = match self {
            Self::Spread(most) => spread_over(source, most, images)
                .into_iter()
                .map(|image| query(image, caption, true))
                .collect(),
            Self::EachCaption(count) => (0..captions.min(count))
                .flat_map(|c| indices.iter().map(move |&image| (image, c)))
                .map(|(image, c)| query(image, c, c == caption))
                .collect(),
            Self::RandomPasses(count) => (0..count)
                .map(|i| (i / indices.len(), indices[i % indices.len()]))
                .map(|(pass, image)| query(image, random(pass, image), pass == 0))
                .collect(),
            Self::OnePass => indices
                .iter()
                .map(|&image| query(image, random(0, image), true))
                .collect(),
        };
        queries.sort_by_key(|query| query.prompt.caption);
        queries
    }

    /// Which captions, in words.
    pub fn captions(self, caption: usize) -> String {
        match self {
            Self::Spread(_) => format!("caption {caption}"),
            Self::EachCaption(count) => {
                format!("captions 0 to {}; pairs on caption {caption}", count - 1)
            }
            Self::RandomPasses(_) => {
                "one random caption per image and pass; pairs on the first pass".into()
            }
            Self::OnePass => "one random caption per image".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::PROTOCOLS;

    #[test]
    fn names_are_those_that_an_experiment_may_give() {
        let names: Vec<&str> = ALL.iter().map(|definition| definition.name).collect();

        assert_eq!(names, PROTOCOLS);
        for name in names {
            assert_eq!(find(name).expect("listed").name, name);
        }
    }

    #[test]
    fn birds_and_scenes_have_the_inception_score_of_their_tables() {
        let networks = |name: &str, classes: &[usize]| -> Vec<&str> {
            let definition = find(name).expect("listed");
            let published = definition.published_of(classes);
            let scores = published.filter(|published| published.metrics.contains(&"IS"));
            scores.map(|published| published.network).collect()
        };

        for name in ["attngan-30k", "ssagan"] {
            assert_eq!(networks(name, &[0, 0, 1]), ["cub-finetuned"]);
            assert_eq!(networks(name, &[0, 1, 2]), ["imagenet-2015"]);
        }
        assert_eq!(networks("sdn-29330", &[0, 0, 1]), ["imagenet-2015"]);
        assert_eq!(networks("sdn-29330", &[0, 1, 2]), ["imagenet-2015"]);
    }

    #[test]
    fn every_network_of_a_protocol_is_known() {
        for definition in ALL {
            let published = definition.published.iter().map(|p| p.network);
            for network in published.chain(definition.also.iter().copied()) {
                let is_known = super::super::instrument::find(network).is_some();
                assert!(is_known, "{}: {network}", definition.name);
            }
        }
    }
}
