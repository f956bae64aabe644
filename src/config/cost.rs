//! What an experiment costs, estimated from layer sizes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use wordpaint_data::input;
use wordpaint_models::registry::FAMILIES;
use wordpaint_models::system::{Component, NetworkCost, Sampling, Size};

use super::error::ConfigError;
use super::family::Facts;
use super::library::Library;
use super::load::{load, load_resolved};
use super::memory::MemoryEstimate;
use super::reference::Reference;
use super::schema::{Expect, Experiment};
use super::uri;

/// One line of `wordpaint list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Name on the command line.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Family in the registry.
    pub family: String,
    /// Whether it has a form on built-in data.
    pub has_quick_form: bool,
    /// Published figures it aims at; empty where there are none.
    pub aim: String,
}

/// What `wordpaint show` says about an experiment beside its settings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// Name of the experiment.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Family in the registry.
    pub family: String,
    /// What the family follows.
    pub paper: String,
    /// Whether this is the form on built-in data.
    pub quick: bool,
    /// Address of the dataset.
    pub data: String,
    /// Sizes of the networks.
    pub networks: Vec<NetworkSize>,
    /// Floating-point operations of one training step of the dearest stage, in GFLOP.
    pub gflop_per_step: f64,
    /// Stages in order.
    pub stages: Vec<StageSize>,
    /// Steps of all stages; `None` where the size of the dataset is not known beforehand.
    pub steps: Option<u64>,
    /// Memory of one training process without its image cache, in bytes.
    pub memory: f64,
    /// One checkpoint, in bytes.
    pub checkpoint: f64,
    /// All kept checkpoints, in bytes.
    pub disk: f64,
}

/// One network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkSize {
    /// Name in the family's module.
    pub name: String,
    /// Number of parameters.
    pub parameters: usize,
    /// Floating-point operations of a forward pass of one image (or caption), in GFLOP.
    pub gflop: f64,
    /// Whether it is neither trained nor saved.
    pub is_frozen: bool,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageSize {
    /// Name in the family's plan.
    pub name: String,
    /// Passes over the data, where the length is given so.
    pub epochs: Option<usize>,
    /// Steps, where they are known.
    pub steps: Option<u64>,
}

impl Library {
    /// Every experiment, by name.
    ///
    /// # Errors
    ///
    /// The first error of an experiment in the folder.
    pub fn summaries(&self) -> Result<Vec<Summary>, ConfigError> {
        let summary = |name: String| {
            let Experiment {
                title,
                family,
                expect,
                ..
            } = self.load(&name, &[], false)?;
            Ok(Summary {
                aim: aim(&expect),
                has_quick_form: self.has_quick_form(&name)?,
                name,
                title,
                family,
            })
        };
        self.names().into_iter().map(summary).collect()
    }
}

/// `IS 6.89 ± 0.06, SSIM 0.316`; of a metric that several sources have, the first one's.
fn aim(expect: &[Expect]) -> String {
    let mut seen = BTreeSet::new();
    let rows = expect.iter().flat_map(|expect| &expect.rows);
    let figures: Vec<String> = rows
        .filter(|row| seen.insert(&row.metric))
        .map(|row| match row.plusminus {
            Some(deviation) => format!("{} {} ± {deviation}", row.metric, row.value),
            None => format!("{} {}", row.metric, row.value),
        })
        .collect();
    figures.join(", ")
}

/// Estimates what `experiment` costs.
pub fn describe(experiment: &Experiment) -> Result<Description, ConfigError> {
    let facts = experiment.family_facts()?;
    let batch = experiment.train.batch_size as f64;
    let epoch = steps_per_epoch(experiment, &facts)?;
    let stages: Vec<StageSize> = experiment
        .train
        .stages
        .iter()
        .map(|stage| StageSize {
            name: stage.name.clone(),
            epochs: stage.epochs,
            steps: stage
                .steps
                .or_else(|| Some(stage.epochs? * epoch?))
                .map(|steps| steps as u64),
        })
        .collect();
    let networks = networks(experiment, &facts);
    let memory = MemoryEstimate::of(experiment, &facts, &networks);
    let checkpoint = memory.checkpoint();
    let info = FAMILIES.iter().find(|info| info.name == experiment.family);
    Ok(Description {
        name: experiment.name.clone(),
        title: experiment.title.clone(),
        family: experiment.family.clone(),
        paper: info.map_or_else(String::new, |info| info.paper.to_owned()),
        quick: experiment.quick,
        data: experiment.data.uri.clone(),
        // A multiply-accumulate is two operations.
        gflop_per_step: networks
            .iter()
            .map(|n| 2e-9 * n.macs * n.passes * batch)
            .sum(),
        networks: networks
            .iter()
            .map(|n| NetworkSize {
                name: n.name.clone(),
                parameters: n.parameters,
                gflop: 2e-9 * n.macs,
                is_frozen: n.is_frozen,
            })
            .collect(),
        steps: stages.iter().map(|stage| stage.steps).sum(),
        stages,
        memory: memory.peak(),
        checkpoint,
        disk: checkpoint * experiment.train.keep_checkpoints as f64,
    })
}

/// Cost of all networks of a system. Those of a pretrained one whose training is not known yet are
/// left out.
fn networks(experiment: &Experiment, facts: &Facts) -> Vec<NetworkCost> {
    let components = facts.components.iter();
    let cost = |component: &Component| match (component.size, component.pretrained()) {
        (Size::Of(names), Some(pretrained)) => {
            let from = experiment
                .pretrained_from(pretrained.key)
                .unwrap_or_default();
            let networks = trained(from, experiment.quick).map(|facts| facts.networks());
            let networks = networks.into_iter().flatten();
            let parts = networks.filter(|network| names.contains(&network.name.as_str()));
            let part = |network: NetworkCost| NetworkCost {
                name: format!("{}.{}", component.name, network.name),
                passes: component.passes,
                kept: component.kept,
                is_frozen: !component.is_trained(&facts.plan),
                ..network
            };
            parts.map(part).collect()
        }
        _ => Vec::from_iter(NetworkCost::of(component, &facts.plan)),
    };
    components.flat_map(cost).collect()
}

/// What is known about the training of an experiment or run that another refers to.
fn trained(reference: &str, is_quick: bool) -> Option<Facts> {
    let experiment = match Reference::of(reference) {
        Reference::Experiment(name) => load(name, &[], is_quick).ok(),
        Reference::Path(path) => {
            let file = Path::new(path).join("config.toml");
            let text = input::read_text(&file).ok();
            text.and_then(|text| load_resolved(&text, &file).ok())
        }
        _ => None,
    };
    experiment?.family_facts().ok()
}

fn steps_per_epoch(experiment: &Experiment, facts: &Facts) -> Result<Option<usize>, ConfigError> {
    let data = uri::facts(&experiment.data.uri)?;
    let split = experiment.data.split;
    let batch = experiment.train.batch_size;
    Ok(match facts.needs.sampling {
        Sampling::Pairs => data
            .images(split)
            .zip(data.captions)
            .map(|(images, captions)| images * captions / batch),
        Sampling::Images | Sampling::ClassUniform => data.images(split).map(|n| n / batch),
        Sampling::DistinctClasses => data.classes(split),
        Sampling::Positives(_) => data.images(split).map(|n| n / (batch / 2).max(1)),
    })
}

impl Description {
    /// Training time in seconds on a device that does `rate` floating-point operations per second,
    /// where the number of steps is known.
    pub fn seconds(&self, rate: f64) -> Option<f64> {
        Some(self.steps? as f64 * self.gflop_per_step * 1e9 / rate)
    }

    /// Time, memory and disk as people read them; the time with a `rate` (operations per second)
    /// and where the number of steps is known.
    pub fn estimate(&self, rate: Option<f64>) -> BTreeMap<&'static str, String> {
        let mut estimate =
            BTreeMap::from([("memory", bytes(self.memory)), ("disk", bytes(self.disk))]);
        if let Some(seconds) = rate.and_then(|rate| self.seconds(rate)) {
            estimate.insert("time", duration(seconds));
        }
        estimate
    }

    /// A page for people; with a `rate` (operations per second) also the time.
    pub fn text(&self, rate: Option<f64>) -> String {
        let mut page = String::new();
        let mut row = |key: &str, value: &str| {
            writeln!(page, "{key:<12}{value}").expect("writing to a string cannot fail");
        };
        let form = if self.quick {
            " (quick, built-in data: not comparable with the paper)"
        } else {
            ""
        };
        row("experiment", &format!("{}{form}", self.name));
        row("title", &self.title);
        row("family", &format!("{}: {}", self.family, self.paper));
        row("data", &self.data);
        for network in &self.networks {
            let frozen = if network.is_frozen { ", frozen" } else { "" };
            let size = format!(
                "{}: {} parameters, {} GFLOP per sample forward{frozen}",
                network.name,
                grouped(network.parameters as u64),
                significant(network.gflop)
            );
            row("network", &size);
        }
        for stage in &self.stages {
            let epochs = stage.epochs.map(|n| format!("{n} epochs"));
            let steps = stage.steps.map(|n| format!("{} steps", grouped(n)));
            let length: Vec<String> = epochs.into_iter().chain(steps).collect();
            row("stage", &format!("{}: {}", stage.name, length.join(", ")));
        }
        let step = significant(self.gflop_per_step);
        row("step", &format!("{step} GFLOP at most, estimated"));
        if let Some(rate) = rate {
            let time = self.seconds(rate).map_or_else(
                || "unknown before the data are read".to_owned(),
                |seconds| format!("about {}, estimated", duration(seconds)),
            );
            let at = significant(rate / 1e9);
            row("time", &format!("{time} at {at} GFLOP/s"));
        }
        let memory = bytes(self.memory);
        row(
            "memory",
            &format!("about {memory} beside the image cache, estimated"),
        );
        let disk = format!(
            "{} of checkpoints, {} each, estimated",
            bytes(self.disk),
            bytes(self.checkpoint)
        );
        row("disk", &disk);
        page
    }
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// About three significant digits.
fn significant(value: f64) -> String {
    match value {
        v if v >= 100.0 => grouped(v.round() as u64),
        v if v >= 10.0 => format!("{v:.1}"),
        v if v >= 0.1 => format!("{v:.2}"),
        v => format!("{v:.4}"),
    }
}

/// A number of bytes with its unit.
pub fn bytes(count: f64) -> String {
    let (size, unit) = match count {
        c if c >= 1024.0 * 1024.0 * 1024.0 => (c / (1024.0 * 1024.0 * 1024.0), "GiB"),
        c => (c / (1024.0 * 1024.0), "MiB"),
    };
    format!("{size:.1} {unit}")
}

/// A time with its unit.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 172_800.0 => format!("{:.1} days", s / 86_400.0),
        s if s >= 7_200.0 => format!("{:.1} h", s / 3_600.0),
        s if s >= 120.0 => format!("{:.0} min", s / 60.0),
        s => format!("{s:.0} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    #[test]
    fn published_sdn_has_its_published_size() {
        let experiment = load("sdn-cub", &[], false).expect("shipped");

        let cost = describe(&experiment).expect("valid");

        assert_eq!(cost.networks[0].parameters, 143_789_123);
        assert_eq!(cost.networks[1].parameters, 20_024_384);
        assert!(!cost.networks[0].is_frozen && cost.networks[1].is_frozen);
        // 88,550 pairs, 12 per step, the rest dropped, 100 epochs twice (sdn.md, section 5).
        assert_eq!(cost.steps, Some(1_475_800));
        // Weights and two moments of Adam, 32 bits each.
        assert_eq!(cost.checkpoint, 143_789_123.0 * 12.0);
        assert_eq!(cost.disk, 2.0 * cost.checkpoint);
        let held = 4.0 * (4.0 * 143_789_123.0 + 20_024_384.0);
        assert!(cost.memory > held, "{}", cost.memory);
    }

    #[test]
    fn the_encoders_of_generated_images_count() {
        let cost = describe(&load("attngan-cub", &[], false).expect("shipped")).expect("valid");

        let sizes: BTreeMap<&str, usize> = cost
            .networks
            .iter()
            .map(|network| (network.name.as_str(), network.parameters))
            .collect();

        // Inception-v3 without its classifier, and 768 and 2048 numbers brought to 256.
        assert_eq!(sizes["encoder.trunk"], 21_785_568);
        assert_eq!(sizes["encoder.heads"], 768 * 256 + 2048 * 256 + 256);
        let twice = load("attngan-cub-cl", &[], false).expect("shipped");
        let twice = describe(&twice).expect("valid");
        assert!(twice.memory > 1.3 * cost.memory && twice.memory < 2.0 * cost.memory);
        let small = load("attngan-cub", &["train.batch_size=2".to_owned()], false);
        let small = describe(&small.expect("shipped")).expect("valid");
        assert!(small.checkpoint == cost.checkpoint && small.memory < cost.memory);
    }

    #[test]
    fn a_pair_that_encodes_no_images_is_not_held() {
        let names = |changes: &[String]| -> Vec<String> {
            let experiment = load("df-gan-cub", changes, true).expect("shipped");
            let cost = describe(&experiment).expect("valid");
            cost.networks.into_iter().map(|n| n.name).collect()
        };

        assert_eq!(names(&[]), ["generator", "discriminator", "text"]);
        let with_auxiliary = names(&["model.damsm_weight=0.1".to_owned()]);
        assert_eq!(with_auxiliary[3..], ["encoder.heads", "encoder.trunk"]);
    }

    #[test]
    fn a_captioner_is_shown_and_encoders_trained_along_are_not_frozen() {
        let networks = |name: &str| {
            let cost = describe(&load(name, &[], false).expect("shipped")).expect("valid");
            cost.networks.into_iter()
        };

        let decoder = networks("ssa-gan-cub-r2f-f2f-recap").find(|n| n.name == "captioner.decoder");
        let decoder = decoder.expect("it tells captions");
        let alone = networks("captioner-cub").find(|n| n.name == "decoder");
        assert_eq!(decoder.parameters, alone.expect("its own").parameters);
        assert!(decoder.is_frozen);
        let frozen = |name: &str| -> Vec<(String, bool)> {
            let encoders = networks(name).filter(|n| n.name.starts_with("encoder."));
            encoders.map(|n| (n.name, n.is_frozen)).collect()
        };
        let [heads, backbone] = ["encoder.heads", "encoder.trunk"].map(str::to_owned);
        assert_eq!(
            frozen("ssa-gan-cub"),
            [(heads.clone(), true), (backbone.clone(), true)]
        );
        assert_eq!(
            frozen("ssa-gan-cub-finetune"),
            [(heads, false), (backbone, true)]
        );
    }

    #[test]
    fn time_is_operations_by_rate() {
        let changes = [
            "train.stages.stage-1.steps=10",
            "train.stages.stage-2.steps=10",
        ];
        let changes = changes.map(str::to_owned);
        let experiment = load("sdn-cub", &changes, true).expect("shipped");

        let cost = describe(&experiment).expect("valid");

        let seconds = cost.seconds(1e9).expect("steps are given");
        assert!((seconds - 20.0 * cost.gflop_per_step).abs() < 1e-6 * seconds);
        let page = cost.text(Some(1e9));
        assert!(page.contains("stage-1: 10 steps"), "{page}");
        assert!(page.contains("not comparable"), "{page}");
    }

    #[test]
    fn a_batch_twice_as_large_costs_twice_the_operations() {
        let with = |batch: &str| {
            let experiment = load("sdn-cub", &[batch.to_owned()], true).expect("shipped");
            describe(&experiment).expect("valid").gflop_per_step
        };

        let (one, two) = (with("train.batch_size=6"), with("train.batch_size=12"));

        assert!((two / one - 2.0).abs() < 1e-9);
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(grouped(143_789_123), "143,789,123");
        assert_eq!(grouped(12), "12");
        assert_eq!(duration(90.0), "90 s");
        assert_eq!(duration(259_200.0), "3.0 days");
        assert_eq!(bytes(1_073_741_824.0), "1.0 GiB");
    }
}
