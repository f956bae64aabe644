//! Names of published weights.
//!
//! # Key mapping
//!
//! | OpenAI | transformers | ours |
//! |---|---|---|
//! | `visual.*` | `vision_model.*`, `visual_projection.weight` | `image.*` |
//! | `token_embedding.weight`, `transformer.*`, `ln_final.*`, ... | `text_model.*`, `text_projection.weight` | `text.*` |
//! | `logit_scale` | `logit_scale` | `temperature.scale` |
//!
//! What the fields are called is in `models/vision/vit.rs` and `models/text/clip.rs`. Files of
//! transformers are brought to OpenAI's names first.

use burn::prelude::TensorData;

use super::config::Config;
use crate::import::Source;
use crate::published::{
    Arrays, Companion, Part, PublishedFiles, PublishedNetworks, Role, setting, size,
};
use crate::state::transposed;
use crate::vision::clip::published_key;

/// Numbers of a token for every attention head.
const HEAD: usize = 64; // clip/model.py, `vision_width // 64`
/// Prefix of names saved from a data-parallel wrapper.
const WRAPPER: &str = "module.";
/// A name that only files of transformers have.
const OF_TRANSFORMERS: &str = "text_model.embeddings.token_embedding.weight";
/// Arrays that are no parameters.
const FACTS: [&str; 3] = ["input_resolution", "context_length", "vocab_size"];
/// The three projections that OpenAI packs into one, in its order.
const PACKED: [&str; 3] = ["q_proj", "k_proj", "v_proj"];

/// Both towers.
pub(super) struct Files;

impl PublishedFiles for Files {
    fn base(&self) -> &'static str {
        "clip-coco"
    }

    fn first(&self) -> &'static str {
        "pair of towers"
    }

    fn companions(&self) -> Vec<Companion> {
        vec![Companion::needed(
            Role::Merges,
            "the text tower knows pairs of bytes by number",
        )]
    }

    fn named(&self, arrays: Arrays, _part: Part) -> Arrays {
        openai_names(arrays)
    }

    fn settings(&self, arrays: &Arrays) -> Vec<String> {
        let of = |key: &str, axis: usize| size(arrays, key, axis);
        let mut settings = Vec::new();
        let (width, patch) = (of("visual.conv1.weight", 0), of("visual.conv1.weight", 2));
        let patches = of("visual.positional_embedding", 0).map(|tokens| tokens - 1);
        let side = patch.zip(patches).map(|(patch, n)| patch * n.isqrt());
        let text_width = of("ln_final.weight", 0);
        let heads = |width: usize| (width / HEAD).max(1);
        for (key, value) in [
            ("image_size", side),
            ("image.patch", patch),
            ("image.width", width),
            ("image.heads", width.map(heads)),
            ("image.layers", layers(arrays, "visual.transformer.")),
            ("text.width", text_width),
            ("text.heads", text_width.map(heads)),
            ("text.layers", layers(arrays, "transformer.")),
            ("embedding", of("text_projection", 1)),
            ("vocabulary", self.words(arrays)),
            ("tokens", of("positional_embedding", 0)),
        ] {
            setting(&mut settings, key, value);
        }
        settings
    }

    fn scheme(&self) -> Option<&'static str> {
        Some("clip")
    }

    fn evidence(&self, _part: Part, arrays: &Arrays) -> Option<&'static str> {
        let is_whole = ["visual.conv1.weight", "token_embedding.weight"]
            .iter()
            .all(|key| arrays.contains_key(*key));
        is_whole.then_some("")
    }

    fn needs_evidence(&self, _part: Part) -> bool {
        true
    }

    fn words(&self, arrays: &Arrays) -> Option<usize> {
        size(arrays, "token_embedding.weight", 0)
    }
}

impl PublishedNetworks<Config> for Files {
    fn key(&self, name: &str, _config: &Config, _arrays: &Arrays) -> Option<Source> {
        published_key(name)
    }
}

/// Blocks of a tower; `None` where there is none.
fn layers(arrays: &Arrays, tower: &str) -> Option<usize> {
    let is_there = |layer: &usize| {
        arrays.contains_key(&format!("{tower}resblocks.{layer}.attn.in_proj_weight"))
    };
    let count = (0..arrays.len()).take_while(is_there).count();
    (count > 0).then_some(count)
}

/// The arrays of a published file under OpenAI's names, without those that are no parameters; a number
/// becomes an array of one.
pub fn openai_names(arrays: Arrays) -> Arrays {
    let stripped = arrays.into_iter().map(|(name, data)| {
        let name = name
            .strip_prefix(WRAPPER)
            .map_or(name.clone(), str::to_owned);
        (name, data)
    });
    let stripped: Arrays = stripped.collect();
    let mut named = if stripped.contains_key(OF_TRANSFORMERS) {
        of_transformers(stripped)
    } else {
        stripped
    };
    named.retain(|name, _| !FACTS.contains(&name.as_str()));
    if let Some(scale) = named.get_mut("logit_scale").filter(|s| s.shape.is_empty()) {
        scale.shape = [1].into();
    }
    named
}

/// Arrays of transformers under OpenAI's names.
fn of_transformers(mut arrays: Arrays) -> Arrays {
    let mut named = Arrays::new();
    let queries: Vec<String> = arrays
        .keys()
        .filter(|name| name.contains(".self_attn.q_proj."))
        .cloned()
        .collect();
    for name in queries {
        let part = |of: &str| name.replace(PACKED[0], of);
        let parts = PACKED.map(|of| arrays.remove(&part(of)));
        if let [Some(q), Some(k), Some(v)] = parts {
            let packed = name.replace("self_attn.q_proj.", "attn.in_proj_");
            named.insert(renamed(&packed), stacked([q, k, v]));
        }
    }
    for (name, data) in arrays {
        if name.ends_with(".position_ids") {
            continue;
        }
        let is_matrix = matches!(
            name.as_str(),
            "visual_projection.weight" | "text_projection.weight"
        );
        let data = if is_matrix && data.shape.len() == 2 {
            transposed(data)
        } else {
            data
        };
        named.insert(renamed(&name), data);
    }
    named
}

/// OpenAI's name of an array of transformers.
fn renamed(name: &str) -> String {
    match name {
        "visual_projection.weight" => return "visual.proj".into(),
        "text_projection.weight" => return "text_projection".into(),
        _ => {}
    }
    let renamings = [
        ("vision_model.embeddings.patch_embedding", "visual.conv1"),
        (
            "vision_model.embeddings.class_embedding",
            "visual.class_embedding",
        ),
        (
            "vision_model.embeddings.position_embedding.weight",
            "visual.positional_embedding",
        ),
        ("vision_model.pre_layrnorm", "visual.ln_pre"), // written so
        ("vision_model.post_layernorm", "visual.ln_post"),
        (
            "vision_model.encoder.layers",
            "visual.transformer.resblocks",
        ),
        ("text_model.embeddings.token_embedding", "token_embedding"),
        (
            "text_model.embeddings.position_embedding.weight",
            "positional_embedding",
        ),
        ("text_model.final_layer_norm", "ln_final"),
        ("text_model.encoder.layers", "transformer.resblocks"),
        (".self_attn.out_proj.", ".attn.out_proj."),
        (".layer_norm1.", ".ln_1."),
        (".layer_norm2.", ".ln_2."),
        (".mlp.fc1.", ".mlp.c_fc."),
        (".mlp.fc2.", ".mlp.c_proj."),
    ];
    let rename = |name: String, (theirs, ours): (&str, &str)| name.replacen(theirs, ours, 1);
    renamings.into_iter().fold(name.to_owned(), rename)
}

/// Rows of all parts, one below the other.
fn stacked(parts: [TensorData; 3]) -> TensorData {
    let mut shape = parts[0].shape.to_vec();
    if let Some(rows) = shape.first_mut() {
        *rows = parts
            .iter()
            .map(|part| part.shape.first().copied().unwrap_or_default())
            .sum();
    }
    let values: Vec<f32> = parts.iter().flat_map(TensorData::iter::<f32>).collect();
    TensorData::new(values, shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(shape: &[usize], first: f32) -> TensorData {
        let count = shape.iter().product::<usize>();
        let values: Vec<f32> = (0..count).map(|i| first + i as f32).collect();
        TensorData::new(values, shape.to_vec())
    }

    #[test]
    fn a_file_of_transformers_gets_the_names_and_layouts_of_openai() {
        let layer = "vision_model.encoder.layers.3";
        let arrays: Arrays = [
            (OF_TRANSFORMERS.to_owned(), array(&[5, 2], 0.0)),
            (
                "text_model.embeddings.position_ids".into(),
                array(&[1, 4], 0.0),
            ),
            (
                format!("{layer}.self_attn.q_proj.weight"),
                array(&[1, 2], 0.0),
            ),
            (
                format!("{layer}.self_attn.k_proj.weight"),
                array(&[1, 2], 2.0),
            ),
            (
                format!("{layer}.self_attn.v_proj.weight"),
                array(&[1, 2], 4.0),
            ),
            (format!("{layer}.mlp.fc2.bias"), array(&[2], 0.0)),
            (format!("{layer}.layer_norm1.bias"), array(&[2], 0.0)),
            ("vision_model.pre_layrnorm.bias".into(), array(&[2], 0.0)),
            ("visual_projection.weight".into(), array(&[3, 2], 0.0)),
            ("logit_scale".into(), array(&[], 2.0)),
        ]
        .into();

        let named = openai_names(arrays);

        let keys: Vec<&str> = named.keys().map(String::as_str).collect();
        let block = "visual.transformer.resblocks.3";
        let packed = format!("{block}.attn.in_proj_weight");
        let expected = [
            "logit_scale",
            "token_embedding.weight",
            "visual.ln_pre.bias",
            "visual.proj",
            packed.as_str(),
            &format!("{block}.ln_1.bias"),
            &format!("{block}.mlp.c_proj.bias"),
        ];
        assert_eq!(keys, expected);
        assert_eq!(named[&packed], array(&[3, 2], 0.0));
        assert_eq!(named["visual.proj"], transposed(array(&[3, 2], 0.0)));
        assert_eq!(named["logit_scale"].shape.to_vec(), [1]);
    }

    #[test]
    fn sizes_are_read_off_a_file_and_what_is_no_parameter_is_left_out() {
        let arrays: Arrays = [
            ("module.visual.conv1.weight", array(&[128, 3, 4, 4], 0.0)),
            ("module.visual.positional_embedding", array(&[10, 128], 0.0)),
            ("module.input_resolution", array(&[], 12.0)),
            ("module.ln_final.weight", array(&[32], 0.0)),
        ]
        .map(|(name, data)| (name.to_owned(), data))
        .into();

        let named = Files.named(arrays, Part::First);

        assert!(!named.contains_key("input_resolution"));
        let expected = [
            "model.image_size=12",
            "model.image.patch=4",
            "model.image.width=128",
            "model.image.heads=2",
            "model.text.width=32",
            "model.text.heads=1",
        ];
        assert_eq!(Files.settings(&named), expected);
    }
}
