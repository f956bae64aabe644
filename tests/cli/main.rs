//! The command line from the outside: the real binary in temporary folders.

mod amended;
mod background;
mod bad_input;
mod bounds;
mod changed;
mod damage;
mod datasets;
mod dry_run;
mod faults;
mod flips;
mod folders;
mod guarded;
mod import;
mod import_one_stage;
mod import_words;
mod inputs;
mod memory;
mod overview;
mod ownership;
mod pictures;
mod pth;
mod results;
mod signals;
mod stops;
mod tiny;
mod training;
