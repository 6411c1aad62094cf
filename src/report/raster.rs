//! SVG as PNG.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use super::plot::ReportError;

/// PNG pixels for a pixel of the SVG.
pub(super) const PNG_SCALE: f32 = 2.0;

/// Fonts to draw text with, the first that is installed.
const FONTS: [&str; 7] =
    ["Inter", "Helvetica Neue", "Liberation Sans", "Noto Sans", "DejaVu Sans", "Arial", "Helvetica"];

/// The system's fonts, looked up once.
static INSTALLED: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_system_fonts();
    let families = |name: &str| fonts.faces().any(|face| face.families.iter().any(|(family, _)| family == name));
    let any = fonts.faces().next().and_then(|face| face.families.first()).map(|(family, _)| family.clone());
    let chosen = FONTS.into_iter().find(|name| families(name)).map(str::to_owned).or(any);
    if let Some(family) = chosen {
        fonts.set_sans_serif_family(family);
    }
    Arc::new(fonts)
});

/// Draws an SVG as a PNG, two pixels for each of its own.
///
/// # Errors
/// When the SVG is broken, too large, or when no font is installed.
pub fn svg_to_png(svg: &str) -> Result<Vec<u8>, ReportError> {
    encode(&rasterise(svg)?)
}

/// As [`svg_to_png`], not yet encoded.
pub(super) fn rasterise(svg: &str) -> Result<Pixmap, ReportError> {
    if INSTALLED.is_empty() {
        return Err(ReportError::NoFont);
    }
    let options = Options { fontdb: Arc::clone(&INSTALLED), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|error| ReportError::Png(error.to_string()))?;
    let size = tree.size().to_int_size().scale_by(PNG_SCALE);
    let mut pixels = size
        .and_then(|size| Pixmap::new(size.width(), size.height()))
        .ok_or_else(|| ReportError::Png("it is empty or too large".to_owned()))?;
    resvg::render(&tree, Transform::from_scale(PNG_SCALE, PNG_SCALE), &mut pixels.as_mut());
    Ok(pixels)
}

pub(super) fn encode(pixels: &Pixmap) -> Result<Vec<u8>, ReportError> {
    pixels.encode_png().map_err(|error| ReportError::Png(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_is_twice_as_large_as_its_svg() {
        let svg = "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='20'><text y='15'>x</text></svg>";
        match svg_to_png(svg) {
            Ok(png) => {
                let picture = image::load_from_memory(&png).unwrap();
                assert_eq!((picture.width(), picture.height()), (60, 40));
            }
            Err(error) => assert!(matches!(error, ReportError::NoFont), "{error}"),
        }
    }

    #[test]
    fn what_is_no_svg_is_an_error() {
        assert!(svg_to_png("no picture").is_err());
    }
}
