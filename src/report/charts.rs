//! Curves of a training.

use std::collections::BTreeMap;

use super::document::Chart;
use super::plot::{Line, Plot, Points, draw, trimmed};
use crate::run::results::{Event, Happening};

/// Weight and line of every term of a group, by name.
type Terms<'a> = BTreeMap<&'a str, (f64, Points)>;

/// One chart per stage and group of loss terms, then one of the time per step.
pub(super) fn training(events: &[Event]) -> Vec<Chart> {
    let mut stages: Vec<&str> = Vec::new();
    let mut groups: BTreeMap<(usize, &str), Terms<'_>> = BTreeMap::new();
    let mut times: Vec<Points> = Vec::new();
    for event in events {
        let stage = stages
            .iter()
            .position(|name| *name == event.stage)
            .unwrap_or_else(|| {
                stages.push(&event.stage);
                times.push(Vec::new());
                stages.len() - 1
            });
        let step = event.step as f64;
        for (name, term) in &event.terms {
            let (group, term_name) = name.split_once('/').unwrap_or(("loss", name));
            let lines = groups.entry((stage, group)).or_default();
            let line = lines.entry(term_name).or_insert((term.weight, Vec::new()));
            line.1.push((step, term.value));
        }
        times[stage].push((step, event.seconds_per_step * 1000.0));
    }
    let in_stage = |stage: usize| match stages[stage] {
        "" => String::new(),
        name => format!(", {name}"),
    };
    let mut charts: Vec<Chart> = groups
        .into_iter()
        .filter_map(|((stage, group), lines)| {
            let title = format!("{}{}", group_title(group), in_stage(stage));
            let lines = lines
                .into_iter()
                .map(|(name, (weight, points))| Line::new(labelled(name, weight), points))
                .collect();
            over_steps(title, "loss (unweighted)", None, lines)
        })
        .collect();
    let lines = times
        .into_iter()
        .enumerate()
        .map(|(stage, points)| Line::new(in_stage(stage).trim_start_matches(", "), points))
        .collect();
    let title = "Time per step".into();
    charts.extend(over_steps(title, "ms per step", Some(0.0), lines));
    charts
}

/// What monitors measured on the sample grids.
pub(super) fn monitor(happenings: &[Happening]) -> Option<Chart> {
    let mut lines: BTreeMap<&str, Points> = BTreeMap::new();
    for reading in happenings.iter().filter(|h| h.kind == "monitor") {
        for (name, value) in &reading.values {
            let name = name.trim_start_matches("monitor/");
            let points = lines.entry(name).or_default();
            points.push((reading.step as f64, *value));
        }
    }
    let lines = lines
        .into_iter()
        .map(|(name, points)| Line::new(name, points))
        .collect();
    let title = "Sample grids against the real images of their captions (1 = alike)".into();
    over_steps(title, "relative to real images", Some(0.0), lines)
}

fn over_steps(title: String, unit: &str, start: Option<f64>, lines: Vec<Line>) -> Option<Chart> {
    draw(Plot {
        title,
        x_title: "step",
        x_names: &[],
        unit,
        start,
        lines,
    })
}

fn group_title(group: &str) -> String {
    match group {
        "g" => "Generator losses".into(),
        "d" => "Discriminator losses".into(),
        "loss" => "Losses".into(),
        other => format!("Losses of {other}"),
    }
}

fn labelled(name: &str, weight: f64) -> String {
    if weight == 1.0 {
        name.into()
    } else {
        format!("{name} (weight {})", trimmed(weight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::results::Term;

    fn event(step: u64, stage: &str, value: f64) -> Event {
        let term = Term { value, weight: 2.0 };
        Event {
            step,
            epoch: 1,
            stage: stage.into(),
            terms: [("g/image".to_string(), term), ("d/real".to_string(), term)].into(),
            lr: BTreeMap::new(),
            seconds_per_step: 0.2,
            images_per_second: 40.0,
            samples: step * 8,
        }
    }

    #[test]
    fn every_stage_and_group_has_its_chart() {
        let events: Vec<Event> = (1..20)
            .map(|i| {
                event(
                    i,
                    if i < 10 { "stage-1" } else { "stage-2" },
                    1.0 / i as f64,
                )
            })
            .collect();

        let charts = training(&events);

        let titles: Vec<&str> = charts.iter().map(|c| c.title.as_str()).collect();
        assert_eq!(
            titles,
            [
                "Discriminator losses, stage-1",
                "Generator losses, stage-1",
                "Discriminator losses, stage-2",
                "Generator losses, stage-2",
                "Time per step"
            ]
        );
        assert_eq!(charts[0].legend[0].1, "real (weight 2)");
        assert!(charts[0].svg.contains("polyline") && charts[0].svg.contains("currentColor"));
    }

    #[test]
    fn values_that_are_not_finite_leave_gaps_and_never_reach_the_drawing() {
        let values = [
            1.0,
            f64::NAN,
            3.0,
            f64::INFINITY,
            -2.0,
            5.0,
            f64::NEG_INFINITY,
        ];
        let mut events: Vec<Event> = values
            .iter()
            .enumerate()
            .map(|(i, &v)| event(i as u64 + 1, "s", v))
            .collect();
        events[2].seconds_per_step = f64::NAN;
        for chart in training(&events) {
            let text = chart.svg.to_lowercase();
            assert!(!text.contains("nan") && !text.contains("inf"), "{text}");
        }
    }

    #[test]
    fn monitors_have_a_chart_where_they_measured() {
        let reading = |step: u64, kind: &str| Happening {
            kind: kind.into(),
            step,
            message: String::new(),
            time: String::new(),
            matter: String::new(),
            values: BTreeMap::from([("monitor/ssim".to_owned(), 0.25)]),
        };

        let chart = monitor(&[reading(1, "monitor"), reading(2, "monitor")]);

        assert_eq!(chart.expect("readings").legend[0].1, "ssim");
        assert!(monitor(&[reading(3, "checkpoint")]).is_none());
    }
}
