//! Class names that never collide.

use std::collections::HashSet;

/// Tried in turn when a name is taken; numbers follow when all are used up.
const QUALIFIERS: [&str; 12] = [
    "Northern", "Southern", "Greater", "Lesser", "Island", "Eastern", "Western", "Mountain",
    "Coastal", "Royal", "Common", "Forest",
];

/// `name`, or the first free of `prefix_name`, `Northern_prefix_name`, ...; the result is recorded.
pub(crate) fn unique_name(used: &mut HashSet<String>, name: &str, prefix: &str) -> String {
    let full = format!("{prefix}_{name}");
    let chosen = [name.to_owned(), full.clone()]
        .into_iter()
        .chain(QUALIFIERS.iter().map(|q| format!("{q}_{full}")))
        .chain((2..=used.len() + 2).map(|n| format!("{full}_{n}")))
        .find(|candidate| !used.contains(candidate))
        .expect("there are more candidates than names in use");
    used.insert(chosen.clone());
    chosen
}

/// The word with its first letter in upper case.
pub(crate) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colliding_names_get_a_prefix_then_a_qualifier() {
        let mut used = HashSet::new();

        let names: Vec<String> = (0..3)
            .map(|_| unique_name(&mut used, "Crested_Finch", "Red_bellied"))
            .collect();

        assert_eq!(
            names,
            [
                "Crested_Finch",
                "Red_bellied_Crested_Finch",
                "Northern_Red_bellied_Crested_Finch"
            ]
        );
    }
}
