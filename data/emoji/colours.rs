//! Basic colour names of pixels, by distance in CIELAB.

/// The eleven basic colour terms with typical sRGB values: one is not enough, as the light and the
/// dark shades of a colour lie nearer to grey or to a neighbour than to its middle.
pub(super) const COLOURS: [(&str, &[[u8; 3]]); 11] = [
    ("black", &[[32, 32, 36]]),
    (
        "white",
        &[[245, 245, 245], [252, 246, 232], [222, 222, 228]],
    ),
    ("grey", &[[135, 138, 142], [176, 179, 184], [88, 91, 96]]),
    (
        "red",
        &[[214, 36, 44], [240, 72, 62], [150, 22, 34], [236, 46, 84]],
    ),
    ("orange", &[[246, 142, 34], [250, 176, 98], [236, 114, 20]]),
    ("yellow", &[[252, 212, 60], [255, 236, 140], [236, 188, 30]]),
    (
        "green",
        &[
            [74, 158, 62],
            [156, 204, 74],
            [32, 100, 52],
            [178, 222, 156],
            [52, 184, 132],
        ],
    ),
    (
        "blue",
        &[
            [48, 116, 216],
            [90, 182, 242],
            [32, 52, 132],
            [168, 210, 246],
            [58, 152, 172],
        ],
    ),
    ("purple", &[[134, 76, 176], [88, 48, 128], [184, 146, 222]]),
    ("pink", &[[244, 150, 186], [238, 84, 168], [254, 204, 214]]),
    ("brown", &[[124, 78, 46], [80, 52, 42], [172, 116, 76]]),
];

/// A second colour counts when it covers at least this share of the opaque pixels.
const SECOND_SHARE: f32 = 0.2;

/// The most frequent colour of some sRGB pixels (0 to 1), and the second if it is frequent enough.
pub(super) fn dominant(pixels: impl Iterator<Item = [f32; 3]>) -> (usize, Option<usize>) {
    let references: Vec<(usize, [f32; 3])> = COLOURS
        .iter()
        .enumerate()
        .flat_map(|(i, (_, shades))| shades.iter().map(move |&shade| (i, shade)))
        .map(|(i, shade)| (i, lab(shade.map(|v| f32::from(v) / 255.0))))
        .collect();
    let mut counts = [0usize; COLOURS.len()];
    for pixel in pixels {
        let lab = lab(pixel);
        let distance = |(_, reference): &(usize, [f32; 3])| -> f32 {
            lab.iter()
                .zip(reference)
                .map(|(a, b)| (a - b) * (a - b))
                .sum()
        };
        let nearest = references
            .iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let nearest = nearest.map_or(0, |&(name, _)| name);
        counts[nearest] += 1;
    }
    let total: usize = counts.iter().sum();
    let best = |skip: Option<usize>| {
        // The first of equals wins.
        let candidates = (0..counts.len()).filter(|&i| Some(i) != skip);
        candidates.fold(None, |best: Option<usize>, i| match best {
            Some(b) if counts[b] >= counts[i] => Some(b),
            _ => Some(i),
        })
    };
    let main = best(None).unwrap_or(0);
    let second = best(Some(main)).filter(|&i| counts[i] as f32 >= SECOND_SHARE * total as f32);
    (main, second.filter(|_| total > 0))
}

/// CIELAB of an sRGB colour (0 to 1), white point D65.
fn lab(rgb: [f32; 3]) -> [f32; 3] {
    let [r, g, b] = rgb.map(|v| {
        if v <= 0.040_45 {
            v / 12.92
        } else {
            libm::powf((v + 0.055) / 1.055, 2.4)
        }
    });
    // IEC 61966-2-1, divided by the white point (0.95047, 1, 1.08883).
    let x = (0.412_456 * r + 0.357_576 * g + 0.180_438 * b) / 0.950_47;
    let y = 0.212_673 * r + 0.715_152 * g + 0.072_175 * b;
    let z = (0.019_334 * r + 0.119_192 * g + 0.950_304 * b) / 1.088_83;
    let f = |t: f32| {
        if t > 0.008_856 {
            libm::cbrtf(t)
        } else {
            7.787 * t + 16.0 / 116.0
        }
    };
    let (fx, fy, fz) = (f(x), f(y), f(z));
    [116.0 * fy - 16.0, 500.0 * (fx - fy), 200.0 * (fy - fz)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lab_of_known_colours() {
        // Published values of sRGB red and white under D65.
        for (rgb, expected) in [
            ([1.0, 0.0, 0.0], [53.24, 80.09, 67.20]),
            ([1.0, 1.0, 1.0], [100.0, 0.0, 0.0]),
        ] {
            for (a, b) in lab(rgb).iter().zip(expected) {
                assert!((a - b).abs() < 0.1, "{rgb:?}: {a} {b}");
            }
        }
    }

    #[test]
    fn a_rare_second_colour_is_left_out() {
        let pixels = |reds: usize, blues: usize| {
            let red = std::iter::repeat_n([0.85, 0.1, 0.1], reds);
            red.chain(std::iter::repeat_n([0.1, 0.4, 0.9], blues))
        };
        let name = |i: usize| COLOURS[i].0;
        let (main, second) = dominant(pixels(7, 3));
        assert_eq!((name(main), second.map(name)), ("red", Some("blue")));
        let (main, second) = dominant(pixels(9, 1));
        assert_eq!((name(main), second), ("red", None));
    }
}
