//! Contrast and the batches it is given: contradictions.

use wordpaint_models::losses::contrast::{Contrast, Method, Pairing};
use wordpaint_models::losses::sup_con::{Scope, Weighting};

use super::error::ConfigError;
use super::family::Facts;
use super::schema::{Experiment, Partners};

/// `[model.contrast]` against the batches it is given, and its keys against each other.
pub(super) fn check(experiment: &Experiment, facts: &Facts) -> Result<(), ConfigError> {
    let Some(contrast) = &facts.contrast else {
        return Ok(());
    };
    let has_partners = experiment.data.partners != Partners::None;
    if contrast.method == Method::NtXent {
        if contrast.has_halves() && !has_partners {
            return Err(ConfigError::at(
                "model.contrast.views",
                "is `halves`, but without `data.partners` the two halves of a batch have nothing in \
                 common for `nt-xent` to pull together",
            )
            .with_expected(
                "`data.partners` = `caption` (the same image) or `label`, or `views` = `captions`",
            ));
        }
        if has_partners && contrast.views == Pairing::Captions {
            return Err(ConfigError::at(
                "model.contrast.views",
                "is `captions`, but `data.partners` puts what belongs together into one batch, where \
                 `nt-xent` would push it apart",
            )
            .with_expected("`halves`, or no `data.partners`"));
        }
    }
    if contrast.has_halves() && !experiment.train.batch_size.is_multiple_of(2) {
        let batch = experiment.train.batch_size;
        let message = format!("is {batch}, but `model.contrast.views` halves the batch");
        return Err(ConfigError::at("train.batch_size", message).with_expected("an even number"));
    }
    idle_keys(contrast)
}

/// Keys that another method would need.
fn idle_keys(contrast: &Contrast) -> Result<(), ConfigError> {
    let is_supervised = match contrast.method {
        Method::None | Method::SupCon => return Ok(()),
        Method::UniCl => true,
        Method::NtXent => false,
    };
    let idle = [
        ("scope", contrast.scope != Scope::All),
        (
            "weighting",
            !is_supervised && contrast.weighting != Weighting::Any,
        ),
        ("has_own_pairs", !contrast.has_own_pairs),
    ];
    let Some((key, _)) = idle.into_iter().find(|(_, is_idle)| *is_idle) else {
        return Ok(());
    };
    let methods = match key {
        "weighting" => "`sup-con` and `uni-cl`",
        _ => "`sup-con`",
    };
    let message = format!("is set, but changes {methods} only");
    Err(ConfigError::at(format!("model.contrast.{key}"), message)
        .with_help("take it out or choose another `model.contrast.method`"))
}
