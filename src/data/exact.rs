//! One picture as a file that keeps every pixel: PNG where 8 or 16 bits are enough, else NPY.

use std::io;
use std::path::Path;

use npyz::WriterBuilder;
use serde::{Deserialize, Serialize};

use super::array::Array;
use super::encoded::decode_picture;
use super::error::{DataError, broken};
use super::export::write_exact_png;
use super::numpy::Pictures;
use super::options::Options;
use crate::tensor::{Depth, Picture, quantised};

/// How far a pixel may be from its level: what undoing a normalisation costs in `f32`.
const ROUNDING: f32 = 1e-6;

/// What PNG can tell.
const PNG_DEPTHS: [Depth; 2] = [Depth::EIGHT_BITS, Depth::SIXTEEN_BITS];

/// The form of such a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExactFormat {
    /// PNG, 8 or 16 bits a channel.
    Png,
    /// NumPy's: `1 x height x width x channels` of `float32` in [0, 1].
    Npy,
}

impl ExactFormat {
    /// What such files' names end with.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Npy => "npy",
        }
    }
}

/// The picture as a file.
///
/// # Errors
/// When it has more pixels than such a file can hold.
pub fn encode_exactly(picture: &Picture) -> io::Result<(ExactFormat, Vec<u8>)> {
    let mut file = Vec::new();
    let rounded = quantised(picture);
    let is_graded = rounded.pixels().iter().zip(picture.pixels()).all(|(one, other)| (one - other).abs() <= ROUNDING);
    let fits_png = [1, 3].contains(&picture.channels()) && PNG_DEPTHS.contains(&picture.depth());
    if is_graded && fits_png {
        write_exact_png(&mut file, picture)?;
        return Ok((ExactFormat::Png, file));
    }
    let shape = [1, picture.height(), picture.width(), picture.channels()].map(|side| side as u64);
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut file).begin_nd()?;
    let planes: Vec<&[f32]> = picture.planes().collect();
    let area = picture.height() * picture.width();
    writer.extend((0..area).flat_map(|at| planes.iter().map(move |plane| plane[at])))?;
    writer.finish()?;
    Ok((ExactFormat::Npy, file))
}

/// The picture of that depth in such a file, which errors call `name`.
///
/// # Errors
/// When it is none.
pub fn decode_exactly(name: &Path, format: ExactFormat, depth: Depth, file: Vec<u8>) -> Result<Picture, DataError> {
    let picture = match format {
        ExactFormat::Png => decode_picture(&file, &Options::default()).map_err(|error| broken(name, error)),
        ExactFormat::Npy => {
            let pictures = Pictures::ours(Array::in_memory(name, file)?, None)?;
            if pictures.len() == 0 { Err(broken(name, "it holds no picture")) } else { pictures.get(0) }
        }
    };
    Ok(picture?.with_depth(depth))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(picture: &Picture) -> (ExactFormat, Picture) {
        let (format, file) = encode_exactly(picture).unwrap();
        (format, decode_exactly(Path::new("it"), format, picture.depth(), file).unwrap())
    }

    #[test]
    fn eight_bit_pictures_become_png_and_all_others_lose_nothing_either() {
        let bytes: Vec<u8> = (0..60).map(|value| value * 4).collect();
        for channels in [1, 3] {
            let eight_bit = Picture::from_interleaved_u8(channels, 4, 15 / channels, &bytes).unwrap();
            assert_eq!(round_trip(&eight_bit), (ExactFormat::Png, eight_bit));
            let pixels = (0..60).map(|value| value as f32 / 60.0).collect();
            let finer = Picture::new(channels, 4, 15 / channels, pixels).unwrap();
            assert_eq!(round_trip(&finer), (ExactFormat::Npy, finer));
        }
    }

    #[test]
    fn sixteen_bits_become_png_where_it_has_such_channels() {
        let levels: Vec<u16> = (0..60).map(|level| 1110 * level).collect();
        for (channels, bits, format) in
            [(1, 16, ExactFormat::Png), (3, 16, ExactFormat::Png), (2, 16, ExactFormat::Npy), (1, 12, ExactFormat::Npy)]
        {
            let (width, depth) = (12 / channels, Depth::of_bits(bits));
            let deep = Picture::from_interleaved_levels(channels, 5, width, &levels, depth).unwrap();
            assert_eq!(round_trip(&deep), (format, deep));
        }
    }

    #[test]
    fn what_is_no_picture_is_an_error_that_names_it() {
        for format in [ExactFormat::Png, ExactFormat::Npy] {
            let error = decode_exactly(Path::new("it.png"), format, Depth::EIGHT_BITS, b"nothing of the kind".to_vec())
                .unwrap_err();
            assert!(error.to_string().contains("it.png"), "{error}");
        }
    }
}
