//! Ten captions per flower picture.

use wordpaint_rng::Rng;

use super::species::{CENTRES, FlowerSpecies, Leaf, Marking, PETALS, Petal};
use crate::synth::captions::fill;

/// Captions in template order.
pub(crate) fn captions(species: &FlowerSpecies, rng: &mut Rng) -> Vec<String> {
    let is_marked = species.marking != Marking::Plain;
    let templates = [
        "this flower has {n} {colour} petals with a {centre} center",
        if is_marked {
            "the petals are {shape} and {colour} with {second} {marking}"
        } else {
            "the petals are {shape} and {colour} without any markings"
        },
        if species.has_stamens {
            "a flower with {layers} of overlapping {shape} petals and yellow stamen"
        } else {
            "a flower with {layers} of overlapping {shape} {colour} petals"
        },
        "{colour} flower with a {size} {centre} disc and {leaf} green leaves",
        "this is a {colour} flower with {n} {shape} petals",
        "the flower has {shape} petals that are {colour} around a {size} {centre} center",
        if is_marked {
            "a {colour} bloom whose {n} petals have {second} {marking}"
        } else {
            "a {colour} bloom whose {n} petals are all one color"
        },
        if species.has_stamens {
            "this {colour} flower shows yellow stamen around its {centre} center"
        } else {
            "this {colour} flower has no visible stamen around its {centre} center"
        },
        "a plant with {leaf} leaves and a {colour} flower of {n} petals",
        "{n} {shape} {colour} petals in {layers} surround the {centre} middle of this flower",
    ];
    templates
        .map(|t| fill(t, |slot| word(slot, species, rng).to_owned()))
        .to_vec()
}

/// A random phrase for a slot of the templates.
fn word(slot: &str, species: &FlowerSpecies, rng: &mut Rng) -> &'static str {
    let choices: &[&'static str] = match slot {
        "n" => match species.petals {
            4 => &["four"],
            5 => &["five"],
            6 => &["six"],
            8 => &["eight"],
            12 => &["twelve"],
            _ => &["many thin"],
        },
        "colour" => colour_words(PETALS[species.colour].0),
        "second" => colour_words(PETALS[species.second].0),
        "centre" => match CENTRES[species.centre].0 {
            "brown" => &["brown", "dark brown"],
            "green" => &["green", "pale green"],
            "black" => &["black", "jet black"],
            colour => colour_words(colour),
        },
        "shape" => match species.shape {
            Petal::Round => &["rounded", "oval", "smooth"],
            Petal::Pointed => &["pointed", "star-like", "sharp"],
            Petal::Heart => &["heart-shaped", "notched"],
            Petal::Narrow => &["narrow", "thin", "ray-like", "strap-like"],
        },
        "marking" => match species.marking {
            Marking::Edge => &["edges", "rims"],
            Marking::Throat => &["throats", "inner rings"],
            Marking::Veins => &["veins", "lines"],
            Marking::Plain | Marking::Spots => &["spots", "speckles"],
        },
        "layers" => {
            if species.layers == 2 {
                &["two layers", "a double layer"]
            } else {
                &["one layer", "a single layer"]
            }
        }
        "size" => {
            if species.has_large_centre {
                &["large", "big", "wide"]
            } else {
                &["small", "tiny"]
            }
        }
        "leaf" => match species.leaf {
            Leaf::Oval => &["oval", "broad"],
            Leaf::Narrow => &["narrow", "slender"],
            Leaf::Lobed => &["lobed", "toothed"],
        },
        other => unreachable!("no template has a slot {other}"),
    };
    rng.pick::<&str>(choices)
}

/// Synonyms of a petal colour.
fn colour_words(name: &'static str) -> &'static [&'static str] {
    match name {
        "red" => &["red", "crimson", "scarlet"],
        "pink" => &["pink", "rosy"],
        "magenta" => &["magenta", "deep pink"],
        "purple" => &["purple", "deep purple"],
        "violet" => &["violet", "lavender", "pale purple"],
        "blue" => &["blue", "deep blue"],
        "yellow" => &["yellow", "golden yellow"],
        "orange" => &["orange"],
        "white" => &["white", "pure white"],
        "cream" => &["cream", "off-white"],
        "peach" => &["peach", "salmon"],
        "maroon" => &["maroon", "dark red"],
        other => unreachable!("petal colour {other} has no words"),
    }
}
