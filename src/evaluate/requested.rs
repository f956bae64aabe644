//! What can be asked of two folders of images.

use super::metric::{ALL, Definition, Needs, Score};

/// A metric of two folders, by name.
#[derive(Debug, Clone, Copy)]
pub struct Requested {
    pub(super) definition: &'static Definition,
    /// Place of the score among those of the definition.
    pub(super) score: usize,
}

/// Everything that can be asked for.
fn all() -> impl Iterator<Item = (Requested, &'static Score)> {
    ALL.iter().flat_map(|definition| {
        let scores = definition.scores.iter().enumerate();
        scores.map(move |(score, named)| (Requested { definition, score }, named))
    })
}

impl std::str::FromStr for Requested {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = all().find(|(_, score)| score.id == name || score.alias == Some(name));
        found.map(|(requested, _)| requested).ok_or_else(|| {
            let names = all().flat_map(|(_, score)| score.alias.into_iter().chain([score.id]));
            format!("expected some of {}", names.collect::<Vec<_>>().join(", "))
        })
    }
}

impl Requested {
    /// Its name.
    pub(super) fn id(&self) -> &'static str {
        self.definition.scores[self.score].id
    }
}

/// Names of the metrics for which statistics of the reference are enough.
pub(super) fn from_statistics() -> String {
    let of = all().filter(|(requested, _)| match requested.definition.needs {
        Needs::Features(of) => of.from_statistics.is_some(),
        _ => false,
    });
    of.map(|(_, score)| format!("`{}`", score.id))
        .collect::<Vec<_>>()
        .join(", ")
}

/// All names for people, with what their metrics look at.
pub fn listed() -> String {
    let note = |definition: &Definition| match definition.needs {
        Needs::Pairs(_) | Needs::PairNetwork(_) => " (pairs of equal name)",
        Needs::Classes(_) => " (of the generated images)",
        Needs::Images(_) | Needs::Features(_) => "",
    };
    let all: Vec<_> = all().collect();
    let names = all.iter().enumerate().map(|(i, (requested, score))| {
        let own = note(requested.definition);
        // Said once, behind the last of several.
        let next = all.get(i + 1).map(|(next, _)| note(next.definition));
        let note = if next == Some(own) { "" } else { own };
        match score.alias {
            Some(alias) => format!("{alias} (= {}){note}", score.id),
            None => format!("{}{note}", score.id),
        }
    });
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_can_be_asked_for_and_means_one_metric() {
        let mut names = Vec::new();
        for (requested, score) in all() {
            for name in [score.id].into_iter().chain(score.alias) {
                let found: Requested = name.parse().expect(name);
                let named = &found.definition.scores[found.score];
                assert_eq!(
                    (named.id, found.score),
                    (score.id, requested.score),
                    "{name}"
                );
                assert!(!names.contains(&name), "{name} is there twice");
                names.push(name);
            }
        }
        for name in [
            "ssim",
            "ssim-rgb",
            "fsim",
            "fsimc",
            "lpips",
            "lpips-alex",
            "lpips-vgg",
            "sharpness",
            "fid",
            "kid",
            "prdc",
            "is",
        ] {
            assert!(names.contains(&name), "{name}");
        }
        let error = "lpips2".parse::<Requested>().expect_err("unknown");
        assert!(
            error.contains("fsimc, lpips, lpips-alex") && error.contains("prdc"),
            "{error}"
        );
    }

    #[test]
    fn what_metrics_look_at_is_said_once() {
        let listed = listed();

        assert!(listed.contains("lpips (= lpips-alex), "), "{listed}");
        assert!(listed.starts_with("ssim, ssim-rgb, fsim"), "{listed}");
        assert!(
            listed.contains("lpips-vgg (pairs of equal name)"),
            "{listed}"
        );
        assert!(listed.contains("is (of the generated images)"), "{listed}");
    }
}
