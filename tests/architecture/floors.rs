//! The floors of each package: a folder uses those below it and none above or beside it, so that there
//! are no circles, not even by way of others.

use wordpaint_models::registry::MODULES;

use crate::source::read_package;

/// Floors from the ground up; folders and files of one floor do not use each other.
type Floors = &'static [&'static [&'static str]];

const KERNELS: Floors = &[
    &["hide_isa", "isa", "memory", "parallel", "scratch"],
    &["multiversion", "simd"],
    &["activation", "adam", "blocks", "conv", "distance", "norm"],
    &["gate", "masked"],
    &["lib"],
];

const METRICS: Floors = &[
    &["error", "moments"],
    &["interval", "plane", "rows"],
    &[
        "agreement",
        "clip",
        "covariance",
        "frechet",
        "fsim",
        "gaussian",
        "human_rank",
        "inception_score",
        "linear_probe",
        "pairs",
        "product",
        "r_precision",
        "sharpness",
        "ssim",
    ],
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
    &["evaluate"],
    &["report"],
    &["train"],
    &["launch"],
    &["bench", "explore", "import", "rate"],
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
        for source in read_package(&crate::root(), package) {
            let own = source.area(package).to_owned();
            let Some(floor) = floor_of(floors, &own) else {
                wrong.push(format!("{}: `{own}` has no floor", source.path));
                continue;
            };
            for path in &source.paths {
                let [first, area, ..] = &path[..] else {
                    continue;
                };
                if first != "crate" || *area == own {
                    continue;
                }
                // What has no floor is a name of the crate itself.
                if floor_of(floors, area).is_some_and(|below| below >= floor) {
                    wrong.push(format!("{}: {}", source.path, path.join("::")));
                }
            }
        }
        wrong.sort();
        wrong.dedup();
        assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    }
}

fn floor_of(floors: Floors, area: &str) -> Option<usize> {
    floors.iter().position(|floor| floor.contains(&area))
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
