//! Parameters of a module by name: the basis of checkpoints, imports and parameter groups.
//!
//! A name is the path of field names and indices joined with dots (`generator.fc7.weight`), the
//! same on every backend.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::prelude::{Tensor, TensorData};

use crate::backend::Backend;

/// Path of fields while a module is walked.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn joined(&self) -> String {
        self.0.join(".")
    }
}

struct Collect {
    path: Path,
    tensors: Vec<(String, TensorData)>,
}

impl<B: Backend> ModuleVisitor<B> for Collect {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.0.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.tensors
            .push((self.path.joined(), param.val().into_data()));
    }
}

/// Every float parameter and running statistic with its name, in the order of the module's fields.
///
/// Pass the inference form of a module in training (`module.valid()`): it synchronises running
/// statistics that are still on their way.
pub fn named_tensors<B: Backend, M: Module<B>>(module: &M) -> Vec<(String, TensorData)> {
    let mut visitor = Collect {
        path: Path::default(),
        tensors: Vec::new(),
    };
    module.visit(&mut visitor);
    visitor.tensors
}

struct Ids {
    path: Path,
    ids: BTreeMap<String, ParamId>,
}

impl<B: Backend> ModuleVisitor<B> for Ids {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.0.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.ids.insert(self.path.joined(), param.id);
    }
}

/// Identifier of every float parameter by name. Identifiers change when a module is built anew;
/// names do not.
pub fn param_ids<B: Backend, M: Module<B>>(module: &M) -> BTreeMap<String, ParamId> {
    let mut visitor = Ids {
        path: Path::default(),
        ids: BTreeMap::new(),
    };
    module.visit(&mut visitor);
    visitor.ids
}

/// What [`load_named`] found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[must_use]
pub struct LoadReport {
    /// Names that received a value.
    pub loaded: Vec<String>,
    /// Names for which there was no value; they keep theirs.
    pub missing: Vec<String>,
    /// Names whose value has another shape, with what was expected and found.
    pub mismatched: Vec<String>,
}

impl LoadReport {
    /// Whether every parameter received a value of its shape.
    pub const fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.mismatched.is_empty()
    }
}

/// Says that the value of `name` has another shape.
pub fn other_shape(name: &str, expected: &[usize], found: &[usize]) -> String {
    format!("{name}: expected shape {expected:?}, found {found:?}")
}

struct Load<'a> {
    path: Path,
    lookup: &'a mut dyn FnMut(&str, &[usize]) -> Option<TensorData>,
    report: LoadReport,
}

impl<B: Backend> ModuleMapper<B> for Load<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.0.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let name = self.path.joined();
        let (id, old, mapper) = param.consume();
        let shape = old.dims();
        let tensor = match (self.lookup)(&name, &shape) {
            None => {
                self.report.missing.push(name);
                old
            }
            Some(data) if data.shape.as_slice() != shape.as_slice() => {
                let problem = other_shape(&name, &shape, data.shape.as_slice());
                self.report.mismatched.push(problem);
                old
            }
            Some(data) => {
                self.report.loaded.push(name);
                let new = Tensor::from_data(data.convert::<f32>(), &old.device());
                new.set_require_grad(old.is_require_grad())
            }
        };
        Param::from_mapped_value(id, tensor, mapper)
    }
}

/// Replaces parameters by name. `lookup` gets the name and the expected shape and returns the value
/// in the layout of this package, or `None` when it has none.
pub fn load_named<B: Backend, M: Module<B>>(
    module: M,
    mut lookup: impl FnMut(&str, &[usize]) -> Option<TensorData>,
) -> (M, LoadReport) {
    let mut mapper = Load {
        path: Path::default(),
        lookup: &mut lookup,
        report: LoadReport::default(),
    };
    let module = module.map(&mut mapper);
    (module, mapper.report)
}

/// `module` with every number drawn, in the order of its fields. Burn draws those of a parameter at
/// its first use, so that a clone made before would have others.
#[must_use]
pub fn drawn<B: Backend, M: Module<B>>(module: M) -> M {
    let _ = module.num_params();
    module
}

/// Matrix with rows and columns exchanged: PyTorch keeps linear weights as `[outputs, inputs]`,
/// Burn as `[inputs, outputs]`.
///
/// # Panics
///
/// If `data` is no matrix of floats.
pub fn transposed(data: TensorData) -> TensorData {
    let [rows, columns] = *data.shape.as_slice() else {
        panic!(
            "a matrix is transposed, not a tensor of shape {:?}",
            data.shape
        )
    };
    let data = data.convert::<f32>();
    let values = data.as_slice::<f32>().expect("converted to f32");
    let turned = (0..columns).flat_map(|c| (0..rows).map(move |r| values[r * columns + c]));
    TensorData::new(turned.collect::<Vec<f32>>(), [columns, rows])
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
pub fn parameter_count<B: Backend, M: Module<B>>(module: &M) -> usize {
    let mut count = Count::default();
    module.visit(&mut count);
    count.numbers
}
