//! Named colours shared by the generators.

use wordpaint_rng::Rng;

use super::raster::Colour;

/// Plumage and object colours by name; the first thirteen can cover a bird's back.
pub(crate) const PALETTE: [(&str, Colour); 16] = [
    ("red", [196.0, 38.0, 40.0]),
    ("orange", [232.0, 120.0, 32.0]),
    ("yellow", [243.0, 205.0, 52.0]),
    ("green", [62.0, 140.0, 64.0]),
    ("olive", [118.0, 122.0, 54.0]),
    ("teal", [34.0, 140.0, 140.0]),
    ("blue", [46.0, 92.0, 190.0]),
    ("purple", [120.0, 62.0, 160.0]),
    ("brown", [122.0, 78.0, 44.0]),
    ("rufous", [168.0, 84.0, 40.0]),
    ("grey", [132.0, 136.0, 142.0]),
    ("black", [34.0, 34.0, 38.0]),
    ("white", [238.0, 238.0, 234.0]),
    ("pink", [232.0, 136.0, 164.0]),
    ("buff", [214.0, 180.0, 128.0]),
    ("cream", [244.0, 232.0, 200.0]),
];

/// Bill colours by name.
pub(crate) const BILL: [(&str, Colour); 6] = [
    ("black", [38.0, 36.0, 38.0]),
    ("grey", [120.0, 120.0, 124.0]),
    ("orange", [236.0, 128.0, 30.0]),
    ("yellow", [240.0, 196.0, 52.0]),
    ("red", [200.0, 50.0, 40.0]),
    ("brown", [110.0, 76.0, 48.0]),
];

/// Leg colours by name.
pub(crate) const LEG: [(&str, Colour); 6] = [
    ("black", [40.0, 38.0, 40.0]),
    ("grey", [118.0, 118.0, 120.0]),
    ("orange", [230.0, 124.0, 36.0]),
    ("yellow", [228.0, 190.0, 60.0]),
    ("pink", [224.0, 150.0, 150.0]),
    ("brown", [110.0, 76.0, 50.0]),
];

/// Adds an independent uniform amount in `(-amount, amount)` to each channel.
pub(crate) fn jitter(rng: &mut Rng, colour: Colour, amount: f32) -> Colour {
    colour.map(|v| v + rng.f(-amount, amount))
}

/// Synonyms of a colour name as captions use them, the plain name first.
///
/// Covers every colour of the birds and flowers; an unknown name is an invariant violation.
pub(crate) fn synonyms(name: &'static str) -> &'static [&'static str] {
    match name {
        "red" => &["red", "crimson", "scarlet"],
        "orange" => &["orange"],
        "yellow" => &["yellow", "golden yellow"],
        "green" => &["green", "emerald"],
        "olive" => &["olive", "olive green"],
        "teal" => &["teal", "turquoise"],
        "blue" => &["blue", "deep blue"],
        "purple" => &["purple", "violet"],
        "brown" => &["brown", "dark brown"],
        "rufous" => &["rufous", "reddish brown", "rusty"],
        "grey" => &["grey", "gray", "slate"],
        "black" => &["black", "jet black"],
        "white" => &["white", "pale"],
        "pink" => &["pink", "rosy"],
        "buff" => &["buff", "tan", "sandy"],
        "cream" => &["cream", "off-white"],
        other => unreachable!("colour {other} has no synonyms"),
    }
}
