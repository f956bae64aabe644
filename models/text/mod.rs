//! Text encoders.

pub mod alphabet;
pub mod char_cnn_rnn;
