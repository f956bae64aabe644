//! What the family of an experiment says about its `[model]` table.

use toml::Table;
use wordpaint_models::for_family;
use wordpaint_models::losses::contrast::Contrast;
use wordpaint_models::registry::{FAMILIES, name_of};
use wordpaint_models::system::{
    AidKind, Family, Needs, NetworkCost, Plan, SmallestBatch, SystemConfig,
};
use wordpaint_models::vision::inception::InceptionConfig;

use super::error::ConfigError;
use super::parse::parse;
use super::schema::Experiment;

/// The checked `[model]` table of a family.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What the data pipeline has to deliver.
    pub needs: Needs,
    /// Fewest samples of a batch.
    pub smallest_batch: SmallestBatch,
    /// Frozen networks without which it cannot train.
    pub aids: Vec<AidKind>,
    /// The Inception-v3 that [`AidKind::Inception`] stands for.
    pub inception: InceptionConfig,
    /// Stages, phases and parameter groups.
    pub plan: Plan,
    /// Sizes of its networks.
    pub networks: Vec<NetworkCost>,
    /// What it pulls together beside its own losses, of families that can.
    pub contrast: Option<Contrast>,
    /// Forward-equivalents of the pretrained image encoder per sample of an iteration.
    pub looks: f64,
    /// The table with its defaults filled in.
    pub model: Table,
}

impl Facts {
    /// Whether its text encoder, and with it the vocabulary, comes from a pretraining.
    pub fn is_pretrained(&self) -> bool {
        self.aids.iter().any(|kind| kind.is_pretrained())
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
        facts.needs.sampling = self.data.partners.sampling(facts.needs.sampling);
        Ok(facts)
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
    let config: C = parse(model.clone(), "model")?;
    config
        .validate()
        .map_err(|problem| ConfigError::at(format!("model.{}", problem.key), problem.message))?;
    Ok(config)
}

fn facts_of<F: Family>(model: &Table) -> Result<Facts, ConfigError> {
    let config: F::Config = config_of(model)?;
    Ok(Facts {
        needs: config.needs(),
        smallest_batch: config.smallest_batch(),
        aids: config.aids(),
        inception: config.inception(),
        plan: config.plan(),
        networks: config.networks(),
        contrast: config.contrast().cloned(),
        looks: config.looks(),
        model: Table::try_from(&config)
            .map_err(|error| ConfigError::at("model", format!("cannot be written: {error}")))?,
    })
}
