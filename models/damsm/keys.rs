//! Names of published weights.

use crate::import::Source;
use crate::text::lstm::encoder_key;
use crate::vision::inception::Naming;
use crate::vision::region_heads::heads_key;

/// Name in `text_encoder*.pth` or `image_encoder*.pth` of one of our parameters.
pub fn published_key(name: &str) -> Option<Source> {
    let (network, field) = name.split_once('.')?;
    match network {
        "text" => encoder_key(field),
        "heads" => heads_key(field),
        "trunk" => Naming::Torch.sources(field).into_iter().next(),
        _ => None,
    }
}
