//! A trained run with the text encoder it needs: opened once, it makes images of batches of captions.

use std::sync::Arc;

use burn::prelude::{Int, Tensor, TensorData};
use image::RgbImage;
use wordpaint_data::tokenizers::{Encoded, Excess, Tokenizer};
use wordpaint_models::backend::Backend;
use wordpaint_models::batch::Text;
use wordpaint_models::noise::Noise;
use wordpaint_models::system::{Family, Generated, Pipeline, System, SystemConfig, TextForm};

use super::GenerateError;
use crate::config::Experiment;
use crate::data::pixels::to_images;
use crate::run::folder::RunFolder;
use crate::setup::opened::{Opened, open};
use crate::setup::text::{Encoder, check_caption};
use crate::setup::{Dirs, SetupError, Status, words};

/// A generator and its text encoder.
pub struct CaptionPipeline<B: Backend, S> {
    opened: Opened<S>,
    encoder: CaptionEncoder<B>,
}

/// How captions become what the system takes.
enum CaptionEncoder<B: Backend> {
    /// Sentence embeddings.
    Sentences(Box<Encoder<B>>),
    /// Ids of a tokenizer.
    Tokens {
        tokenizer: Arc<dyn Tokenizer>,
        /// Ids taken of a caption.
        length: usize,
        device: B::Device,
    },
}

impl<B: Backend, S: System<B>> CaptionPipeline<B, S> {
    /// Opens a run. Captions go through the encoder inside it, or through `encoder` (a run folder or
    /// `experiment:NAME`) where one is named.
    ///
    /// # Errors
    ///
    /// If checkpoint or encoder are missing or do not fit, or if the family makes no images.
    pub fn open<F: Family<System<B> = S>>(
        run: &RunFolder,
        encoder: Option<&str>,
        device: &B::Device,
        dirs: &Dirs,
        status: Status<'_>,
    ) -> Result<Self, GenerateError> {
        let opened = open::<F, B>(run, device, dirs, status)?;
        let experiment = &opened.experiment;
        if opened.pipeline().is_none() {
            return Err(GenerateError::NoGenerator(experiment.family.clone()));
        }
        let config = experiment.config_of::<F>().map_err(SetupError::from)?;
        let form = config.needs().text;
        if let TextForm::Tokens(tokens) = form {
            return Ok(Self {
                opened,
                encoder: CaptionEncoder::Tokens {
                    tokenizer: words::tokenizer_of_run(run, tokens)?,
                    length: tokens.length,
                    device: device.clone(),
                },
            });
        }
        let encoder = match encoder {
            Some(reference) => Encoder::named(reference, experiment.quick, device, dirs)?,
            None => Encoder::open(experiment, Some(run), device, dirs)?,
        };
        if let TextForm::Embedding { dim } = form
            && dim != encoder.dim
        {
            return Err(GenerateError::Setup(SetupError::Setting {
                key: "model.text_dim",
                message: format!(
                    "the system was trained on embeddings of {dim} numbers, this encoder gives {}; \
                     name the encoder it was trained with by `--encoder RUN`",
                    encoder.dim
                ),
            }));
        }
        Ok(Self {
            opened,
            encoder: CaptionEncoder::Sentences(Box::new(encoder)),
        })
    }

    /// Embeds captions, `[captions, dim]`.
    ///
    /// # Errors
    ///
    /// If one is empty, absurdly long or has no word that the system knows, or if the system makes more
    /// of a caption than its embedding.
    pub fn embed(&self, captions: &[impl AsRef<str>]) -> Result<Tensor<B, 2>, GenerateError> {
        let text = self.encode(captions)?;
        if text.embeddings.is_some() {
            return Ok(text.first_embedding());
        }
        self.pipeline().sentences(&text).ok_or_else(|| {
            GenerateError::Caption(format!(
                "`{}` reads captions word by word; there is nothing between two of them",
                self.experiment().family
            ))
        })
    }

    /// Captions as the system takes them, one per sample of a batch.
    ///
    /// # Errors
    ///
    /// If one is empty, absurdly long, or has no word that the system knows.
    pub fn encode(&self, captions: &[impl AsRef<str>]) -> Result<Text<B>, GenerateError> {
        for caption in captions {
            check_caption(caption.as_ref())?;
        }
        let (tokenizer, length, device) = match &self.encoder {
            CaptionEncoder::Sentences(encoder) => {
                let embeddings = encoder.encode(captions).unsqueeze_dim(1);
                return Ok(Text::from_embeddings(embeddings));
            }
            CaptionEncoder::Tokens {
                tokenizer,
                length,
                device,
            } => (tokenizer, length, device),
        };
        let (mut tokens, mut lengths) = (Vec::new(), Vec::new());
        for caption in captions {
            let caption = caption.as_ref();
            let Encoded { ids, count, .. } = tokenizer.encode(caption, *length, Excess::First);
            if count == 0 {
                return Err(GenerateError::Caption(format!(
                    "no word of \"{caption}\" is in the run's vocabulary; describe the picture with \
                     other words (`vocabulary.json` in the run folder lists them)"
                )));
            }
            tokens.extend(ids);
            lengths.push(count);
        }
        let data = TensorData::new(tokens, [captions.len(), 1, *length]);
        Ok(Text {
            embeddings: None,
            tokens: Some(Tensor::<B, 3, Int>::from_data(data, device)),
            lengths,
        })
    }

    /// Whether other noise gives other images.
    pub fn draws_noise(&self) -> bool {
        self.pipeline().draws_noise()
    }

    /// Images for every sample of `text` in one pass, all from the numbers that a caption alone gets
    /// from `noise`.
    pub fn generate(&self, text: &Text<B>, noise: Noise) -> Generated<B> {
        self.pipeline().generate(text, noise.for_every_sample())
    }

    /// Final images for every sample of `text`, in its order: of each caption one per head. They do not
    /// depend on the captions beside it, but for rounding: a product of matrices may add in another
    /// order where there are more rows.
    pub fn images(&self, text: &Text<B>, noise: Noise) -> Vec<Vec<RgbImage>> {
        let batches = if self.pipeline().mixes_samples() {
            text.samples()
        } else {
            vec![text.clone()]
        };
        let images = batches.iter().flat_map(|text| {
            let generated = self.generate(text, noise);
            by_caption(generated.finals().map(to_images).collect())
        });
        images.collect()
    }

    /// The words of `caption` that the system takes, in order; `None` where captions are embedded as a
    /// whole.
    pub fn words(&self, caption: &str) -> Option<Vec<String>> {
        let CaptionEncoder::Tokens {
            tokenizer, length, ..
        } = &self.encoder
        else {
            return None;
        };
        let Encoded { ids, count, .. } = tokenizer.encode(caption, *length, Excess::First);
        let word = |&id: &i32| tokenizer.token(id).unwrap_or_default();
        Some(ids[..count].iter().map(word).collect())
    }

    /// Experiment of the run.
    pub const fn experiment(&self) -> &Experiment {
        &self.opened.experiment
    }

    fn pipeline(&self) -> Pipeline<'_, B> {
        let pipeline = self.opened.pipeline();
        pipeline.expect("checked when the run was opened")
    }
}

/// The images of every caption from those of every head.
fn by_caption(heads: Vec<Vec<RgbImage>>) -> Vec<Vec<RgbImage>> {
    let captions = heads.iter().map(Vec::len).min().unwrap_or(0);
    let mut heads: Vec<_> = heads.into_iter().map(Vec::into_iter).collect();
    let of_one = |_| heads.iter_mut().filter_map(Iterator::next).collect();
    (0..captions).map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn every_caption_gets_its_image_of_every_head_in_order() {
        let image = |value: u8| RgbImage::from_pixel(1, 1, Rgb([value; 3]));
        let heads = vec![
            vec![image(1), image(2), image(3)],
            vec![image(11), image(12), image(13)],
        ];

        let found = by_caption(heads);

        let expected: Vec<Vec<RgbImage>> = (1..4).map(|v| vec![image(v), image(10 + v)]).collect();
        assert_eq!(found, expected);
    }
}
