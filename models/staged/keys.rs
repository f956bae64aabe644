//! Names of published weights.
//!
//! # Key mapping
//!
//! | file | published | ours |
//! |---|---|---|
//! | `netG*.pth` | `ca_net.fc.*` | `generator.conditioning.fc.*` |
//! | `netG*.pth` | `h_net1.fc.*`, `h_net1.upsampleN.*` | `generator.initial.*` |
//! | `netG*.pth` | `h_netN.upsample.*`, `h_netN.residual.*` | `generator.refinements.N-2.{up, residuals}.*` |
//! | `netG*.pth` | `h_netN.att.*` (AttnGAN); `h_netN.{A, B, M_w, M_r, key, value, response_gate}.*` (DM-GAN) | `generator.refinements.N-2.word_layer.*` |
//! | `netG*.pth` | `img_netN.img.0.*` | `generator.heads.N-1.*` |
//! | `netD*.pth` | `img_code_s*.*` | `discriminators.I.trunk.*` |
//! | `netD*.pth` | `COND_DNET.*`, `UNCOND_DNET.*` | `discriminators.I.{joint, conditional, unconditional}.*` |

use super::discriminator::Normalization;
use crate::import::Source;

/// Name in `netG*.pth` of one of our generator's parameters; `has_last_image_only` as in the
/// generator's configuration.
pub fn generator_key(name: &str, has_last_image_only: bool) -> Option<Source> {
    let (layer, field) = name.rsplit_once('.')?;
    let parts: Vec<&str> = layer.split('.').collect();
    match parts[..] {
        ["conditioning", "fc"] => Source::linear("ca_net.fc", field),
        ["initial"] if field == "weight" => Some(Source::transposed("h_net1.fc.0.weight")),
        ["initial", "norm"] => Source::norm("h_net1.fc.1", field),
        ["initial", "ups", i, kind] => {
            up(&format!("h_net1.upsample{}", number(i)? + 1), kind, field)
        }
        ["heads", _] if has_last_image_only => Some(Source::same("img_net.img.0.weight")),
        ["heads", i] => Some(Source::same(format!(
            "img_net{}.img.0.{field}",
            number(i)? + 1
        ))),
        ["refinements", i, ref inner @ ..] => {
            let stage = format!("h_net{}", number(i)? + 2);
            match *inner {
                ["up", kind] => up(&format!("{stage}.upsample"), kind, field),
                ["residuals", r, kind, place] => {
                    let first = 3 * number(place)?;
                    let block = format!("{stage}.residual.{}.block", number(r)?);
                    match kind {
                        "convs" => Some(Source::same(format!("{block}.{first}.{field}"))),
                        "norms" => Source::norm(&format!("{block}.{}", first + 1), field),
                        _ => None,
                    }
                }
                ["reader", ..] => word_layer(&stage, &inner[1..], field),
                _ => None,
            }
        }
        _ => None,
    }
}

fn number(text: &str) -> Option<usize> {
    text.parse().ok()
}

fn up(block: &str, kind: &str, field: &str) -> Option<Source> {
    match kind {
        "conv" => Some(Source::same(format!("{block}.1.{field}"))),
        "norm" => Source::norm(&format!("{block}.2"), field),
        _ => None,
    }
}

fn word_layer(stage: &str, layers: &[&str], field: &str) -> Option<Source> {
    match (layers, field) {
        (["Attention"], "context") => Some(Source::pointwise(format!(
            "{stage}.att.conv_context.weight"
        ))),
        (["Memory"], "gate_word") => Some(Source::same(format!("{stage}.A.weight"))),
        (["Memory"], "gate_image") => Some(Source::same(format!("{stage}.B.weight"))),
        (["Memory", layer], _) => {
            let layer = match *layer {
                "write_word" => "M_w",
                "write_image" => "M_r",
                "response" => "response_gate",
                "key" | "value" => layer,
                _ => return None,
            };
            let key = format!("{stage}.{layer}.0.{field}");
            Some(match field {
                "weight" => Source::pointwise(key),
                _ => Source::same(key),
            })
        }
        _ => None,
    }
}

/// Name in `netD*.pth` of one of our parameters of the discriminator of images of
/// `64 << doublings` pixels.
pub fn discriminator_key(
    name: &str,
    upsampling_steps: usize,
    normalization: Normalization,
) -> Option<Source> {
    let (layer, field) = name.rsplit_once('.')?;
    let parts: Vec<&str> = layer.split('.').collect();
    match parts[..] {
        ["conditional"] => Some(Source::same(format!("COND_DNET.outlogits.0.{field}"))),
        ["unconditional"] => Some(Source::same(format!("UNCOND_DNET.outlogits.0.{field}"))),
        ["joint", kind] => unit("COND_DNET.jointConv", [0, 1], kind, field, normalization),
        ["trunk", i, kind] => {
            let (block, positions) = place(number(i)?, upsampling_steps, normalization);
            unit(&block, positions, kind, field, normalization)
        }
        _ => None,
    }
}

/// Published block of convolution `i`, with the positions of convolution and normalisation.
fn place(i: usize, upsampling_steps: usize, normalization: Normalization) -> (String, [usize; 2]) {
    match i {
        0..4 => {
            let conv = match normalization {
                Normalization::Spectral => 2 * i,
                Normalization::BatchNorm => [0, 2, 5, 8][i],
            };
            ("img_code_s16".to_owned(), [conv, conv + 1])
        }
        _ if i < 4 + upsampling_steps => (format!("img_code_s{}", 32 << (i - 4)), [0, 1]),
        _ => {
            let position = i - 3 - upsampling_steps;
            (
                format!("img_code_s{}_{position}", 16 << upsampling_steps),
                [0, 1],
            )
        }
    }
}

fn unit(
    block: &str,
    [conv, norm]: [usize; 2],
    kind: &str,
    field: &str,
    normalization: Normalization,
) -> Option<Source> {
    let published = match (kind, field, normalization) {
        ("norm", _, Normalization::BatchNorm) => {
            return Source::norm(&format!("{block}.{norm}"), field);
        }
        ("conv", _, Normalization::BatchNorm) => field,
        ("conv", "weight", Normalization::Spectral) => "module.weight_bar",
        ("conv", "bias", Normalization::Spectral) => "module.bias",
        ("spectral", "u", Normalization::Spectral) => "module.weight_u",
        ("spectral", "v", Normalization::Spectral) => "module.weight_v",
        _ => return None,
    };
    Some(Source::same(format!("{block}.{conv}.{published}")))
}
