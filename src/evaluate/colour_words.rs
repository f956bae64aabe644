//! Which words of colour can be read off the embedding of a caption, by a linear map.

use std::collections::BTreeMap;

use wordpaint_data::synth::birds::{Attribute, attributes_from_caption};
use wordpaint_metrics::{LinearProbe, bootstrap_mean};

use super::EvaluateError;
use super::scores::{RESAMPLES, with_interval};
use crate::config::Experiment;
use crate::data::Source;
use crate::data::source::images;
use crate::run::results::Metric;
use crate::setup::spread;

/// Embeds captions, one row each.
pub(super) type Embed<'a> = &'a dyn Fn(&[String]) -> Result<Vec<Vec<f32>>, EvaluateError>;

/// Captions that the linear map is fitted to.
const MOST: usize = 4000;
/// What captions say in words of colour.
const COLOURS: [Attribute; 6] = [
    Attribute::Back,
    Attribute::Belly,
    Attribute::Wing,
    Attribute::Crown,
    Attribute::BillColour,
    Attribute::LegColour,
];

/// The share of colours that is read right, over all and by attribute; nothing of data without
/// attributes.
///
/// # Errors
///
/// If captions cannot be read or embedded, or are too few for the map.
pub(super) fn metrics(
    experiment: &Experiment,
    unseen: &Source,
    network: &str,
    embed: Embed<'_>,
) -> Result<Vec<Metric>, EvaluateError> {
    let first = unseen.split.indices.first();
    if first.is_none_or(|image| unseen.dataset.attributes(*image).is_none()) {
        return Ok(Vec::new());
    }
    let seed = experiment.train.seed;
    let share = |hits: &[f64], chance: f64, (name, label): (&str, &str), detail: &str| {
        let interval = bootstrap_mean(hits, RESAMPLES, seed)?;
        Ok::<_, EvaluateError>(Metric {
            unit: "share".into(),
            chance: Some(chance),
            ..with_interval(name, label, network, interval, detail)
        })
    };
    let read = colours(experiment, unseen, embed)?;
    let all: Vec<f64> = read.iter().flat_map(|c| c.hits.clone()).collect();
    let chance = read.iter().map(|c| c.majority * c.hits.len() as f64);
    let chance = chance.sum::<f64>() / all.len().max(1) as f64;
    let mut metrics = vec![share(
        &all,
        chance,
        ("colour_words", "Colour words read off the embedding"),
        "by a linear map fitted to captions of the training classes, over all colours that captions \
         of unseen classes name; chance: the most frequent colour",
    )?];
    for colour in &read {
        let of = colour.attribute.name();
        let name = format!("colour_words/{of}");
        let label = format!("Colour words: {of}");
        let detail = format!("seldom read: {}", colour.seldom());
        let colour_share = share(&colour.hits, colour.majority, (&name, &label), &detail)?;
        metrics.push(Metric {
            group: Some("colour words".into()),
            ..colour_share
        });
    }
    Ok(metrics)
}

/// Captions of `images` whose numbers `chosen` gives, image by image, given its place.
pub(super) fn captions<I: IntoIterator<Item = usize>>(
    source: &Source,
    images: &[usize],
    chosen: impl Fn(usize) -> I,
) -> Result<Vec<String>, EvaluateError> {
    let mut captions = Vec::new();
    for (place, &image) in images.iter().enumerate() {
        let mut of_image = source.dataset.record(image)?.captions;
        captions.extend(
            chosen(place)
                .into_iter()
                .map(|k| std::mem::take(&mut of_image[k])),
        );
    }
    Ok(captions)
}

/// How well the colours of one attribute are read.
struct Colour {
    attribute: Attribute,
    /// 1 for every caption whose word was read.
    hits: Vec<f64>,
    /// Share of the most frequent colour among these captions.
    majority: f64,
    /// Captions and hits by colour.
    by_value: BTreeMap<u8, (usize, f64)>,
}

impl Colour {
    /// Colours read in less than half of their captions.
    fn seldom(&self) -> String {
        let names: Vec<String> = self
            .by_value
            .iter()
            .filter(|(_, (count, hits))| hits * 2.0 < *count as f64)
            .map(|(value, (count, hits))| {
                let name = self.attribute.values()[usize::from(*value)];
                format!("{name} {hits} of {count}")
            })
            .collect();
        if names.is_empty() {
            "none".into()
        } else {
            names.join(", ")
        }
    }
}

/// Reads the colours that captions of `unseen` images name, one caption per image in turn.
fn colours(
    experiment: &Experiment,
    unseen: &Source,
    embed: Embed<'_>,
) -> Result<Vec<Colour>, EvaluateError> {
    let all = images(unseen.dataset.as_ref(), experiment.data.split)?;
    let count = unseen.split.captions.max(1);
    let encoded = |images: &[usize]| -> Result<_, EvaluateError> {
        let texts = captions(unseen, images, |place| [place % count])?;
        let attributes: Vec<_> = texts
            .iter()
            .map(|text| attributes_from_caption(text))
            .collect();
        Ok((embed(&texts)?, attributes))
    };
    let (known, known_attributes) = encoded(&spread(&all, MOST))?;
    let (asked, asked_attributes) = encoded(&unseen.split.indices)?;
    let mut read = Vec::new();
    for attribute in COLOURS {
        let named = |attributes: &[[Option<u8>; 16]]| -> Vec<(usize, u8)> {
            let values = attributes
                .iter()
                .map(|of| of[attribute as usize])
                .enumerate();
            values.filter_map(|(row, v)| Some((row, v?))).collect()
        };
        let (learned, wanted) = (named(&known_attributes), named(&asked_attributes));
        if learned.is_empty() || wanted.is_empty() {
            continue;
        }
        let rows: Vec<&[f32]> = learned.iter().map(|(row, _)| &known[*row][..]).collect();
        let labels: Vec<usize> = learned.iter().map(|(_, v)| usize::from(*v)).collect();
        let probe = LinearProbe::fit(&rows, &labels, attribute.values().len())?;
        let mut colour = Colour {
            attribute,
            hits: Vec::new(),
            majority: 0.0,
            by_value: BTreeMap::new(),
        };
        for (row, value) in wanted {
            let hit = f64::from(u8::from(probe.predict(&asked[row]) == usize::from(value)));
            colour.hits.push(hit);
            let of_value = colour.by_value.entry(value).or_default();
            of_value.0 += 1;
            of_value.1 += hit;
        }
        let most = colour.by_value.values().map(|(count, _)| *count).max();
        colour.majority = most.unwrap_or(0) as f64 / colour.hits.len() as f64;
        read.push(colour);
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_that_are_seldom_read_are_named() {
        let colour = Colour {
            attribute: Attribute::Back,
            hits: Vec::new(),
            majority: 0.0,
            by_value: BTreeMap::from([(0, (4, 1.0)), (1, (3, 3.0))]),
        };

        assert_eq!(colour.seldom(), "red 1 of 4");
    }
}
