//! Names of published weights.
//!
//! # Key mapping
//!
//! | PyTorch port | ours |
//! |---|---|
//! | `projection.{0, 1}.*` | `generator.{text, text_norm}.*` |
//! | `netG.3I.*`, `netG.3I+1.*` | `generator.up.I.*`, `generator.norms.I.*` |
//! | `projector.projection.{0, 1}.*` | `discriminator.{text, text_norm}.*` |
//! | `netD_1.{0, 2, 5, 8}.*`, `netD_1.3I+3.*` | `discriminator.down.I.*`, `discriminator.norms.I.*` |
//! | `netD_2.0.*` | `discriminator.head.*` |

use super::config::Config;
use crate::import::Source;
use crate::published::{Arrays, Companion, PublishedFiles, PublishedNetworks, Role, setting, size};

/// Generator and discriminator of the PyTorch port.
pub(super) struct Files;

impl PublishedFiles for Files {
    fn base(&self) -> &'static str {
        "gan-int-cls-cub"
    }

    fn first(&self) -> &'static str {
        "generator"
    }

    fn companions(&self) -> Vec<Companion> {
        let two = "the port publishes generator and discriminator as two files";
        vec![Companion::needed(Role::Discriminator, two)]
    }

    fn settings(&self, arrays: &Arrays) -> Vec<String> {
        let of = |name: &str, axis: usize| size(arrays, &port_key(name)?.key, axis);
        let port = [
            "architecture=port",
            "variant=cls",
            "captions=1",
            "real_label=0.9",
        ];
        let mut settings: Vec<String> = port.map(|setting| format!("model.{setting}")).into();
        let projection = of("generator.text.weight", 0);
        let joined = of("generator.up.0.weight", 0);
        setting(&mut settings, "text_dim", of("generator.text.weight", 1));
        setting(&mut settings, "projection_dim", projection);
        let noise = joined.zip(projection).and_then(|(j, p)| j.checked_sub(p));
        setting(&mut settings, "noise_dim", noise);
        let width = of("generator.up.3.weight", 1);
        setting(&mut settings, "generator_width", width);
        let width = of("discriminator.down.0.weight", 0);
        setting(&mut settings, "discriminator_width", width);
        settings
    }
}

impl PublishedNetworks<Config> for Files {
    fn key(&self, name: &str, _config: &Config, _arrays: &Arrays) -> Option<Source> {
        port_key(name)
    }
}

/// Name in the PyTorch port's state dicts, which it saves for each network alone: `projection.*`
/// and `netG.*`, `netD_1.*`, `projector.projection.*` and `netD_2.*`.
pub fn port_key(name: &str) -> Option<Source> {
    let (layer, field) = name.rsplit_once('.')?;
    let (network, layer) = layer.split_once('.')?;
    let (kind, index) = indexed(layer);
    match (network, kind) {
        ("generator", "text") => Source::linear("projection.0", field),
        ("generator", "text_norm") => Source::norm("projection.1", field),
        ("generator", "up") => Some(Source::same(format!("netG.{}.{field}", 3 * index?))),
        ("generator", "norms") => Source::norm(&format!("netG.{}", 3 * index? + 1), field),
        ("discriminator", "text") => Source::linear("projector.projection.0", field),
        ("discriminator", "text_norm") => Source::norm("projector.projection.1", field),
        ("discriminator", "down") => {
            let position = [0, 2, 5, 8].get(index?)?;
            Some(Source::same(format!("netD_1.{position}.{field}")))
        }
        ("discriminator", "norms") => Source::norm(&format!("netD_1.{}", 3 * index? + 3), field),
        ("discriminator", "head") => Some(Source::same(format!("netD_2.0.{field}"))),
        _ => None,
    }
}

/// Name in state dicts of the authors' networks rebuilt in PyTorch, `G.*` and `D.*`.
pub fn reed_key(name: &str) -> Option<Source> {
    let (layer, field) = name.rsplit_once('.')?;
    let (network, layer) = layer.split_once('.')?;
    let (kind, index) = indexed(layer);
    match (network, kind) {
        ("generator", "text") => Source::linear("G.txt", field),
        ("generator", "up") => Some(Source::same(format!("G.up{}.{field}", index? + 1))),
        ("generator", "norms") => Source::norm(&format!("G.bn{}", index? + 1), field),
        ("generator", "blocks") => {
            let (block, inner) = layer.strip_prefix("blocks.")?.split_once('.')?;
            let block = block.parse::<usize>().ok()? + 1;
            block_key(&format!("G.res{block}"), inner, field)
        }
        ("discriminator", "text") => Source::linear("D.txt", field),
        ("discriminator", "text_norm") => Source::norm("D.txt_bn", field),
        ("discriminator", "down") => Some(Source::same(format!("D.c{}.{field}", index? + 1))),
        ("discriminator", "norms") => Source::norm(&format!("D.bn{}", index? + 2), field),
        ("discriminator", "head") => Some(Source::same(format!("D.j2.{field}"))),
        ("discriminator", "deep") => match layer.strip_prefix("deep.")? {
            "join" => Some(Source::same(format!("D.j1.{field}"))),
            "join_norm" => Source::norm("D.jbn", field),
            inner => block_key("D.res", inner.strip_prefix("block.")?, field),
        },
        _ => None,
    }
}

/// `convs.1` of the block called `block` is its fourth layer, and so on.
fn block_key(block: &str, inner: &str, field: &str) -> Option<Source> {
    match indexed(inner) {
        ("convs", Some(i)) => Some(Source::same(format!("{block}.b.{}.{field}", 3 * i))),
        ("norms", Some(i)) => Source::norm(&format!("{block}.b.{}", 3 * i + 1), field),
        _ => None,
    }
}

/// `up.3` as `up` and 3; anything else as its first part.
fn indexed(layer: &str) -> (&str, Option<usize>) {
    match layer.split_once('.') {
        Some((kind, rest)) => (kind, rest.parse().ok()),
        None => (layer, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_published_sequences() {
        let port = |name| port_key(name).map(|s| s.key);
        let reed = |name| reed_key(name).map(|s| s.key);

        assert_eq!(
            port("generator.up.4.weight").as_deref(),
            Some("netG.12.weight")
        );
        assert_eq!(
            port("generator.norms.3.gamma").as_deref(),
            Some("netG.10.weight")
        );
        assert_eq!(
            port("discriminator.down.3.weight").as_deref(),
            Some("netD_1.8.weight")
        );
        assert_eq!(
            port("discriminator.norms.2.running_var").as_deref(),
            Some("netD_1.9.running_var")
        );
        assert_eq!(
            reed("generator.blocks.1.convs.2.bias").as_deref(),
            Some("G.res2.b.6.bias")
        );
        assert_eq!(
            reed("discriminator.deep.block.norms.0.beta").as_deref(),
            Some("D.res.b.1.bias")
        );
        assert_eq!(port("generator.blocks.0.convs.0.weight"), None);
    }
}
