//! Experiment files: layered, strict, validated before any data are read.
//!
//! A file may name a parent (`extends`), which it changes key by key; a table `[quick]` holds what
//! differs when the experiment runs on built-in data; `key.path=value` arguments go on top. What is
//! wrong is answered with the file and line, the key path, what was expected and the nearest valid
//! word.

mod amend;
mod bounds;
pub mod cost;
mod error;
pub mod family;
pub mod fault;
pub mod guard;
pub mod instructions;
mod layer;
mod library;
mod load;
mod memory;
mod overrides;
mod parse;
mod parts;
pub mod paths;
pub mod pretrained;
mod reference;
pub(crate) mod renamed;
mod resolve;
pub mod schema;
mod stored;
pub mod threads;
pub mod uri;
mod validate;

#[cfg(test)]
mod tests;

pub use amend::{Change, amend, changes};
pub use cost::{Description, Summary, describe};
pub use error::{ConfigError, Location};
pub use library::{Library, text};
pub use load::{load, load_resolved};
pub use reference::Reference;
pub use schema::Experiment;
