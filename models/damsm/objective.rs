//! Losses of the pretraining.

use burn::prelude::{Int, Tensor};

use super::Config;
use crate::auxiliary::sum;
use crate::backend::Backend;
use crate::losses::contrastive::{Views, halves};
use crate::losses::damsm::{sentence_matching, word_matching};
use crate::system::LossTerms;
use crate::text::lstm::Words;
use crate::vision::region_heads::ImageCodes;

/// Weight of the contrastive loss where the configuration has none.
const CONTRASTIVE_WEIGHT: f64 = 1.0; // T2I_CL, pretrain_DAMSM.py

fn class_halves<B: Backend>(classes: &Tensor<B, 1, Int>) -> [Tensor<B, 1, Int>; 2] {
    let half = classes.dims()[0] / 2;
    [0, half].map(|start| classes.clone().narrow(0, start, half))
}

/// Images with their captions, matched with each other.
struct View<B: Backend> {
    image: ImageCodes<B>,
    caption: Words<B>,
    classes: Option<Tensor<B, 1, Int>>,
}

/// Terms for one caption per image, or for two views that are summed and contrasted: two captions
/// of every image, or both halves of the batch.
///
/// # Shapes
///
/// - `classes`: `[batch]`; images of one class are no rivals
/// - `labels`: `[batch, categories]`, of multi-label data, where every image is its own class
pub fn terms<B: Backend>(
    config: &Config,
    image: &ImageCodes<B>,
    captions: Vec<Words<B>>,
    classes: &Tensor<B, 1, Int>,
    labels: Option<Tensor<B, 2>>,
) -> LossTerms<B> {
    let has_halves = config.contrastive.has_halves();
    let mask = labels.is_none().then(|| classes.clone());
    let views: Vec<View<B>> = if has_halves {
        let masks = mask.map_or([None, None], |mask| class_halves(&mask).map(Some));
        let images = halves(&image.regions).into_iter().zip(halves(&image.code));
        let images = images.map(|(regions, code)| ImageCodes { regions, code });
        let read = captions[0].halves();
        images
            .zip(read)
            .zip(masks)
            .map(|((image, caption), classes)| View {
                image,
                caption,
                classes,
            })
            .collect()
    } else {
        let view = |caption: &Words<B>| View {
            image: image.clone(),
            caption: caption.clone(),
            classes: mask.clone(),
        };
        captions.iter().map(view).collect()
    };
    let words = |view: &View<B>| {
        let View { image, caption, .. } = view;
        let (words, padding) = (caption.words.clone(), caption.padding.clone());
        let mask = view.classes.as_ref();
        word_matching(words, padding, image.regions.clone(), mask, &config.gammas)
    };
    let sentences = |view: &View<B>| {
        let sentence = view.caption.sentence.clone();
        let mask = view.classes.as_ref();
        sentence_matching(sentence, view.image.code.clone(), mask, &config.gammas)
    };
    let by_word = || sum(views.iter().map(|b| words(b).sum()));
    let whole = || sum(views.iter().map(|b| sentences(b).sum()));
    let terms = LossTerms::new()
        .with("m/words", config.word_weight, by_word)
        .with("m/sentence", config.sentence_weight, whole);
    let positives = match &views[..] {
        [first, second] => Some([first, second].map(|b| b.caption.sentence.clone())),
        _ => None,
    };
    let contrastive = config.contrastive.loss(Views {
        positives,
        images: vec![image.code.clone()],
        sentences: captions.iter().map(|c| c.sentence.clone()).collect(),
        classes: classes.clone(),
        labels,
    });
    contrastive.into_iter().fold(terms, |terms, value| {
        let weight = config.contrastive.weight.unwrap_or(CONTRASTIVE_WEIGHT);
        terms.with("m/contrast", weight, || value)
    })
}
