//! Readers of the binary formats in which the published data are distributed.
//!
//! All of them treat their input as hostile: they never execute anything, never panic, and never
//! allocate more than a small multiple of the bytes that are really there.

mod archive;
pub mod captions;
pub mod cursor;
pub mod matlab;
pub mod npy;
pub mod npz;
pub mod pickle;
pub mod t7;
pub mod torch;
