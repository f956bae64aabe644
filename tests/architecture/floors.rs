//! The floors of each package: a folder uses those below it and none above or beside it, so that there
//! are no circles, not even by way of others.

use std::collections::BTreeSet;

use wordpaint_models::registry::MODULES;

use crate::source::read_package;

/// Floors from the ground up; folders and files of one floor do not use each other. [`OTHERS`] are those
/// that are named on none.
type Floors = &'static [&'static [&'static str]];

const OTHERS: &str = "*";

const KERNELS: Floors = &[
    &["hide_isa", "isa", "memory", "parallel", "scratch"],
    &["multiversion", "simd"],
    &["activation", "adam", "blocks", "conv", "distance", "norm"],
    &["gate", "masked", "softmax"],
    &["lib"],
];

const METRICS: Floors = &[
    &["error", "moments"],
    &["interval", "plane", "rows"],
    // A metric uses no other, but for the following.
    &[OTHERS],
    &["consistency", "kid", "prdc"],
    &["folds"],
    &["lib"],
];

const MODELS: Floors = &[
    &["backend"],
    &["batch", "nn", "noise", "state"],
    &["grad_clip", "import"],
    &["published"],
    &["system"],
    &["text"],
    &["vision"],
    &["losses"],
    &["auxiliary"],
    &["one_stage", "staged"],
    // Families do not use each other.
    MODULES,
    &["lib", "registry"],
];

const PROGRAM: Floors = &[
    &["picture"],
    &["config"],
    &["backends", "run"],
    &["data"],
    &["setup"],
    &["generate"],
    &["evaluate"],
    &["report"],
    &["train"],
    &["launch"],
    &["bench", "explore", "export", "import", "rate"],
    &["cli"],
    &["lib", "main"],
];

const PACKAGES: [(&str, Floors); 4] = [
    ("kernels", KERNELS),
    ("metrics", METRICS),
    ("models", MODELS),
    ("src", PROGRAM),
];

#[test]
fn every_folder_uses_only_those_below_it() {
    for (package, floors) in PACKAGES {
        let mut wrong = Vec::new();
        let sources = read_package(&crate::root(), package);
        let areas: BTreeSet<&str> = sources.iter().map(|source| source.area(package)).collect();
        let floor_of = |area: &str| {
            let of = |name: &str| floors.iter().position(|floor| floor.contains(&name));
            // What is no area is a name of the crate itself.
            let is_area = areas.contains(area);
            of(area).or_else(|| of(OTHERS).filter(|_| is_area))
        };
        for source in &sources {
            let own = source.area(package);
            let Some(floor) = floor_of(own) else {
                wrong.push(format!("{}: `{own}` has no floor", source.path));
                continue;
            };
            for path in &source.paths {
                let [first, area, ..] = &path[..] else {
                    continue;
                };
                if first != "crate" || area == own {
                    continue;
                }
                if floor_of(area).is_some_and(|below| below >= floor) {
                    wrong.push(format!("{}: {}", source.path, path.join("::")));
                }
            }
        }
        wrong.sort();
        wrong.dedup();
        assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    }
}

#[test]
fn no_folder_has_two_floors() {
    for (package, floors) in PACKAGES {
        let mut all: Vec<&str> = floors.iter().copied().flatten().copied().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "{package}");
    }
}
