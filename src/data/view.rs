//! What a batch shows of an image, and where the places of the whole image are in it.

use image::RgbImage;
use wordpaint_data::BoundingBox;
use wordpaint_rng::Rng;

/// Where a loaded image comes from: a part of the whole one, resized.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// Top-left corner of the part, in pixels of the whole image.
    pub origin: [f32; 2],
    /// Pixels of the loaded image for one of the whole image, across and down.
    pub scale: [f32; 2],
}

/// A square window on a loaded image, perhaps mirrored. It is decided first and then applied to the
/// pixels, to boxes and to points alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    frame: Frame,
    /// Top-left corner in pixels of the loaded image.
    corner: [u32; 2],
    /// Pixels of the loaded image along an edge.
    side: u32,
    is_flipped: bool,
}

impl View {
    /// A window of `side` pixels at a random place of an image of `size`, mirrored by chance where
    /// that is allowed; both follow from `key` alone.
    ///
    /// # Panics
    ///
    /// If the image is smaller than the window.
    pub fn draw(key: u64, frame: Frame, size: [u32; 2], side: u32, may_flip: bool) -> Self {
        let mut rng = Rng::new(&[key]);
        let (across, down, is_flipped) = (rng.f(0.0, 1.0), rng.f(0.0, 1.0), rng.n(2) == 1);
        let at = |share: f32, room: u32| ((share * (room + 1) as f32) as u32).min(room);
        let [width, height] = size;
        Self {
            frame,
            corner: [at(across, width - side), at(down, height - side)],
            side,
            is_flipped: may_flip && is_flipped,
        }
    }

    /// The window of `side` pixels in the middle of an image of `size`, not mirrored.
    ///
    /// # Panics
    ///
    /// If the image is smaller than the window.
    pub fn centre(frame: Frame, size: [u32; 2], side: u32) -> Self {
        Self {
            frame,
            corner: size.map(|pixels| (pixels - side) / 2),
            side,
            is_flipped: false,
        }
    }

    /// The window on a loaded image as it is, not mirrored.
    pub fn crop(&self, image: &RgbImage) -> RgbImage {
        let [x, y] = self.corner;
        image::imageops::crop_imm(image, x, y, self.side, self.side).to_image()
    }

    /// Top-left corner in pixels of the loaded image.
    pub const fn corner(&self) -> [u32; 2] {
        self.corner
    }

    /// Whether left and right change places once the window is cropped.
    pub const fn is_flipped(&self) -> bool {
        self.is_flipped
    }

    /// Where a point of the whole image, in its pixels, is in the view: shares of the side, (0, 0) at
    /// the top left and (1, 1) at the bottom right, beyond them outside of the view.
    pub fn apply_point(&self, point: [f32; 2]) -> [f32; 2] {
        let share = |axis: usize| {
            let Frame { origin, scale } = self.frame;
            let loaded = (point[axis] - origin[axis]) * scale[axis];
            (loaded - self.corner[axis] as f32) / self.side as f32
        };
        let [x, y] = [share(0), share(1)];
        [if self.is_flipped { 1.0 - x } else { x }, y]
    }

    /// Where a box of the whole image, in its pixels, is in the view, in the shares of
    /// [`Self::apply_point`]. It is not cut at the border.
    pub fn apply_box(&self, bounds: BoundingBox) -> BoundingBox {
        let BoundingBox {
            x,
            y,
            width,
            height,
        } = bounds;
        let [one, top] = self.apply_point([x, y]);
        let [other, bottom] = self.apply_point([x + width, y + height]);
        BoundingBox {
            x: one.min(other),
            y: top,
            width: (other - one).abs(),
            height: bottom - top,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Frame = Frame {
        origin: [0.0; 2],
        scale: [1.0; 2],
    };

    #[test]
    fn the_centre_rounds_down_and_shows_the_middle() {
        let view = View::centre(WHOLE, [11, 8], 8);

        assert_eq!(view.corner(), [1, 0]);
        assert_eq!(view.apply_point([1.0, 8.0]), [0.0, 1.0]);
        assert_eq!(view.apply_point([5.0, 4.0]), [0.5, 0.5]);
    }

    #[test]
    fn a_mirrored_view_shows_the_right_edge_of_a_box_on_the_left() {
        let flipped = (0..100)
            .map(|key| View::draw(key, WHOLE, [8, 8], 8, true))
            .find(View::is_flipped)
            .expect("every second one is");
        let bounds = BoundingBox {
            x: 1.0,
            y: 2.0,
            width: 2.0,
            height: 4.0,
        };

        let seen = flipped.apply_box(bounds);

        assert_eq!([seen.x, seen.y], [0.625, 0.25]);
        assert_eq!([seen.width, seen.height], [0.25, 0.5]);
        assert_eq!(flipped.apply_point([1.0, 2.0]), [0.875, 0.25]);
    }

    #[test]
    fn a_view_of_a_resized_part_finds_the_places_of_the_whole() {
        let frame = Frame {
            origin: [100.0, 50.0],
            scale: [0.5, 0.25],
        };
        let view = View::centre(frame, [20, 10], 10);

        assert_eq!(view.apply_point([110.0, 50.0]), [0.0, 0.0]);
        assert_eq!(view.apply_point([130.0, 90.0]), [1.0, 1.0]);
    }

    #[test]
    fn flips_happen_only_where_they_are_allowed() {
        for key in 0..50 {
            let [free, fixed] = [true, false].map(|may| View::draw(key, WHOLE, [9, 9], 4, may));
            assert_eq!(free.corner(), fixed.corner());
            assert!(!fixed.is_flipped());
        }
    }
}
