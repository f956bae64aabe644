//! wordpaint: text-to-image research in Rust on Burn.

pub mod backends;
pub mod bench;
pub mod cli;
pub mod config;
pub mod data;
pub mod evaluate;
pub mod explore;
pub mod export;
pub mod generate;
pub mod import;
pub mod launch;
pub mod picture;
pub mod rate;
pub mod report;
pub mod run;
pub mod setup;
pub mod train;
