//! The command line from the outside: the real binary in temporary folders.

mod import;
mod pictures;
mod tiny;
