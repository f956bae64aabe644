//! The command line from the outside: the real binary in temporary folders.

mod pictures;
mod tiny;
