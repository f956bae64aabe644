//! Matching-aware gradient penalty of the one-stage generators' discriminators: through nested
//! automatic differentiation and by the tangent pass, against torch's double backward.

use std::collections::BTreeMap;

use burn::backend::{Autodiff, Flex, NdArray};
use burn::module::{AutodiffModule, Module, Param};
use burn::optim::GradientsParams;
use burn::prelude::{Tensor, TensorData};
use burn::tensor::activation::{leaky_relu, relu};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::import::{Source, import};
use wordpaint_models::nn::conv::{Conv2d, Conv2dConfig};
use wordpaint_models::nn::tangent::{Dual, halve, tile};
use wordpaint_models::state::param_ids;

use super::file::{Golden, Tolerance};

/// Of every activation.
const SLOPE: f64 = 0.2;
const LOSS: f32 = 1e-5;
/// Of the distance between two gradients to the length of the expected one.
const GRADIENT: f64 = 1e-4;
/// An activation within rounding of its kink may fall on either side (in SSA-GAN's file one of
/// -8e-8 beside a mean magnitude of 0.4), which changes gradients by more than rounding. Added to
/// what is activated, one of these brings it to the reference's side.
const SHIFTS: [f64; 5] = [0.0, 3e-8, -3e-8, 1e-7, -1e-7];

/// Discriminator of SSA-GAN and of the second version of DF-GAN.
#[derive(Module, Debug)]
struct Discriminator<B: Backend> {
    image: Conv2d<B>,
    blocks: Vec<Block<B>>,
    joint: Vec<Conv2d<B>>,
    shift: f64,
}

/// Halves the image: `shortcut(x) + gamma r(x)`.
#[derive(Module, Debug)]
struct Block<B: Backend> {
    residual: Vec<Conv2d<B>>,
    /// In the files of all blocks, used where the number of channels changes.
    shortcut: Conv2d<B>,
    gamma: Param<Tensor<B, 1>>,
    is_changing: bool,
}

/// Names of one of the two files.
#[derive(Clone, Copy)]
struct Names {
    trunk: &'static str,
    block: &'static str,
    head: &'static str,
}

const SSA: Names = Names {
    trunk: "",
    block: "block",
    head: "COND_DNET.",
};
const DF: Names = Names {
    trunk: "netD.",
    block: "netD.DBlocks.",
    head: "netC.",
};

impl Names {
    fn source(self, ours: &str) -> Option<Source> {
        let parts: Vec<&str> = ours.split('.').collect();
        let second = |i: &str| if i == "0" { 0 } else { 2 };
        let Self { trunk, block, head } = self;
        let key = match *parts.as_slice() {
            ["image", field] => format!("{trunk}conv_img.{field}"),
            ["joint", i, field] => format!("{head}joint_conv.{}.{field}", second(i)),
            ["blocks", b, "residual", i, field] => {
                format!("{block}{b}.conv_r.{}.{field}", second(i))
            }
            ["blocks", b, "shortcut", field] => format!("{block}{b}.conv_s.{field}"),
            ["blocks", b, "gamma"] => format!("{block}{b}.gamma"),
            _ => return None,
        };
        Some(Source::same(key))
    }
}

impl<B: Backend> Discriminator<B> {
    /// Of the sizes in the file and with its weights.
    fn load(golden: &Golden, names: Names) -> Self {
        let device = B::Device::default();
        let weights: BTreeMap<String, TensorData> = golden
            .keys("w/")
            .into_iter()
            .map(|k| (k.clone(), golden.data(&format!("w/{k}"))))
            .collect();
        let conv = |key: &str, stride: usize, padding: usize| {
            let shape = &weights[&format!("{key}.weight")].shape;
            Conv2dConfig::new([shape[1], shape[0]], [shape[2], shape[3]])
                .with_stride([stride; 2])
                .with_padding([padding; 2])
                .with_bias(weights.contains_key(&format!("{key}.bias")))
                .init::<B>(&device)
        };
        let Names { trunk, block, head } = names;
        let has_block = |b: &usize| weights.contains_key(&format!("{block}{b}.gamma"));
        let blocks = (0..).take_while(has_block).map(|b| {
            let [first, second] = [(0, 2), (2, 1)]
                .map(|(i, stride)| conv(&format!("{block}{b}.conv_r.{i}"), stride, 1));
            let [outputs, inputs, ..] = first.weight.dims();
            Block {
                residual: vec![first, second],
                shortcut: conv(&format!("{block}{b}.conv_s"), 1, 0),
                gamma: Param::from_tensor(Tensor::zeros([1], &device)),
                is_changing: inputs != outputs,
            }
        });
        let fresh = Self {
            image: conv(&format!("{trunk}conv_img"), 1, 1),
            blocks: blocks.collect(),
            joint: vec![
                conv(&format!("{head}joint_conv.0"), 1, 1),
                conv(&format!("{head}joint_conv.2"), 1, 0),
            ],
            shift: 0.0,
        };
        let (loaded, report) = import::<B, _>(fresh, &weights, |name| names.source(name));
        assert!(
            report.ours.is_complete() && report.unused.is_empty(),
            "{report:?}"
        );
        loaded
    }

    fn activate(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        leaky_relu(x + self.shift, SLOPE)
    }

    fn features(&self, image: Tensor<B, 4>) -> Tensor<B, 4> {
        let mut h = self.image.forward(image);
        for block in &self.blocks {
            let mut r = h.clone();
            for conv in &block.residual {
                r = self.activate(conv.forward(r));
            }
            let shortcut = if block.is_changing {
                block.shortcut.forward(h)
            } else {
                h
            };
            h = halve(shortcut) + r * block.gamma.val().reshape([1; 4]);
        }
        h
    }

    /// `[batch, 1, 1, 1]`.
    fn logits(&self, features: Tensor<B, 4>, sentence: Tensor<B, 2>) -> Tensor<B, 4> {
        let [_, _, height, width] = features.dims();
        let joint = Tensor::cat(vec![features, tile(sentence, [height, width])], 1);
        self.joint[1].forward(self.activate(self.joint[0].forward(joint)))
    }
}

impl<B: AutodiffBackend> Discriminator<B> {
    /// Puts activations within rounding of their kink on the reference's side.
    fn on_the_side_of(mut self, golden: &Golden) -> Self {
        let distances = SHIFTS.map(|shift| {
            self.shift = shift;
            let [distance, _] = distance(
                golden,
                "out/grad_image",
                &nested(&self, golden).image.to_data(),
            );
            distance
        });
        let nearest = (0..SHIFTS.len()).min_by(|a, b| distances[*a].total_cmp(&distances[*b]));
        self.shift = SHIFTS[nearest.expect("there are shifts")];
        self
    }

    fn activate_dual(&self, x: Dual<B, 4>) -> Dual<B, 4> {
        let value = x.value + self.shift;
        Dual { value, ..x }.leaky_relu(SLOPE)
    }

    /// Derivative of the logits along a direction of image and sentence.
    fn tangent(&self, image: Dual<B, 4>, sentence: Dual<B, 2>) -> Tensor<B, 4> {
        let mut h = image.convolve(&self.image);
        for block in &self.blocks {
            let mut r = h.clone();
            for conv in &block.residual {
                r = self.activate_dual(r.convolve(conv));
            }
            let shortcut = if block.is_changing {
                h.convolve(&block.shortcut)
            } else {
                h
            };
            h = shortcut.halve() + r.scale(&block.gamma);
        }
        let [_, _, height, width] = h.value.dims();
        let joint = h.cat(sentence.tile([height, width]), 1);
        let h = self.activate_dual(joint.convolve(&self.joint[0]));
        h.convolve(&self.joint[1]).tangent
    }
}

/// `sum(phi(g))` and what belongs to it, of one batch.
struct Penalty<B: Backend> {
    image: Tensor<B, 4>,
    sentence: Tensor<B, 2>,
    /// `[batch]`.
    norm: Tensor<B, 1>,
    value: Tensor<B, 1>,
}

/// `k mean(|g|^p)` with `g` the gradient of the logits by image and sentence; the result can be
/// differentiated by the weights.
fn nested<B: AutodiffBackend>(discriminator: &Discriminator<B>, golden: &Golden) -> Penalty<B> {
    let (k, p) = (
        golden.number::<f64>("magp_k"),
        golden.number::<f32>("magp_p"),
    );
    let twice: Discriminator<Autodiff<B>> = AutodiffModule::from_inner(discriminator.clone());
    let image = golden.tensor::<Autodiff<B>, 4>("in/real").require_grad();
    let sentence = golden.tensor::<Autodiff<B>, 2>("in/sent").require_grad();
    let logits = twice.logits(twice.features(image.clone()), sentence.clone());
    let grads = logits.sum().backward();
    let image = image.grad(&grads).expect("tracked");
    let sentence = sentence.grad(&grads).expect("tracked");
    let [batch, ..] = image.dims();
    let squares = image
        .clone()
        .square()
        .reshape([batch as i32, -1])
        .sum_dim(1)
        + sentence.clone().square().sum_dim(1);
    let norm = squares.sqrt().reshape([batch]);
    let value = norm.clone().powf_scalar(p).mean() * k;
    Penalty {
        image,
        sentence,
        norm,
        value,
    }
}

/// A number whose gradient by the weights is that of the penalty.
fn surrogate<B: AutodiffBackend>(
    discriminator: &Discriminator<B>,
    penalty: &Penalty<B>,
    golden: &Golden,
) -> Tensor<B, 1> {
    let (k, p) = (
        golden.number::<f64>("magp_k"),
        golden.number::<f32>("magp_p"),
    );
    let direction = penalty.image.clone().inner();
    let [batch, ..] = direction.dims();
    let image = Dual::new(golden.tensor("in/real"), direction);
    let sentence = Dual::new(golden.tensor("in/sent"), penalty.sentence.clone().inner());
    let derivative = discriminator.tangent(image, sentence).reshape([batch]);
    let norm = penalty.norm.clone().inner();
    // Along g itself the logit grows by |g|^2.
    golden_is_close(&norm.clone().square(), &derivative.clone().inner());
    let factor = norm.powf_scalar(p - 2.0) * (k * f64::from(p) / batch as f64);
    (derivative * Tensor::from_inner(factor)).sum()
}

fn golden_is_close<B: Backend>(expected: &Tensor<B, 1>, found: &Tensor<B, 1>) {
    let (expected, found) = (expected.to_data(), found.to_data());
    for (e, f) in expected.iter::<f32>().zip(found.iter::<f32>()) {
        assert!(
            (e - f).abs() <= LOSS * e.abs(),
            "{found:?}, not {expected:?}"
        );
    }
}

/// Euclidean distance of `found` from a stored tensor, and the length of this.
fn distance(golden: &Golden, key: &str, found: &TensorData) -> [f64; 2] {
    let expected = golden.data(key);
    assert_eq!(found.shape, expected.shape, "{key}");
    let pairs = expected.iter::<f64>().zip(found.iter::<f64>());
    let (distance, length) = pairs.fold((0.0, 0.0), |(d, l), (e, f)| {
        (d + (e - f) * (e - f), l + e * e)
    });
    [distance.sqrt(), length.sqrt()]
}

fn check_gradient(golden: &Golden, key: &str, found: &TensorData) {
    let [distance, length] = distance(golden, key, found);
    assert!(
        distance <= GRADIENT * length,
        "{key}: {distance} off {length}"
    );
}

/// Gradients of `loss` against the tensors below `prefix`; torch stores zeros where ours are none.
fn check_gradients<B: AutodiffBackend>(
    golden: &Golden,
    prefix: &str,
    names: Names,
    discriminator: &Discriminator<B>,
    loss: Tensor<B, 1>,
) {
    type Inner<B> = <B as burn::tensor::backend::AutodiffBackend>::InnerBackend;
    let gradients = GradientsParams::from_grads(loss.backward(), discriminator);
    let mut checked = 0;
    for (name, id) in param_ids::<B, _>(discriminator) {
        let source = names.source(&name).expect("every parameter has a name");
        let key = format!("{prefix}{}", source.key);
        let Some(expected) = golden.get(&key) else {
            continue;
        };
        let found = match expected.shape.len() {
            1 => gradients.get::<Inner<B>, 1>(id).map(Tensor::into_data),
            _ => gradients.get::<Inner<B>, 4>(id).map(Tensor::into_data),
        };
        let zeros = TensorData::zeros::<f32, _>(expected.shape.clone());
        let found = found.unwrap_or(zeros);
        check_gradient(golden, &key, &found);
        checked += 1;
    }
    assert_eq!(checked, golden.keys(prefix).len(), "all of {prefix}");
}

fn ssa_gan_on<B: AutodiffBackend>(golden: &Golden) {
    let discriminator = Discriminator::<B>::load(golden, SSA).on_the_side_of(golden);

    let penalty = nested(&discriminator, golden);
    let surrogate = surrogate(&discriminator, &penalty, golden);

    let relative = Tolerance::RelativeToMax(LOSS);
    check_gradient(golden, "out/grad_image", &penalty.image.to_data());
    check_gradient(golden, "out/grad_sent", &penalty.sentence.to_data());
    golden.check("out/grad_norm", penalty.norm.to_data(), relative);
    golden.check("out/magp", penalty.value.to_data(), relative);
    check_gradients(golden, "grad/magp/", SSA, &discriminator, penalty.value);
    check_gradients(golden, "grad/magp/", SSA, &discriminator, surrogate);
}

#[test]
fn ssa_gan_penalty() {
    let Some(golden) = Golden::open("ssa_gan_d_step") else {
        return;
    };
    ssa_gan_on::<Autodiff<Flex>>(&golden);
    ssa_gan_on::<Autodiff<NdArray>>(&golden);
}

/// Sum of the hinge loss with mismatched sentences and the penalty.
fn df_gan_on<B: AutodiffBackend>(golden: &Golden) {
    let discriminator = Discriminator::<B>::load(golden, DF);
    let sentence = golden.tensor::<B, 2>("in/sent");
    let [batch, _] = sentence.dims();
    let real = discriminator.features(golden.tensor("in/real"));
    let fake = discriminator.features(golden.tensor("in/fake"));
    // The features of the next image go with the sentence of this one.
    let next = Tensor::cat(
        vec![
            real.clone().narrow(0, 1, batch - 1),
            real.clone().narrow(0, 0, 1),
        ],
        0,
    );

    let logits = [real, next, fake].map(|f| discriminator.logits(f, sentence.clone()));
    let penalty = nested(&discriminator, golden);
    let [real, mismatched, fake] = logits;
    let terms = [
        ("real", relu(real.neg() + 1.0).mean()),
        ("mismatch", relu(mismatched + 1.0).mean()),
        ("fake", relu(fake + 1.0).mean()),
    ];

    let relative = Tolerance::RelativeToMax(LOSS);
    for (name, term) in &terms {
        golden.check(&format!("out/errD_{name}"), term.to_data(), relative);
    }
    golden.check("out/grad_norm", penalty.norm.to_data(), relative);
    golden.check("out/magp", penalty.value.to_data(), relative);
    let [(_, real), (_, mismatched), (_, fake)] = terms;
    let total = real + (mismatched + fake) / 2.0 + penalty.value;
    golden.check("out/errD", total.to_data(), relative);
    check_gradients(golden, "grad/", DF, &discriminator, total);
}

#[test]
fn df_gan_discriminator() {
    let Some(golden) = Golden::open("df_gan_discriminator") else {
        return;
    };
    df_gan_on::<Autodiff<Flex>>(&golden);
    df_gan_on::<Autodiff<NdArray>>(&golden);
}
