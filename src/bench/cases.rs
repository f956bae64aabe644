//! THE list of what is measured.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::conv::Conv;
use super::loader::Loading;
use super::matmul::MatrixProduct;
use super::shapes::shapes;
use super::step::Step;
use crate::config::{self, Library};
use crate::launch::LaunchError;

/// Training steps that are compared with PyTorch: experiment, whether quick, stage, samples.
const STEPS: [(&str, bool, &str, usize); 9] = [
    ("sdn-cub", true, "stage-1", 12),
    ("sdn-cub", true, "stage-2", 12),
    ("sdn-cub", false, "stage-1", 2),
    ("sdn-cub", false, "stage-2", 2),
    ("gan-int-cls-cub", true, "adversarial", 16),
    ("gan-int-cls-cub", false, "adversarial", 64),
    ("df-gan-cub", true, "adversarial", 16),
    ("df-gan-cub-2020", true, "adversarial", 16),
    ("df-gan-cub-2020", false, "adversarial", 2),
];

/// What is done in one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// A matrix product.
    MatrixProduct(MatrixProduct),
    /// A convolution.
    Conv(Conv),
    /// One iteration of training: all phases, forward, backward and optimiser.
    Step(Step),
    /// An epoch of the data pipeline.
    Loading(Loading),
}

/// Something that can be measured. It is handed to PyTorch as it is, so that sizes cannot drift
/// apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Name in tables.
    pub name: String,
    /// Multiplications and additions of a call, where they can be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<f64>,
    /// What to do.
    #[serde(flatten)]
    pub kind: Kind,
}

impl Case {
    /// The convolution of a family.
    pub fn conv(family: &str, conv: Conv) -> Self {
        let [inputs, outputs] = conv.channels;
        let form = match (conv.is_transposed, conv.stride) {
            (true, _) => " up",
            (false, 1) => "",
            (false, _) => " down",
        };
        Self {
            name: format!(
                "{family}: {} of {inputs}>{outputs}, {} px, {}x{}{form}, {}",
                conv.batch,
                conv.size,
                conv.kernel,
                conv.kernel,
                conv.pass.name()
            ),
            operations: Some(conv.operations()),
            kind: Kind::Conv(conv),
        }
    }

    fn loading(is_in_memory: bool) -> Self {
        let images = 256;
        let which = if is_in_memory {
            "from memory"
        } else {
            "drawn for the first time"
        };
        Self {
            name: format!("data pipeline: {images} images {which}"),
            operations: None,
            kind: Kind::Loading(Loading {
                experiment: "sdn-cub".to_owned(),
                images,
                is_in_memory,
            }),
        }
    }
}

/// Everything that can be measured, the yardstick first.
///
/// # Errors
///
/// If an experiment cannot be resolved.
pub fn cases() -> Result<Vec<Case>, LaunchError> {
    let yardstick = MatrixProduct { side: 1024 };
    let mut cases = vec![Case {
        name: format!("matrix product of side {}", yardstick.side),
        operations: Some(yardstick.operations()),
        kind: Kind::MatrixProduct(yardstick),
    }];
    cases.extend(shapes().map(|(family, conv)| Case::conv(family, conv)));
    cases.extend(steps()?);
    cases.extend([false, true].map(Case::loading));
    Ok(cases)
}

/// The chosen steps, and the last stage of the plainest quick experiment of every other family.
fn steps() -> Result<Vec<Case>, LaunchError> {
    let mut cases = Vec::new();
    let mut families = BTreeSet::new();
    for (name, is_quick, stage, batch) in STEPS {
        let experiment = config::load(name, &[], is_quick)?;
        cases.push(Step::case(&experiment, stage, batch)?);
        families.insert(experiment.family);
    }
    let library = Library::default();
    let mut names = library.names();
    names.sort_by_key(|name| rank(name));
    for name in names {
        if !library.has_quick_form(&name)? {
            continue;
        }
        let experiment = config::load(&name, &[], true)?;
        let Some(stage) = experiment.train.stages.last() else {
            continue;
        };
        if families.insert(experiment.family.clone()) {
            cases.push(Step::case(
                &experiment,
                &stage.name,
                experiment.train.batch_size,
            )?);
        }
    }
    Ok(cases)
}

/// Order in which experiments stand for their family: those on birds without an addition, the
/// shortest name first, then the others in their own order.
fn rank(name: &str) -> (bool, usize) {
    if name.ends_with("-cub") {
        (false, name.len())
    } else {
        (true, 0)
    }
}

#[cfg(test)]
mod tests {
    use wordpaint_models::registry::FAMILIES;

    use super::*;

    #[test]
    fn names_are_unique_and_cases_survive_the_way_to_another_program() {
        let cases = cases().expect("shipped experiments");

        let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
        let text = serde_json::to_string(&cases).expect("plain data");
        let read: Vec<Case> = serde_json::from_str(&text).expect("as written");
        assert_eq!(read, cases);
    }

    #[test]
    fn every_family_has_a_training_step() {
        let cases = cases().expect("shipped experiments");

        for info in FAMILIES {
            let has_step = cases
                .iter()
                .any(|case| matches!(&case.kind, Kind::Step(step) if step.family == info.name));
            assert!(has_step, "{}", info.name);
        }
    }

    #[test]
    fn the_plain_row_on_birds_stands_for_its_family() {
        let mut names = ["a-coco", "a-coco-cl", "a-cl-cub", "a-cub", "a-cub-cl"];

        names.sort_by_key(|name| rank(name));

        assert_eq!(
            names,
            ["a-cub", "a-cl-cub", "a-coco", "a-coco-cl", "a-cub-cl"]
        );
    }
}
