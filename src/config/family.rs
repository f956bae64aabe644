//! What the family of an experiment says about its `[model]` table.

use toml::Table;
use wordpaint_models::for_family;
use wordpaint_models::registry::{FAMILIES, name_of};
use wordpaint_models::system::{
    BatchFacts, Component, Description, Family, Needs, NetworkCost, Plan, SmallestBatch,
    SystemConfig,
};
use wordpaint_models::vision::vgg::VggConfig;

use super::error::ConfigError;
use super::parse::parse_parts;
use super::parts::{flat, nested};
use super::pretrained::{ENCODERS, setting};
use super::schema::{Experiment, Positives};

/// The checked `[model]` table of a family.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What the data pipeline has to deliver.
    pub needs: Needs,
    /// Fewest samples of a batch.
    pub smallest_batch: SmallestBatch,
    /// Its networks, those that are handed in included.
    pub components: Vec<Component>,
    /// Stages, phases and parameter groups.
    pub plan: Plan,
    /// The table with its defaults filled in.
    pub model: Table,
}

impl Facts {
    /// Whether it cannot train without a pretrained network of kind `key`; image features come from a
    /// VGG.
    pub fn needs_pretrained(&self, key: &str) -> bool {
        let is_behind_features = key == VggConfig::KEY && self.needs.features.is_some();
        let mut pretrained = self.components.iter().filter_map(Component::pretrained);
        is_behind_features || pretrained.any(|pretrained| pretrained.key == key)
    }

    /// Whether its text encoder, and with it the vocabulary, comes from a pretraining.
    pub fn has_pretrained_words(&self) -> bool {
        let mut pretrained = self.components.iter().filter_map(Component::pretrained);
        pretrained.any(|pretrained| setting(pretrained.key) == ENCODERS)
    }

    /// Cost of the networks whose sizes the configuration knows.
    pub fn networks(&self) -> Vec<NetworkCost> {
        NetworkCost::known(&self.components, &self.plan)
    }
}

/// The family of an experiment is not the one that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is a run of `{found}`, not of `{wanted}`")]
pub struct OtherFamily {
    /// Family of the experiment.
    pub found: String,
    /// The one asked for.
    pub wanted: &'static str,
}

/// Checks the `[model]` table of the family called `name`.
pub fn facts(name: &str, model: &Table) -> Result<Facts, ConfigError> {
    for_family!(name, F => facts_of::<F>(model)).unwrap_or_else(|| {
        let names: Vec<&str> = FAMILIES.iter().map(|info| info.name).collect();
        Err(ConfigError::at("family", format!("cannot be `{name}`")).with_accepted(name, &names))
    })
}

impl Experiment {
    /// What the family says about the `[model]` table.
    pub fn family_facts(&self) -> Result<Facts, ConfigError> {
        let mut facts = facts(&self.family, &self.model)?;
        facts.needs.sampling = self.data.positives.sampling(facts.needs.sampling);
        Ok(facts)
    }

    /// The batches against what the family can learn from.
    pub(super) fn check_batch(&self) -> Result<(), ConfigError> {
        let batch = BatchFacts {
            samples: self.train.batch_size,
            has_positives: self.data.positives != Positives::None,
        };
        let model = &self.model;
        for_family!(self.family.as_str(), F => learns_from::<F>(model, &batch)).unwrap_or(Ok(()))
    }

    /// Refuses an experiment of another family than `F`.
    ///
    /// # Errors
    ///
    /// If it is one, with both names.
    pub fn expect_family<F: Family>(&self) -> Result<(), OtherFamily> {
        let wanted = name_of::<F>();
        if self.family == wanted {
            return Ok(());
        }
        Err(OtherFamily {
            found: self.family.clone(),
            wanted,
        })
    }

    /// The `[model]` table as that of the family `F`.
    ///
    /// # Errors
    ///
    /// If the experiment is of another family, or the table is not valid.
    pub fn config_of<F: Family>(&self) -> Result<F::Config, ConfigError> {
        self.expect_family::<F>().map_err(|other| {
            let OtherFamily { found, wanted } = other;
            ConfigError::at("family", format!("is `{found}`, not `{wanted}`"))
        })?;
        config_of(&self.model)
    }
}

fn config_of<C: SystemConfig>(model: &Table) -> Result<C, ConfigError> {
    let defaults = table_of(&C::default())?;
    let model = nested(model.clone(), &defaults, C::PARTS)?;
    let config: C = parse_parts(model, "model", C::PARTS)?;
    config.validate()?;
    Ok(config)
}

/// The `[model]` table that says what `config` says.
fn table_of<C: SystemConfig>(config: &C) -> Result<Table, ConfigError> {
    let table = Table::try_from(config);
    let table =
        table.map_err(|error| ConfigError::at("model", format!("cannot be written: {error}")))?;
    Ok(flat(table, C::PARTS))
}

fn learns_from<F: Family>(model: &Table, batch: &BatchFacts) -> Result<(), ConfigError> {
    let config: F::Config = config_of(model)?;
    Ok(config.check_batch(batch)?)
}

fn facts_of<F: Family>(model: &Table) -> Result<Facts, ConfigError> {
    let config: F::Config = config_of(model)?;
    Ok(Facts {
        needs: config.needs(),
        smallest_batch: config.smallest_batch(),
        components: config.components(),
        plan: config.plan(),
        model: table_of(&config)?,
    })
}
