//! Line charts as SVG.

use std::fmt::Write;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::document::Chart;
use super::format;

const SIZE: (u32, u32) = (640, 320);
/// Lines are thinned to this many points by averaging neighbours.
const MAX_POINTS: usize = 400;
/// Ratio of largest to smallest value above which the axis is logarithmic.
const LOG_RATIO: f64 = 100.0;
/// Decades below the largest value that a logarithmic axis shows.
const LOG_DECADES: f64 = 6.0;
/// Share of the axis by which lines with spreads stand beside each other, so that these can be told
/// apart.
const ASIDE: f64 = 0.006;
/// Stand-ins that become the page's own colours, so that charts follow its light or dark scheme.
const INK: RGBColor = RGBColor(1, 2, 3);
const RULE: RGBColor = RGBColor(4, 5, 6);
/// What these are outside of a page.
const INK_ALONE: &str = "#5b6470";
const RULE_ALONE: &str = "#d5dae0";
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

/// `(x, value)` in order of `x`; values may be NaN.
pub(super) type Points = Vec<(f64, f64)>;

/// A line of a chart.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    /// In the legend; none where it is empty.
    pub(super) name: String,
    pub(super) points: Points,
    /// Drawn without a line.
    pub(super) dots: Points,
    /// `(x, low, high)`, drawn as bars.
    pub(super) spreads: Vec<(f64, f64, f64)>,
}

impl Line {
    /// A line without dots and spreads.
    pub(super) fn new(name: impl Into<String>, points: Points) -> Self {
        Self {
            name: name.into(),
            points,
            ..Self::default()
        }
    }

    /// Everything at `x + by`, seen through `scale`.
    fn moved(&self, by: f64, scale: &impl Fn(f64) -> f64) -> Self {
        let points = |points: &Points| points.iter().map(|&(x, v)| (x + by, scale(v))).collect();
        let bar = |&(x, low, high): &(f64, f64, f64)| (x + by, scale(low), scale(high));
        Self {
            name: self.name.clone(),
            points: points(&self.points),
            dots: points(&self.dots),
            spreads: self.spreads.iter().map(bar).collect(),
        }
    }
}

/// A chart to be drawn.
#[derive(Debug)]
pub(super) struct Plot<'a> {
    pub(super) title: String,
    /// Under the horizontal axis.
    pub(super) x_title: &'a str,
    /// Names of `x` = 0, 1, ... where these are no numbers.
    pub(super) x_names: &'a [String],
    /// Beside the vertical axis.
    pub(super) unit: &'a str,
    /// Where the vertical axis begins; a little below the smallest value without.
    pub(super) start: Option<f64>,
    pub(super) lines: Vec<Line>,
}

/// Ranges of both axes.
struct Axes {
    x: (f64, f64),
    y: (f64, f64),
    is_log: bool,
}

/// Draws a chart; `None` where no value is finite.
pub(super) fn draw(plot: Plot<'_>) -> Option<Chart> {
    let thinned = |line: &Line| Line {
        points: thin(&line.points),
        ..line.clone()
    };
    let lines: Vec<Line> = plot.lines.iter().map(thinned).collect();
    let finite: Points = lines
        .iter()
        .flat_map(|line| {
            let ends = line.spreads.iter();
            let ends = ends.flat_map(|&(x, low, high)| [(x, low), (x, high)]);
            line.points.iter().chain(&line.dots).copied().chain(ends)
        })
        .filter(|p| p.1.is_finite())
        .collect();
    let (low, high) = bounds(finite.iter().map(|p| p.1))?;
    let (first, last) = bounds(finite.iter().map(|p| p.0))?;
    let is_log = plot.start.is_none() && low > 0.0 && high / low > LOG_RATIO;
    let scale = |value: f64| {
        if is_log {
            value.log10().max(high.log10() - LOG_DECADES)
        } else {
            value
        }
    };
    let mut y = padded(scale(low), scale(high));
    if let Some(start) = plot.start {
        y.0 = start.min(low);
    }
    let x = if !plot.x_names.is_empty() {
        (-0.5, plot.x_names.len() as f64 - 0.5)
    } else if last > first {
        (first, last)
    } else {
        (first - 1.0, last + 1.0)
    };
    let beside: Vec<usize> = (0..lines.len())
        .filter(|&i| !lines[i].spreads.is_empty())
        .collect();
    let middle = (beside.len() as f64 - 1.0) / 2.0;
    let moved = |(i, line): (usize, &Line)| {
        let place = beside.iter().position(|&k| k == i);
        let by = place.map_or(0.0, |place| (place as f64 - middle) * ASIDE * (x.1 - x.0));
        line.moved(by, &scale)
    };
    let room = ASIDE * (x.1 - x.0) * beside.len() as f64 / 2.0;
    let scaled: Vec<Line> = lines.iter().enumerate().map(moved).collect();

    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    let axes = Axes {
        x: (x.0 - room, x.1 + room),
        y,
        is_log,
    };
    // Drawing into a string fails only on a degenerate size or range; both are excluded above.
    draw_chart(&area, &axes, &plot, &scaled).ok()?;
    drop(area);
    let legend = lines
        .into_iter()
        .enumerate()
        .filter(|(_, line)| !line.name.is_empty())
        .map(|(i, line)| (hex(colour(i)), line.name))
        .collect();
    Some(Chart {
        svg: themed(&svg, &plot.title),
        title: plot.title,
        legend,
        file: None,
    })
}

fn draw_chart(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    axes: &Axes,
    plot: &Plot<'_>,
    lines: &[Line],
) -> Result<(), Box<dyn std::error::Error>> {
    let text = ("sans-serif", 20).into_font().color(&INK);
    let mut context = ChartBuilder::on(area)
        .margin(8)
        .margin_right(24)
        .x_label_area_size(52)
        .y_label_area_size(84)
        .build_cartesian_2d(axes.x.0..axes.x.1, axes.y.0..axes.y.1)?;
    let y_axis = if axes.is_log {
        format!("{}, log scale", plot.unit)
    } else {
        plot.unit.to_string()
    };
    let x_label = |x: &f64| match plot.x_names {
        [] => trimmed(*x),
        _ if (x - x.round()).abs() > 1e-6 || *x < -0.1 => String::new(),
        names => names.get(x.round() as usize).cloned().unwrap_or_default(),
    };
    let is_log = axes.is_log;
    // Steps of an axis add up to almost 0.
    let least = 1e-9 * (axes.y.1 - axes.y.0);
    let exact = |v: f64| if v.abs() < least { 0.0 } else { v };
    context
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RULE)
        .axis_style(INK)
        .label_style(text.clone())
        .axis_desc_style(text)
        .x_labels(plot.x_names.len().max(6))
        .y_labels(6)
        .x_desc(plot.x_title)
        .y_desc(y_axis)
        .x_label_formatter(&x_label)
        .y_label_formatter(&|v| trimmed(if is_log { 10f64.powf(*v) } else { exact(*v) }))
        .draw()?;
    for (i, line) in lines.iter().enumerate() {
        let style = colour(i).stroke_width(2);
        for piece in line.points.split(|p| !p.1.is_finite()) {
            if let [point] = piece {
                context.draw_series([Circle::new(*point, 3, colour(i).filled())])?;
            } else {
                context.draw_series(LineSeries::new(piece.iter().copied(), style))?;
            }
        }
        let dots = line.dots.iter().filter(|p| p.1.is_finite());
        context.draw_series(dots.map(|&dot| Circle::new(dot, 2, colour(i))))?;
        let bars = line.spreads.iter();
        let bars = bars.filter(|(_, low, high)| low.is_finite() && high.is_finite());
        context.draw_series(bars.map(|&(x, low, high)| {
            PathElement::new(vec![(x, low), (x, high)], colour(i).stroke_width(1))
        }))?;
    }
    area.present()?;
    Ok(())
}

/// A chart as a file of its own, with its title and legend.
pub(super) fn alone(chart: &Chart) -> String {
    let (width, height) = SIZE;
    let lines = chart.legend.len() as u32;
    let total = height + 40 + 24 * lines;
    let mut legend = String::new();
    for ((colour, name), i) in chart.legend.iter().zip(0u32..) {
        let y = height + 60 + 24 * i;
        let mark = y - 6;
        let name = super::html::escape(name);
        let _ = write!(
            legend,
            "<rect x=\"16\" y=\"{mark}\" width=\"18\" height=\"3\" fill=\"{colour}\"/>\
             <text x=\"42\" y=\"{y}\">{name}</text>"
        );
    }
    let inner = chart
        .svg
        .replace("currentColor", INK_ALONE)
        .replace("var(--rule)", RULE_ALONE)
        .replacen(
            "<svg ",
            &format!("<svg y=\"32\" width=\"{width}\" height=\"{height}\" "),
            1,
        );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {total}\" \
         width=\"{width}\" height=\"{total}\" font-family=\"sans-serif\" font-size=\"15\">\
         <rect width=\"{width}\" height=\"{total}\" fill=\"#ffffff\"/>\
         <text x=\"16\" y=\"22\" font-weight=\"600\">{}</text>{inner}{legend}</svg>\n",
        super::html::escape(&chart.title)
    )
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
pub(super) fn trimmed(value: f64) -> String {
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

    fn plot(lines: Vec<Line>) -> Plot<'static> {
        Plot {
            title: "t".into(),
            x_title: "step",
            x_names: &[],
            unit: "u",
            start: None,
            lines,
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
            let chart = draw(plot(vec![Line::new("l", points)])).expect("drawable");
            assert!(!chart.svg.contains("NaN"), "{values:?}");
        }
        assert!(draw(plot(vec![Line::new("l", vec![(1.0, f64::NAN)])])).is_none());
    }

    #[test]
    fn dots_and_spreads_are_inside_the_axes_and_gaps_stay_gaps() {
        let line = Line {
            dots: vec![(0.0, 9.0), (1.0, f64::NAN)],
            spreads: vec![(0.0, -4.0, 9.0), (1.0, f64::NAN, 2.0)],
            ..Line::new("l", vec![(0.0, 1.0), (1.0, 2.0)])
        };

        let chart = draw(plot(vec![line.clone(), line])).expect("drawable");

        assert!(!chart.svg.to_lowercase().contains("nan"), "{}", chart.svg);
        let bar = chart.svg.lines().find(|line| {
            line.contains(&hex(colour(0)).to_uppercase())
                && line.contains("stroke-width=\"1\" points")
        });
        let ends = bar.and_then(|bar| bar.split('"').nth(9)).expect("a bar");
        for end in ends.split_whitespace() {
            let (_, y) = end.split_once(',').expect("a point");
            let y: u32 = y.parse().expect("a number");
            assert!((8..260).contains(&y), "{ends}");
        }
    }

    #[test]
    fn an_axis_through_zero_says_zero() {
        let points = vec![(0.0, -0.31), (1.0, 0.23)];

        let chart = draw(plot(vec![Line::new("l", points)])).expect("drawable");

        assert!(!chart.svg.contains("e-1"), "{}", chart.svg);
    }

    #[test]
    fn named_places_stand_under_the_axis() {
        let names = ["plain".to_owned(), "contrast".to_owned()];
        let plot = Plot {
            x_names: &names,
            ..plot(vec![Line::new("", vec![(1.0, 2.0)])])
        };

        let chart = draw(plot).expect("drawable");

        assert!(chart.svg.contains("plain") && chart.svg.contains("contrast"));
        assert!(chart.legend.is_empty());
    }

    #[test]
    fn a_chart_alone_needs_no_page() {
        let points = vec![(0.0, 1.0), (1.0, 2.0)];
        let chart = draw(plot(vec![Line::new("a & b", points)])).expect("drawable");

        let svg = alone(&chart);

        assert!(
            svg.starts_with("<svg xmlns=") && svg.contains("a &amp; b"),
            "{svg}"
        );
        for of_page in ["currentColor", "var(--"] {
            assert!(!svg.contains(of_page), "{of_page}");
        }
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
