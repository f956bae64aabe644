//! Training curves as SVG.

use std::collections::BTreeMap;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::document::Chart;
use super::format;
use super::schema::{Event, Happening};

const SIZE: (u32, u32) = (640, 320);
/// Lines are thinned to this many points by averaging neighbours.
const MAX_POINTS: usize = 400;
/// Ratio of largest to smallest value above which the axis is logarithmic.
const LOG_RATIO: f64 = 100.0;
/// Decades below the largest value that a logarithmic axis shows.
const LOG_DECADES: f64 = 6.0;
/// Stand-ins that become the page's own colours, so that charts follow its light or dark scheme.
const INK: RGBColor = RGBColor(1, 2, 3);
const RULE: RGBColor = RGBColor(4, 5, 6);
/// Told apart on white and on black.
const PALETTE: [RGBColor; 8] = [
    RGBColor(0x2f, 0x7e, 0xd8),
    RGBColor(0xd9, 0x68, 0x2b),
    RGBColor(0x2a, 0x9d, 0x6f),
    RGBColor(0xc2, 0x45, 0x7b),
    RGBColor(0x8a, 0x63, 0xd2),
    RGBColor(0xa8, 0x82, 0x14),
    RGBColor(0x1f, 0x9f, 0xb5),
    RGBColor(0x8c, 0x6d, 0x5f),
];

/// `(step, value)` in order of the steps; values may be NaN.
type Points = Vec<(f64, f64)>;
/// A named line.
type Line = (String, Points);
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
                .map(|(name, (weight, points))| (labelled(name, weight), points))
                .collect();
            chart(title, "loss (unweighted)", None, lines)
        })
        .collect();
    let lines = times
        .into_iter()
        .enumerate()
        .map(|(stage, points)| (in_stage(stage).trim_start_matches(", ").to_string(), points))
        .collect();
    charts.extend(chart(
        "Time per step".into(),
        "ms per step",
        Some(0.0),
        lines,
    ));
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
        .map(|(name, points)| (name.to_owned(), points))
        .collect();
    let title = "Sample grids against the real images of their captions (1 = alike)".into();
    chart(title, "relative to real images", Some(0.0), lines)
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

/// Draws `lines` over the step, on an axis that begins at `start` or a little below the smallest
/// value; `None` where no value is finite.
fn chart(title: String, unit: &str, start: Option<f64>, lines: Vec<Line>) -> Option<Chart> {
    let lines: Vec<Line> = lines
        .into_iter()
        .map(|(name, p)| (name, thin(&p)))
        .collect();
    let finite = || {
        lines
            .iter()
            .flat_map(|(_, points)| points)
            .filter(|p| p.1.is_finite())
    };
    let (low, high) = bounds(finite().map(|p| p.1))?;
    let (first, last) = bounds(finite().map(|p| p.0))?;
    let is_log = start.is_none() && low > 0.0 && high / low > LOG_RATIO;
    let scale = |value: f64| {
        if is_log {
            value.log10().max(high.log10() - LOG_DECADES)
        } else {
            value
        }
    };
    let mut y = padded(scale(low), scale(high));
    if let Some(start) = start {
        y.0 = start.min(low);
    }
    let x = if last > first {
        (first, last)
    } else {
        (first - 1.0, last + 1.0)
    };

    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    let scaled: Vec<Points> = lines
        .iter()
        .map(|(_, points)| points.iter().map(|&(x, v)| (x, scale(v))).collect())
        .collect();
    // Drawing into a string fails only on a degenerate size or range; both are excluded above.
    draw(&area, (x, y), is_log, unit, &scaled).ok()?;
    drop(area);
    let legend = lines
        .into_iter()
        .enumerate()
        .filter(|(_, (name, _))| !name.is_empty())
        .map(|(i, (name, _))| (hex(colour(i)), name))
        .collect();
    Some(Chart {
        svg: themed(&svg, &title),
        title,
        legend,
    })
}

fn draw(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    (x, y): ((f64, f64), (f64, f64)),
    is_log: bool,
    unit: &str,
    lines: &[Points],
) -> Result<(), Box<dyn std::error::Error>> {
    let text = ("sans-serif", 20).into_font().color(&INK);
    let mut context = ChartBuilder::on(area)
        .margin(8)
        .margin_right(24)
        .x_label_area_size(52)
        .y_label_area_size(84)
        .build_cartesian_2d(x.0..x.1, y.0..y.1)?;
    let y_axis = if is_log {
        format!("{unit}, log scale")
    } else {
        unit.to_string()
    };
    context
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RULE)
        .axis_style(INK)
        .label_style(text.clone())
        .axis_desc_style(text)
        .x_labels(6)
        .y_labels(6)
        .x_desc("step")
        .y_desc(y_axis)
        .x_label_formatter(&|step| trimmed(*step))
        .y_label_formatter(&|v| trimmed(if is_log { 10f64.powf(*v) } else { *v }))
        .draw()?;
    for (i, points) in lines.iter().enumerate() {
        let style = colour(i).stroke_width(2);
        for piece in points.split(|p| !p.1.is_finite()) {
            if let [point] = piece {
                context.draw_series([Circle::new(*point, 3, colour(i).filled())])?;
            } else {
                context.draw_series(LineSeries::new(piece.iter().copied(), style))?;
            }
        }
    }
    area.present()?;
    Ok(())
}

/// Averages neighbouring points until at most [`MAX_POINTS`] are left; a group with a value that
/// is not finite stays a gap.
fn thin(points: &[(f64, f64)]) -> Points {
    let group = points.len().div_ceil(MAX_POINTS).max(1);
    let mean = |group: &[(f64, f64)]| {
        let n = group.len() as f64;
        let sum = group
            .iter()
            .fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
        (sum.0 / n, sum.1 / n)
    };
    points.chunks(group).map(mean).collect()
}

fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |bounds, v| match bounds {
        None => Some((v, v)),
        Some((low, high)) => Some((v.min(low), v.max(high))),
    })
}

/// A little more than `low` to `high`, never empty.
fn padded(low: f64, high: f64) -> (f64, f64) {
    let room = (high - low) * 0.05;
    let room = if room > 0.0 {
        room
    } else {
        low.abs().max(1.0) * 0.05
    };
    (low - room, high + room)
}

/// A number for an axis: no trailing zeros.
fn trimmed(value: f64) -> String {
    let text = format::number(value);
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').into()
    } else {
        text
    }
}

const fn colour(i: usize) -> RGBColor {
    PALETTE[i % PALETTE.len()]
}

fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Lets the drawing scale with the page and take its colours.
fn themed(svg: &str, title: &str) -> String {
    let (width, height) = SIZE;
    let fixed = format!("<svg width=\"{width}\" height=\"{height}\"");
    let label = super::html::escape(title);
    svg.replacen(
        &fixed,
        &format!("<svg role=\"img\" aria-label=\"{label}\""),
        1,
    )
    .replace(&hex(INK).to_uppercase(), "currentColor")
    .replace(&hex(RULE).to_uppercase(), "var(--rule)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::schema::Term;

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
    fn one_step_constant_values_and_extreme_ranges_can_be_drawn() {
        for values in [
            vec![0.0],
            vec![3.0; 5],
            vec![1e-300, 1.0, 1e300],
            vec![-1e9, 1e9],
        ] {
            let points: Vec<_> = values
                .iter()
                .enumerate()
                .map(|(i, &v)| (i as f64, v))
                .collect();
            let chart = chart("t".into(), "u", None, vec![("l".into(), points)]).expect("drawable");
            assert!(!chart.svg.contains("NaN"), "{values:?}");
        }
        assert!(
            chart(
                "t".into(),
                "u",
                None,
                vec![("l".into(), vec![(1.0, f64::NAN)])]
            )
            .is_none()
        );
    }

    #[test]
    fn monitors_have_a_chart_where_they_measured() {
        let reading = |step: u64, kind: &str| Happening {
            kind: kind.into(),
            step,
            message: String::new(),
            time: String::new(),
            values: BTreeMap::from([("monitor/ssim".to_owned(), 0.25)]),
        };

        let chart = monitor(&[reading(1, "monitor"), reading(2, "monitor")]);

        assert_eq!(chart.expect("readings").legend[0].1, "ssim");
        assert!(monitor(&[reading(3, "checkpoint")]).is_none());
    }

    #[test]
    fn long_runs_are_thinned_by_averaging() {
        let points: Vec<_> = (0..4000)
            .map(|i| (f64::from(i), f64::from(i % 2)))
            .collect();
        let thinned = thin(&points);
        assert_eq!(thinned.len(), MAX_POINTS);
        assert!(thinned.iter().all(|p| p.1 == 0.5));
    }
}
