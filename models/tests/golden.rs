//! Golden files of the networks and losses: one test per file, named after it.

mod golden {
    mod baselines_parity;
    mod file;
    mod parity;
    mod published;

    mod char_cnn_rnn;
    mod gan_cls_pytorch;
    mod gan_int_cls_reed;
    mod metrics_inception_fid_tiny;
    mod metrics_lpips;
    mod registry_inception_nsfwjs;
    mod registry_vgg16_hed;
    mod sdn_diverse_losses;
    mod sdn_generator_losses;
    mod vgg19_taps;
    #[cfg(feature = "wgpu")]
    mod wgpu_parity;
}
