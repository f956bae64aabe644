//! What `show` says about memory, against what a step takes.

use std::path::Path;

use burn::backend::Flex;
use serde_json::Value;
use wordpaint_models::damsm::{self, Pretraining, published_key};
use wordpaint_models::state::named_tensors;
use wordpaint_models::system::System;
use wordpaint_models::vision::backbone::{BackboneConfig, InceptionBackboneConfig};

use crate::import::{publish, write};
use crate::tiny::{stderr, stdout, wordpaint};

/// Inception-v3 of the published size with weights of no meaning, under torchvision's names.
fn write_inception(path: &Path) {
    let config = damsm::Config {
        backbone: BackboneConfig::Inception(InceptionBackboneConfig::default()),
        image_size: 299,
        ..damsm::Config::default()
    };
    let system = Pretraining::<Flex>::init(&config, &Default::default());
    let backbone = named_tensors(&system).into_iter();
    let backbone = backbone.filter(|(name, _)| name.starts_with("trunk."));
    write(path, &publish(backbone, published_key));
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "slow: full-size steps of minutes and 4 GiB of memory"]
fn a_full_size_step_takes_the_memory_that_is_predicted() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let inception = folder.path().join("inception.safetensors");
    write_inception(&inception);
    let inception = format!("pretrained.inception.from={}", inception.display());
    let pair = folder.path().join("damsm-cub");
    let encoder = format!("text.encoder={}", pair.display());
    let mut complaints = Vec::new();
    for (name, own) in [
        (
            "damsm-cub",
            [inception.as_str(), "train.stages.matching.steps=1"],
        ),
        (
            "attngan-cub",
            [encoder.as_str(), "train.stages.adversarial.steps=1"],
        ),
        (
            "dm-gan-cub",
            [encoder.as_str(), "train.stages.adversarial.steps=1"],
        ),
    ] {
        let settings = [
            own[0],
            own[1],
            "data.uri=synth:birds?preset=nano&size=320&seed=7",
            "data.workers=1",
            "train.batch_size=2",
            "train.sample_every=0",
        ];
        let shown = wordpaint(folder.path())
            .args(["show", name, "--json"])
            .args(settings)
            .output()
            .expect("the binary starts");
        assert!(shown.status.success(), "{name}: {}", stderr(&shown));
        let shown: Value = serde_json::from_str(&stdout(&shown)).expect("JSON");
        let predicted = shown["memory"].as_f64().expect("a number");
        let run = folder.path().join(name);
        let trained = wordpaint(folder.path())
            .args(["train", name, "--device", "flex", "--run"])
            .arg(&run)
            .args(settings)
            .output()
            .expect("the binary starts");
        assert!(trained.status.success(), "{name}: {}", stderr(&trained));
        let run = wordpaint::run::folder::RunFolder::open(&run).expect("a run");
        let environment = run.environment();
        let measured = environment["peak_memory_bytes"].as_f64().expect("a number");

        let ratio = predicted / measured;
        if !(0.7..=1.3).contains(&ratio) {
            complaints.push(format!(
                "{name}: {predicted:e} predicted, {measured:e} measured"
            ));
        }
    }
    assert!(complaints.is_empty(), "{complaints:?}");
}
