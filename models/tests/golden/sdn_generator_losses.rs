//! Maps, terms, totals and gradients of both stages of SDN.

use std::collections::BTreeMap;

use burn::backend::{Autodiff, Flex};
use burn::module::{AutodiffModule, Module};
use burn::optim::GradientsParams;
use burn::prelude::Tensor;
use wordpaint_models::sdn::{
    Config, Generator, Sdn, Stage, Taps, choose, head_terms, published_layer, wanted_maps,
};
use wordpaint_models::state::{load_named, param_ids, transposed};
use wordpaint_models::system::{LossTerms, System};
use wordpaint_models::vision::image_space::Preprocessing;
use wordpaint_models::vision::vgg::{Depth, Pooling, Vgg, VggConfig};

use crate::support::file::{Golden, Tolerance};

type TestBackend = Autodiff<Flex>;
const VALUE: Tolerance = Tolerance::Absolute(1e-5);
const GRADIENT: Tolerance = Tolerance::RelativeToMaxButTwo(1e-5);

/// Configuration that a golden file of SDN describes.
pub(super) fn config(golden: &Golden, heads: usize) -> Config {
    Config {
        text_dim: golden.number("text_dim"),
        widths: golden.list("widths").try_into().expect("five widths"),
        fc_width: golden.number("fc_width"),
        base: golden.number("base"),
        preprocessing: Preprocessing::UNIT,
        heads,
        ..Config::default()
    }
}

/// Key of one of our parameters below `w/` and `grad/LOSS/`.
pub(super) fn key(name: &str) -> String {
    let layer = published_layer(Depth::Vgg19, name).expect("every parameter has a published name");
    let folder = if name.contains("convs.") { "G.c" } else { "G" };
    let field = name.rsplit('.').next().expect("a name has a field");
    format!("{folder}.{layer}.{field}")
}

/// Generator and teacher with the weights of the file.
pub(super) fn networks(golden: &Golden, config: &Config) -> (Sdn<TestBackend>, Vgg<TestBackend>) {
    let device = Default::default();
    let sdn = Sdn::<TestBackend>::init(config, &device);
    let (sdn, report) = load_named(sdn, |name, _| {
        let data = golden.get(&format!("w/{}", key(name)))?;
        let is_linear = !name.contains("convs.") && name.ends_with("weight");
        Some(if is_linear { transposed(data) } else { data })
    });
    assert!(report.is_complete(), "{report:?}");
    let teacher = VggConfig {
        widths: config.widths,
        pooling: match golden.text("pool") {
            "avg" => Pooling::Average,
            "max" => Pooling::Max,
            other => panic!("unknown pooling `{other}`"),
        },
        ..VggConfig::default()
    };
    let (teacher, report) = teacher
        .init::<TestBackend>(&device)
        .load_torchvision(|key| golden.get(&format!("w/D.{key}")));
    assert!(report.is_complete(), "{report:?}");
    (sdn, teacher)
}

/// Checks the gradients of every generator parameter the file has below `grad/LOSS/`.
pub(super) fn check_gradients(
    golden: &Golden,
    loss: &str,
    sdn: &Sdn<TestBackend>,
    gradients: &GradientsParams,
) -> usize {
    let mut checked = 0;
    for (name, id) in param_ids(sdn) {
        let key = format!("grad/{loss}/{}", key(&name));
        let Some(expected) = golden.get(&key) else {
            continue;
        };
        let found = match expected.shape.len() {
            1 => gradients.get::<Flex, 1>(id).map(Tensor::into_data),
            2 => gradients
                .get::<Flex, 2>(id)
                .map(|g| transposed(g.into_data())),
            _ => gradients.get::<Flex, 4>(id).map(Tensor::into_data),
        };
        golden.check(
            &key,
            found.expect("every parameter has a gradient"),
            GRADIENT,
        );
        checked += 1;
    }
    checked
}

struct Run {
    sdn: Sdn<TestBackend>,
    teacher: Vgg<TestBackend>,
    config: Config,
}

impl Run {
    fn losses(&self, golden: &Golden, config: &Config, stage: Stage) -> LossTerms<TestBackend> {
        let text = golden.tensor("in/text");
        let output = self
            .sdn
            .generator
            .forward(text, &wanted_maps(config, stage));
        let terms = head_terms(
            config,
            stage,
            output,
            &self.teacher,
            golden.tensor("in/real"),
        );
        choose(terms, config.soft_minimum)
    }

    fn total(&self, golden: &Golden, config: &Config, stage: Stage) -> Tensor<TestBackend, 1> {
        self.losses(golden, config, stage)
            .total()
            .expect("terms are switched on")
    }
}

#[test]
fn sdn_generator_losses() {
    let Some(golden) = Golden::open("sdn_generator_losses") else {
        return;
    };
    let config = config(&golden, 1);
    let (sdn, teacher) = networks(&golden, &config);
    let run = Run {
        sdn,
        teacher,
        config,
    };

    check_maps(&golden, &run.sdn.generator);
    let stages = [
        (Stage::Maps, "1", "maps"),
        (Stage::Features, "2", "features"),
    ];
    for (stage, number, folder) in stages {
        let losses = run.losses(&golden, &run.config, stage);
        assert_eq!(losses.terms().len(), 1 + run.config.map_taps().len());
        for term in losses.terms() {
            let value = term.value.to_data();
            match term.name.strip_prefix(&format!("g/{folder}/")) {
                Some(tap) => golden.check(&format!("out/stage{number}_term/{tap}"), value, VALUE),
                None => golden.check("out/loss_image", value, VALUE),
            }
        }
        let total = losses.total().expect("terms are switched on");
        let loss = format!("loss_stage{number}");
        golden.check(&format!("out/{loss}"), total.to_data(), VALUE);

        let mut gradients = total.backward();
        let gradients = GradientsParams::from_module(&mut gradients, &run.sdn.generator);
        assert_eq!(
            gradients.len(),
            param_ids(&run.sdn).len(),
            "every parameter has a gradient"
        );
        let checked = check_gradients(&golden, &loss, &run.sdn, &gradients);
        assert_eq!(checked, golden.keys(&format!("grad/{loss}/G.")).len());

        let conv_only = Config {
            taps: Taps::ConvOnly,
            ..run.config.clone()
        };
        let total = run.total(&golden, &conv_only, stage);
        golden.check(&format!("out/{loss}_conv_only"), total.into_data(), VALUE);
    }
    check_joint(&golden, &run);
    check_image_gradient(&golden, &run);
}

/// The stored joint loss counts the image twice.
fn check_joint(golden: &Golden, run: &Run) {
    let weights = BTreeMap::from([("image".to_owned(), 2.0)]);
    let config = Config {
        weights,
        ..run.config.clone()
    };
    let total = run.total(golden, &config, Stage::Joint);
    golden.check("out/loss_joint", total.into_data(), VALUE);
}

fn check_maps(golden: &Golden, generator: &Generator<TestBackend>) {
    let generator = generator.valid();
    let layers = Depth::Vgg19.layers();
    let output = generator.forward(golden.tensor("in/text"), &layers);
    for (map, layer) in output.maps.into_iter().zip(layers) {
        golden.check(&format!("out/G/{layer}"), map.into_data(), VALUE);
    }
    golden.check("out/G/input", output.images.into_data(), VALUE);
}

/// The gradient at the image reaches it through the frozen teacher.
fn check_image_gradient(golden: &Golden, run: &Run) {
    let generator = run.sdn.generator.valid();
    let mut output = generator.forward(golden.tensor("in/text"), &[]);
    let images = Tensor::<TestBackend, 4>::from_inner(output.images).require_grad();
    output.maps.clear();
    let output = wordpaint_models::sdn::Output {
        maps: Vec::new(),
        images: images.clone(),
    };
    let real = golden.tensor("in/real");
    let terms = head_terms(&run.config, Stage::Features, output, &run.teacher, real);
    let total = choose(terms, 0.0).total().expect("terms are switched on");
    let mut gradients = total.backward();
    let image = images.grad(&gradients).expect("the image is tracked");
    golden.check("grad/loss_stage2/img", image.into_data(), GRADIENT);
    let teacher = GradientsParams::from_module(&mut gradients, &run.teacher);
    assert_eq!(
        teacher.len(),
        0,
        "the teacher of {} is frozen",
        run.teacher.num_params()
    );
}
