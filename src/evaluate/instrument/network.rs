//! Networks behind their preprocessing.

use std::collections::BTreeMap;

use burn::prelude::{Tensor, TensorData};
use burn::tensor::activation::relu;
use image::RgbImage;
use wordpaint_data::preprocessing::Preprocessing;
use wordpaint_models::backend::Backend;
use wordpaint_models::import::{ImportReport, Source, import};
use wordpaint_models::nn::batch_norm::Mode;
use wordpaint_models::nn::linear::{Linear, LinearConfig};
use wordpaint_models::vision::efficientnet_lite::{EfficientNetLite, EfficientNetLiteConfig};
use wordpaint_models::vision::inception::{Bias, Inception, InceptionConfig, Naming};

use super::Kind;
use crate::evaluate::extract::{ExtractError, Extractor, Features, Instrument};

/// Images per pass through a network: enough to keep a device busy, and the maps of an
/// Inception network at 299 pixels still fit everywhere.
const BATCH: usize = 16;

/// Output sizes of the layers behind the pool of `nsfwjs`.
const NSFW_LAYERS: [usize; 3] = [256, 128, 5];

type Arrays = BTreeMap<String, TensorData>;

/// A network with weights.
pub(super) enum Network<B: Backend> {
    Inception {
        network: Inception<B>,
        bias: Bias,
        skip: usize,
    },
    Nsfw {
        network: Inception<B>,
        /// Linear layers with ReLUs between them.
        layers: Vec<Linear<B>>,
    },
    EfficientNet(Box<EfficientNetLite<B>>),
}

/// What a file lacks, or nothing.
fn complete(report: &ImportReport) -> Result<(), String> {
    if report.ours.is_complete() {
        return Ok(());
    }
    let missing = report.ours.missing.iter();
    let problems: Vec<String> = report
        .ours
        .mismatched
        .iter()
        .cloned()
        .chain(missing.map(|name| format!("nothing for {name}")))
        .collect();
    let more = match problems.len() {
        0..=3 => String::new(),
        n => format!(" and {} more", n - 3),
    };
    Err(format!(
        "{}{more}",
        problems[..problems.len().min(3)].join("; ")
    ))
}

fn inception<B: Backend>(
    config: InceptionConfig,
    arrays: &Arrays,
    device: &B::Device,
) -> Result<Inception<B>, String> {
    let naming = Naming::of(arrays.keys()).ok_or_else(|| {
        let first = arrays.keys().next().map_or("nothing", String::as_str);
        format!("it has no first convolution of an Inception-v3 (it begins with `{first}`)")
    })?;
    let (network, report) = config.init::<B>(device).load(naming, arrays);
    complete(&report)?;
    Ok(network.fold())
}

impl Kind {
    /// The network with the weights of a file, or what is wrong with the file.
    pub(super) fn load<B: Backend>(
        self,
        arrays: &Arrays,
        device: &B::Device,
    ) -> Result<Network<B>, String> {
        match self {
            Self::Inception { config, bias, skip } => Ok(Network::Inception {
                network: inception(config, arrays, device)?,
                bias,
                skip,
            }),
            Self::Nsfw => {
                let config = InceptionConfig::KERAS;
                let network = inception(config, arrays, device)?;
                let mut inputs = config.features();
                let mut layers = Vec::new();
                for (i, outputs) in NSFW_LAYERS.into_iter().enumerate() {
                    let layer = LinearConfig::new(inputs, outputs).init::<B>(device);
                    let (layer, report) = import(layer, arrays, |name| {
                        let field = if name == "weight" { "kernel" } else { name };
                        Some(Source::same(format!("dense_{}/{field}", i + 1)))
                    });
                    complete(&report)?;
                    layers.push(layer);
                    inputs = outputs;
                }
                Ok(Network::Nsfw { network, layers })
            }
            Self::EfficientNet => {
                let config = EfficientNetLiteConfig::LITE0;
                let (network, report) = config.init::<B>(device).load(arrays);
                complete(&report)?;
                Ok(Network::EfficientNet(Box::new(network.fold())))
            }
        }
    }
}

impl<B: Backend> Network<B> {
    /// Pooled features and class scores.
    fn forward(&self, x: Tensor<B, 4>) -> (Tensor<B, 2>, Option<Tensor<B, 2>>) {
        match self {
            Self::Inception {
                network,
                bias,
                skip,
            } => {
                let pool = network.pool3(x, Mode::Running);
                let logits = network.logits(pool.clone(), *bias).map(|logits| {
                    let [_, classes] = logits.dims();
                    logits.narrow(1, *skip, classes - skip)
                });
                (pool, logits)
            }
            Self::Nsfw { network, layers } => {
                let pool = network.pool3(x, Mode::Running);
                let mut h = pool.clone();
                for (i, layer) in layers.iter().enumerate() {
                    let input = if i == 0 { h } else { relu(h) };
                    h = layer.forward(input);
                }
                (pool, Some(h))
            }
            Self::EfficientNet(network) => {
                let features = network.features(x);
                let logits = network.logits(features.clone());
                (features, Some(logits))
            }
        }
    }
}

/// A network with weights behind its preprocessing.
pub(super) struct Loaded<B: Backend> {
    instrument: Instrument,
    preprocessing: Preprocessing,
    network: Network<B>,
    device: B::Device,
}

impl<B: Backend> Loaded<B> {
    pub(super) const fn new(
        instrument: Instrument,
        preprocessing: Preprocessing,
        network: Network<B>,
        device: B::Device,
    ) -> Self {
        Self {
            instrument,
            preprocessing,
            network,
            device,
        }
    }
}

impl<B: Backend> Extractor for Loaded<B> {
    fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    fn features(&mut self, images: &[RgbImage]) -> Result<Features, ExtractError> {
        let side = self.preprocessing.size as usize;
        let mut features = Features::default();
        let mut scores = Vec::new();
        for batch in images.chunks(BATCH) {
            if let Some(empty) = batch.iter().find(|i| i.width() == 0 || i.height() == 0) {
                return Err(ExtractError {
                    instrument: self.instrument.id.clone(),
                    message: format!(
                        "an image of {} x {} pixels shows nothing; leave it out",
                        empty.width(),
                        empty.height()
                    ),
                });
            }
            let values = self.preprocessing.apply_all(batch);
            let data = TensorData::new(values, [batch.len(), 3, side, side]);
            let x = Tensor::<B, 4>::from_data(data, &self.device);
            let (pool, logits) = self.network.forward(x);
            features.dims = pool.dims()[1];
            features.pool.extend(pool.into_data().iter::<f32>());
            if let Some(logits) = logits {
                features.classes = logits.dims()[1];
                scores.extend(logits.into_data().iter::<f32>());
            }
        }
        if self.instrument.inception_score.is_some() {
            features.logits = Some(scores);
        } else {
            features.classes = 0;
        }
        Ok(features)
    }
}
