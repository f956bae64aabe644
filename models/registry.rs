//! THE table of families: one line each.
