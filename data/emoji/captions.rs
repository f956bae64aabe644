//! Ten captions per picture.

use wordpaint_rng::Rng;

use super::pack::Style;
use crate::synth::captions::fill;

const TEMPLATES: [&str; 10] = [
    "a {style} {label}",
    "an emoji of a {label} on a {background} background",
    "a mostly {main} {label}",
    "a {colours} {label}, {style}",
    "a picture of a {label}, a kind of {noun}",
    "this {noun} is {main} and sits on a {background} background",
    "{style} {noun} icon, {main}, {tag}",
    "a {main} {noun} called {label}",
    "small {label} picture against {background}",
    "{label}, {tag}, {other tag} in {plain style} style",
];

/// What the captions of one picture speak of.
pub(super) struct Subject<'a> {
    pub(super) label: &'a str,
    pub(super) tags: &'a [String],
    pub(super) subgroup: &'a str,
    pub(super) style: Style,
    pub(super) main: &'a str,
    pub(super) second: Option<&'a str>,
    pub(super) background: &'a str,
}

/// One caption per template, in order.
pub(super) fn captions(subject: &Subject, rng: &mut Rng) -> Vec<String> {
    TEMPLATES
        .iter()
        .map(|template| caption(template, subject, rng))
        .collect()
}

fn caption(template: &str, subject: &Subject, rng: &mut Rng) -> String {
    let noun = noun(subject.subgroup);
    let style = *rng.pick(match subject.style {
        Style::Fluent => &["glossy 3d", "shiny rendered", "soft shaded"],
        Style::Noto => &["flat cartoon", "simple drawn", "sticker style"],
    });
    let mut tags: Vec<&str> = subject.tags.iter().map(String::as_str).collect();
    tags.retain(|tag| *tag != subject.label && *tag != noun);
    rng.shuffle(&mut tags);
    // Some emoji have a single tag; their kind is the next best word.
    tags.extend([noun, subject.main]);
    fill(template, |slot| match slot {
        "style" => style.to_owned(),
        "plain style" => style.trim_end_matches(" style").to_owned(),
        "label" => subject.label.to_owned(),
        "background" => subject.background.to_owned(),
        "main" => subject.main.to_owned(),
        "colours" => match subject.second {
            Some(second) => format!("{} and {second}", subject.main),
            None => subject.main.to_owned(),
        },
        "noun" => noun.to_owned(),
        "tag" => tags[0].to_owned(),
        _ => tags[1].to_owned(),
    })
}

/// What a member of a subgroup is called.
fn noun(subgroup: &str) -> &'static str {
    match subgroup {
        "animal-mammal" => "mammal",
        "animal-bird" => "bird",
        "animal-amphibian" => "amphibian",
        "animal-reptile" => "reptile",
        "animal-marine" => "sea creature",
        "animal-bug" => "insect",
        "plant-flower" => "flower",
        "plant-other" => "plant",
        "food-fruit" => "fruit",
        "food-vegetable" => "vegetable",
        "food-prepared" => "dish",
        "food-asian" => "asian dish",
        "food-marine" => "seafood",
        "food-sweet" => "sweet",
        "drink" => "drink",
        "dishware" => "utensil",
        _ => "thing",
    }
}
