//! FSIM of pairs, without and with the colours.

use wordpaint_metrics::{MetricError, Pair, fsim_of_pairs};

use super::{Definition, Needs, Score};

pub(super) const FSIM: Definition = Definition {
    scores: &[
        Score::new("fsim", "FSIM (luma)", "published constants"),
        Score::new("fsimc", "FSIMc", "published constants, with chroma"),
    ],
    higher_is_better: true,
    needs: Needs::Pairs(values),
};

fn values(pairs: &[Pair<'_>]) -> Result<Vec<Vec<f64>>, MetricError> {
    let scores = fsim_of_pairs(pairs)?;
    Ok(scores.iter().map(|s| vec![s.fsim, s.fsimc]).collect())
}
