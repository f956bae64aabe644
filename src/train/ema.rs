//! Averaged weights of the networks that publish them.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::prelude::{Tensor, TensorData};
use wordpaint_models::backend::{Backend, ops};

/// Exponential moving averages of the parameters below module prefixes, each with a decay of its own.
///
/// Values live outside the module as flat tensors: a second module would share the running
/// statistics of the first (Burn keeps them behind a shared handle).
#[derive(Debug, Clone)]
pub struct Ema<B: Backend> {
    prefixes: Vec<(String, f64)>,
    values: Vec<Average<B>>,
}

/// A parameter or its average.
#[derive(Debug, Clone)]
struct Average<B: Backend> {
    name: String,
    shape: Vec<usize>,
    decay: f64,
    /// Flattened.
    value: Tensor<B, 1>,
}

struct Collect<'a, B: Backend> {
    path: Vec<String>,
    prefixes: &'a [(String, f64)],
    values: Vec<Average<B>>,
}

impl<B: Backend> ModuleVisitor<B> for Collect<'_, B> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let name = self.path.join(".");
        let mut prefixes = self.prefixes.iter();
        if let Some((_, decay)) = prefixes.find(|(prefix, _)| name.starts_with(prefix)) {
            let value = param.val();
            self.values.push(Average {
                name,
                shape: value.dims().to_vec(),
                decay: *decay,
                value: value.flatten(0, D.saturating_sub(1)),
            });
        }
    }
}

impl<B: Backend> Ema<B> {
    /// Starts as a copy of `module`'s parameters below `prefixes`, each with its decay. The first
    /// prefix that a parameter's path starts with counts.
    pub fn new<M: Module<B>>(module: &M, prefixes: &[(&str, f64)]) -> Self {
        let owned = prefixes.iter().map(|&(prefix, d)| (prefix.to_owned(), d));
        let prefixes: Vec<(String, f64)> = owned.collect();
        Self {
            values: Self::collect(module, &prefixes),
            prefixes,
        }
    }

    fn collect<M: Module<B>>(module: &M, prefixes: &[(String, f64)]) -> Vec<Average<B>> {
        let mut visitor = Collect {
            path: Vec::new(),
            prefixes,
            values: Vec::new(),
        };
        module.visit(&mut visitor);
        visitor.values
    }

    /// `average = decay * average + (1 - decay) * parameter`; running statistics are copied.
    pub fn update<M: Module<B>>(&mut self, module: &M) {
        let current = Self::collect(module, &self.prefixes);
        let averages = std::mem::take(&mut self.values);
        let pairs = averages.into_iter().zip(current);
        // Moved and not borrowed, so that the averages can be updated in place.
        let update = |(average, current): (Average<B>, Average<B>)| {
            let Average { name, decay, .. } = &average;
            let is_statistic = name.ends_with("running_mean") || name.ends_with("running_var");
            if is_statistic {
                return current;
            }
            let decay = *decay;
            Average {
                value: ops::ema(average.value, current.value, decay),
                ..current
            }
        };
        self.values = pairs.map(update).collect();
    }

    /// Averages by name in the parameters' shapes.
    pub fn tensors(&self) -> Vec<(String, TensorData)> {
        let tensor = |average: &Average<B>| {
            let mut data = average.value.to_data();
            data.shape = average.shape.clone().into();
            (average.name.clone(), data)
        };
        self.values.iter().map(tensor).collect()
    }

    /// Replaces the averages by saved ones.
    ///
    /// # Errors
    ///
    /// If one is missing or of another shape.
    pub fn load(&mut self, saved: Vec<(String, TensorData)>) -> Result<(), String> {
        let mut saved: BTreeMap<String, TensorData> = saved.into_iter().collect();
        for average in &mut self.values {
            let (name, shape, value) = (&average.name, &average.shape, &mut average.value);
            let Some(mut data) = saved.remove(name) else {
                return Err(format!("has no average of `{name}`"));
            };
            if data.shape.as_slice() != shape.as_slice() {
                return Err(format!(
                    "`{name}`: expected shape {shape:?}, found {:?}",
                    data.shape.as_slice()
                ));
            }
            data.shape = [data.num_elements()].into();
            *value = Tensor::from_data(data, &value.device());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::LinearConfig;

    use super::*;

    type TestBackend = burn::backend::Flex;

    #[test]
    fn saved_averages_of_another_shape_are_refused_with_their_name() {
        let device = Default::default();
        let layer = LinearConfig::new(2, 3).init::<TestBackend>(&device);
        let mut ema = Ema::new(&layer, &[("", 0.5)]);
        let saved = ema.tensors();
        let mut other = saved.clone();
        other[0].1 = TensorData::new(vec![0.0_f32; 6], [3, 2]);

        let error = ema.load(other).expect_err("another shape");

        let expected = "`weight`: expected shape [2, 3], found [3, 2]";
        assert_eq!(error, expected);
        assert!(ema.load(saved[1..].to_vec()).is_err(), "one is missing");
        assert_eq!(ema.load(saved), Ok(()));
    }

    #[test]
    fn averages_approach_the_parameters_by_the_decay() {
        let device = Default::default();
        let zero = LinearConfig::new(2, 2)
            .with_initializer(burn::module::Initializer::Zeros)
            .init::<TestBackend>(&device);
        let one = LinearConfig::new(2, 2)
            .with_initializer(burn::module::Initializer::Ones)
            .init::<TestBackend>(&device);
        let mut ema = Ema::new(&zero, &[("weight", 0.75)]);

        ema.update(&one);
        ema.update(&one);

        let tensors = ema.tensors();
        assert_eq!(tensors.len(), 1);
        assert_eq!(tensors[0].1.shape.as_slice(), [2, 2]);
        // 1 - 0.75^2
        assert_eq!(tensors[0].1.to_vec::<f32>().expect("f32"), vec![0.4375; 4]);
    }

    #[test]
    fn every_prefix_has_a_decay_of_its_own_and_the_first_counts() {
        let device = Default::default();
        let of = |initializer: burn::module::Initializer| {
            let layer = LinearConfig::new(1, 1).with_initializer(initializer);
            vec![layer.init::<TestBackend>(&device), layer.init(&device)]
        };
        let zeros = of(burn::module::Initializer::Zeros);
        let ones = of(burn::module::Initializer::Ones);
        let mut ema = Ema::new(
            &zeros,
            &[("0.weight", 0.75), ("0.", 0.5), ("1.weight", 0.25)],
        );

        ema.update(&ones);
        ema.update(&ones);

        let tensors = ema.tensors().into_iter();
        let values: Vec<(String, Vec<f32>)> = tensors
            .map(|(name, data)| (name, data.iter().collect()))
            .collect();
        // 1 - decay^2; a bias starts at what it is drawn to.
        let of = |name: &str| values.iter().find(|(n, _)| n == name).map(|(_, v)| v[0]);
        assert_eq!(of("0.weight"), Some(0.4375));
        assert_eq!(of("1.weight"), Some(0.9375));
        assert!(of("0.bias").is_some());
        assert_eq!(of("1.bias"), None);
    }
}
