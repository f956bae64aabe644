//! THE table of the numbers that say most to people, and what they mean in plain words.

use super::document::{Key, Scale};
use super::format;
use crate::run::results::{Evaluation, Metric};

/// Numbers under the pictures of a report.
pub(super) const MOST: usize = 5;

/// A number worth telling first.
pub(super) struct Headline {
    /// What it is.
    title: &'static str,
    /// What is measured, in plain words.
    meaning: &'static str,
    /// The metrics that answer it, the most telling first.
    metrics: &'static [Pick],
    /// What the metric gives by its definition for real images.
    real: Option<f64>,
    /// A metric of the same images wrongly paired, and what it is called.
    control: Option<(&'static str, &'static str)>,
}

/// A metric by its name and, where several networks share a name, by a part of its label.
struct Pick {
    name: &'static str,
    label: &'static str,
}

const fn named(name: &'static str) -> Pick {
    Pick { name, label: "" }
}

const fn by(name: &'static str, label: &'static str) -> Pick {
    Pick { name, label }
}

/// In the order of telling; the first [`MOST`] that were measured are shown.
pub(super) const ALL: &[Headline] = &[
    Headline {
        title: "Rank by people: fit to the text",
        meaning: "People ranked images of several systems by how well they fit their text, without \
                  knowing whose they are; this is the mean rank, 1 is best.",
        metrics: &[named("correlation_rank")],
        real: None,
        control: None,
    },
    Headline {
        title: "Rank by people: quality",
        meaning: "People ranked images of several systems by quality, without knowing whose they \
                  are; this is the mean rank, 1 is best.",
        metrics: &[named("quality_rank")],
        real: None,
        control: None,
    },
    Headline {
        title: "Attributes that match the caption",
        meaning: "How often a painted image has the colour, size or shape that its caption names, \
                  as read by a network that learned from real images.",
        metrics: &[named("attribute_agreement")],
        real: None,
        control: None,
    },
    Headline {
        title: "Captions recognised in their images",
        meaning: "How often the caption of a painted image comes first among 100 captions, in the \
                  judgement of a pair of encoders that learned from real images.",
        metrics: &[named("r_precision")],
        real: None,
        control: Some(("r_precision_shuffled", "with others' captions")),
    },
    Headline {
        title: "Distance from the real images, as sets",
        meaning: "Distance between all painted and all real images in the features of a network: \
                  the smaller, the closer; at 0 the network cannot tell the sets apart.",
        metrics: &[
            by("fid", "FID ("),
            by("kid", "efflite0"),
            by("kid", "KID ("),
            by("fid", "efflite0"),
            named("kid"),
            named("fid"),
        ],
        real: Some(0.0),
        control: None,
    },
    Headline {
        title: "Sharpness beside real images",
        meaning: "Fine detail of painted images divided by that of real ones: below 1 they are \
                  blurred, above 1 noisy.",
        metrics: &[named("sharpness")],
        real: Some(1.0),
        control: None,
    },
    Headline {
        title: "Variety: real images with a painted one near",
        meaning: "Share of the real images that have a painted one among their nearest neighbours: \
                  low where a system paints the same few images again and again.",
        metrics: &[
            by("coverage", "efflite0"),
            named("coverage"),
            by("recall", "efflite0"),
            named("recall"),
        ],
        real: None,
        control: None,
    },
    Headline {
        title: "Similarity to the real image of the caption",
        meaning: "Structural similarity of a painted image and the real image that its caption \
                  describes: 1 is the same image.",
        metrics: &[named("ssim")],
        real: Some(1.0),
        control: None,
    },
    Headline {
        title: "Captions that find their image",
        meaning: "How often the real image of a caption comes first among 100 real images of other \
                  classes.",
        metrics: &[named("caption_to_image_r1")],
        real: None,
        control: Some(("caption_to_image_shuffled", "another's image")),
    },
    Headline {
        title: "Images that find their caption",
        meaning: "How often the caption of a real image comes first among 100 captions of other \
                  classes.",
        metrics: &[named("image_to_caption_r1")],
        real: None,
        control: None,
    },
    Headline {
        title: "Words to choose from at every word",
        meaning: "Between how many words, all equally likely, the network hesitates at every word \
                  of the caption of an unseen image: the fewer, the better it tells.",
        metrics: &[named("caption_perplexity")],
        real: None,
        control: Some(("caption_perplexity_shuffled", "from others' images")),
    },
];

impl Headline {
    /// The most telling of `metrics`; of equal ones the one with most observations.
    fn of<'a>(&self, metrics: &[&'a Metric]) -> Option<&'a Metric> {
        self.metrics.iter().find_map(|pick| {
            let found = metrics.iter().filter(|metric| {
                metric.value.is_finite()
                    && metric.name == pick.name
                    && metric.label.contains(pick.label)
            });
            found.rev().max_by_key(|metric| metric.count).copied()
        })
    }

    fn key(&self, metric: &Metric, metrics: &[&Metric]) -> Key {
        let mut key = key(metric, self.real);
        key.title = self.title.into();
        key.meaning = self.meaning.into();
        if let Some((name, title)) = self.control {
            let control = metrics
                .iter()
                .find(|m| m.name == name && m.network == metric.network);
            let shown = control.map(|m| (title.to_owned(), format::in_unit(m.value, &m.unit)));
            key.references.extend(shown);
        }
        key
    }
}

/// Chance and real images.
pub(super) fn beside(metric: &Metric) -> Vec<(String, String)> {
    let references = [("chance", metric.chance), ("real images", metric.real)];
    let known = references.into_iter();
    let known = known.filter_map(|(name, value)| Some((name, value?)));
    known
        .map(|(name, value)| (name.to_owned(), format::in_unit(value, &metric.unit)))
        .collect()
}

/// A measured number with what it stands beside; `real` is what real images give by definition.
fn key(metric: &Metric, real: Option<f64>) -> Key {
    let real = metric.real.or(real);
    let references = beside(&Metric {
        real,
        ..metric.clone()
    });
    let instrument = metric.network.split("; ").next().unwrap_or_default();
    let direction = if metric.higher_is_better {
        "higher is better"
    } else {
        "lower is better"
    };
    let ends = metric.low.zip(metric.high);
    Key {
        title: metric.label.clone(),
        value: format::in_unit(metric.value, &metric.unit),
        interval: ends.map_or_else(String::new, |ends| format::ends(ends.into(), &metric.unit)),
        references,
        meaning: metric.detail.clone(),
        basis: [
            metric.label.as_str(),
            instrument,
            &format!("n = {}", format::count(metric.count as u64)),
            direction,
        ]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("; "),
        scale: scale(metric, real),
    }
}

/// Where the value lies between nothing and the best; none of numbers without a best.
fn scale(metric: &Metric, real: Option<f64>) -> Option<Scale> {
    let best = match (metric.unit.as_str(), real) {
        ("share", _) => 1.0,
        (_, Some(real)) if real > 0.0 => real,
        _ => return None,
    };
    let top = best.max(metric.value);
    let at = |value: f64| (value / top).clamp(0.0, 1.0);
    Some(Scale {
        value: at(metric.value),
        chance: metric.chance.map(at),
        real: real.map(at),
    })
}

/// All metrics of evaluations.
pub(super) fn metrics<'a>(
    evaluations: impl IntoIterator<Item = &'a Evaluation>,
) -> Vec<&'a Metric> {
    let evaluations = evaluations.into_iter();
    evaluations.flat_map(|e| e.metrics.iter()).collect()
}

/// The metrics among `metrics` that say most, with what each answers; those of the table or, where
/// it knows none of them, the first that were measured.
fn chosen<'a>(metrics: &[&'a Metric]) -> Vec<(Option<&'static Headline>, &'a Metric)> {
    let known = ALL
        .iter()
        .filter_map(|headline| Some((Some(headline), headline.of(metrics)?)));
    let known: Vec<_> = known.take(MOST).collect();
    if !known.is_empty() {
        return known;
    }
    let ungrouped = metrics.iter().filter(|metric| metric.group.is_none());
    ungrouped.take(MOST).map(|metric| (None, *metric)).collect()
}

/// The numbers to show first.
pub(super) fn keys(metrics: &[&Metric]) -> Vec<Key> {
    let keys = chosen(metrics)
        .into_iter()
        .map(|(headline, metric)| match headline {
            Some(headline) => headline.key(metric, metrics),
            None => key(metric, None),
        });
    keys.collect()
}

/// The metrics to compare runs by first.
pub(super) fn columns<'a>(metrics: &[&'a Metric]) -> Vec<&'a Metric> {
    let chosen = chosen(metrics).into_iter();
    chosen.map(|(_, metric)| metric).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str, label: &str, value: f64) -> Metric {
        serde_json::from_value(serde_json::json!({
            "name": name, "label": label, "value": value, "higher_is_better": true, "count": 10,
        }))
        .expect("a metric")
    }

    fn titles(metrics: &[Metric]) -> Vec<String> {
        let metrics: Vec<&Metric> = metrics.iter().collect();
        keys(&metrics).into_iter().map(|key| key.title).collect()
    }

    #[test]
    fn the_distance_of_a_published_network_goes_before_a_better_known_one_and_thumbnails_come_last()
    {
        let of = |labels: &[(&str, &str)]| {
            let metrics: Vec<Metric> = labels.iter().map(|(n, l)| metric(n, l, 1.0)).collect();
            let metrics: Vec<&Metric> = metrics.iter().collect();
            columns(&metrics)[0].label.clone()
        };
        let (thumb, lite) = (("kid", "kid_thumb8"), ("kid", "kid_efflite0"));
        let published = ("fid", "FID (fid/pytorch)");
        assert_eq!(of(&[thumb, lite, published]), published.1);
        assert_eq!(of(&[thumb, lite]), lite.1);
        assert_eq!(of(&[("fid", "fid_thumb8"), thumb]), thumb.1);
    }

    #[test]
    fn a_control_and_definitions_of_real_images_stand_beside_a_number() {
        let metrics = [
            metric("r_precision", "R-precision", 0.25),
            metric(
                "r_precision_shuffled",
                "R-precision with others' captions",
                0.5,
            ),
            metric("sharpness", "Sharpness relative to real", 2.0),
        ];
        let metrics: Vec<&Metric> = metrics.iter().collect();

        let keys = keys(&metrics);

        assert_eq!(
            keys[0].references,
            [("with others' captions".to_owned(), "0.500".to_owned())]
        );
        assert_eq!(keys[1].references[0].0, "real images");
        let scale = keys[1].scale.as_ref().expect("real images have a value");
        assert_eq!((scale.value, scale.real), (1.0, Some(0.5)));
    }

    #[test]
    fn at_most_five_numbers_are_shown_and_unknown_ones_only_where_none_is_known() {
        let unknown = metric("top1", "Top-1", 0.5);
        let known = metric("sharpness", "Sharpness", 0.5);
        assert_eq!(titles(std::slice::from_ref(&unknown)), ["Top-1"]);
        assert_eq!(titles(&[unknown, known]), ["Sharpness beside real images"]);
        let all: Vec<Metric> = ALL
            .iter()
            .map(|headline| metric(headline.metrics[0].name, headline.metrics[0].label, 0.5))
            .collect();
        assert_eq!(titles(&all).len(), MOST);
    }

    #[test]
    fn a_number_that_is_not_finite_is_no_headline() {
        assert!(titles(&[metric("sharpness", "Sharpness", f64::NAN)]).len() < 2);
        let two = [
            metric("sharpness", "Sharpness", f64::NAN),
            metric("ssim", "SSIM", 0.5),
        ];
        assert_eq!(
            titles(&two),
            ["Similarity to the real image of the caption"]
        );
    }
}
