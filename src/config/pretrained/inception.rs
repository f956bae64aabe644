//! `[pretrained.inception]`: Inception-v3 as the backbone of an image encoder.

use super::super::reference::Reference;
use super::{Kind, none};

pub(super) const KIND: Kind = Kind {
    key: "inception",
    path: "pretrained.inception",
    sources: "`cache:NAME` or the path of a weights file",
    accepts: |reference| matches!(reference, Reference::Path(_) | Reference::Cache(_)),
    missing: |family| format!("`{family}` looks through Inception-v3"),
    unused: |family| format!("`{family}` needs no Inception-v3"),
    unused_help: "take the table out",
    settings: |table| none("inception", table),
};
