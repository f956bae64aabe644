//! Both published char-CNN-RNN text encoders and their loss.

use burn::backend::{Autodiff, Flex};
use burn::prelude::{Int, Tensor, TensorData};
use wordpaint_models::losses::sje::sje;
use wordpaint_models::text::alphabet::{self, Unknown};
use wordpaint_models::text::char_cnn_rnn::{CharCnnRnnConfig, Variant, port_key};

use crate::support::file::{Golden, Tolerance};
use crate::support::published::{check_gradients, load};

type TestBackend = Autodiff<Flex>;
const VALUE: Tolerance = Tolerance::Absolute(1e-5);

#[test]
fn char_cnn_rnn() {
    let Some(golden) = Golden::open("char_cnn_rnn") else {
        return;
    };
    let ids = check_ids(&golden);
    for (variant, name) in [(Variant::Rnn8, "rnn8"), (Variant::Gru18, "gru18")] {
        let config = CharCnnRnnConfig {
            variant,
            conv_channels: [golden.number("c1"), golden.number("c2")],
            cnn_dim: golden.number("rd"),
            embedding_dim: golden.number("ed"),
        };
        let encoder = config.init::<TestBackend>(&Default::default());
        let encoder = load(&golden, &format!("w/{name}."), encoder, port_key);

        let output = encoder.forward(ids.clone());
        let check = |key: &str, found| golden.check(&format!("out/{name}/{key}"), found, VALUE);
        check("pool1", output.first.to_data());
        check("rnn_input", output.steps.to_data());
        check("embedding", output.embedding.to_data());

        let loss = sje(golden.tensor("in/img_feat"), output.embedding, 1.0);
        check("sje_txt_given_img", loss.text_given_image.to_data());
        check("sje_img_given_txt", loss.image_given_text.to_data());
        let total = loss.text_given_image + loss.image_given_text;
        check("loss", total.to_data());
        check_gradients(&golden, &format!("grad/{name}."), &encoder, total, port_key);
    }
}

/// Encodes the captions of the metadata, compares them with the stored ids and returns them.
fn check_ids(golden: &Golden) -> Tensor<TestBackend, 2, Int> {
    let captions: Vec<&str> = golden.text("captions").split(" || ").collect();
    let length = golden.number("doc_length");
    let ids: Vec<i32> = captions
        .iter()
        .flat_map(|caption| alphabet::encode(caption, length, Unknown::Space))
        .collect();
    let shape = [captions.len(), length];
    let exact = Tolerance::Absolute(0.0);
    let is_set = ids.iter().map(|i| f32::from(u8::from(*i > 0)));
    let is_set: Vec<f32> = is_set.collect();
    golden.check(
        "in/onehot_sum_per_pos",
        TensorData::new(is_set, shape),
        exact,
    );
    let ids = TensorData::new(ids, shape);
    golden.check("in/label_ids", ids.clone(), exact);
    Tensor::from_data(ids, &Default::default())
}
