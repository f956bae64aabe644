//! What systems on narrow shapes are tested with.

pub(crate) mod iterate;
pub(crate) mod narrow;
