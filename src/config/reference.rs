//! Other experiments behind the values of an experiment.

use super::error::ConfigError;
use super::library::Library;
use super::schema::Experiment;

/// Where something trained comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference<'a> {
    /// Nowhere.
    None,
    /// `precomputed`: from the dataset.
    Precomputed,
    /// `experiment:NAME`: the newest complete run.
    Experiment(&'a str),
    /// `cache:NAME`: fetched weights.
    Cache(&'a str),
    /// A run folder or a weights file.
    Path(&'a str),
}

impl<'a> Reference<'a> {
    /// Reads a value such as `text.encoder`.
    pub fn of(value: &'a str) -> Self {
        match value.split_once(':') {
            Some(("experiment", name)) => Self::Experiment(name),
            Some(("cache", name)) => Self::Cache(name),
            _ if value.is_empty() => Self::None,
            _ if value == "precomputed" => Self::Precomputed,
            _ => Self::Path(value),
        }
    }
}

impl Experiment {
    /// Values that may name something trained, with their keys.
    pub fn references(&self) -> Vec<(String, Reference<'_>)> {
        let of = |key: &str, value| (key.to_owned(), Reference::of(value));
        let encoders = [of("text.encoder", &self.text.encoder)];
        let measures = [
            of("evaluate.probe", &self.evaluate.probe),
            of(
                "evaluate.retrieval_encoder",
                &self.evaluate.retrieval_encoder,
            ),
        ];
        let pretrained = self.pretrained_references();
        encoders
            .into_iter()
            .chain(pretrained)
            .chain(measures)
            .collect()
    }

    /// Names of the experiments that have to be trained first, not including what those need.
    pub fn requires(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (_, reference) in self.references() {
            if let Reference::Experiment(name) = reference
                && !names.iter().any(|n| n == name)
            {
                names.push(name.to_owned());
            }
        }
        names
    }
}

impl Library {
    /// Refuses names of experiments that there are not.
    pub(super) fn check_references(&self, experiment: &Experiment) -> Result<(), ConfigError> {
        for (key, reference) in experiment.references() {
            let Reference::Experiment(name) = reference else {
                continue;
            };
            if name == experiment.name {
                return Err(ConfigError::at(key, "names the experiment itself"));
            }
            let names = self.names();
            if !names.iter().any(|n| n == name) {
                return Err(
                    ConfigError::at(key, format!("names an unknown experiment `{name}`"))
                        .with_accepted(name, &names),
                );
            }
        }
        Ok(())
    }

    /// Everything to be trained before `experiment`, in order, the needs of the needs included. Each
    /// is taken in the same form (quick or full) and without overrides.
    pub fn requires_all(&self, experiment: &Experiment) -> Result<Vec<String>, ConfigError> {
        let mut done = Vec::new();
        self.visit(experiment, &mut vec![experiment.name.clone()], &mut done)?;
        Ok(done)
    }

    fn visit(
        &self,
        experiment: &Experiment,
        chain: &mut Vec<String>,
        done: &mut Vec<String>,
    ) -> Result<(), ConfigError> {
        for name in experiment.requires() {
            if done.contains(&name) {
                continue;
            }
            if chain.contains(&name) {
                let chain = chain.join(" -> ");
                return Err(ConfigError::new(format!(
                    "experiments need each other: {chain} -> {name}"
                ))
                .with_help(
                    "change `text.encoder`, `pretrained.vgg.from`, `evaluate.probe` or `evaluate.retrieval_encoder` of \
                     one of them",
                ));
            }
            let required = self.load(&name, &[], experiment.quick)?;
            chain.push(name.clone());
            self.visit(&required, chain, done)?;
            chain.pop();
            done.push(name);
        }
        Ok(())
    }
}
