//! `import` of CLIP: from files of OpenAI and of transformers, with published merges.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use burn::backend::Flex;
use burn::prelude::TensorData;
use wordpaint_models::clip::{Config, FEWEST_IDS, ImageSettings, TextSettings};
use wordpaint_models::state::{named_tensors, transposed};
use wordpaint_models::system::System;
use wordpaint_models::vision::clip::{Clip, published_key};

use crate::import::{model, publish, write};
use crate::tiny::{stderr, tiny};

const MERGES: &str = "\"bpe_simple_vocab_16e6.txt#version: 0.2\nb i\nr d</w>\nbi rd</w>\n";

fn narrow() -> Clip<Flex> {
    let config = Config {
        image_size: 8,
        image: ImageSettings {
            patch: 4,
            width: 6,
            layers: 2,
            heads: 1,
        },
        text: TextSettings {
            width: 4,
            layers: 1,
            heads: 1,
        },
        embedding: 5,
        vocabulary: FEWEST_IDS + 3,
        tokens: 9,
    };
    Clip::init(&config, &Default::default())
}

/// Arrays of a network under OpenAI's names.
fn openai(clip: &Clip<Flex>) -> Vec<(String, TensorData)> {
    let mut arrays = publish(named_tensors(clip), published_key);
    arrays.push((
        "input_resolution".into(),
        TensorData::new(vec![8.0_f32], [1]),
    ));
    arrays
}

/// The same under the names of transformers, as far as the text tower goes.
fn transformers(clip: &Clip<Flex>) -> Vec<(String, TensorData)> {
    let renamed = [
        (
            "visual.transformer.resblocks",
            "vision_model.encoder.layers",
        ),
        ("transformer.resblocks", "text_model.encoder.layers"),
        ("visual.conv1", "vision_model.embeddings.patch_embedding"),
        (
            "visual.class_embedding",
            "vision_model.embeddings.class_embedding",
        ),
        (
            "visual.positional_embedding",
            "vision_model.embeddings.position_embedding.weight",
        ),
        ("visual.ln_pre", "vision_model.pre_layrnorm"),
        ("visual.ln_post", "vision_model.post_layernorm"),
        ("token_embedding", "text_model.embeddings.token_embedding"),
        (
            "positional_embedding",
            "text_model.embeddings.position_embedding.weight",
        ),
        ("ln_final", "text_model.final_layer_norm"),
        (".attn.out_proj", ".self_attn.out_proj"),
        (".ln_1.", ".layer_norm1."),
        (".ln_2.", ".layer_norm2."),
        (".mlp.c_fc.", ".mlp.fc1."),
        (".mlp.c_proj.", ".mlp.fc2."),
    ];
    let mut arrays = Vec::new();
    for (name, data) in publish(named_tensors(clip), published_key) {
        let rename = |name: String, (ours, theirs): &(&str, &str)| {
            let is_there = name.starts_with(ours) || ours.starts_with('.');
            if is_there {
                name.replacen(ours, theirs, 1)
            } else {
                name
            }
        };
        let theirs = renamed.iter().fold(name.clone(), rename);
        match name.as_str() {
            "visual.proj" => arrays.push(("visual_projection.weight".into(), transposed(data))),
            "text_projection" => arrays.push(("text_projection.weight".into(), transposed(data))),
            _ if name.contains("in_proj_") => arrays.extend(split(&theirs, &data)),
            _ => arrays.push((theirs, data)),
        }
    }
    arrays
}

/// Queries, keys and values on their own.
fn split(name: &str, packed: &TensorData) -> Vec<(String, TensorData)> {
    let values: Vec<f32> = packed.iter::<f32>().collect();
    let mut shape = packed.shape.to_vec();
    shape[0] /= 3;
    let parts = values.chunks(values.len() / 3).zip(["q", "k", "v"]);
    let part = |(values, of): (&[f32], &str)| {
        let name = name.replace("attn.in_proj_", &format!("self_attn.{of}_proj."));
        (name, TensorData::new(values.to_vec(), shape.clone()))
    };
    parts.map(part).collect()
}

fn import(folder: &Path, file: &Path, merges: Option<&str>) -> (Output, PathBuf) {
    let run = folder.join("run");
    let mut command = tiny().wordpaint();
    command
        .args(["import", "clip"])
        .arg(file)
        .arg("-o")
        .arg(&run);
    if let Some(text) = merges {
        let path = folder.join("merges.txt");
        fs::write(&path, text).expect("writes");
        command.arg("--merges").arg(path);
    }
    (command.output().expect("the binary starts"), run)
}

#[test]
fn a_published_clip_comes_back_with_every_weight_and_its_merges() {
    let clip = narrow();
    let expected = named_tensors(&clip).into_iter().collect();
    for (name, arrays) in [
        ("openai.pth", openai(&clip)),
        ("openai.safetensors", openai(&clip)),
        ("transformers.safetensors", transformers(&clip)),
    ] {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join(name);
        write(&file, &arrays);

        let (output, run) = import(folder.path(), &file, Some(MERGES));

        assert_eq!(output.status.code(), Some(0), "{name}: {}", stderr(&output));
        assert_eq!(model(&run), expected, "{name}");
        let words = fs::read_to_string(run.join("vocabulary.json")).expect("kept");
        let words: Vec<String> = serde_json::from_str(&words).expect("a list");
        assert_eq!(words.len(), FEWEST_IDS + 3);
        assert_eq!(words[512..515], ["b i", "r d</w>", "bi rd</w>"]);
    }
}

#[test]
fn wrong_files_are_refused_with_their_name_and_what_to_do() {
    let clip = narrow();
    let whole = openai(&clip);
    let images_alone: Vec<_> = whole
        .iter()
        .filter(|(name, _)| name.starts_with("visual."))
        .cloned()
        .collect();
    let cases: [(&[_], Option<&str>, i32, &[&str]); 4] = [
        (
            &images_alone,
            Some(MERGES),
            4,
            &["clip.pth", "pair of towers", "give the published"],
        ),
        (&whole, None, 2, &["--merges FILE", "fetch clip-bpe"]),
        (
            &whole,
            Some("#version: 0.1\nb i\n"),
            3,
            &["merges.txt", "fetch clip-bpe"],
        ),
        (&whole, Some(&MERGES[..50]), 3, &["merges.txt", "takes 3"]),
    ];
    for (arrays, merges, code, parts) in cases {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("clip.pth");
        write(&file, arrays);

        let (output, run) = import(folder.path(), &file, merges);

        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        for part in parts {
            assert!(said.contains(part), "no `{part}` in {said}");
        }
        assert!(!run.exists(), "{said}");
    }
}
