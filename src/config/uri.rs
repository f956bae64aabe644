//! What the address of a dataset says about it, without touching the data.

use wordpaint_data::DataError;
use wordpaint_data::open::schemes;
use wordpaint_data::scheme::{DataFacts, Extra};
use wordpaint_models::system::Annotations;

use super::error::ConfigError;

const KEY: &str = "data.uri";

/// What the address in `data.uri` says about its dataset.
///
/// # Errors
///
/// If it is none, if it is of an unknown kind, or if an option of built-in data is wrong.
pub fn facts(uri: &str) -> Result<DataFacts, ConfigError> {
    let Some((scheme, path)) = uri.split_once(':') else {
        return Err(
            ConfigError::at(KEY, format!("`{uri}` is no dataset address"))
                .with_expected("KIND:PATH, for example cub:data/cub or synth:birds?preset=tiny"),
        );
    };
    let schemes = schemes();
    if !schemes.contains(&scheme) {
        let message = format!("has an unknown kind of dataset `{scheme}:`");
        return Err(ConfigError::at(KEY, message).with_accepted(scheme, &schemes));
    }
    if path.trim().is_empty() {
        return Err(ConfigError::at(KEY, format!("`{uri}` names no data"))
            .with_expected(format!("{scheme}:PATH")));
    }
    wordpaint_data::open::facts(uri).map_err(|error| wrong(uri, error))
}

/// Refuses data that have not the annotations that `family` learns from.
pub(super) fn annotations(
    uri: &str,
    facts: &DataFacts,
    family: &str,
    wanted: Annotations,
) -> Result<(), ConfigError> {
    let (extra, what) = match wanted {
        Annotations::None => return Ok(()),
        Annotations::Boxes => (Extra::Boxes, "bounding boxes"),
        Annotations::Parts(_) => (Extra::Parts, "part locations"),
    };
    if facts.has(extra) {
        return Ok(());
    }
    let message = format!("is `{uri}`, which has none of the {what} that `{family}` learns from");
    Err(ConfigError::at(KEY, message)
        .with_expected(format!("data with {what}, as `cub:` and `synth:birds`")))
}

fn wrong(uri: &str, error: DataError) -> ConfigError {
    match error {
        DataError::Uri { message, .. } => {
            ConfigError::at(KEY, format!("cannot be `{uri}`: {message}"))
        }
        other => ConfigError::at(KEY, format!("is wrong: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use wordpaint_data::Split;

    use super::*;

    #[test]
    fn published_sets_have_their_published_sizes() {
        let cub = facts("cub:anywhere").expect("valid");
        let oxford = facts("oxford:anywhere").expect("valid");

        assert_eq!(cub.images(Split::Trainval), Some(8855));
        assert_eq!(cub.classes(Split::Trainval), Some(150));
        assert_eq!(oxford.images(Split::Test), Some(1155));
        assert_eq!(oxford.all_classes(), Some(102));
    }

    #[test]
    fn scenes_and_coco_have_images_of_their_own_class_without_the_one_box() {
        for (uri, train, test) in [
            ("coco:anywhere", 82_783, 40_504),
            ("synth:scenes?preset=nano", 64, 16),
            ("emoji:scenes?n=100", 80, 20),
        ] {
            let facts = super::facts(uri).expect("valid");
            assert_eq!(facts.images(Split::Trainval), Some(train), "{uri}");
            assert_eq!(facts.classes(Split::Test), Some(test), "{uri}");
            assert_eq!(
                (facts.captions, facts.has(Extra::Boxes)),
                (Some(5), false),
                "{uri}"
            );
        }
        let error = facts("synth:scenes?sise=3").expect_err("no such option");
        assert!(
            error.to_string().contains("did you mean `size`?"),
            "{error}"
        );
    }

    #[test]
    fn sizes_of_built_in_data_are_those_of_the_opened_dataset() {
        for uri in [
            "synth:birds?preset=nano",
            "synth:birds?preset=many&pose=aligned",
            "synth:flowers?preset=tiny",
            "synth:birds?classes=7&per_class=11&split=per-image",
        ] {
            let facts = super::facts(uri).expect("valid");
            let dataset = wordpaint_data::open(uri).expect("built in");

            for split in [Split::Train, Split::Trainval, Split::Test, Split::All] {
                let indices = dataset.split(split);
                let mut classes: Vec<usize> =
                    indices.iter().map(|i| dataset.class_of(*i)).collect();
                classes.sort_unstable();
                classes.dedup();
                assert_eq!(facts.images(split), Some(indices.len()), "{uri} {split:?}");
                assert_eq!(facts.classes(split), Some(classes.len()), "{uri} {split:?}");
            }
        }
    }

    #[test]
    fn data_without_the_annotations_that_a_system_learns_from_are_refused() {
        for (uri, boxes, parts) in [
            ("cub:anywhere", true, true),
            ("attngan:anywhere", true, true),
            ("oxford:anywhere", false, false),
            ("folder:anywhere", false, false),
            ("coco:anywhere", false, false),
            ("synth:birds?preset=nano", true, true),
            ("synth:flowers?preset=nano", true, false),
            ("synth:scenes?preset=nano", false, false),
            ("synth:random-birds?n=5", false, false),
            ("emoji:nature-food?per_class=1", true, false),
        ] {
            let facts = super::facts(uri).expect("valid");
            let check = |wanted| annotations(uri, &facts, "gawwn", wanted);
            assert_eq!(check(Annotations::None), Ok(()), "{uri}");
            assert_eq!(check(Annotations::Boxes).is_ok(), boxes, "{uri}");
            assert_eq!(check(Annotations::Parts(15)).is_ok(), parts, "{uri}");
        }
        let error = annotations(
            "oxford:data/oxford",
            &super::facts("oxford:data/oxford").expect("valid"),
            "gawwn",
            Annotations::Boxes,
        );
        let error = error.expect_err("flowers have no boxes").to_string();
        assert!(
            error.contains("data.uri") && error.contains("bounding boxes that `gawwn` learns from"),
            "{error}"
        );
    }

    #[test]
    fn built_in_data_have_the_annotations_that_their_addresses_promise() {
        for uri in [
            "synth:birds?preset=nano",
            "synth:flowers?preset=nano",
            "synth:scenes?preset=nano",
            "synth:random-birds?n=5",
            "emoji:nature-food?per_class=1",
            "emoji:scenes?n=5",
        ] {
            let facts = super::facts(uri).expect("valid");
            let dataset = wordpaint_data::open(uri).expect("built in");
            let record = dataset.record(0).expect("drawn");
            assert_eq!(
                facts.has(Extra::Boxes),
                record.bounding_box.is_some(),
                "{uri}"
            );
            assert_eq!(facts.has(Extra::Parts), !record.parts.is_empty(), "{uri}");
            let has_attributes = dataset.attributes(0).is_some();
            assert_eq!(facts.has(Extra::Attributes), has_attributes, "{uri}");
            assert_eq!(
                facts.has(Extra::Embeddings),
                dataset.has_embeddings(),
                "{uri}"
            );
        }
    }

    #[test]
    fn a_wrong_option_of_built_in_data_is_named() {
        let error = facts("synth:birds?sise=64")
            .expect_err("misspelt")
            .to_string();

        assert!(
            error.contains("`sise`") && error.contains("did you mean `size`?"),
            "{error}"
        );
    }
}
