//! The command line from the outside: the real binary in temporary folders.

mod bad_input;
mod damage;
mod datasets;
mod folders;
mod import;
mod import_one_stage;
mod import_words;
mod inputs;
mod memory;
mod overview;
mod pictures;
mod pth;
mod results;
mod stops;
mod tiny;
mod training;
