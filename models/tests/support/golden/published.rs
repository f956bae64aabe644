//! Weights, gradients and terms of files that use published names.

use std::collections::BTreeMap;

use burn::backend::{Autodiff, Flex};
use burn::module::{AutodiffModule, Module, ParamId};
use burn::optim::GradientsParams;
use burn::prelude::{Tensor, TensorData};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::import::{Layout, Source, import};
use wordpaint_models::state::{named_tensors, param_ids, transposed};
use wordpaint_models::system::LossTerms;

use super::file::{Golden, Tolerance};

type TestBackend = Autodiff<Flex>;

/// `module` with every tensor below `prefix`; all of them are used and none is missing.
pub(crate) fn load<M: Module<TestBackend>>(
    golden: &Golden,
    prefix: &str,
    module: M,
    key: impl Fn(&str) -> Option<Source>,
) -> M {
    let is_counter = |key: &String| key.ends_with("num_batches_tracked");
    let arrays: BTreeMap<String, TensorData> = golden
        .keys(prefix)
        .into_iter()
        .filter(|key| !is_counter(key))
        .map(|k| (k.clone(), golden.data(&format!("{prefix}{k}"))))
        .collect();
    let (module, report) = import::<TestBackend, _>(module, &arrays, key);
    assert!(
        report.ours.is_complete() && report.unused.is_empty(),
        "{report:?}"
    );
    module
}

/// Compares each weighted term with the tensor of the same position in `keys`, and the total with
/// the last; returns the total.
pub(crate) fn check_terms(
    golden: &Golden,
    terms: &LossTerms<TestBackend>,
    keys: &[String],
) -> Tensor<TestBackend, 1> {
    assert_eq!(terms.terms().len() + 1, keys.len());
    let total = terms.total().expect("terms are switched on");
    for (term, key) in terms.terms().iter().zip(keys) {
        // Ports store terms as they are, the authors' version with their weights.
        let is_weighted = key.ends_with("weighted");
        let factor = if is_weighted { term.weight } else { 1.0 };
        let value = term.value.clone() * factor;
        golden.check(key, value.into_data(), Tolerance::Absolute(1e-5));
    }
    let key = keys.last().expect("the total has a key");
    golden.check(key, total.to_data(), Tolerance::Absolute(1e-5));
    total
}

/// Compares the gradients of `loss` with every tensor below `prefix`, to 1e-4 of the largest
/// gradient in the layer: the bias of a layer that is normalised afterwards has a gradient of 0, of
/// which both sides hold nothing but rounding errors.
pub(crate) fn check_gradients<M: AutodiffModule<TestBackend>>(
    golden: &Golden,
    prefix: &str,
    module: &M,
    loss: Tensor<TestBackend, 1>,
    key: impl Fn(&str) -> Option<Source>,
) {
    let gradients = GradientsParams::from_grads(loss.backward(), module);
    let mut checked = 0;
    for (name, id) in param_ids::<TestBackend, _>(module) {
        let source = key(&name).expect("every parameter has a published name");
        let stored = format!("{prefix}{}", source.key);
        let Some(expected) = golden.get(&stored) else {
            continue;
        };
        let found = gradient(&gradients, id, source.layout, &expected);
        let found = found.unwrap_or_else(|| panic!("`{name}` has no gradient"));
        let layer = stored.rsplit_once('.').map_or("", |(layer, _)| layer);
        let scale = largest_below(golden, &format!("{layer}."));
        golden.check(&stored, found, Tolerance::Absolute(1e-4 * scale));
        checked += 1;
    }
    assert_eq!(checked, golden.keys(prefix).len(), "all of {prefix}");
}

/// Gradient of a parameter in the layout of the file.
fn gradient(
    gradients: &GradientsParams,
    id: ParamId,
    layout: Layout,
    expected: &TensorData,
) -> Option<TensorData> {
    gradient_on::<Flex>(gradients, id, layout, expected)
}

/// [`gradient`] on another backend.
fn gradient_on<B: Backend>(
    gradients: &GradientsParams,
    id: ParamId,
    layout: Layout,
    expected: &TensorData,
) -> Option<TensorData> {
    let rank = match layout {
        Layout::Pointwise => 2,
        _ => expected.shape.len(),
    };
    let found = match rank {
        1 => gradients.get::<B, 1>(id)?.into_data(),
        2 => gradients.get::<B, 2>(id)?.into_data(),
        3 => gradients.get::<B, 3>(id)?.into_data(),
        _ => gradients.get::<B, 4>(id)?.into_data(),
    };
    Some(to_stored(found, layout, expected))
}

/// A value of ours in the layout of the file.
fn to_stored(ours: TensorData, layout: Layout, expected: &TensorData) -> TensorData {
    match layout {
        Layout::Transposed => transposed(ours),
        Layout::Pointwise if ours.num_elements() == expected.num_elements() => TensorData {
            shape: expected.shape.clone(),
            ..ours
        },
        _ => ours,
    }
}

/// Compares gradients with every tensor below `prefix`, each to `tolerance`.
pub(crate) fn check_each_gradient<M: AutodiffModule<TestBackend>>(
    golden: &Golden,
    prefix: &str,
    module: &M,
    gradients: &GradientsParams,
    key: impl Fn(&str) -> Option<Source>,
    tolerance: Tolerance,
) {
    let mut checked = 0;
    for (name, id) in param_ids::<TestBackend, _>(module) {
        let source = key(&name).expect("every parameter has a published name");
        let stored = format!("{prefix}{}", source.key);
        if let Some(expected) = golden.get(&stored) {
            let found = gradient(gradients, id, source.layout, &expected);
            let found = found.unwrap_or_else(|| panic!("`{name}` has no gradient"));
            golden.check(&stored, found, tolerance);
            checked += 1;
        }
    }
    assert_eq!(checked, golden.keys(prefix).len(), "all of {prefix}");
}

/// What a stored gradient is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gradient {
    /// As exact as its numbers.
    Whole,
    /// Of a parameter that changes nothing: the file holds rounding errors, and so may ours.
    Zero,
    /// What is left where nearly everything cancels: the rounding errors of both sides, which the
    /// gradients of [`Self::Zero`] show, are not small beside it.
    Rest,
}

/// Compares gradients with every tensor below `prefix` by the length of the difference, which may
/// be `relative` times that of the stored gradient; `worth` knows the parameters by their stored
/// names.
pub(crate) fn check_gradient_lengths<B: AutodiffBackend, M: AutodiffModule<B>>(
    golden: &Golden,
    prefix: &str,
    module: &M,
    gradients: &GradientsParams,
    key: impl Fn(&str) -> Option<Source>,
    relative: f64,
    worth: impl Fn(&str) -> Gradient,
) {
    const ZERO: f64 = 1e-6;
    let pairs = param_ids::<B, _>(module)
        .into_iter()
        .filter_map(|(name, id)| {
            let source = key(&name).expect("every parameter has a published name");
            let stored = format!("{prefix}{}", source.key);
            let expected = golden.get(&stored)?;
            let found = gradient_on::<B::InnerBackend>(gradients, id, source.layout, &expected);
            let found = found.unwrap_or_else(|| panic!("`{name}` has no gradient"));
            assert_eq!(found.shape, expected.shape, "{stored}");
            Some((stored, worth(&source.key), expected, found))
        });
    let pairs: Vec<_> = pairs.collect();
    let length = |data: &TensorData| distance(data, data)[1];
    let zeros = pairs
        .iter()
        .filter(|(_, worth, ..)| *worth == Gradient::Zero);
    let rounding = zeros
        .map(|(_, _, expected, found)| length(expected) + length(found))
        .fold(0.0, f64::max);
    for (stored, worth, expected, found) in &pairs {
        if *worth == Gradient::Zero {
            let largest = found.iter::<f64>().fold(0.0_f64, |m, v| m.max(v.abs()));
            assert!(largest <= ZERO, "{stored}: {largest}, not 0");
            continue;
        }
        let [distance, length] = distance(expected, found);
        let floor = match worth {
            Gradient::Rest => rounding,
            Gradient::Whole | Gradient::Zero => 0.0,
        };
        assert!(
            distance <= relative * length + floor,
            "{stored}: {distance} off a gradient of length {length}, rounding {floor}"
        );
    }
    // Gradients by inputs are no parameters'.
    let inputs = ["noise", "sent"].map(|name| golden.get(&format!("{prefix}{name}")));
    let checked = pairs.len() + inputs.iter().flatten().count();
    assert_eq!(checked, golden.keys(prefix).len(), "all of {prefix}");
}

/// Euclidean distance of the gradient of the parameter `name` from the one stored below `prefix`, and
/// the length of that.
pub(crate) fn off_stored<B: AutodiffBackend, M: AutodiffModule<B>>(
    golden: &Golden,
    (prefix, name): (&str, &str),
    module: &M,
    gradients: &GradientsParams,
    key: impl Fn(&str) -> Option<Source>,
) -> [f64; 2] {
    let ids = param_ids::<B, _>(module);
    let (_, id) = ids.into_iter().find(|(own, _)| own == name).expect("there");
    let source = key(name).expect("every parameter has a published name");
    let expected = golden.data(&format!("{prefix}{}", source.key));
    let found = gradient_on::<B::InnerBackend>(gradients, id, source.layout, &expected);
    distance(&expected, &found.expect("it has a gradient"))
}

/// Euclidean distance of two tensors, and the length of the first.
pub(crate) fn distance(expected: &TensorData, found: &TensorData) -> [f64; 2] {
    let pairs = expected.iter::<f64>().zip(found.iter::<f64>());
    let (distance, length) = pairs.fold((0.0, 0.0), |(d, l), (e, f)| {
        (d + (e - f) * (e - f), l + e * e)
    });
    [distance.sqrt(), length.sqrt()]
}

/// Compares parameters and statistics of `module` with every tensor below `prefix`: 999 of 1000
/// elements of those whose stored name counts have to be within `absolute`.
pub(crate) fn check_most_of_state<B: AutodiffBackend, M: AutodiffModule<B>>(
    golden: &Golden,
    prefix: &str,
    module: &M,
    key: impl Fn(&str) -> Option<Source>,
    absolute: f32,
    counts: impl Fn(&str) -> bool,
) {
    let (mut checked, mut all, mut off) = (0, 0, Vec::new());
    for (name, found) in named_tensors(&module.valid()) {
        let source = key(&name).expect("every parameter has a published name");
        let Some(expected) = golden.get(&format!("{prefix}{}", source.key)) else {
            continue;
        };
        checked += 1;
        if !counts(&source.key) {
            continue;
        }
        let found = to_stored(found, source.layout, &expected);
        assert_eq!(found.shape, expected.shape, "{}", source.key);
        all += found.num_elements();
        for (e, f) in expected.iter::<f32>().zip(found.iter::<f32>()) {
            let difference = (e - f).abs();
            if difference.is_nan() || difference > absolute {
                off.push(format!("{}: {f}, not {e}", source.key));
            }
        }
    }
    assert_eq!(checked, golden.keys(prefix).len(), "all of {prefix}");
    assert!(
        1000 * off.len() <= all,
        "{} of {all} off: {:?}",
        off.len(),
        &off[..off.len().min(5)]
    );
}

/// Compares parameters and statistics of `module` with every tensor below `prefix`, where
/// `is_sure` says which elements (by the stored key and the index) count.
pub(crate) fn check_state<M: AutodiffModule<TestBackend>>(
    golden: &Golden,
    prefix: &str,
    module: &M,
    key: impl Fn(&str) -> Option<Source>,
    tolerance: Tolerance,
    is_sure: impl Fn(&str, usize) -> bool,
) {
    let mut stored = golden.keys(prefix);
    stored.retain(|key| !key.ends_with("num_batches_tracked"));
    let mut checked = 0;
    for (name, found) in named_tensors(&module.valid()) {
        let source = key(&name).expect("every parameter has a published name");
        let at = format!("{prefix}{}", source.key);
        if let Some(expected) = golden.get(&at) {
            let found = to_stored(found, source.layout, &expected);
            let expected: Vec<f32> = expected.iter().collect();
            let sure = found.iter::<f32>().zip(expected).enumerate();
            let sure = sure.map(|(i, (found, expected))| {
                if is_sure(&source.key, i) {
                    found
                } else {
                    expected
                }
            });
            let shape = found.shape.clone();
            let sure = TensorData::new(sure.collect::<Vec<f32>>(), shape);
            golden.check(&at, sure, tolerance);
            checked += 1;
        }
    }
    assert_eq!(checked, stored.len(), "all of {prefix}");
}

/// Largest magnitude in the tensors below `prefix`.
fn largest_below(golden: &Golden, prefix: &str) -> f32 {
    let keys = golden.keys(prefix).into_iter();
    keys.flat_map(|k| {
        golden
            .data(&format!("{prefix}{k}"))
            .iter::<f32>()
            .collect::<Vec<_>>()
    })
    .fold(0.0, |m, v| m.max(v.abs()))
}
