//! Shapes as values, so that an object is a list of rendered parts.

use crate::synth::raster::{
    Capsule, Colour, Ellipse, Point, Rect, circle, norm, polygon, pt, smin,
};

/// A shape in an object's own units.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Disc(Point, f32),
    Ellipse(Ellipse),
    Capsule(Capsule),
    Polygon(Vec<Point>),
    /// Blended over a width.
    Union(Vec<Self>, f32),
    /// The first without the others.
    Without(Box<Self>, Vec<Self>),
    /// What lies above a height.
    Above(Box<Self>, f32),
    /// Around the origin, with a radius that waves: mean, amplitude, number of waves.
    Waves(f32, f32, f32),
}

impl Shape {
    /// Ellipse with its long axis turned by `angle`.
    pub(crate) fn ellipse(x: f32, y: f32, rx: f32, ry: f32, angle: f32) -> Self {
        Self::Ellipse(Ellipse::new(pt(x, y), rx, ry, angle))
    }

    /// Line with a round brush.
    pub(crate) const fn line(a: (f32, f32), b: (f32, f32), ra: f32, rb: f32) -> Self {
        Self::Capsule(Capsule::new(pt(a.0, a.1), pt(b.0, b.1), ra, rb))
    }

    pub(crate) const fn disc(x: f32, y: f32, r: f32) -> Self {
        Self::Disc(pt(x, y), r)
    }

    pub(crate) fn polygon(points: &[(f32, f32)]) -> Self {
        Self::Polygon(points.iter().map(|&(x, y)| pt(x, y)).collect())
    }

    /// Rectangle by its corners.
    pub(crate) fn rectangle(x0: f32, y0: f32, x1: f32, y1: f32) -> Self {
        Self::polygon(&[(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    }

    /// Distance to the outline, negative inside; near it close to exact.
    pub(crate) fn distance(&self, p: Point) -> f32 {
        match self {
            Self::Disc(c, r) => circle(p, *c, *r),
            Self::Ellipse(ellipse) => ellipse.distance(p),
            Self::Capsule(capsule) => capsule.distance(p),
            Self::Polygon(points) => polygon(p, points),
            Self::Union(shapes, width) => {
                let distances = shapes.iter().map(|shape| shape.distance(p));
                distances
                    .reduce(|a, b| smin(a, b, *width))
                    .unwrap_or(f32::MAX)
            }
            Self::Without(shape, others) => {
                let others = others.iter().map(|other| -other.distance(p));
                others.fold(shape.distance(p), f32::max)
            }
            Self::Above(shape, y) => shape.distance(p).max(p.y - y),
            Self::Waves(radius, amplitude, waves) => {
                let angle = libm::atan2f(p.y, p.x);
                norm(p.x, p.y) - radius - amplitude * libm::cosf(waves * angle)
            }
        }
    }

    /// A rectangle that holds the shape.
    pub(crate) fn bounds(&self) -> Rect {
        match self {
            Self::Disc(c, r) => Rect::square(*c, *r),
            Self::Ellipse(ellipse) => ellipse.bounds(),
            Self::Capsule(capsule) => capsule.bounds(),
            Self::Polygon(points) => Rect::around(points),
            Self::Union(shapes, width) => {
                let all = shapes.iter().map(Self::bounds).reduce(Rect::union);
                // A blend bulges by at most a quarter of its width.
                all.unwrap_or(Rect::EMPTY).grow(width / 4.0)
            }
            Self::Without(shape, _) => shape.bounds(),
            Self::Above(shape, y) => {
                let bounds = shape.bounds();
                Rect {
                    y1: bounds.y1.min(*y),
                    ..bounds
                }
            }
            Self::Waves(radius, amplitude, _) => Rect::square(pt(0.0, 0.0), radius + amplitude),
        }
    }
}

/// One coat of paint of an object.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) shape: Shape,
    pub(crate) colour: Colour,
    pub(crate) alpha: f32,
    /// Whether light and shadow model it; flat parts are marks on another.
    pub(crate) is_body: bool,
}

impl Part {
    /// A modelled part.
    pub(crate) const fn body(shape: Shape, colour: Colour) -> Self {
        Self {
            shape,
            colour,
            alpha: 1.0,
            is_body: true,
        }
    }

    /// A flat mark.
    pub(crate) const fn mark(shape: Shape, colour: Colour) -> Self {
        Self {
            shape,
            colour,
            alpha: 1.0,
            is_body: false,
        }
    }

    /// The same, seen through.
    pub(crate) fn faint(self, alpha: f32) -> Self {
        Self { alpha, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_every_shape() {
        let disc = || Shape::disc(0.1, 0.2, 0.3);
        let shapes = [
            disc(),
            Shape::ellipse(0.0, 0.1, 0.4, 0.1, 0.7),
            Shape::line((-0.3, 0.0), (0.2, 0.4), 0.1, 0.02),
            Shape::rectangle(-0.2, -0.1, 0.5, 0.3),
            Shape::Union(vec![disc(), Shape::disc(-0.3, 0.0, 0.25)], 0.2),
            Shape::Without(Box::new(disc()), vec![Shape::disc(0.2, 0.2, 0.2)]),
            Shape::Above(Box::new(disc()), 0.15),
            Shape::Waves(0.4, 0.1, 7.0),
        ];
        for shape in shapes {
            let bounds = shape.bounds();
            let mut inside = 0;
            for i in 0..40_000 {
                let p = pt(
                    (i % 200) as f32 / 100.0 - 1.0,
                    (i / 200) as f32 / 100.0 - 1.0,
                );
                if shape.distance(p) < 0.0 {
                    inside += 1;
                    let holds = p.x >= bounds.x0 - 1e-5
                        && p.x <= bounds.x1 + 1e-5
                        && p.y >= bounds.y0 - 1e-5
                        && p.y <= bounds.y1 + 1e-5;
                    assert!(holds, "{shape:?} reaches {p:?} outside {bounds:?}");
                }
            }
            assert!(inside > 100, "{shape:?}");
        }
    }
}
