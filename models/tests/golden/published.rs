//! Weights, gradients and terms of files that use published names.

use std::collections::BTreeMap;

use burn::backend::{Autodiff, Flex};
use burn::module::{AutodiffModule, Module};
use burn::optim::GradientsParams;
use burn::prelude::{Tensor, TensorData};
use wordpaint_models::import::{Layout, Source, import};
use wordpaint_models::state::{param_ids, transposed};
use wordpaint_models::system::LossTerms;

use super::file::{Golden, Tolerance};

type TestBackend = Autodiff<Flex>;

/// `module` with every tensor below `prefix`; all of them are used and none is missing.
pub(super) fn load<M: Module<TestBackend>>(
    golden: &Golden,
    prefix: &str,
    module: M,
    key: impl Fn(&str) -> Option<Source>,
) -> M {
    let arrays: BTreeMap<String, TensorData> = golden
        .keys(prefix)
        .into_iter()
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
pub(super) fn check_terms(
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
pub(super) fn check_gradients<M: AutodiffModule<TestBackend>>(
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
        let found = match expected.shape.len() {
            1 => gradients.get::<Flex, 1>(id).map(Tensor::into_data),
            2 => gradients.get::<Flex, 2>(id).map(Tensor::into_data),
            3 => gradients.get::<Flex, 3>(id).map(Tensor::into_data),
            _ => gradients.get::<Flex, 4>(id).map(Tensor::into_data),
        };
        let found = found.unwrap_or_else(|| panic!("`{name}` has no gradient"));
        let found = match source.layout {
            Layout::Transposed => transposed(found),
            _ => found,
        };
        let layer = stored.rsplit_once('.').map_or("", |(layer, _)| layer);
        let scale = largest_below(golden, &format!("{layer}."));
        golden.check(&stored, found, Tolerance::Absolute(1e-4 * scale));
        checked += 1;
    }
    assert_eq!(checked, golden.keys(prefix).len(), "all of {prefix}");
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
