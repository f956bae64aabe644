//! A published network that others take features from, checked and written under the same names.

use std::collections::{BTreeMap, BTreeSet};

use burn::prelude::TensorData;
use serde_json::json;
use wordpaint_models::published::{Arrays, Backbone};
use wordpaint_models::state::{LoadReport, other_shape};

use super::{Import, Imported};
use crate::launch::LaunchError;
use crate::run::folder::write_atomic;
use crate::run::manifest::sha256;
use crate::run::weights::to_safetensors;

impl Import {
    /// The network that `read` finds among the arrays, as a file of weights.
    pub(super) fn backbone(
        &self,
        called: &str,
        read: fn(&Arrays) -> Backbone,
    ) -> Result<Imported, LaunchError> {
        if let Some(first) = self.overrides.first() {
            return Err(LaunchError::Request(format!(
                "{called} becomes a weights file without settings, `{first}` has no place there"
            )));
        }
        let arrays = self.read(&self.file)?;
        let backbone = read(&arrays);
        let (used, report) = taken(&backbone, &arrays);
        self.check(&report, &backbone.called)?;
        let out = self.out.clone().unwrap_or_else(|| {
            let name = format!("{}.safetensors", backbone.name);
            self.dirs.cache.join("weights").join(name)
        });
        let tensors: Vec<(String, TensorData)> = used
            .iter()
            .map(|(name, (_, data))| (name.clone(), data.clone()))
            .collect();
        let bytes = to_safetensors(&tensors);
        write_atomic(&out, &bytes)?;
        if self.out.is_none() {
            // In the cache a record lies beside every file.
            let record = json!({
                "imported_from": self.file.display().to_string(), "sha256": sha256(&bytes),
            });
            write_atomic(&out.with_extension("json"), record.to_string().as_bytes())?;
        }
        let taken: BTreeSet<&String> = used.values().map(|(name, _)| name).collect();
        Ok(Imported {
            path: out,
            unmapped: arrays
                .keys()
                .filter(|k| !taken.contains(k))
                .cloned()
                .collect(),
            mapped: used
                .iter()
                .map(|(name, (key, _))| (name.clone(), key.clone()))
                .collect(),
        })
    }
}

/// Published names with the names in the file and the arrays.
type Taken = BTreeMap<String, (String, TensorData)>;

/// The arrays of every parameter, and what does not fit.
fn taken(backbone: &Backbone, arrays: &Arrays) -> (Taken, LoadReport) {
    let (mut used, mut report) = (Taken::new(), LoadReport::default());
    for parameter in &backbone.parameters {
        let wrapped = format!("module.{}", parameter.key);
        let found = arrays
            .get_key_value(&parameter.key)
            .or_else(|| arrays.get_key_value(&wrapped));
        let Some((name, data)) = found else {
            report.missing.push(parameter.name.clone());
            continue;
        };
        let shape = data.shape.as_slice();
        if shape == parameter.shape {
            report.loaded.push(parameter.name.clone());
        } else {
            let problem = other_shape(&parameter.name, &parameter.shape, shape);
            report.mismatched.push(problem);
        }
        used.insert(parameter.key.clone(), (name.clone(), data.clone()));
    }
    (used, report)
}
