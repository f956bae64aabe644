//! Five captions per scene.

use wordpaint_rng::Rng;

use super::plan::{Place, Placed};
use crate::synth::captions::with_articles;

/// Number words.
const NUMBERS: [&str; 6] = ["no", "one", "two", "three", "four", "five"];
/// Distance of centres, in image sides, from which one thing is beside another.
const BESIDE: f32 = 0.12;

/// How a category is called.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    /// One of it (`red ball`).
    pub(crate) one: String,
    /// Several of it (`red balls`).
    pub(crate) many: String,
    /// Its kind (`ball`), which may have several categories.
    pub(crate) kind: String,
    /// Several of its kind.
    pub(crate) kinds: String,
}

/// The captions of some things in a place; `names` are those of the categories.
pub(crate) fn captions(
    place: Place,
    things: &[Placed],
    names: &[Name],
    rng: &mut Rng,
) -> Vec<String> {
    let mut order: Vec<&Placed> = things.iter().collect();
    rng.shuffle(&mut order);
    let one = |thing: &Placed| format!("a {}", names[thing.category].one);
    let several = |things: &[&Placed]| {
        let mut groups: Vec<(usize, usize)> = Vec::new();
        for thing in things {
            count(&mut groups, thing.category);
        }
        list(groups.iter().map(|&(category, n)| match n {
            1 => format!("a {}", names[category].one),
            _ => format!("{} {}", NUMBERS[n], names[category].many),
        }))
    };
    let mut here = || *rng.pick(&locations(place));
    let pair = &order[..order.len().min(2)];
    let mut captions = vec![
        format!("{} {}", several(pair), here()),
        format!(
            "{} objects {}: {}",
            NUMBERS[order.len()],
            here(),
            several(&order)
        ),
    ];
    captions.push(match order[..] {
        [a, b, ..] => {
            let other = if a.category == b.category {
                format!("another {}", names[b.category].one)
            } else {
                one(b)
            };
            format!("{} is {} {other} {}", one(a), relation(a, b), here())
        }
        _ => format!("{} {}", several(pair), here()),
    });
    let mut kinds: Vec<(&str, usize, &str)> = Vec::new();
    for thing in &order {
        let name = &names[thing.category];
        match kinds.iter_mut().find(|(kind, ..)| *kind == name.kind) {
            Some((_, n, _)) => *n += 1,
            None => kinds.push((&name.kind, 1, &name.kinds)),
        }
    }
    let counted = list(kinds.iter().map(|&(kind, n, many)| match n {
        1 => format!("one {kind}"),
        _ => format!("{} {many}", NUMBERS[n]),
    }));
    captions.push(format!("{counted} {}", here()));
    captions.push(format!(
        "a {} scene with {}",
        view(place),
        several(&order[..order.len().min(3)])
    ));
    captions.iter().map(|text| with_articles(text)).collect()
}

fn count(groups: &mut Vec<(usize, usize)>, category: usize) {
    match groups.iter_mut().find(|(known, _)| *known == category) {
        Some((_, n)) => *n += 1,
        None => groups.push((category, 1)),
    }
}

/// `x, y and z`.
fn list(items: impl Iterator<Item = String>) -> String {
    let mut items: Vec<String> = items.collect();
    let last = items.pop().unwrap_or_default();
    if items.is_empty() {
        last
    } else {
        format!("{} and {last}", items.join(", "))
    }
}

/// Where `a` is as seen from `b`.
fn relation(a: &Placed, b: &Placed) -> &'static str {
    let (a, b) = (a.centre(), b.centre());
    let (dx, dy) = (a.x - b.x, a.y - b.y);
    match (dx.abs() > BESIDE, dx < 0.0, dy < 0.0) {
        (true, true, _) => "to the left of",
        (true, false, _) => "to the right of",
        (false, _, true) => "above",
        (false, _, false) => "below",
    }
}

const fn locations(place: Place) -> [&'static str; 2] {
    match place {
        Place::Meadow => ["in a green meadow", "in a grassy field"],
        Place::Beach => ["on a beach", "at the seaside"],
        Place::Desert => ["in a sandy desert", "on a dry plain"],
        Place::Snowfield => ["in a snowy field", "in a winter landscape"],
        Place::Evening => ["in a field at sunset", "in an evening landscape"],
    }
}

const fn view(place: Place) -> &'static str {
    match place {
        Place::Meadow => "meadow",
        Place::Beach => "beach",
        Place::Desert => "desert",
        Place::Snowfield => "snowfield",
        Place::Evening => "sunset",
    }
}
