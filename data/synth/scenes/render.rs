//! Renders a scene, and measures what its things cover.

use image::RgbImage;

use super::kinds::{COLOURS, KINDS, Zone};
use super::plan::Placed;
use super::shape::Part;
use super::{Scene, backdrop};
use crate::synth::noise::vnoise;
use crate::synth::raster::{Canvas, Colour, Ellipse, Point, Rect, lift, pt, shade, sst};

/// Amplitude of the grain of single samples.
pub(crate) const GRAIN: f32 = 6.0;

/// Renders a scene as a square of `size` pixels.
pub(super) fn render(scene: &Scene, size: u32) -> RgbImage {
    let mut canvas = backdrop::canvas(&scene.setting, size);
    for (thing, colour) in scene.things.iter().zip(&scene.colours) {
        draw(&mut canvas, thing, *colour, scene.setting.noise);
    }
    canvas.finish(scene.setting.light, GRAIN, scene.setting.grain)
}

fn draw(canvas: &mut Canvas, thing: &Placed, colour: Colour, noise: u32) {
    let kind = &KINDS[thing.category / COLOURS];
    let frame = thing.frame();
    let extent = kind.rect();
    if thing.zone == Zone::Ground {
        shadow(canvas, thing);
    }
    for part in kind.parts(colour) {
        let height = extent.y1 - extent.y0;
        let tone = |p: Point, d: f32| {
            if !part.is_body {
                return part.colour;
            }
            let fall = 1.10 - 0.26 * sst(0.0, 1.0, (p.y - extent.y0) / height);
            let edge = 0.80 + 0.20 * (-d / 0.05).clamp(0.0, 1.0);
            let mottle = vnoise(18.0 * p.x, 18.0 * p.y, noise + 9) - 0.5;
            lift(shade(part.colour, fall * edge), 12.0 * mottle)
        };
        let bounds = part.shape.bounds();
        canvas.draw(
            &frame,
            bounds,
            0.0,
            part.alpha,
            |p| part.shape.distance(p),
            tone,
        );
    }
}

/// What a thing on the ground darkens.
pub(crate) fn shadow(canvas: &mut Canvas, thing: &Placed) {
    let b = thing.bounds;
    let (x, half) = (thing.centre().x, 0.55 * (b.x1 - b.x0));
    let ellipse = Ellipse::new(pt(x, b.y1), half, 0.012 + 0.10 * half, 0.0);
    let frame = crate::synth::raster::Frame::IMAGE;
    let distance = |p| ellipse.distance(p);
    canvas.draw(&frame, ellipse.bounds(), 0.02, 0.28, distance, |_, _| {
        [30.0, 34.0, 40.0]
    });
}

/// Pixels that a thing covers in a picture of `size`, whether or not another hides some of them:
/// four samples each, as when rendering.
pub(super) fn area(thing: &Placed, size: u32) -> f32 {
    let parts = KINDS[thing.category / COLOURS].parts([0.0; 3]);
    let frame = thing.frame();
    let side = 2 * size;
    let n = side as f32;
    let b = thing.bounds.clamp_to(Rect::UNIT);
    let (first, last) = (
        |v: f32| (v * n).floor() as u32,
        |v: f32| ((v * n).ceil() as u32).min(side),
    );
    let mut covered = 0u32;
    for row in first(b.y0)..last(b.y1) {
        for column in first(b.x0)..last(b.x1) {
            let q = pt((column as f32 + 0.5) / n, (row as f32 + 0.5) / n);
            let p = frame.to_local(q);
            covered += u32::from(parts.iter().any(|part: &Part| part.shape.distance(p) < 0.0));
        }
    }
    covered as f32 / 4.0
}
