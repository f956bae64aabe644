//! What the phases of training minimise.

use burn::prelude::Tensor;

use crate::backend::Backend;

/// One named, weighted loss value.
#[derive(Debug, Clone)]
pub struct Term<B: Backend> {
    /// Name in logs (`g/image`).
    pub name: String,
    /// Factor in the total.
    pub weight: f64,
    /// Unweighted value, `[1]`.
    pub value: Tensor<B, 1>,
}

/// The terms one phase minimises.
#[derive(Debug, Clone)]
pub struct LossTerms<B: Backend> {
    terms: Vec<Term<B>>,
}

impl<B: Backend> Default for LossTerms<B> {
    fn default() -> Self {
        Self { terms: Vec::new() }
    }
}

impl<B: Backend> LossTerms<B> {
    /// No term yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a term; a weight of 0 switches it off and its value is never computed.
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<String>,
        weight: f64,
        value: impl FnOnce() -> Tensor<B, 1>,
    ) -> Self {
        if weight != 0.0 {
            self.terms.push(Term {
                name: name.into(),
                weight,
                value: value(),
            });
        }
        self
    }

    /// The terms in order.
    pub fn terms(&self) -> &[Term<B>] {
        &self.terms
    }

    /// Weighted sum, `[1]`; `None` when every term is switched off.
    pub fn total(&self) -> Option<Tensor<B, 1>> {
        self.terms
            .iter()
            .map(|t| t.value.clone() * t.weight)
            .reduce(|a, b| a + b)
    }
}
