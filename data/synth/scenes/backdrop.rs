//! Landscapes.

use super::plan::{Place, Setting};
use crate::synth::noise::vnoise;
use crate::synth::raster::{Canvas, Colour, Point, blend, lerp, lift, sst};

/// Where the sand of a beach begins.
const SHORE: f32 = 0.80;

/// Colours of a landscape from top to horizon and from horizon to bottom.
const fn colours(place: Place) -> [Colour; 4] {
    match place {
        Place::Meadow => [
            [118.0, 176.0, 232.0],
            [206.0, 228.0, 244.0],
            [158.0, 190.0, 96.0],
            [82.0, 138.0, 52.0],
        ],
        Place::Beach => [
            [104.0, 180.0, 230.0],
            [212.0, 234.0, 242.0],
            [112.0, 178.0, 202.0],
            [48.0, 120.0, 168.0],
        ],
        Place::Desert => [
            [148.0, 190.0, 222.0],
            [242.0, 222.0, 186.0],
            [232.0, 194.0, 130.0],
            [198.0, 146.0, 82.0],
        ],
        Place::Snowfield => [
            [150.0, 176.0, 208.0],
            [214.0, 224.0, 236.0],
            [226.0, 234.0, 244.0],
            [248.0, 250.0, 254.0],
        ],
        Place::Evening => [
            [58.0, 52.0, 112.0],
            [240.0, 150.0, 100.0],
            [92.0, 96.0, 72.0],
            [46.0, 56.0, 48.0],
        ],
    }
}

/// A canvas with the landscape on it.
pub(crate) fn canvas(setting: &Setting, size: u32) -> Canvas {
    Canvas::filled(size, |p| colour(setting, p))
}

fn colour(setting: &Setting, p: Point) -> Colour {
    let Setting {
        place,
        horizon,
        noise,
        ..
    } = *setting;
    let [top, low, far, near] = colours(place);
    let rise = match place {
        Place::Beach => 0.0,
        Place::Desert => 0.06,
        Place::Meadow | Place::Snowfield | Place::Evening => 0.035,
    };
    let hills = horizon - rise * vnoise(3.0 * p.x, 0.5, noise);
    let haze = 10.0 * (vnoise(3.0 * p.x, 7.0 * p.y, noise + 1) - 0.5);
    let sky = lift(blend(top, low, (p.y / horizon).clamp(0.0, 1.0)), haze);
    let depth = ((p.y - horizon) / (1.0 - horizon)).clamp(0.0, 1.0);
    let ground = match place {
        Place::Beach => beach(setting, p, far, near),
        Place::Desert => {
            // Dunes: waves that lie closer together in the distance.
            let wave = vnoise(2.5 * p.x + 3.0 * depth, 16.0 * depth.sqrt(), noise + 2) - 0.5;
            lift(blend(far, near, depth), 34.0 * wave)
        }
        Place::Meadow | Place::Evening => {
            let blades = vnoise(46.0 * p.x, 14.0 * p.y, noise + 2) - 0.5;
            lift(blend(far, near, depth), lerp(10.0, 26.0, depth) * blades)
        }
        Place::Snowfield => {
            let drift = vnoise(4.0 * p.x, 10.0 * p.y, noise + 2) - 0.5;
            lift(blend(far, near, depth), 12.0 * drift)
        }
    };
    blend(sky, ground, sst(hills - 0.004, hills + 0.004, p.y))
}

fn beach(setting: &Setting, p: Point, far: Colour, near: Colour) -> Colour {
    let noise = setting.noise;
    let depth = ((p.y - setting.horizon) / (SHORE - setting.horizon)).clamp(0.0, 1.0);
    let ripple = vnoise(6.0 * p.x, 40.0 * p.y, noise + 2) - 0.5;
    let water = lift(blend(far, near, depth), 22.0 * ripple);
    let shore = SHORE + 0.02 * (vnoise(5.0 * p.x, 1.5, noise + 3) - 0.5);
    let grain = vnoise(70.0 * p.x, 70.0 * p.y, noise + 4) - 0.5;
    let sand = lift(
        blend(
            [238.0, 218.0, 166.0],
            [216.0, 188.0, 130.0],
            (p.y - SHORE) * 5.0,
        ),
        16.0 * grain,
    );
    let ground = blend(water, sand, sst(shore - 0.004, shore + 0.004, p.y));
    let foam = sst(0.018, 0.006, (p.y - shore + 0.006).abs());
    blend(ground, [246.0, 250.0, 250.0], 0.8 * foam)
}
