//! Pictures for people: grids of images with their captions drawn underneath.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use noto_sans_mono_bitmap::{
    FontWeight, RasterHeight, RasterizedChar, get_raster, get_raster_width,
};

/// Images are enlarged to at least this side, in pixels.
const MIN_SIDE: u32 = 128;
/// Space between cells, in pixels.
const GAP: u32 = 8;
/// Lines of a caption before it is cut.
const MAX_LINES: usize = 5;
/// Height of a line of text, in pixels.
const LINE: u32 = 16;
/// What a cut caption ends with; the drawn font has no single-character ellipsis.
const ELLIPSIS: &str = "...";

const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const INK: [u8; 3] = [32, 36, 42];

/// PNG bytes of a picture.
///
/// # Panics
///
/// Never: writing to memory cannot fail.
pub fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .expect("an RGB image encodes to memory");
    bytes.into_inner()
}

/// One image of a grid and the text under it.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    /// The image, of any size.
    pub image: RgbImage,
    /// The caption; may be empty.
    pub caption: &'a str,
}

/// Draws `cells` row by row in `columns` columns, each with its caption wrapped under it.
///
/// Images with a side below 128 px are enlarged by a whole factor without smoothing, so that every
/// pixel of a generator's output can be seen. Captions are cut after five lines.
pub fn grid(cells: &[Cell<'_>], columns: usize) -> RgbImage {
    let columns = columns.clamp(1, cells.len().max(1));
    let images: Vec<RgbImage> = cells.iter().map(|cell| enlarge(&cell.image)).collect();
    let width = images.iter().map(RgbImage::width).max().unwrap_or(MIN_SIDE);
    let chars = (width as usize / char_width() as usize).max(1);
    let captions: Vec<Vec<String>> = cells.iter().map(|cell| wrap(cell.caption, chars)).collect();

    let rows: Vec<(u32, u32)> = images
        .chunks(columns)
        .zip(captions.chunks(columns))
        .map(|(images, captions)| {
            let image = images.iter().map(RgbImage::height).max().unwrap_or(0);
            (
                image,
                text_height(captions.iter().map(Vec::len).max().unwrap_or(0)),
            )
        })
        .collect();
    let height: u32 = GAP
        + rows
            .iter()
            .map(|(image, text)| image + text + GAP)
            .sum::<u32>();
    let mut canvas =
        RgbImage::from_pixel(GAP + columns as u32 * (width + GAP), height.max(1), PAPER);

    let mut top = GAP;
    for (row, (image_height, text)) in rows.iter().enumerate() {
        for column in 0..columns {
            let Some(image) = images.get(row * columns + column) else {
                break;
            };
            let left = GAP + column as u32 * (width + GAP);
            let inset = (width - image.width()) / 2;
            imageops::replace(&mut canvas, image, i64::from(left + inset), i64::from(top));
            let text_top = top + image_height + 4;
            write_lines(
                &mut canvas,
                &captions[row * columns + column],
                left,
                text_top,
            );
        }
        top += image_height + text + GAP;
    }
    canvas
}

/// Draws an interpolation: `images` side by side without gaps, `from` under the left end and `to`
/// under the right end.
pub fn strip(images: &[RgbImage], from: &str, to: &str) -> RgbImage {
    let images: Vec<RgbImage> = images.iter().map(enlarge).collect();
    let width = images.iter().map(RgbImage::width).sum::<u32>().max(1);
    let image_height = images.iter().map(RgbImage::height).max().unwrap_or(0);
    let chars = (width / 2 / char_width()).max(2) as usize - 1;
    let [from, to] = [from, to].map(|caption| wrap(caption, chars));
    let text = text_height(from.len().max(to.len()));
    let mut canvas = RgbImage::from_pixel(width + 2 * GAP, image_height + text + 2 * GAP, PAPER);

    let mut left = GAP;
    for image in &images {
        imageops::replace(&mut canvas, image, i64::from(left), i64::from(GAP));
        left += image.width();
    }
    let text_top = GAP + image_height + 4;
    write_lines(&mut canvas, &from, GAP, text_top);
    for (i, line) in to.iter().enumerate() {
        let length = line.chars().count() as u32 * char_width();
        let left = (GAP + width).saturating_sub(length);
        write_line(&mut canvas, line, left, text_top + i as u32 * LINE);
    }
    canvas
}

/// Puts pictures under each other, left-aligned.
pub fn stack(pictures: &[RgbImage]) -> RgbImage {
    let width = pictures.iter().map(RgbImage::width).max().unwrap_or(1);
    let height = pictures.iter().map(RgbImage::height).sum::<u32>().max(1);
    let mut canvas = RgbImage::from_pixel(width, height, PAPER);
    let mut top = 0;
    for picture in pictures {
        imageops::replace(&mut canvas, picture, 0, top);
        top += i64::from(picture.height());
    }
    canvas
}

/// Enlarges by the smallest whole factor that brings both sides to [`MIN_SIDE`] or more.
fn enlarge(image: &RgbImage) -> RgbImage {
    let (width, height) = image.dimensions();
    let side = width.min(height);
    if side == 0 {
        return RgbImage::from_pixel(MIN_SIDE, MIN_SIDE, PAPER);
    }
    match MIN_SIDE.div_ceil(side) {
        0 | 1 => image.clone(),
        factor => imageops::resize(image, width * factor, height * factor, FilterType::Nearest),
    }
}

fn char_width() -> u32 {
    get_raster_width(FontWeight::Regular, RasterHeight::Size16) as u32
}

fn text_height(lines: usize) -> u32 {
    if lines == 0 {
        0
    } else {
        lines as u32 * LINE + 8
    }
}

/// Breaks `text` at spaces into at most [`MAX_LINES`] lines of `chars` characters; longer words
/// are broken anywhere, and text that does not fit ends in an ellipsis.
fn wrap(text: &str, chars: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + word.len() > chars {
            lines.push(std::mem::take(&mut line));
            used = 0;
        } else if used > 0 {
            line.push(' ');
            used += 1;
        }
        while word.len() > chars {
            lines.push(word.drain(..chars).collect());
        }
        used += word.len();
        line.extend(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    if lines.len() > MAX_LINES {
        lines.truncate(MAX_LINES);
        let last = &mut lines[MAX_LINES - 1];
        let kept: String = last
            .chars()
            .take(chars.saturating_sub(ELLIPSIS.len()))
            .collect();
        *last = format!("{}{ELLIPSIS}", kept.trim_end());
    }
    lines
}

fn write_lines(canvas: &mut RgbImage, lines: &[String], left: u32, top: u32) {
    for (i, line) in lines.iter().enumerate() {
        write_line(canvas, line, left, top + i as u32 * LINE);
    }
}

fn write_line(canvas: &mut RgbImage, line: &str, left: u32, top: u32) {
    for (i, c) in line.chars().enumerate() {
        let Some(glyph) = glyph(c) else { continue };
        let x0 = left + i as u32 * char_width();
        for (y, row) in glyph.raster().iter().enumerate() {
            for (x, &ink) in row.iter().enumerate() {
                let (x, y) = (x0 + x as u32, top + y as u32);
                if ink > 0 && x < canvas.width() && y < canvas.height() {
                    let pixel = canvas.get_pixel_mut(x, y);
                    for (channel, to) in pixel.0.iter_mut().zip(INK) {
                        *channel = mix(*channel, to, ink);
                    }
                }
            }
        }
    }
}

/// Raster of `c`, or of `?` for characters the font lacks.
fn glyph(c: char) -> Option<RasterizedChar> {
    let raster = |c| get_raster(c, FontWeight::Regular, RasterHeight::Size16);
    let plain = match c {
        '\u{2018}' | '\u{2019}' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        '\u{2010}'..='\u{2015}' => '-',
        '\u{2026}' => '.',
        other => other,
    };
    raster(plain).or_else(|| raster('?'))
}

/// `from` moved towards `to` by `share` of 255.
fn mix(from: u8, to: u8, share: u8) -> u8 {
    let [from, to, share] = [from, to, share].map(u32::from);
    ((from * (255 - share) + to * share + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn red(width: u32, height: u32) -> RgbImage {
        RgbImage::from_pixel(width, height, Rgb([200, 0, 0]))
    }

    fn dark_pixels(picture: &RgbImage) -> usize {
        picture
            .pixels()
            .filter(|p| p.0.iter().all(|&c| c < 100))
            .count()
    }

    #[test]
    fn small_images_are_enlarged_by_a_whole_factor() {
        assert_eq!(enlarge(&red(64, 64)).dimensions(), (128, 128));
        assert_eq!(enlarge(&red(50, 60)).dimensions(), (150, 180));
        assert_eq!(enlarge(&red(300, 200)).dimensions(), (300, 200));
    }

    #[test]
    fn a_grid_holds_every_cell_and_leaves_missing_ones_empty() {
        let cells = vec![
            Cell {
                image: red(64, 64),
                caption: ""
            };
            5
        ];

        let picture = grid(&cells, 3);

        assert_eq!(picture.dimensions(), (8 + 3 * 136, 8 + 2 * 136));
        let reds = picture.pixels().filter(|p| p.0 == [200, 0, 0]).count();
        assert_eq!(reds, 5 * 128 * 128);
    }

    #[test]
    fn captions_are_drawn_under_their_image() {
        let cell = |caption| Cell {
            image: red(128, 128),
            caption,
        };

        let plain = grid(&[cell("")], 1);
        let written = grid(&[cell("a small bird")], 1);

        assert_eq!(dark_pixels(&plain), 0);
        assert!(dark_pixels(&written) > 50);
        assert!(written.height() > plain.height());
    }

    #[test]
    fn captions_wrap_at_spaces_and_are_cut_after_five_lines() {
        assert_eq!(wrap("a red bird", 6), ["a red", "bird"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("  ", 3), Vec::<String>::new());
        let long = wrap(&"word ".repeat(40), 9);
        assert_eq!(long.len(), MAX_LINES);
        assert_eq!(long[MAX_LINES - 1], "word w...");
        assert!(long.iter().all(|line| line.chars().count() <= 9));
    }

    #[test]
    fn unknown_characters_are_drawn_as_a_question_mark() {
        let cell = |caption| Cell {
            image: red(128, 128),
            caption,
        };
        assert_eq!(grid(&[cell("\u{9ce5}")], 1), grid(&[cell("?")], 1));
    }

    #[test]
    fn degenerate_input_gives_a_picture_that_can_be_saved() {
        for picture in [
            grid(&[], 4),
            grid(
                &[Cell {
                    image: RgbImage::new(0, 7),
                    caption: "x",
                }],
                0,
            ),
            strip(&[], "from", "to"),
            stack(&[]),
        ] {
            assert!(picture.width() > 0 && picture.height() > 0);
        }
    }

    #[test]
    fn a_strip_writes_both_captions() {
        let images = vec![red(64, 64); 6];

        let both = strip(&images, "a red bird", "a blue bird");

        assert_eq!(both.width(), 6 * 128 + 16);
        let half = both.width() / 2;
        let left = imageops::crop_imm(&both, 0, 0, half, both.height()).to_image();
        let right = imageops::crop_imm(&both, half, 0, half, both.height()).to_image();
        assert!(dark_pixels(&left) > 50 && dark_pixels(&right) > 50);
    }
}
