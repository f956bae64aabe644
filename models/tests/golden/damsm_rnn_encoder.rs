//! The packed bidirectional encoder, both recurrences.

use burn::optim::GradientsParams;
use burn::prelude::{Int, Tensor};
use wordpaint_models::text::lstm::{Encoder, EncoderConfig, Kind, encoder_key};

use crate::support::file::{Golden, Tolerance};
use crate::support::published::{check_each_gradient, load};
use crate::support::staged::TestBackend;

const VALUE: Tolerance = Tolerance::Absolute(1e-5);

/// The encoder below `prefix` with its weights; no dropout.
pub(super) fn encoder(golden: &Golden, prefix: &str, kind: Kind) -> Encoder<TestBackend> {
    let embedding = format!("{prefix}encoder.weight");
    let config = EncoderConfig {
        kind,
        embedding_dim: golden.dim(&embedding, 1),
        dim: 2 * golden.dim(&format!("{prefix}rnn.weight_hh_l0"), 1),
        dropout: 0.0,
    };
    let encoder = config.init(golden.dim(&embedding, 0), &Default::default());
    load(golden, prefix, encoder, encoder_key)
}

#[test]
fn damsm_rnn_encoder() {
    let Some(golden) = Golden::open("damsm_rnn_encoder") else {
        return;
    };
    let lengths = golden.counts("in/cap_lens");
    let ids: Tensor<TestBackend, 2, Int> = golden.tensor::<_, 2>("in/captions").int();
    for (folder, kind) in [("lstm", Kind::Lstm), ("gru", Kind::Gru)] {
        let encoder = encoder(&golden, &format!("w/{folder}/"), kind);

        let features = encoder.encode(ids.clone(), &lengths);

        let (words, sentence) = (features.words, features.sentence);
        golden.check(&format!("out/{folder}/words_emb"), words.to_data(), VALUE);
        golden.check(&format!("out/{folder}/sent_emb"), sentence.to_data(), VALUE);
        let loss = words.square().mean() + sentence.square().mean();
        golden.check(&format!("out/{folder}/loss"), loss.to_data(), VALUE);
        let gradients = GradientsParams::from_grads(loss.backward(), &encoder);
        let prefix = format!("grad/{folder}/");
        check_each_gradient(&golden, &prefix, &encoder, &gradients, encoder_key, VALUE);
    }
}
