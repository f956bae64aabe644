//! Training steps of narrow networks: the reference backend agrees with the fast one, every
//! parameter takes part, and SDN's heads stay together or part as the stage asks.

use std::sync::Arc;

use burn::backend::{Autodiff, Flex, NdArray};
use burn::module::AutodiffModule;
use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use burn::prelude::{Tensor, TensorData};
use burn::tensor::Tolerance;
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::batch::{Batch, Text};
use wordpaint_models::noise::Noise;
use wordpaint_models::probe;
use wordpaint_models::sdn::{Config, Sdn, Stage};
use wordpaint_models::state::{load_named, named_tensors};
use wordpaint_models::system::{Aids, Generate, Iteration, System, SystemConfig, Train};
use wordpaint_models::vgg_classifier;
use wordpaint_models::vision::image_space::Preprocessing;
use wordpaint_models::vision::vgg::{Depth, Vgg};

type Fast = Autodiff<Flex>;
type Reference = Autodiff<NdArray<f32>>;
type Named = Vec<(String, TensorData)>;

fn config(heads: usize) -> Config {
    Config {
        text_dim: 5,
        depth: Depth::Vgg16,
        widths: [2, 3, 3, 4, 4],
        fc_width: 6,
        base: 1,
        preprocessing: Preprocessing::UNIT,
        heads,
        ..Config::default()
    }
}

/// A teacher made from a classifier, as an experiment on built-in data makes it.
fn teacher<B: AutodiffBackend>(weights: &Named) -> Vgg<B> {
    let classifier: vgg_classifier::Classifier<B::InnerBackend> = with(weights, &classifier());
    AutodiffModule::from_inner(classifier.fold())
}

fn classifier() -> vgg_classifier::Config {
    let Config { depth, widths, .. } = config(1);
    vgg_classifier::Config {
        depth,
        widths,
        image_size: 32,
        ..Default::default()
    }
}

/// A system with given weights.
fn with<B: Backend, S: System<B>>(weights: &Named, config: &S::Config) -> S {
    let system = S::init(config, &Default::default());
    let (system, report) = load_named(system, |name, _| {
        weights
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, data)| data.clone())
    });
    assert!(report.is_complete(), "{report:?}");
    system
}

/// Initial weights whose hidden layers are the same in every run and die in none.
fn fresh<S: System<Flex>>(config: &S::Config) -> Named {
    let mut weights = named_tensors(&S::init(config, &Default::default()));
    let last = last_weight(&weights);
    for (i, (name, data)) in weights.iter_mut().enumerate() {
        let fan_in = match *data.shape.as_slice() {
            [_, inputs, height, width] => inputs * height * width,
            [inputs, _] => inputs,
            _ => continue,
        };
        if i != last {
            let noise = Noise::new(3, 0);
            let normal = noise.normal::<Flex, 1>(name, [data.num_elements()], &Default::default());
            let values = normal * (2.0 / fan_in as f64).sqrt();
            *data = TensorData {
                shape: data.shape.clone(),
                ..values.into_data()
            };
        }
    }
    for (name, data) in &mut weights {
        if name.ends_with("bias") {
            *data = TensorData::full::<f32, _>(data.shape.clone(), 0.1);
        }
    }
    weights
}

fn last_weight(weights: &Named) -> usize {
    weights
        .iter()
        .rposition(|(name, _)| name.ends_with("weight"))
        .expect("there are weights")
}

fn iteration<B: AutodiffBackend>(stage: &'static str, teacher: Vgg<B>) -> Iteration<B> {
    const BATCH: usize = 2;
    let device = Default::default();
    let noise = Noise::new(11, 0);
    let size = config(1).image_size();
    let batch = Batch {
        images: vec![noise.uniform("images", [BATCH, 3, size, size], -1.0, 1.0, &device)],
        mismatched: None,
        text: Text::from_embeddings(noise.normal("text", [BATCH, 1, 5], &device)),
        classes: Tensor::from_ints([0, 1], &device),
        labels: None,
        features: None,
        attributes: Some(Tensor::from_ints([[0, 1], [2, 0]], &device)),
        indices: vec![0, 1],
    };
    Iteration {
        batch,
        aids: Arc::new(Aids {
            vgg: Some(teacher),
            ..Aids::default()
        }),
        noise,
        step: 0,
        stage,
    }
}

/// Weights after one step of Adam, and the number of parameters that received a gradient.
fn step<B: AutodiffBackend>(heads: usize, stage: Stage, start: &Named) -> (Sdn<B>, usize) {
    let system: Sdn<B> = with(start, &config(heads));
    let teacher = teacher(&fresh::<vgg_classifier::Classifier<Flex>>(&classifier()));
    let iteration = iteration(stage.name(), teacher);
    system.begin(&iteration);
    let losses = system.losses("g", &iteration, &());
    let loss = losses.total().expect("terms are switched on");
    let mut gradients = loss.backward();
    let teacher = iteration
        .aids
        .vgg
        .as_ref()
        .expect("the iteration has a teacher");
    assert!(
        GradientsParams::from_module(&mut gradients, teacher).is_empty(),
        "it is frozen"
    );
    let gradients = GradientsParams::from_module(&mut gradients, &system);
    let count = gradients.len();
    let mut adam = AdamConfig::new().with_epsilon(1e-8).init::<B, Sdn<B>>();
    (adam.step(1e-3, system, gradients), count)
}

/// Losses of a few steps of a system with one phase, and the gradients of the first.
fn train<S: Train<Fast, Shared = ()>>(start: &Named, config: &S::Config) -> (Vec<f32>, usize) {
    let mut system: S = with(start, config);
    let teacher = teacher(&fresh::<vgg_classifier::Classifier<Flex>>(&classifier()));
    let iteration = iteration("train", teacher);
    let mut adam = AdamConfig::new().with_epsilon(1e-8).init::<Fast, S>();
    let (mut values, mut count) = (Vec::new(), 0);
    for _ in 0..5 {
        let losses = system.losses("train", &iteration, &());
        let loss = losses.total().expect("terms are switched on");
        values.push(loss.clone().into_scalar());
        let gradients = GradientsParams::from_grads(loss.backward(), &system);
        count = gradients.len();
        system = adam.step(1e-2, system, gradients);
    }
    (values, count)
}

/// Number of parameters without running statistics.
fn trained(weights: &Named) -> usize {
    weights
        .iter()
        .filter(|(name, _)| !name.contains("running_"))
        .count()
}

fn image_kernels<B: AutodiffBackend>(system: &Sdn<B>) -> Vec<f32> {
    let weights = named_tensors(&system.valid());
    let (_, data) = &weights[last_weight(&weights)];
    data.to_vec().expect("weights are f32")
}

#[test]
fn sdn_steps_alike_on_both_backends() {
    let start = fresh::<Sdn<Flex>>(&config(2));
    for stage in Stage::ALL {
        let (fast, _) = step::<Fast>(2, stage, &start);
        let (reference, _) = step::<Reference>(2, stage, &start);

        let pairs = named_tensors(&fast.valid())
            .into_iter()
            .zip(named_tensors(&reference.valid()));
        for ((name, a), (_, b)) in pairs {
            assert_ne!(
                a,
                start
                    .iter()
                    .find(|(n, _)| *n == name)
                    .expect("the same names")
                    .1
            );
            a.assert_approx_eq::<f32>(&b, Tolerance::absolute(1e-4));
        }
    }
}

#[test]
fn every_stage_trains_every_parameter_of_sdn() {
    let start = fresh::<Sdn<Flex>>(&config(1));
    for stage in Stage::ALL {
        let (_, gradients) = step::<Fast>(1, stage, &start);

        assert_eq!(gradients, start.len(), "{}", stage.name());
    }
}

#[test]
fn sdn_cost_counts_every_parameter() {
    let count: usize = fresh::<Sdn<Flex>>(&config(3))
        .iter()
        .map(|(_, data)| data.num_elements())
        .sum();

    assert_eq!(config(3).networks()[0].parameters, count);
}

#[test]
fn heads_of_sdn_are_one_until_the_second_stage() {
    let config = config(2);
    let start = fresh::<Sdn<Flex>>(&config);
    let is_one = |kernels: &[f32]| {
        let (first, second) = kernels.split_at(kernels.len() / 2);
        first.iter().zip(second).all(|(a, b)| (a - b).abs() < 1e-6)
    };

    let (trained, _) = step::<Fast>(2, Stage::Maps, &start);
    let before = image_kernels(&trained);
    let parted = trained.enter_stage(Stage::Features.name(), Noise::new(1, 0));

    assert!(is_one(&before));
    assert!(!is_one(&image_kernels(&parted)));
    let text = Text::from_embeddings(Tensor::ones([3, 1, 5], &Default::default()));
    let images = parted.valid().generate(&text, Noise::new(1, 0)).images;
    assert_eq!(images.len(), 2);
    assert_eq!(images[1].dims(), [3, 3, 32, 32]);
}

#[test]
fn classifier_learns_with_all_its_parameters() {
    let start = fresh::<vgg_classifier::Classifier<Flex>>(&classifier());

    let (losses, gradients) = train::<vgg_classifier::Classifier<Fast>>(&start, &classifier());

    assert_eq!(gradients, trained(&start));
    assert!(losses[4] < losses[0], "{losses:?}");
}

#[test]
fn probe_learns_with_all_its_parameters() {
    let config = probe::Config {
        image_size: 32,
        widths: [4; 4],
        values: vec![3, 2],
    };
    let start = fresh::<probe::Probe<Flex>>(&config);

    let (losses, gradients) = train::<probe::Probe<Fast>>(&start, &config);

    assert_eq!(gradients, trained(&start));
    assert!(losses[4] < losses[0], "{losses:?}");
}
