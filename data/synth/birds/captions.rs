//! Ten captions per picture, and the way back from a caption to attributes.

use wordpaint_rng::Rng;

use super::attributes::{ATTRIBUTES, Attribute};
use super::backdrop::Scenery;
use super::instance::{Instance, Pose};
use super::species::Species;
use crate::synth::captions::fill;
use crate::synth::uri::PoseMode;

/// Share of the captions of aligned birds to which the ground is added where the template names none:
/// with the two that always do, six captions in ten say where the bird is.
const GROUND_SHARE: f32 = 0.5;

/// Words of a caption to which the ground may still be added.
const LONG: usize = 20;

/// Captions of one picture in template order.
pub(crate) fn captions(instance: &Instance, mode: PoseMode, rng: &mut Rng) -> Vec<String> {
    let species = &instance.species;
    let has_head = species.name(Attribute::HeadPattern) != "plain";
    let has_wing_pattern = species.name(Attribute::WingPattern) != "plain";
    let same_wing = species.value(Attribute::Wing) == species.value(Attribute::Back);
    let templates = [
        "this {size} bird has a {back} back, a {belly} belly and a {billcol} {bill}",
        "a {back} bird with {wing} wings and a {breast} {belly} breast",
        "this bird has a {crown} crown, {wing} wings and a {billcol} {bill}",
        if has_head {
            "a {size} {back} bird with a {billcol} {bill} and {head}"
        } else {
            "a {size} {back} bird with a {billcol} {bill}"
        },
        "the bird has {belly} underparts, {back} upperparts and a {tail}",
        if has_wing_pattern {
            "a bird that is mostly {back} with {wing} wings showing {wingpat}"
        } else {
            "a bird that is mostly {back} with {wing} wings and {leglen} {legcol} legs"
        },
        "a {back} bird {pose} {place} with a {crown} head and {belly} breast",
        "this is a {size} bird {pose} {place}, it has {legcol} legs and a {tail}",
        if same_wing {
            "a {belly} bellied bird with {back} back and wings, its bill is {billcol}"
        } else {
            "a {belly} bellied bird with a {back} back and {wing} wings, its bill is {billcol}"
        },
        if has_head {
            "a {size}, {back} bird with {eye} eyes, {head} and a {breast} {belly} belly"
        } else {
            "a {size}, {back} bird with {eye} eyes and a {breast} {belly} belly"
        },
    ];
    let caption = |template: &str| {
        let is_drawn = mode == PoseMode::Aligned && rng.f(0.0, 1.0) < GROUND_SHARE;
        let text = fill(template, |slot| {
            match (slot, mode) {
                ("place", PoseMode::Aligned) => ground(instance, rng),
                _ => word(slot, instance, species, rng),
            }
            .to_owned()
        });
        let has_room = !template.contains("{place}") && text.split(' ').count() <= LONG;
        if is_drawn && has_room {
            format!("{text}, {}", ground(instance, rng))
        } else {
            text
        }
    };
    templates.map(caption).to_vec()
}

/// A random phrase for the ground of an aligned bird, which tells birds on the water from those at
/// its edge.
fn ground(instance: &Instance, rng: &mut Rng) -> &'static str {
    let phrases: &[&'static str] = match (instance.scenery, instance.pose) {
        (Scenery::Water, Pose::Swimming) => &["on blue water", "on the water"],
        (Scenery::Water, _) => &["by the water"],
        (scenery, _) => place_phrases(scenery),
    };
    rng.pick::<&str>(phrases)
}

/// A random phrase for a slot of the templates.
fn word(slot: &str, instance: &Instance, species: &Species, rng: &mut Rng) -> &'static str {
    let attribute = match slot {
        "pose" => return rng.pick::<&str>(pose_phrases(instance.pose)),
        "place" => return rng.pick::<&str>(place_phrases(instance.scenery)),
        "size" => Attribute::Size,
        "back" => Attribute::Back,
        "belly" => Attribute::Belly,
        "billcol" => Attribute::BillColour,
        "bill" => Attribute::BillShape,
        "wing" => Attribute::Wing,
        "breast" => Attribute::BreastPattern,
        "crown" => Attribute::Crown,
        "head" => Attribute::HeadPattern,
        "tail" => Attribute::Tail,
        "wingpat" => Attribute::WingPattern,
        "leglen" => Attribute::LegLength,
        "legcol" => Attribute::LegColour,
        "eye" => Attribute::Eye,
        other => unreachable!("no template has a slot {other}"),
    };
    rng.pick::<&str>(attribute.phrases(species.value(attribute)))
}

const fn pose_phrases(pose: Pose) -> &'static [&'static str] {
    match pose {
        Pose::Perched => &["standing", "perched", "sitting"],
        Pose::Swimming => &["swimming", "floating"],
        Pose::Flying => &["flying", "in flight", "with raised wings"],
    }
}

const fn place_phrases(scenery: Scenery) -> &'static [&'static str] {
    match scenery {
        Scenery::Branch => &["on a branch", "among green leaves", "on a tree limb"],
        Scenery::Grass => &["in the grass", "in a green meadow"],
        Scenery::Sand => &["on a sandy beach", "on the sand"],
        Scenery::Water => &["by the water", "on blue water"],
        Scenery::Snow => &["in the snow", "on a snowy field"],
        Scenery::Sky => &["in the sky", "against a blue sky"],
    }
}

/// One element of a phrase pattern.
#[derive(Clone, Copy)]
enum Item {
    /// This word.
    Word(&'static str),
    /// Any phrase of an attribute.
    Slot(Attribute),
    /// A colour that both attributes have.
    Both(Attribute, Attribute),
}

use Attribute::{
    Back, Belly, BillColour, BillShape, BreastPattern, Crown, Eye, HeadPattern, LegColour,
    LegLength, Size, Tail, Wing, WingPattern,
};
use Item::{Both, Slot, Word};

/// Phrases that name attributes; the longest match at a place wins.
const PATTERNS: &[&[Item]] = &[
    &[Slot(Size), Word("bird")],
    &[Slot(Size), Slot(Back), Word("bird")],
    &[Slot(Size), Word(","), Slot(Back), Word("bird")],
    &[Slot(Back), Word("bird")],
    &[Slot(Back), Word("back")],
    &[Slot(Back), Word("upperparts")],
    &[Word("mostly"), Slot(Back)],
    &[Both(Back, Wing), Word("back"), Word("and"), Word("wings")],
    &[Slot(Wing), Word("wings")],
    &[Slot(Belly), Word("belly")],
    &[Slot(Belly), Word("breast")],
    &[Slot(BreastPattern), Slot(Belly), Word("belly")],
    &[Slot(BreastPattern), Slot(Belly), Word("breast")],
    &[Slot(Belly), Word("underparts")],
    &[Slot(Belly), Word("bellied")],
    &[Slot(Crown), Word("crown")],
    &[Slot(Crown), Word("head")],
    &[Slot(HeadPattern)],
    &[Slot(WingPattern)],
    &[Slot(BillShape)],
    &[Slot(BillColour), Slot(BillShape)],
    &[Word("bill"), Word("is"), Slot(BillColour)],
    &[Slot(LegColour), Word("legs")],
    &[Slot(LegLength), Slot(LegColour), Word("legs")],
    &[Slot(Tail)],
    &[Slot(Eye), Word("eyes")],
];

/// Which attribute values a caption names, in the order of [`Attribute::ALL`]; `None` where it says
/// nothing. This inverts the synonym table of [`Attribute::phrases`]: for a caption of the
/// generator, every value found is the species' own. Words may be separated by any white space.
///
/// ```
/// use wordpaint_data::synth::birds::{Attribute, attributes_from_caption};
///
/// let found = attributes_from_caption("a small scarlet bird with jet black wings");
/// assert_eq!(found[Attribute::Back as usize], Some(0)); // red
/// assert_eq!(found[Attribute::Size as usize], Some(0)); // small
/// assert_eq!(found[Attribute::Tail as usize], None);
/// ```
pub fn attributes_from_caption(text: &str) -> [Option<u8>; ATTRIBUTES] {
    let text = text.to_lowercase().replace(',', " , ").replace('.', " ");
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let mut found = [None; ATTRIBUTES];
    let mut at = 0;
    while at < tokens.len() {
        let longest = PATTERNS
            .iter()
            .filter_map(|pattern| match_pattern(pattern, &tokens[at..]))
            .max_by_key(|(length, _)| *length);
        if let Some((length, values)) = longest {
            for (attribute, value) in values {
                found[attribute as usize].get_or_insert(value);
            }
            at += length;
        } else {
            at += 1;
        }
    }
    found
}

/// Attribute values named by a stretch of text.
type Values = Vec<(Attribute, u8)>;

/// Longest match of a pattern at the start of `tokens`: its length and the values named.
fn match_pattern(pattern: &[Item], tokens: &[&str]) -> Option<(usize, Values)> {
    let Some((first, rest)) = pattern.split_first() else {
        return Some((0, Vec::new()));
    };
    let candidates: Vec<(usize, Values)> = match *first {
        Word(word) => tokens
            .first()
            .filter(|t| **t == word)
            .map(|_| (1, Vec::new()))
            .into_iter()
            .collect(),
        Slot(attribute) => match_phrases(attribute, tokens)
            .map(|(length, value)| (length, vec![(attribute, value)]))
            .collect(),
        Both(a, b) => match_phrases(a, tokens)
            .map(|(length, value)| (length, vec![(a, value), (b, value)]))
            .collect(),
    };
    candidates
        .into_iter()
        .filter_map(|(length, mut values)| {
            let (more, others) = match_pattern(rest, &tokens[length..])?;
            values.extend(others);
            Some((length + more, values))
        })
        .max_by_key(|(length, _)| *length)
}

/// Phrases of an attribute that `tokens` starts with, as token count and value.
fn match_phrases(attribute: Attribute, tokens: &[&str]) -> impl Iterator<Item = (usize, u8)> {
    (0..attribute.values().len() as u8)
        .flat_map(move |value| attribute.phrases(value).iter().map(move |p| (value, *p)))
        .filter_map(|(value, phrase)| {
            // Phrases may carry an article, which free text may replace by another word.
            let phrase = phrase.strip_prefix("a ").unwrap_or(phrase);
            let mut length = 0;
            for word in phrase.split(' ') {
                if tokens.get(length) != Some(&word) {
                    return None;
                }
                length += 1;
            }
            Some((length, value))
        })
}
