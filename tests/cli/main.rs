//! The command line from the outside: the real binary in temporary folders.

mod datasets;
mod import;
mod overview;
mod pictures;
mod results;
mod tiny;
