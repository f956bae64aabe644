//! What burn-train's dashboard is shown, and the renderer for pipes.

use std::sync::Arc;

use burn::train::metric::{
    Adaptor, Metric, MetricAttributes, MetricDefinition, MetricMetadata, MetricName, Numeric,
    NumericAttributes, NumericEntry, SerializedEntry,
};
use burn::train::renderer::{
    EvaluationName, EvaluationProgress, MetricState, MetricsRenderer, MetricsRendererEvaluation,
    MetricsRendererTraining, ProgressType, TrainingProgress,
};

use super::train_module::PhaseTerms;

impl Adaptor<Self> for PhaseTerms {
    fn adapt(&self) -> Self {
        self.clone()
    }
}

/// Total loss of one phase over time.
#[derive(Debug, Clone)]
pub struct PhaseTotal {
    name: MetricName,
    phase: &'static str,
    value: f64,
    sum: f64,
    count: usize,
}

impl PhaseTotal {
    /// Curve of `phase`.
    pub fn new(phase: &'static str) -> Self {
        Self::named(phase, format!("{phase}/total"))
    }

    /// Curve of `phase` under a name of its own.
    pub fn named(phase: &'static str, name: String) -> Self {
        Self {
            name: Arc::new(name),
            phase,
            value: 0.0,
            sum: 0.0,
            count: 0,
        }
    }
}

impl Metric for PhaseTotal {
    type Input = PhaseTerms;

    fn name(&self) -> MetricName {
        Arc::clone(&self.name)
    }

    fn attributes(&self) -> MetricAttributes {
        NumericAttributes {
            unit: None,
            higher_is_better: false,
        }
        .into()
    }

    fn update(&mut self, item: &PhaseTerms, _metadata: &MetricMetadata) -> SerializedEntry {
        if item.phase != self.phase {
            return SerializedEntry::new(String::new(), String::new());
        }
        self.value = item.total;
        self.sum += item.total;
        self.count += 1;
        let mean = self.sum / self.count as f64;
        let entry = NumericEntry::Value(item.total);
        SerializedEntry::new(
            format!("epoch {mean:.4} - step {:.4}", item.total),
            entry.serialize(),
        )
    }

    fn clear(&mut self) {
        self.sum = 0.0;
        self.count = 0;
    }
}

impl Numeric for PhaseTotal {
    fn value(&self) -> NumericEntry {
        NumericEntry::Value(self.value)
    }

    fn running_value(&self) -> NumericEntry {
        NumericEntry::Value(if self.count == 0 {
            0.0
        } else {
            self.sum / self.count as f64
        })
    }
}

/// Renderer for pipes: the loop prints its own status lines.
pub struct Silent;

impl MetricsRendererTraining for Silent {
    fn update_train(&mut self, _state: MetricState) {}
    fn update_valid(&mut self, _state: MetricState) {}
    fn render_train(&mut self, _item: TrainingProgress, _indicators: Vec<ProgressType>) {}
    fn render_valid(&mut self, _item: TrainingProgress, _indicators: Vec<ProgressType>) {}
}

impl MetricsRendererEvaluation for Silent {
    fn update_test(&mut self, _name: EvaluationName, _state: MetricState) {}
    fn render_test(&mut self, _item: EvaluationProgress, _indicators: Vec<ProgressType>) {}
}

impl MetricsRenderer for Silent {
    fn manual_close(&mut self) {}
    fn register_metric(&mut self, _definition: MetricDefinition) {}
}
