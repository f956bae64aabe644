//! `[pretrained.captioner]`: says whether generated images show their captions.

use super::super::reference::Reference;
use super::{Kind, none};

pub(super) const KIND: Kind = Kind {
    key: "captioner",
    path: "pretrained.captioner",
    sources: "`experiment:NAME` or the path of a run of `captioner`",
    accepts: |reference| matches!(reference, Reference::Path(_) | Reference::Experiment(_)),
    missing: |_| "`model.caption_weight` asks for a captioner".to_owned(),
    unused: |family| format!("`{family}` asks for no captions of painted images"),
    unused_help: "set `model.caption_weight`, or take the table out",
    settings: |table| none("captioner", table),
};
