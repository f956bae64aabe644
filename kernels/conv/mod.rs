//! Convolution in two dimensions: the operation and its three gradients.
//!
//! The gradient with respect to the input is also the forward pass of the transposed convolution.

mod correlation;
mod direct;
mod division;
mod geometry;
mod outer;
mod pack;
mod plan;
mod strip;
mod tile;
mod weight;

pub use geometry::Conv2d;

/// First and number of the items that fall to `part` when `items` are divided evenly.
fn share(items: usize, parts: usize, part: usize) -> (usize, usize) {
    let first = items * part / parts;
    (first, items * (part + 1) / parts - first)
}
