//! Names of published weights.

use crate::import::Source;

/// Name in `text_encoder*.pth`.
pub fn encoder_key(name: &str) -> Option<Source> {
    if name == "embedding" {
        return Some(Source::same("encoder.weight"));
    }
    let (direction, field) = name.split_once('.')?;
    let suffix = match direction {
        "forward" => "",
        "backward" => "_reverse",
        _ => return None,
    };
    let stem = match field {
        "input_weight" => "weight_ih",
        "state_weight" => "weight_hh",
        "input_bias" => "bias_ih",
        "state_bias" => "bias_hh",
        _ => return None,
    };
    Some(Source::same(format!("rnn.{stem}_l0{suffix}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_torch() {
        let key = |name| encoder_key(name).map(|source| source.key);

        assert_eq!(key("embedding").as_deref(), Some("encoder.weight"));
        assert_eq!(
            key("backward.state_weight").as_deref(),
            Some("rnn.weight_hh_l0_reverse")
        );
        assert_eq!(key("sideways.state_weight"), None);
    }
}
