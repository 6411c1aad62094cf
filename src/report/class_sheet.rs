//! A contact sheet: what the classes of a data set look like, a row a class.

use std::collections::BTreeMap;
use std::io::Cursor;

use image::imageops::replace;
use image::{ImageFormat, Rgb, RgbImage};

use super::plot::ReportError;
use crate::tensor::{Picture, PictureError, resize, rgb, shown};

/// Pixels between two pictures.
const GAP: u32 = 2;

/// Rows of pictures, all of one size.
#[derive(Debug, Clone)]
pub struct ClassSheet {
    side: usize,
    columns: usize,
    rows: BTreeMap<usize, Vec<RgbImage>>,
}

impl ClassSheet {
    /// An empty sheet for rows of up to `columns` pictures of `side x side` pixels each.
    pub fn new(columns: usize, side: usize) -> Self {
        Self { side, columns, rows: BTreeMap::new() }
    }

    /// The classes that have a row, from top to bottom.
    pub fn classes(&self) -> impl Iterator<Item = usize> + '_ {
        self.rows.keys().copied()
    }

    /// How many rows have all their pictures.
    pub fn full_rows(&self) -> usize {
        self.rows.values().filter(|row| row.len() == self.columns).count()
    }

    /// Puts a picture at the end of its class's row, brought to the sheet's size; a full row stays as it is.
    ///
    /// # Errors
    /// When the picture cannot be resized.
    pub fn add(&mut self, class: usize, picture: &Picture) -> Result<(), PictureError> {
        let row = self.rows.entry(class).or_default();
        if row.len() < self.columns {
            let bytes = resize(&rgb(&shown(picture)), self.side, self.side)?.to_interleaved_u8();
            row.extend(RgbImage::from_raw(self.side as u32, self.side as u32, bytes));
        }
        Ok(())
    }

    /// The sheet as PNG, or as JPEG, which is much smaller for photographs.
    ///
    /// # Errors
    /// When it is too large to encode.
    pub fn encode(&self, jpeg: bool) -> Result<Vec<u8>, ReportError> {
        let step = self.side as u32 + GAP;
        let widest = self.rows.values().map(Vec::len).max().unwrap_or(0) as u32;
        let mut sheet = RgbImage::from_pixel(GAP + step * widest, GAP + step * self.rows.len() as u32, Rgb([255; 3]));
        for (y, row) in self.rows.values().enumerate() {
            for (x, picture) in row.iter().enumerate() {
                replace(&mut sheet, picture, (GAP + step * x as u32).into(), (GAP + step * y as u32).into());
            }
        }
        let mut file = Cursor::new(Vec::new());
        let format = if jpeg { ImageFormat::Jpeg } else { ImageFormat::Png };
        sheet.write_to(&mut file, format).map_err(|error| ReportError::Draw(error.to_string()))?;
        Ok(file.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_row() {
        let mut sheet = ClassSheet::new(2, 4);
        let flat = |value| Picture::new(1, 8, 8, vec![value; 64]).unwrap();
        for (class, value) in [(7, 0.2), (3, 0.8), (7, 0.4), (7, 0.6)] {
            sheet.add(class, &flat(value)).unwrap();
        }
        assert_eq!((sheet.classes().collect::<Vec<_>>(), sheet.full_rows()), (vec![3, 7], 1));
        let image = image::load_from_memory(&sheet.encode(false).unwrap()).unwrap().into_rgb8();
        assert_eq!(image.dimensions(), (14, 14));
        assert_eq!([image.get_pixel(3, 9).0, image.get_pixel(9, 9).0], [[51; 3], [102; 3]]);
        assert_eq!([image.get_pixel(3, 3).0, image.get_pixel(9, 3).0], [[204; 3], [255; 3]]);
        assert!(image::load_from_memory(&sheet.encode(true).unwrap()).is_ok());
    }
}
