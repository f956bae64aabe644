//! Names of published weights.
//!
//! # Key mapping
//!
//! | before June 2022, SSA-GAN | DF-GAN since | ours |
//! |---|---|---|
//! | `fc.*` | `netG.fc.*` | `generator.stem.*` |
//! | `blockI.*` | `netG.GBlocks.I.*` | `generator.blocks.I.*` |
//! | `blockI.affineN.*` | `netG.GBlocks.I.fuseN.affineM.*` | `generator.blocks.I.{first, second}.affines.M.*` |
//! | `conv_mask.*`, `blockI.conv_mask.*` (SSA-GAN) | | `generator.mask.*`, `generator.blocks.I.mask.*` |
//! | `conv_img.*` | `netG.to_rgb.1.*` | `generator.head.*`, `generator.norm.*` |
//! | `conv_img.*`, `blockI.*` | `netD.conv_img.*`, `netD.DBlocks.I.*` | `discriminator.{image, blocks.I}.*` |
//! | `COND_DNET.joint_conv.*` | `netC.joint_conv.*` | `discriminator.{joint, logit}.*` |

use super::generator::Architecture;
use crate::import::Source;

/// Name in `netG*.pth` (of DF-GAN since 2022, below `netG`) of one of our generator's parameters.
pub fn generator_key(name: &str, architecture: Architecture) -> Option<Source> {
    let (layer, field) = name.rsplit_once('.')?;
    let parts: Vec<&str> = layer.split('.').collect();
    let same = |layer: String| Some(Source::same(format!("{layer}.{field}")));
    match parts[..] {
        ["stem"] => Source::linear("fc", field),
        ["mask", part] => mask("conv_mask", part, field),
        ["norm"] => Source::norm("conv_img.0", field),
        ["head"] => same(
            match architecture {
                Architecture::SsaGan => "conv_img.2",
                Architecture::DfGan2020 => "conv_img.1",
                Architecture::DfGan2022 => "to_rgb.1",
            }
            .into(),
        ),
        ["blocks", i, ref inner @ ..] => {
            let block = match architecture {
                Architecture::DfGan2022 => format!("GBlocks.{i}"),
                _ => format!("block{i}"),
            };
            match *inner {
                [] if field == "gamma" => same(block),
                ["convs", place] => same(format!("{block}.c{}", number(place)? + 1)),
                ["shortcut"] => same(format!("{block}.c_sc")),
                ["mask", part] => mask(&format!("{block}.conv_mask"), part, field),
                [place, "norm"] => {
                    let affine = affine(architecture, place, 0)?;
                    same(format!("{block}.{affine}.batch_norm2d"))
                }
                [place, "affines", k, part, layer] => {
                    let affine = affine(architecture, place, number(k)?)?;
                    let part = match part {
                        "scale" => "fc_gamma",
                        "shift" => "fc_beta",
                        _ => return None,
                    };
                    let layer = match layer {
                        "first" => "linear1",
                        "second" => "linear2",
                        _ => return None,
                    };
                    Source::linear(&format!("{block}.{affine}.{part}.{layer}"), field)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn number(text: &str) -> Option<usize> {
    text.parse().ok()
}

/// Affine map `k` before the first or second convolution of a block.
fn affine(architecture: Architecture, place: &str, k: usize) -> Option<String> {
    let place = match place {
        "first" => 0,
        "second" => 1,
        _ => return None,
    };
    Some(match architecture {
        Architecture::SsaGan | Architecture::DfGan2020 => format!("affine{}", 2 * place + k),
        Architecture::DfGan2022 => format!("fuse{}.affine{k}", place + 1),
    })
}

fn mask(head: &str, part: &str, field: &str) -> Option<Source> {
    match part {
        "conv" => Some(Source::same(format!("{head}.0.{field}"))),
        "norm" => Source::norm(&format!("{head}.1"), field),
        "out" => Some(Source::same(format!("{head}.3.{field}"))),
        _ => None,
    }
}

/// Name in `netD*.pth` (of DF-GAN since 2022, in the checkpoint's `model`) of one of our
/// discriminator's parameters.
pub fn discriminator_key(name: &str, architecture: Architecture) -> Option<Source> {
    let is_new = architecture == Architecture::DfGan2022;
    let (backbone, head) = if is_new {
        ("netD.", "netC")
    } else {
        ("", "COND_DNET")
    };
    let (layer, field) = name.rsplit_once('.')?;
    let parts: Vec<&str> = layer.split('.').collect();
    let layer = match parts[..] {
        ["image"] => format!("{backbone}conv_img"),
        ["joint"] => format!("{head}.joint_conv.0"),
        ["logit"] => format!("{head}.joint_conv.2"),
        ["blocks", i, ref inner @ ..] => {
            let block = if is_new {
                format!("{backbone}DBlocks.{i}")
            } else {
                format!("block{i}")
            };
            match *inner {
                [] if field == "gamma" => block,
                ["residual", place] => format!("{block}.conv_r.{}", 2 * number(place)?),
                ["shortcut"] => format!("{block}.conv_s"),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(Source::same(format!("{layer}.{field}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_published_files() {
        let generator = |architecture, name| generator_key(name, architecture).map(|s| s.key);
        let name = "blocks.4.second.affines.0.shift.first.weight";
        for (architecture, expected) in [
            (
                Architecture::SsaGan,
                "block4.affine2.fc_beta.linear1.weight",
            ),
            (
                Architecture::DfGan2020,
                "block4.affine2.fc_beta.linear1.weight",
            ),
            (
                Architecture::DfGan2022,
                "GBlocks.4.fuse2.affine0.fc_beta.linear1.weight",
            ),
        ] {
            assert_eq!(generator(architecture, name).as_deref(), Some(expected));
        }
        assert_eq!(
            generator(Architecture::SsaGan, "blocks.0.first.norm.running_var").as_deref(),
            Some("block0.affine0.batch_norm2d.running_var")
        );
        assert_eq!(
            generator(Architecture::SsaGan, "blocks.0.third.weight"),
            None
        );
        let critic = |architecture| discriminator_key("blocks.2.residual.1.weight", architecture);
        assert_eq!(
            critic(Architecture::SsaGan).map(|s| s.key).as_deref(),
            Some("block2.conv_r.2.weight")
        );
        assert_eq!(
            critic(Architecture::DfGan2022).map(|s| s.key).as_deref(),
            Some("netD.DBlocks.2.conv_r.2.weight")
        );
    }
}
