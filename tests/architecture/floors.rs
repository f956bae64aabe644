//! The floors of each package: a folder uses those below it and none above or beside it, so that there
//! are no circles, not even by way of others.

use crate::source::read_package;

/// Floors from the ground up; folders and files of one floor do not use each other.
struct Package {
    name: &'static str,
    floors: &'static [&'static [&'static str]],
}

const PACKAGES: &[Package] = &[Package {
    name: "src",
    floors: &[
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
    ],
}];

#[test]
fn every_folder_uses_only_those_below_it() {
    for package in PACKAGES {
        let mut wrong = Vec::new();
        for source in read_package(&crate::root(), package.name) {
            let own = source.area(package.name).to_owned();
            let Some(floor) = floor_of(package, &own) else {
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
                match floor_of(package, area) {
                    Some(below) if below < floor => {}
                    Some(_) => wrong.push(format!("{}: {}", source.path, path.join("::"))),
                    // A name of the crate itself.
                    None => {}
                }
            }
        }
        wrong.sort();
        wrong.dedup();
        assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    }
}

fn floor_of(package: &Package, area: &str) -> Option<usize> {
    package
        .floors
        .iter()
        .position(|floor| floor.contains(&area))
}

#[test]
fn no_folder_has_two_floors() {
    for package in PACKAGES {
        let mut all: Vec<&str> = package.floors.iter().copied().flatten().copied().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "{}", package.name);
    }
}
