//! What frozen encoders say about generated images: terms of a generator's loss that any system
//! which generates from words can have.

use burn::prelude::Tensor;
use serde::{Deserialize, Serialize};

use crate::backend::AutodiffBackend;
use crate::backend::Backend;
use crate::losses::contrastive::{ContrastiveLoss, Views, halves, is_zero};
use crate::losses::damsm::{Gammas, sentence_matching, word_matching};
use crate::nn::cost::Cost;
use crate::nn::resize::AlignCorners;
use crate::system::{
    Classes, Component, Frozen, Iteration, LossTerms, Part, Pretrained, Problem, Size, check,
};
use crate::text::captioner::{Captioner, CaptionerSizes};
use crate::text::lstm::{Dimensions, Encoder, EncoderConfig, Words};
use crate::vision::matching::{Damsm, DamsmSizes, EncodedImage};
use crate::vision::region_heads::ImageCodes;

/// Weight of the contrastive loss where the configuration has none.
const CONTRASTIVE_WEIGHT: f64 = 0.2; // T2I_CL, trainer.py

/// Weights and settings, shared by the `[model]` tables of all systems that have such terms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuxiliaryLosses {
    /// Weight of matching the image with words and sentence.
    pub damsm_weight: f64,
    /// Weight of telling the caption from the image; with it, `pretrained.captioner` names who does.
    #[serde(skip_serializing_if = "is_zero")]
    pub caption_weight: f64,
    /// How the image is brought to the size of the image encoder.
    pub align_corners: AlignCorners,
    /// Sharpness of attention and scores of the matching.
    pub gammas: Gammas,
    /// Contrastive loss between the images of two captions (`nt-xent`), with real images, or of images
    /// and sentences.
    pub contrastive: ContrastiveLoss,
}

impl Default for AuxiliaryLosses {
    /// None of them.
    fn default() -> Self {
        Self {
            damsm_weight: 0.0,
            caption_weight: 0.0,
            align_corners: AlignCorners::False,
            gammas: Gammas::default(),
            contrastive: ContrastiveLoss::default(),
        }
    }
}

/// A caption of every sample and what was generated from it.
#[derive(Debug, Clone)]
pub struct Generation<B: Backend> {
    /// Features of the captions.
    pub words: Words<B>,
    /// `[batch, 3, side, side]`, range [-1, 1].
    pub image: Tensor<B, 4>,
}

impl AuxiliaryLosses {
    /// Its keys in `[model]`.
    pub const PART: Part = Part {
        field: "auxiliary",
        keys: &[
            "damsm_weight",
            "caption_weight",
            "align_corners",
            "gammas",
            "contrastive",
        ],
    };

    /// Text encoder of a system that reads words and is guided so, and the networks that are handed
    /// in to guide it.
    pub fn components(&self, text: &TextInput) -> Vec<Component> {
        let component = Component::own("text", text.cost(), self.contrastive.num_views() as f64);
        if !self.is_on() {
            return vec![component.initialised_from(text.pretrained())];
        }
        // Its text encoder is that of the system.
        let pair = text.pretrained_pair(|_| Ok(()));
        let mut components = vec![
            component.initialised_from(pair.clone()),
            image_encoder(pair, &["heads", "trunk"], self.encodings()),
        ];
        components.extend(self.captioner());
        components
    }

    /// The network that says whether generated images show their captions.
    pub fn captioner(&self) -> Option<Component> {
        let captions = self.contrastive.num_full_views() as f64;
        // Forward, and back to what is seen.
        let component = || {
            let pretrained = Pretrained::new(|_: &CaptionerSizes| Ok(()));
            let size = Size::Of(&["decoder"]);
            Component::frozen("captioner", pretrained, size, 2.0 * captions).kept(captions)
        };
        (self.caption_weight != 0.0).then(component)
    }

    /// Checks ranges.
    ///
    /// # Errors
    ///
    /// Names the wrong setting.
    pub fn check(&self) -> Result<(), Problem> {
        check::weights(&[
            ("damsm_weight", self.damsm_weight),
            ("caption_weight", self.caption_weight),
        ])?;
        check_gammas(&self.gammas)?;
        check_contrastive(&self.contrastive)
    }

    /// Forward-equivalents of the pretrained image encoder in one iteration per sample; a generated
    /// image counts as two, because gradients go back to it.
    pub fn encodings(&self) -> f64 {
        if !self.is_on() {
            return 0.0;
        }
        let real = f64::from(u8::from(self.contrastive.real_to_fake != 0.0));
        2.0 * self.contrastive.num_views() as f64 + real
    }

    /// What the classes of the data are to it.
    pub fn classes(&self) -> Classes {
        if self.damsm_weight != 0.0 || self.contrastive.compares_classes() {
            Classes::Rivals
        } else {
            Classes::Unused
        }
    }

    /// Whether there is anything to say.
    pub fn is_on(&self) -> bool {
        self.damsm_weight != 0.0
            || self.caption_weight != 0.0
            || self.contrastive.is_on(CONTRASTIVE_WEIGHT)
            || self.contrastive.real_to_fake != 0.0
    }

    /// `terms` with those of all views: sums of the matching over those that take part in every
    /// term, one contrastive loss, the mean of those with real images.
    ///
    /// # Panics
    ///
    /// If something is to be said and the encoders are not there.
    pub fn terms<B: AutodiffBackend>(
        &self,
        terms: LossTerms<B>,
        iteration: &Iteration<B>,
        views: &[Generation<B>],
    ) -> LossTerms<B> {
        if !self.is_on() {
            return terms;
        }
        let damsm = iteration.frozen.get::<Damsm<B>>();
        let encode = |image: Tensor<B, 4>| damsm.encode(image, self.align_corners);
        let encoded: Vec<EncodedImage<B>> = views
            .iter()
            .map(|view| encode(view.image.clone()))
            .collect();
        let codes: Vec<&ImageCodes<B>> = encoded.iter().map(|encoded| &encoded.codes).collect();
        let batch = &iteration.batch;
        // Every image of multi-label data is its own class.
        let classes = batch.labels.is_none().then_some(&batch.classes);
        let full = self.contrastive.full(views);
        let each = || full.iter().map(|view| view.words.clone()).zip(&codes);
        let words = || {
            sum(each().map(|(text, image)| {
                let regions = image.regions.clone();
                word_matching(text.words, text.padding, regions, classes, &self.gammas).sum()
            }))
        };
        let sentences = || {
            sum(each().map(|(text, image)| {
                sentence_matching(text.sentence, image.code.clone(), classes, &self.gammas).sum()
            }))
        };
        let real_to_fake = || {
            let real = encode(batch.real()).codes.code.detach();
            let loss = |codes: &&ImageCodes<B>| {
                self.contrastive.with_real(codes.code.clone(), real.clone())
            };
            sum(codes.iter().map(loss)) / views.len() as f64
        };
        let captions = || {
            let captioner = iteration.frozen.get::<Captioner<B>>();
            let encoded = self.contrastive.full(&encoded);
            sum(encoded.iter().enumerate().map(|(i, encoded)| {
                let (ids, lengths) = batch.text.caption(i);
                captioner.loss(encoded.whole.clone(), ids, &lengths, None)
            }))
        };
        let terms = terms
            .with("g/words", self.damsm_weight, words)
            .with("g/sentence", self.damsm_weight, sentences)
            .with("g/caption", self.caption_weight, captions)
            .with(
                "g/real-to-fake",
                self.contrastive.real_to_fake,
                real_to_fake,
            );
        if !self.contrastive.is_on(CONTRASTIVE_WEIGHT) {
            return terms;
        }
        let positives = match &codes[..] {
            [first, second] => Some([first.code.clone(), second.code.clone()]),
            [all] if self.contrastive.has_halves() => Some(halves(&all.code)),
            _ => None,
        };
        let contrastive = self.contrastive.loss(Views {
            positives,
            images: codes.iter().map(|codes| codes.code.clone()).collect(),
            sentences: views
                .iter()
                .map(|view| view.words.sentence.clone())
                .collect(),
            classes: batch.classes.clone(),
            labels: batch.labels.clone(),
        });
        let weight = self.contrastive.weight.unwrap_or(CONTRASTIVE_WEIGHT);
        contrastive.into_iter().fold(terms, |terms, value| {
            terms.with("g/contrast", weight, || value)
        })
    }
}

/// The text encoder of the pretraining that a system begins with: of the text encoder alone, or of the
/// pair it is part of.
pub fn pretrained_text<B: Backend>(frozen: &Frozen) -> Option<Encoder<B>> {
    let of_pair = frozen.find::<Damsm<B>>().map(|pair| &pair.text);
    frozen.find::<Encoder<B>>().or(of_pair).cloned()
}

/// Sum over the views.
///
/// # Panics
///
/// If there are none.
pub fn sum<B: Backend>(values: impl Iterator<Item = Tensor<B, 1>>) -> Tensor<B, 1> {
    let sum = values.reduce(|a, b| a + b);
    sum.expect("there is a view")
}

/// Checks the settings of a contrastive loss.
///
/// # Errors
///
/// Names the wrong one.
pub fn check_contrastive(contrastive: &ContrastiveLoss) -> Result<(), Problem> {
    let inside = |problem: Problem| Problem {
        key: format!("contrastive.{}", problem.key),
        ..problem
    };
    contrastive.check().map_err(inside)
}

/// Checks the sharpness of a matching.
///
/// # Errors
///
/// Names the wrong one.
pub fn check_gammas(gammas: &Gammas) -> Result<(), Problem> {
    check::sharpness("gammas.attention", gammas.attention)?;
    check::sharpness("gammas.relevance", gammas.relevance)?;
    check::sharpness("gammas.score", gammas.score)
}

/// How a system reads words, shared by the `[model]` tables of all systems that do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextInput {
    /// Text encoder; that of the pretraining named by `text.encoder`.
    pub encoder: EncoderConfig,
    /// Ids of the text encoder, as in its pretraining.
    pub vocabulary: usize,
    /// Words read of a caption.
    pub words: usize,
}

impl Default for TextInput {
    /// The published encoder of the birds.
    fn default() -> Self {
        Self {
            encoder: EncoderConfig::default(),
            vocabulary: 5450, // AttnGAN, captions.pickle of the birds
            words: 18,        // AttnGAN, cfg/DAMSM/bird.yml
        }
    }
}

impl TextInput {
    /// Its keys in `[model]`.
    pub const PART: Part = Part {
        field: "text",
        keys: &["encoder", "vocabulary", "words"],
    };

    /// Fresh networks with these sizes.
    pub fn init<B: Backend>(&self, device: &B::Device) -> Encoder<B> {
        self.encoder.init(self.vocabulary, device)
    }

    /// Cost of reading a caption.
    pub fn cost(&self) -> Cost {
        self.encoder.cost(self.vocabulary, self.words)
    }

    /// Checks sizes.
    ///
    /// # Errors
    ///
    /// Names the wrong one.
    pub fn validate(&self) -> Result<(), Problem> {
        let encoder = &self.encoder;
        check::counts(&[
            ("encoder.embedding_dim", encoder.embedding_dim),
            ("encoder.dim", encoder.dim),
        ])?;
        check::share("encoder.dropout", encoder.dropout)?;
        check::within("words", self.words, 1..=check::MOST_WORDS)?;
        if encoder.dim < 2 || !encoder.dim.is_multiple_of(2) {
            let message = "must be even: half of it is read in each direction";
            return Err(Problem::new("encoder.dim", message));
        }
        check::within("vocabulary", self.vocabulary, 2..=check::LARGEST_VOCABULARY)
    }

    /// The pretrained text encoder that it begins as.
    pub fn pretrained(&self) -> Pretrained {
        let text = self.clone();
        Pretrained::new(move |found| text.check(found))
    }

    /// The pretrained pair whose text encoder it begins as; `check` is asked about the rest of it.
    pub fn pretrained_pair(
        &self,
        check: impl Fn(&DamsmSizes) -> Result<(), Problem> + Send + Sync + 'static,
    ) -> Pretrained {
        let text = self.clone();
        Pretrained::new(move |found: &DamsmSizes| {
            text.check(&found.text)?;
            check(found)
        })
    }

    /// Whether the text encoder of a pretraining is the one configured.
    fn check(&self, found: &Dimensions) -> Result<(), Problem> {
        let (ours, theirs) = (self.encoder.embedding_dim, found.embedding_dim);
        check_same(&[
            ("encoder.dim", self.encoder.dim, found.dim),
            ("encoder.embedding_dim", ours, theirs),
            ("vocabulary", self.vocabulary, found.vocabulary),
        ])
    }
}

/// A frozen pretrained image encoder, of which these `parts` run, and the number of its forward
/// equivalents in an iteration per sample.
pub fn image_encoder(
    pretrained: Pretrained,
    parts: &'static [&'static str],
    passes: f64,
) -> Component {
    // Half of the passes go forward.
    Component::frozen("encoder", pretrained, Size::Of(parts), passes).kept(passes / 2.0)
}

/// Checks settings against those of a pretraining, which come second.
///
/// # Errors
///
/// Names the first that differs.
pub fn check_same(settings: &[(&str, usize, usize)]) -> Result<(), Problem> {
    let wrong = settings.iter().find(|(_, ours, theirs)| ours != theirs);
    wrong.map_or(Ok(()), |(key, ours, theirs)| {
        let message = format!("is {ours}, but the pretrained encoder has {theirs}; set it so");
        Err(Problem::new(*key, message))
    })
}
