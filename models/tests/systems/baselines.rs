//! One iteration of GAN-INT-CLS and of the char-CNN-RNN: the reference backend agrees with the fast
//! one, and every parameter of a phase's groups takes part.

use burn::backend::Flex;
use burn::module::AutodiffModule;
use burn::prelude::{Tensor, TensorData};
use burn::tensor::Tolerance;
use wordpaint_data::tokenizers::characters::{self, Unknown};
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::batch::{Batch, Layout, Text};
use wordpaint_models::char_cnn_rnn::{self, JointEmbedding};
use wordpaint_models::gan_int_cls::{self, Architecture, GanIntCls, IMAGE_SIZE, Variant};
use wordpaint_models::noise::Noise;
use wordpaint_models::system::{
    Frozen, Iteration, LossTerms, Pipeline, System, SystemConfig, Train,
};
use wordpaint_models::text::char_cnn_rnn as text;
use wordpaint_models::text::char_cnn_rnn::LENGTH;

use crate::support::iterate::{Fast, Reference, agree, fresh, iterate, parameters};

const BATCH: usize = 4;

fn gan(architecture: Architecture, variant: Variant) -> gan_int_cls::Config {
    gan_int_cls::Config {
        architecture,
        variant,
        text_dim: 6,
        projection_dim: 3,
        noise_dim: 2,
        generator_width: 1,
        discriminator_width: 1,
        captions: 2,
        ..Default::default()
    }
}

fn encoder(variant: text::Variant) -> char_cnn_rnn::Config {
    char_cnn_rnn::Config {
        variant,
        conv_channels: [4, 5],
        cnn_dim: 6,
        embedding_dim: 7,
        ..Default::default()
    }
}

/// A batch for both systems.
fn iteration<B: AutodiffBackend>() -> Iteration<B> {
    let device = Default::default();
    let noise = Noise::new(11, 3);
    let images = |purpose| {
        noise.uniform(
            purpose,
            [BATCH, 3, IMAGE_SIZE, IMAGE_SIZE],
            -1.0,
            1.0,
            &device,
        )
    };
    let captions = [
        "a red bird",
        "the petals are white",
        "blue",
        "a long bill, curved!",
    ];
    let ids = captions.map(|c| characters::encode(c, LENGTH, Unknown::Empty));
    let ids = ids.concat();
    let shape = [BATCH, 1, LENGTH];
    let batch = Batch {
        images: vec![images("real")],
        mismatched: Some(images("mismatched")),
        text: Text {
            tokens: Some(Tensor::from_data(TensorData::new(ids, shape), &device)),
            ..Text::from_embeddings(noise.normal("text", [BATCH, 2, 6], &device))
        },
        classes: Tensor::from_ints([0, 1, 2, 3], &device),
        labels: None,
        features: Some(noise.normal("features", [BATCH, 7], &device)),
        attributes: None,
        layout: Layout::default(),
        indices: vec![0, 1, 2, 3],
    };
    Iteration {
        batch,
        frozen: Frozen::new(),
        noise,
        step: 0,
        stage: "any",
    }
}

#[test]
fn gan_int_cls_steps_alike_on_both_backends() {
    for (architecture, variant) in [
        (Architecture::Reed, Variant::IntCls),
        (Architecture::Port, Variant::Cls),
    ] {
        let config = gan(architecture, variant);
        let start = fresh::<GanIntCls<Flex>>(&config);

        let (fast, counts) = iterate::<Fast, GanIntCls<Fast>>(&start, &config, &iteration());
        let (reference, _) =
            iterate::<Reference, GanIntCls<Reference>>(&start, &config, &iteration());

        agree(&fast, &reference, &start);
        let fast = fast.valid();
        let expected = ["discriminator.", "generator."].map(|p| parameters(&fast, p).len());
        assert_eq!(counts, expected);
    }
}

#[test]
fn char_cnn_rnn_steps_alike_on_both_backends() {
    for (variant, parameters) in [(text::Variant::Rnn8, 12), (text::Variant::Gru18, 20)] {
        let config = encoder(variant);
        let start = fresh::<JointEmbedding<Flex>>(&config);

        let (fast, counts) = iterate::<Fast, JointEmbedding<Fast>>(&start, &config, &iteration());
        let (reference, _) =
            iterate::<Reference, JointEmbedding<Reference>>(&start, &config, &iteration());

        agree(&fast, &reference, &start);
        assert_eq!(counts, [parameters]);
    }
}

#[test]
fn variants_choose_the_terms_of_gan_int_cls() {
    let names = |variant| -> Vec<String> {
        let config = gan(Architecture::Reed, variant);
        let system = GanIntCls::<Fast>::init(&config, &Default::default());
        let mut iteration = iteration();
        if !config.needs().has_mismatched {
            iteration.batch.mismatched = None;
        }
        let shared = system.begin(&iteration);
        let losses = ["d", "g"].map(|phase| system.losses(phase, &iteration, &shared));
        let terms = losses.iter().flat_map(LossTerms::terms);
        terms.map(|t| format!("{} {}", t.name, t.weight)).collect()
    };

    assert_eq!(
        names(Variant::Gan),
        ["d/real 1", "d/fake 1", "g/adversarial 1"]
    );
    assert_eq!(
        names(Variant::IntCls),
        [
            "d/real 1",
            "d/mismatched 0.5",
            "d/fake 0.5",
            "g/adversarial 1",
            "g/interpolated 1"
        ]
    );
}

#[test]
fn gan_int_cls_generates_in_evaluation_mode_whatever_else_is_in_the_batch() {
    let config = gan(Architecture::Reed, Variant::IntCls);
    let system = GanIntCls::<Flex>::init(&config, &Default::default());
    let noise = Noise::new(5, 0);
    let text: Tensor<Flex, 3> = noise.normal("text", [3, 1, 6], &Default::default());
    let first = text.clone().slice([0..1, 0..1, 0..6]);

    let all = Pipeline::new(&system, &Frozen::new())
        .generate(&Text::from_embeddings(text), noise)
        .images;
    let one = Pipeline::new(&system, &Frozen::new())
        .generate(&Text::from_embeddings(first), noise)
        .images;

    assert_eq!(all[0].dims(), [3, 3, IMAGE_SIZE, IMAGE_SIZE]);
    let row = all[0]
        .clone()
        .slice([0..1, 0..3, 0..IMAGE_SIZE, 0..IMAGE_SIZE]);
    row.into_data()
        .assert_approx_eq::<f32>(&one[0].to_data(), Tolerance::absolute(1e-6));
}

#[test]
fn costs_of_gan_int_cls_count_every_parameter() {
    for architecture in [Architecture::Reed, Architecture::Port] {
        let config = gan(architecture, Variant::Cls);
        let system = GanIntCls::<Flex>::init(&config, &Default::default());
        for network in config.networks() {
            let prefix = format!("{}.", network.name);
            let counts = parameters(&system, &prefix);
            let expected: usize = counts.iter().map(|(_, n)| n).sum();

            assert_eq!(network.parameters, expected, "{architecture:?} {prefix}");
        }
    }
}
