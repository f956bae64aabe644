//! Import of published weights: their names and layouts to ours.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::Module;
use burn::prelude::TensorData;

use crate::backend::Backend;
use crate::state::{LoadReport, load_named, transposed};

/// Layout of a published array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// As ours.
    Same,
    /// Matrix stored as `[outputs, inputs]`; ours is `[inputs, outputs]`.
    Transposed,
    /// Kernels as TensorFlow and Flax keep them, `[height, width, inputs, outputs]`; ours are
    /// `[outputs, inputs, height, width]`.
    Hwio,
    /// Torch7's temporal convolution, `[outputs, kernel * inputs]` with the kernel position as the
    /// slower index; ours is `[outputs, inputs, kernel]`.
    KernelMajor,
    /// A convolution with a kernel of 1, stored with axes of length 1 at its end; ours is the
    /// matrix `[outputs, inputs]`.
    Pointwise,
}

impl Layout {
    /// `data` rearranged to `shape`; unchanged where the shapes do not fit together, so that the
    /// caller reports the mismatch.
    pub fn to_ours(self, data: TensorData, shape: &[usize]) -> TensorData {
        match (self, data.shape.to_vec().as_slice(), shape) {
            (Self::Transposed, &[_, _], _) => transposed(data),
            (Self::Pointwise, &[outputs, inputs, ref kernel @ ..], &[_, _])
                if kernel.iter().all(|&side| side == 1) =>
            {
                TensorData {
                    shape: [outputs, inputs].into(),
                    ..data
                }
            }
            (Self::KernelMajor, &[rows, flat], &[outputs, inputs, kernel])
                if rows == outputs && flat == inputs * kernel =>
            {
                let values = data.convert::<f32>();
                let values = values.as_slice::<f32>().expect("converted to f32");
                let from = |i: usize| {
                    let (row, channel, position) = (i / flat, i % flat / kernel, i % kernel);
                    row * flat + position * inputs + channel
                };
                let moved: Vec<f32> = (0..values.len()).map(|i| values[from(i)]).collect();
                TensorData::new(moved, shape)
            }
            (Self::Hwio, &[height, width, inputs, outputs], _) => {
                let area = height * width;
                let values = data.convert::<f32>();
                let values = values.as_slice::<f32>().expect("converted to f32");
                let from = |i: usize| {
                    let (output, input, position) =
                        (i / area / inputs, i / area % inputs, i % area);
                    (position * inputs + input) * outputs + output
                };
                let moved: Vec<f32> = (0..values.len()).map(|i| values[from(i)]).collect();
                TensorData::new(moved, [outputs, inputs, height, width])
            }
            _ => data,
        }
    }
}

/// Where a parameter of ours is found in a published file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Name in the file.
    pub key: String,
    /// Layout in the file.
    pub layout: Layout,
}

impl Source {
    /// Array `key` in our layout.
    pub fn same(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            layout: Layout::Same,
        }
    }

    /// Matrix `key`, transposed.
    pub fn transposed(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            layout: Layout::Transposed,
        }
    }

    /// Kernel `key` as TensorFlow keeps it.
    pub fn hwio(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            layout: Layout::Hwio,
        }
    }

    /// Convolution `key` with a kernel of 1, as a matrix.
    pub fn pointwise(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            layout: Layout::Pointwise,
        }
    }

    /// Parameter `field` of a linear layer of ours, called `layer` in a torch file.
    pub fn linear(layer: &str, field: &str) -> Option<Self> {
        match field {
            "weight" => Some(Self::transposed(format!("{layer}.weight"))),
            "bias" => Some(Self::same(format!("{layer}.bias"))),
            _ => None,
        }
    }

    /// Parameter or statistic `field` of a batch normalisation of ours, called `layer` in a torch
    /// file.
    pub fn norm(layer: &str, field: &str) -> Option<Self> {
        let field = match field {
            "gamma" => "weight",
            "beta" => "bias",
            "running_mean" | "running_var" => field,
            _ => return None,
        };
        Some(Self::same(format!("{layer}.{field}")))
    }
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct ImportReport {
    /// Our parameters: loaded, missing or of another shape.
    pub ours: LoadReport,
    /// Arrays of the file that no parameter asked for.
    pub unused: Vec<String>,
}

/// Prefix of names saved from a data-parallel wrapper.
const WRAPPER: &str = "module.";

/// Loads `arrays` into `module`; `translate` maps our parameter names to the file's. A `module.`
/// before the file's names is accepted.
pub fn import<B: Backend, M: Module<B>>(
    module: M,
    arrays: &BTreeMap<String, TensorData>,
    translate: impl Fn(&str) -> Option<Source>,
) -> (M, ImportReport) {
    import_any(module, arrays, |name| translate(name).into_iter().collect())
}

/// As [`import`], for files that name things in more than one way: the first source that is there
/// is taken.
pub fn import_any<B: Backend, M: Module<B>>(
    module: M,
    arrays: &BTreeMap<String, TensorData>,
    translate: impl Fn(&str) -> Vec<Source>,
) -> (M, ImportReport) {
    let mut used = BTreeSet::new();
    let (module, ours) = load_named(module, |name, shape| {
        translate(name).into_iter().find_map(|source| {
            let wrapped = format!("{WRAPPER}{}", source.key);
            let (key, data) = arrays
                .get_key_value(&source.key)
                .or_else(|| arrays.get_key_value(&wrapped))?;
            used.insert(key.as_str());
            Some(source.layout.to_ours(data.clone(), shape))
        })
    });
    let unused = arrays
        .keys()
        .filter(|key| !used.contains(key.as_str()))
        .cloned()
        .collect();
    (module, ImportReport { ours, unused })
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;
    use crate::nn::linear::{Linear, LinearConfig};

    #[test]
    fn temporal_convolutions_are_reordered() {
        // Two outputs, two inputs, kernel 3; the value names (output, kernel position, input).
        let stored: Vec<f32> = vec![
            0.0, 1.0, 10.0, 11.0, 20.0, 21.0, 100.0, 101.0, 110.0, 111.0, 120.0, 121.0,
        ];
        let data = TensorData::new(stored, [2, 6]);

        let ours = Layout::KernelMajor.to_ours(data, &[2, 2, 3]);

        let expected = vec![
            0.0, 10.0, 20.0, 1.0, 11.0, 21.0, 100.0, 110.0, 120.0, 101.0, 111.0, 121.0_f32,
        ];
        assert_eq!(ours, TensorData::new(expected, [2, 2, 3]));
    }

    #[test]
    fn tensorflow_kernels_move_their_channels_in_front() {
        // 1x2 kernel, three inputs, two outputs; the value names (position, input, output).
        let values = (0..12).map(|i| (100 * (i / 6) + 10 * (i / 2 % 3) + i % 2) as f32);
        let data = TensorData::new(values.collect::<Vec<_>>(), [1, 2, 3, 2]);

        let ours = Layout::Hwio.to_ours(data, &[2, 3, 1, 2]);

        let expected = [0, 100, 10, 110, 20, 120, 1, 101, 11, 111, 21, 121].map(|v| v as f32);
        assert_eq!(ours, TensorData::new(expected.to_vec(), [2, 3, 1, 2]));
    }

    #[test]
    fn wrapped_names_are_found_and_strangers_listed() {
        let layer = LinearConfig::new(2, 3).init::<Flex>(&burn_flex::FlexDevice);
        let weight = vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let arrays = BTreeMap::from([
            ("module.fc.weight".into(), TensorData::new(weight, [3, 2])),
            (
                "module.fc.bias".into(),
                TensorData::new(vec![0.0_f32; 4], [4]),
            ),
            ("epoch".into(), TensorData::new(vec![7.0_f32], [1])),
        ]);

        let (layer, report): (Linear<Flex>, _) =
            import(layer, &arrays, |name| Source::linear("fc", name));

        assert_eq!(report.ours.loaded, ["weight"]);
        assert_eq!(report.ours.mismatched.len(), 1);
        assert_eq!(report.unused, ["epoch"]);
        let values = layer.weight.val().into_data().to_vec::<f32>();
        assert_eq!(values.expect("f32"), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
    }
}
