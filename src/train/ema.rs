//! Averaged weights of the networks that publish them.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::prelude::{Tensor, TensorData};
use wordpaint_models::backend::{Backend, ops};

/// Exponential moving average of the parameters below a module prefix.
///
/// Values live outside the module as flat tensors: a second module would share the running
/// statistics of the first (Burn keeps them behind a shared handle).
#[derive(Debug, Clone)]
pub struct Ema<B: Backend> {
    prefix: String,
    decay: f64,
    values: Vec<Named<B>>,
}

/// Name, shape and flattened value.
type Named<B> = (String, Vec<usize>, Tensor<B, 1>);

struct Collect<B: Backend> {
    path: Vec<String>,
    prefix: String,
    values: Vec<Named<B>>,
}

impl<B: Backend> ModuleVisitor<B> for Collect<B> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let name = self.path.join(".");
        if name.starts_with(&self.prefix) {
            let value = param.val();
            let shape = value.dims().to_vec();
            self.values
                .push((name, shape, value.flatten(0, D.saturating_sub(1))));
        }
    }
}

impl<B: Backend> Ema<B> {
    /// Starts as a copy of `module`'s parameters below `prefix`.
    pub fn new<M: Module<B>>(module: &M, prefix: &str, decay: f64) -> Self {
        let values = Self::collect(module, prefix);
        Self {
            prefix: prefix.to_owned(),
            decay,
            values,
        }
    }

    fn collect<M: Module<B>>(module: &M, prefix: &str) -> Vec<Named<B>> {
        let mut visitor = Collect {
            path: Vec::new(),
            prefix: prefix.to_owned(),
            values: Vec::new(),
        };
        module.visit(&mut visitor);
        visitor.values
    }

    /// `average = decay * average + (1 - decay) * parameter`; running statistics are copied.
    pub fn update<M: Module<B>>(&mut self, module: &M) {
        let current = Self::collect(module, &self.prefix);
        let averages = std::mem::take(&mut self.values);
        let pairs = averages.into_iter().zip(current);
        // Moved and not borrowed, so that the averages can be updated in place.
        let update = |((name, shape, average), (_, _, value)): (Named<B>, Named<B>)| {
            let is_statistic = name.ends_with("running_mean") || name.ends_with("running_var");
            let average = if is_statistic {
                value
            } else {
                ops::ema(average, value, self.decay)
            };
            (name, shape, average)
        };
        self.values = pairs.map(update).collect();
    }

    /// Averages by name in the parameters' shapes.
    pub fn tensors(&self) -> Vec<(String, TensorData)> {
        self.values
            .iter()
            .map(|(name, shape, value)| {
                let mut data = value.to_data();
                data.shape = shape.clone().into();
                (name.clone(), data)
            })
            .collect()
    }

    /// Replaces the averages by saved ones.
    ///
    /// # Errors
    ///
    /// If one is missing or of another shape.
    pub fn load(&mut self, saved: Vec<(String, TensorData)>) -> Result<(), String> {
        let mut saved: BTreeMap<String, TensorData> = saved.into_iter().collect();
        for (name, shape, value) in &mut self.values {
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
        let mut ema = Ema::new(&layer, "", 0.5);
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
        let mut ema = Ema::new(&zero, "weight", 0.75);

        ema.update(&one);
        ema.update(&one);

        let tensors = ema.tensors();
        assert_eq!(tensors.len(), 1);
        assert_eq!(tensors[0].1.shape.as_slice(), [2, 2]);
        // 1 - 0.75^2
        assert_eq!(tensors[0].1.to_vec::<f32>().expect("f32"), vec![0.4375; 4]);
    }
}
