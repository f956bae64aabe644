//! LPIPS of pairs, by AlexNet and by VGG16.

use wordpaint_models::vision::lpips::LpipsConfig;

use super::{Definition, Needs, PairNetwork, Score};

pub(super) const ALEX: Definition = definition(ALEX_SCORES, ALEX_NETWORK);

pub(super) const VGG: Definition = definition(VGG_SCORES, VGG_NETWORK);

const ALEX_SCORES: &[Score] = &[Score {
    // The published package's own default.
    alias: Some("lpips"),
    ..score(&ALEX_NETWORK)
}];

const VGG_SCORES: &[Score] = &[score(&VGG_NETWORK)];

const ALEX_NETWORK: PairNetwork = PairNetwork {
    id: "lpips-alex",
    title: "LPIPS",
    label: "LPIPS (alex)",
    network: "LPIPS 0.1, AlexNet; 8-bit RGB at its own size, values -1 to 1",
    config: LpipsConfig::ALEX,
    // AlexNet's pools leave something of it.
    smallest: 63,
};

const VGG_NETWORK: PairNetwork = PairNetwork {
    id: "lpips-vgg",
    title: "LPIPS",
    label: "LPIPS (vgg)",
    network: "LPIPS 0.1, VGG16; 8-bit RGB at its own size, values -1 to 1",
    config: LpipsConfig::VGG,
    // VGG16's four pools leave something of it.
    smallest: 16,
};

const fn score(network: &PairNetwork) -> Score {
    Score::new(network.id, network.label, network.network)
}

const fn definition(scores: &'static [Score], network: PairNetwork) -> Definition {
    Definition {
        scores,
        higher_is_better: false,
        needs: Needs::PairNetwork(network),
    }
}
