//! Small pictures of pictures. Whatever is wrong with a file costs its preview and nothing else: its contents come from
//! strangers, and may unpack to far more than they weigh.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use bytes::Bytes;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage, codecs::jpeg::JpegEncoder};

/// MIME type of previews.
pub const MIME: &str = "image/jpeg";
/// Longest side, in pixels.
const SIDE: u32 = 320;
/// JPEG quality.
const QUALITY: u8 = 80;
/// Longest side of a picture that is unpacked.
const MAX_SIDE: u32 = 16_384;
/// Most pixels of it: what a good phone's camera makes, and within the function's memory.
const MAX_PIXELS: u64 = 50_000_000;
/// Most memory that unpacking may take besides.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// A JPEG of at most 320 pixels a side of the picture in `bytes`, upright, on white where it was transparent. None for
/// what is no JPEG, PNG, WebP or GIF, is broken or too large.
pub fn of(bytes: &[u8]) -> Option<Bytes> {
    // Decoders are fed with strangers' bytes; one that gives up in panic must not take the file along.
    catch_unwind(AssertUnwindSafe(|| make(bytes))).ok().flatten()
}

fn make(bytes: &[u8]) -> Option<Bytes> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    if !matches!(reader.format()?, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP | ImageFormat::Gif) {
        return None;
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return None;
    }
    let orientation = decoder.orientation().ok()?;
    let mut picture = DynamicImage::from_decoder(decoder).ok()?;
    if width > SIDE || height > SIDE {
        picture = picture.thumbnail(SIDE, SIDE);
    }
    picture.apply_orientation(orientation);
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, QUALITY).encode_image(&on_white(&picture)).ok()?;
    Some(Bytes::from(out))
}

fn on_white(picture: &DynamicImage) -> RgbImage {
    let rgba = picture.to_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [red, green, blue, alpha] = rgba.get_pixel(x, y).0.map(u16::from);
        let blend = |colour: u16| u8::try_from((colour * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX);
        [blend(red), blend(green), blend(blue)].into()
    })
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::*;

    fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let picture = DynamicImage::ImageRgba8(RgbaImage::from_pixel(width, height, Rgba([200, 0, 0, 255])));
        let mut out = Cursor::new(Vec::new());
        match format {
            ImageFormat::Jpeg => picture.to_rgb8().write_to(&mut out, format).unwrap(),
            _ => picture.write_to(&mut out, format).unwrap(),
        }
        out.into_inner()
    }

    fn size(preview: &[u8]) -> (u32, u32) {
        let preview = image::load_from_memory_with_format(preview, ImageFormat::Jpeg).unwrap();
        (preview.width(), preview.height())
    }

    #[test]
    fn pictures_become_small_jpegs_of_the_same_shape() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
            assert_eq!(size(&of(&picture(800, 400, format)).unwrap()), (320, 160), "{format:?}");
        }
        assert_eq!(size(&of(&picture(10, 20, ImageFormat::Png)).unwrap()), (10, 20), "a small one does not grow");
    }

    #[test]
    fn transparent_is_white() {
        let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(8, 8, Rgba([0, 0, 0, 0])));
        let mut out = Cursor::new(Vec::new());
        clear.write_to(&mut out, ImageFormat::Png).unwrap();
        let preview = image::load_from_memory(&of(out.get_ref()).unwrap()).unwrap().to_rgb8();
        assert!(preview.pixels().all(|pixel| pixel.0.iter().all(|colour| *colour > 250)));
    }

    #[test]
    fn what_is_none_or_broken_has_none() {
        let whole = picture(50, 50, ImageFormat::Png);
        for bytes in [&b""[..], b"<svg onload=alert(1)>", b"%PDF-1.7", &whole[..whole.len() / 2]] {
            assert_eq!(of(bytes), None);
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        // Says that it has 16 000 × 16 000 pixels, in a kilobyte.
        let mut bomb = picture(1, 1, ImageFormat::Png);
        bomb[16..24].copy_from_slice(&[0, 0, 0x3e, 0x80, 0, 0, 0x3e, 0x80]);
        // The header's checksum covers what was changed.
        let mut crc = u32::MAX;
        for byte in &bomb[12..29] {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            }
        }
        bomb[29..33].copy_from_slice(&(!crc).to_be_bytes());
        assert_eq!(of(&bomb), None);
    }
}
