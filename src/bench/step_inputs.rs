//! Random batches and frozen networks of the sizes an experiment asks for.

use burn::module::{Module, ModuleVisitor, Param};
use burn::prelude::{Int, Tensor, TensorData};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::batch::{Batch, Text};
use wordpaint_models::damsm;
use wordpaint_models::noise::Noise;
use wordpaint_models::system::{Aids, Needs, System, TextForm};
use wordpaint_models::vision::matching::Damsm;
use wordpaint_models::vision::vgg::{GROUPS, VggConfig};

use crate::config::{self, ConfigError, Experiment, Reference};

/// A batch of random numbers in the form a system needs; `attributes` is their number.
pub(super) fn batch<B: Backend>(
    needs: &Needs,
    attributes: usize,
    n: usize,
    device: &B::Device,
) -> Batch<B> {
    let noise = Noise::new(0, 0);
    let image = |purpose: &str, size: usize| {
        noise.uniform::<B, 4>(purpose, [n, 3, size, size], -1.0, 1.0, device)
    };
    let largest = needs.image_sizes.last().copied().unwrap_or(0);
    Batch {
        images: needs
            .image_sizes
            .iter()
            .map(|&size| image("real", size))
            .collect(),
        mismatched: needs.has_mismatched.then(|| image("mismatched", largest)),
        text: Text {
            embeddings: match needs.text {
                TextForm::Embedding { dim } => {
                    Some(noise.normal("text", [n, needs.captions, dim], device))
                }
                TextForm::None | TextForm::Characters { .. } | TextForm::Words { .. } => None,
            },
            tokens: match needs.text {
                TextForm::Characters { length } | TextForm::Words { length, .. } => {
                    let shape = [n, needs.captions, length];
                    Some(zeros(shape.iter().product(), device).reshape(shape))
                }
                TextForm::None | TextForm::Embedding { .. } => None,
            },
            lengths: vec![1; n * needs.captions],
        },
        classes: zeros(n, device),
        labels: None,
        features: needs
            .features
            .map(|dim| noise.normal("features", [n, dim], device)),
        attributes: needs
            .has_attributes
            .then(|| zeros(n * attributes, device).reshape([n, attributes])),
        indices: (0..n).collect(),
    }
}

fn zeros<B: Backend>(length: usize, device: &B::Device) -> Tensor<B, 1, Int> {
    Tensor::from_data(TensorData::new(vec![0_i32; length], [length]), device)
}

/// The teacher an experiment asks for, with the depth, widths and input space of its resolved
/// `[model]` (of its `[model.trunk]`, where there is one).
pub(super) fn teacher(experiment: &Experiment, model: &toml::Table) -> VggConfig {
    let default = VggConfig::default();
    let model = model
        .get("trunk")
        .and_then(toml::Value::as_table)
        .unwrap_or(model);
    let asked = |key: &str| model.get(key).cloned();
    let widths: Option<[usize; GROUPS]> = asked("widths").and_then(|v| v.try_into().ok());
    VggConfig {
        depth: asked("depth")
            .and_then(|v| v.try_into().ok())
            .unwrap_or(default.depth),
        widths: widths.unwrap_or(default.widths),
        pooling: experiment
            .aids
            .vgg
            .as_ref()
            .map_or(default.pooling, |aid| aid.pooling),
        preprocessing: asked("preprocessing")
            .and_then(|v| v.try_into().ok())
            .unwrap_or(default.preprocessing),
        ..default
    }
}

/// Frozen networks with random weights.
pub(super) fn aids<B: AutodiffBackend>(vgg: Option<&VggConfig>, device: &B::Device) -> Aids<B> {
    Aids {
        vgg: vgg.map(|config| config.init::<B>(device)),
        ..Aids::default()
    }
}

/// The pretrained encoders an experiment asks for, with random weights.
pub(super) fn pair<B: AutodiffBackend>(
    experiment: &Experiment,
    device: &B::Device,
) -> Result<Option<Damsm<B>>, ConfigError> {
    let Reference::Experiment(name) = Reference::of(&experiment.text.encoder) else {
        return Ok(None);
    };
    let trained = config::load(name, &[], experiment.quick)?;
    if trained.expect_family::<damsm::Family>().is_err() {
        return Ok(None);
    }
    let settings = trained.config_of::<damsm::Family>()?;
    let vgg = teacher(&trained, &trained.family_facts()?.model).init::<B>(device);
    Ok(damsm::Pretraining::<B>::init(&settings, device).into_pair(Some(vgg)))
}

#[derive(Default)]
struct Count {
    path: Vec<String>,
    numbers: usize,
}

impl<B: Backend> ModuleVisitor<B> for Count {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let name = self.path.last().map_or("", String::as_str);
        if !matches!(name, "running_mean" | "running_var") {
            self.numbers += param.val().dims().iter().product::<usize>();
        }
    }
}

/// Numbers in the parameters of a module; running statistics are none.
pub(super) fn parameter_count<B: Backend, M: Module<B>>(module: &M) -> usize {
    let mut count = Count::default();
    module.visit(&mut count);
    count.numbers
}
