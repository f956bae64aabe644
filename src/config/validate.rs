//! Ranges and contradictions, checked before any data are read.

use wordpaint_data::scheme::{DataFacts, Extra};
use wordpaint_models::system::{Sampling, SmallestBatch, TextForm};

use super::error::ConfigError;
use super::family::Facts;
use super::reference::Reference;
use super::schema::{Expect, Experiment, PROTOCOLS, Stage};
use super::{bounds, pretrained, uri};

type Check = Result<(), ConfigError>;

impl Experiment {
    /// Checks everything that can be checked without data, weights or other experiments.
    pub fn validate(&self) -> Check {
        let facts = self.family_facts()?;
        let data = uri::facts(&self.data.uri)?;
        stages(self, &facts)?;
        ranges(self, &facts)?;
        optimizers(self, &facts)?;
        images(self, &facts, &data)?;
        classes(self, &facts, &data)?;
        self.check_batch()?;
        text(self, &facts, &data)?;
        pretrained::check(self, &facts)?;
        evaluation(self, &data)?;
        self.expect
            .iter()
            .enumerate()
            .try_for_each(expected_figures)
    }
}

/// `[[train.stages]]` against the family's plan.
fn stages(experiment: &Experiment, facts: &Facts) -> Check {
    let known: Vec<&str> = facts.plan.stages.iter().map(|stage| stage.name).collect();
    let stages = &experiment.train.stages;
    if stages.is_empty() {
        return Err(ConfigError::at("train.stages", "is empty")
            .with_expected(format!("at least one of `{}`", known.join("`, `"))));
    }
    for (i, stage) in stages.iter().enumerate() {
        let key = format!("train.stages[{i}]");
        if !known.contains(&stage.name.as_str()) {
            let message = format!("cannot be `{}`", stage.name);
            return Err(
                ConfigError::at(format!("{key}.name"), message).with_accepted(&stage.name, &known)
            );
        }
        if stages[..i].iter().any(|earlier| earlier.name == stage.name) {
            return Err(ConfigError::at(
                format!("{key}.name"),
                "names a stage for the second time",
            )
            .with_expected("every stage once"));
        }
        length(&key, stage)?;
    }
    Ok(())
}

fn length(key: &str, stage: &Stage) -> Check {
    match (stage.epochs, stage.steps) {
        (None, None) => Err(
            ConfigError::at(key, format!("(`{}`) has no length", stage.name))
                .with_expected("exactly one of `epochs` and `steps`"),
        ),
        (Some(_), Some(_)) => Err(ConfigError::at(
            format!("{key}.steps"),
            "is given together with `epochs`",
        )
        .with_expected("exactly one of `epochs` and `steps`")),
        _ => Ok(()),
    }
}

/// Numbers of `[data]` and `[train]`, by themselves and against what the family asks for.
fn ranges(experiment: &Experiment, facts: &Facts) -> Check {
    let train = &experiment.train;
    bounds::check(experiment)?;
    experiment.guard.check()?;
    if train.sample_every > 0 && train.samples == 0 {
        return Err(
            ConfigError::at("train.samples", "is 0, but sample grids are asked for")
                .with_help("`train.sample_every = 0` draws none"),
        );
    }
    let SmallestBatch { samples, reason } = facts.smallest_batch;
    if train.batch_size < samples {
        let message = format!(
            "cannot be {}: in `{}`, {reason}",
            train.batch_size, experiment.family
        );
        return Err(ConfigError::at("train.batch_size", message)
            .with_expected(format!("at least {samples}")));
    }
    Ok(())
}

/// `[train.optimizer]` against the family's parameter groups.
fn optimizers(experiment: &Experiment, facts: &Facts) -> Check {
    let known: Vec<&str> = facts.plan.groups.iter().map(|group| group.name).collect();
    for name in experiment.train.optimizer.keys() {
        let key = format!("train.optimizer.{name}");
        if !known.contains(&name.as_str()) {
            return Err(ConfigError::new(format!(
                "`{}` has no parameter group `{name}`",
                experiment.family
            ))
            .with_key(key)
            .with_accepted(name, &known));
        }
    }
    Ok(())
}

/// Sizes and crops.
fn images(experiment: &Experiment, facts: &Facts, data: &DataFacts) -> Check {
    let settings = &experiment.data;
    if settings.crop_to_box && !data.has(Extra::Boxes) {
        let scheme = settings.uri.split(':').next().unwrap_or_default();
        let message = format!("is on, but `{scheme}:` has no bounding boxes");
        return Err(ConfigError::at("data.crop_to_box", message)
            .with_help("take `data.crop_to_box` out or choose other data"));
    }
    let wanted = facts.needs.image_sizes.last().copied().unwrap_or(0);
    let load_size = settings.load_size as usize;
    if load_size != 0 && load_size < wanted {
        return Err(ConfigError::at(
            "data.load_size",
            format!("is {load_size}, but the crop taken from it has {wanted} pixels"),
        )
        .with_expected(format!("at least {wanted}, or 0 for no random crop")));
    }
    if facts.needs.has_attributes && !data.has(Extra::Attributes) {
        let message = format!(
            "is `{}`, but `{}` learns attributes that only built-in birds have",
            settings.uri, experiment.family
        );
        return Err(ConfigError::at("data.uri", message).with_expected("`synth:birds?...`"));
    }
    let wanted = facts.needs.annotations;
    uri::annotations(&settings.uri, data, &experiment.family, wanted)
}

/// Samplers that need several classes, or pairs.
fn classes(experiment: &Experiment, facts: &Facts, data: &DataFacts) -> Check {
    if let Sampling::Positives(_) = facts.needs.sampling
        && !experiment.train.batch_size.is_multiple_of(2)
    {
        let batch = experiment.train.batch_size;
        let message = format!("is {batch}, but `data.positives` makes batches of pairs");
        return Err(ConfigError::at("train.batch_size", message).with_expected("an even number"));
    }
    let Some(classes) = data.classes(experiment.data.split) else {
        return Ok(());
    };
    let batch = experiment.train.batch_size;
    if facts.needs.has_mismatched && classes < 2 {
        return Err(ConfigError::at(
            "data.uri",
            format!(
                "has {classes} class in its split, but `{}` needs images of another class",
                experiment.family
            ),
        )
        .with_expected("at least 2 classes"));
    }
    if facts.needs.sampling == Sampling::DistinctClasses && batch > classes {
        return Err(ConfigError::at(
            "train.batch_size",
            format!("is {batch}, but the split has {classes} classes, each once in a batch"),
        )
        .with_expected(format!("at most {classes}")));
    }
    Ok(())
}

/// `[text]` against what the family wants.
fn text(experiment: &Experiment, facts: &Facts, data: &DataFacts) -> Check {
    const KEY: &str = "text.encoder";
    let family = &experiment.family;
    let reference = Reference::of(&experiment.text.encoder);
    if facts.has_pretrained_words() {
        return match reference {
            Reference::Experiment(name) if !name.is_empty() => Ok(()),
            Reference::Path(_) => Ok(()),
            _ => Err(ConfigError::at(
                KEY,
                format!(
                    "names no pretraining: `{family}` takes its encoders from a run of `damsm`"
                ),
            )
            .with_expected("`experiment:NAME`, or the path of a run folder")),
        };
    }
    let TextForm::Embedding { dim } = facts.needs.text else {
        if reference == Reference::None {
            return Ok(());
        }
        return Err(
            ConfigError::at(KEY, format!("is set, but `{family}` needs no embeddings"))
                .with_help("take `text.encoder` out"),
        );
    };
    let sources = "`precomputed`, `experiment:NAME`, or the path of a run or weights file";
    match reference {
        Reference::None => Err(ConfigError::at(
            KEY,
            format!("is missing: `{family}` needs sentence embeddings of {dim} numbers"),
        )
        .with_expected(sources)
        .with_help("`experiment:char-cnn-rnn-cub` is trained by `wordpaint train`")),
        Reference::Precomputed if !data.has(Extra::Embeddings) => Err(ConfigError::at(
            KEY,
            format!(
                "is `precomputed`, but no embeddings come with `{}`",
                experiment.data.uri
            ),
        )
        .with_expected("`experiment:NAME`, or the path of a run or weights file")
        .with_help("--quick trains an encoder on built-in data first")),
        Reference::Cache(name) => Err(ConfigError::at(
            KEY,
            format!("cannot be fetched weights (`cache:{name}`)"),
        )
        .with_expected(sources)),
        Reference::Experiment("") => {
            Err(ConfigError::at(KEY, "names no experiment").with_expected(sources))
        }
        _ => Ok(()),
    }
}

/// `[evaluate]` against the data.
fn evaluation(experiment: &Experiment, data: &DataFacts) -> Check {
    let protocol = experiment.evaluate.protocol.as_str();
    if !PROTOCOLS.contains(&protocol) {
        return Err(
            ConfigError::at("evaluate.protocol", format!("cannot be `{protocol}`"))
                .with_expected(format!("one of {}", PROTOCOLS.join(", "))),
        );
    }
    let caption = experiment.evaluate.caption;
    // Images without any caption leave none to choose.
    let is_beyond = |captions: &usize| *captions > 0 && caption >= *captions;
    if let Some(captions) = data.captions.filter(is_beyond) {
        return Err(ConfigError::at(
            "evaluate.caption",
            format!("is {caption}, but an image has {captions} captions, counted from 0"),
        )
        .with_expected(format!("0 to {}", captions - 1)));
    }
    let encoder = &experiment.evaluate.retrieval_encoder;
    if let Reference::Precomputed | Reference::Cache(_) | Reference::Experiment("") =
        Reference::of(encoder)
    {
        return Err(ConfigError::at(
            "evaluate.retrieval_encoder",
            format!("cannot be `{encoder}`"),
        )
        .with_expected("`experiment:NAME` or the path of a run"));
    }
    match Reference::of(&experiment.evaluate.probe) {
        Reference::None => Ok(()),
        Reference::Precomputed | Reference::Cache(_) | Reference::Experiment("") => {
            Err(ConfigError::at(
                "evaluate.probe",
                format!("cannot be `{}`", experiment.evaluate.probe),
            )
            .with_expected("`experiment:NAME` or the path of a run"))
        }
        _ if !data.has(Extra::Attributes) => Err(ConfigError::at(
            "evaluate.probe",
            format!(
                "is set, but only built-in birds have attributes, not `{}`",
                experiment.data.uri
            ),
        )
        .with_help("take `evaluate.probe` out")),
        _ => Ok(()),
    }
}

/// `[[expect]]`: figures that can be compared with.
fn expected_figures((i, expect): (usize, &Expect)) -> Check {
    let key = format!("expect[{i}]");
    if expect.source.trim().is_empty() {
        return Err(
            ConfigError::at(format!("{key}.source"), "is empty").with_expected("paper and table")
        );
    }
    if expect.rows.is_empty() {
        return Err(
            ConfigError::at(format!("{key}.rows"), "is empty").with_expected("at least one figure")
        );
    }
    for (j, row) in expect.rows.iter().enumerate() {
        let key = format!("{key}.rows[{j}]");
        for (name, text) in [("metric", &row.metric), ("instrument", &row.instrument)] {
            if text.trim().is_empty() {
                return Err(ConfigError::at(format!("{key}.{name}"), "is empty")
                    .with_expected("a name: a figure without it cannot be compared"));
            }
        }
        if !row.value.is_finite() {
            return Err(
                ConfigError::at(format!("{key}.value"), "is not finite").with_expected("a number")
            );
        }
        if let Some(deviation) = row.plusminus.filter(|d| !d.is_finite() || *d < 0.0) {
            return Err(ConfigError::at(
                format!("{key}.plusminus"),
                format!("cannot be {deviation}"),
            )
            .with_expected("a number, not negative"));
        }
    }
    Ok(())
}
