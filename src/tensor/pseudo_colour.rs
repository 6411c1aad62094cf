//! Pictures of two energies in the colours that operators of X-ray scanners know.

/// What grows, and what is made of oil: effective atomic numbers below about 10.
const ORANGE: [f32; 3] = [0.96, 0.55, 0.12];
/// Light metals, and what is mixed.
const GREEN: [f32; 3] = [0.32, 0.70, 0.28];
/// Metals from about iron on.
const BLUE: [f32; 3] = [0.14, 0.31, 0.78];
/// The ratio of low to high attenuation at which each colour is pure. Water has 1.2, aluminium 1.6, thin steel 3.4, thick
/// steel 2.4: the photoelectric effect, which grows with the atomic number, is stronger at low energies.
const KNOTS: [(f32, [f32; 3]); 3] = [(1.28, ORANGE), (1.62, GREEN), (2.2, BLUE)];
/// Where an open beam lies: scanners leave some room above it for noise.
const OPEN: f32 = 0.915;
/// The faintest light that is told from none.
const FAINTEST: f32 = 1e-4;
/// Attenuation (a natural logarithm) that is too weak for a ratio to mean anything.
const THIN: f32 = 0.02;

/// Planes of red, green and blue for the transmission at low and at high energies.
pub(super) fn operators_colours(low: &[f32], high: &[f32]) -> Vec<f32> {
    let colours: Vec<[f32; 3]> = low.iter().zip(high).map(|(&low, &high)| colour([low, high])).collect();
    (0..3).flat_map(|channel| colours.iter().map(move |colour| colour[channel])).collect()
}

/// Colour by the kind of material, lightness by how much gets through.
fn colour(light: [f32; 2]) -> [f32; 3] {
    let [low, high] = light.map(|share| (share / OPEN).clamp(FAINTEST, 1.0));
    let weakened = -high.ln();
    let hue = if weakened < THIN { ORANGE } else { hue(-low.ln() / weakened) };
    // Half of the lightness for the upper tenth of the range would leave clothes as dark as books.
    let lightness = (0.5 * (low + high)).powf(0.7);
    if lightness > 0.5 {
        mix(hue, [1.0; 3], 2.0 * lightness - 1.0)
    } else {
        mix(hue.map(|value| 0.12 * value), hue, 2.0 * lightness)
    }
}

fn hue(ratio: f32) -> [f32; 3] {
    let [(first, lightest), .., (_, heaviest)] = KNOTS;
    let between = KNOTS.windows(2).find(|knots| (knots[0].0..knots[1].0).contains(&ratio));
    match between {
        Some(knots) => mix(knots[0].1, knots[1].1, (ratio - knots[0].0) / (knots[1].0 - knots[0].0)),
        None if ratio < first => lightest,
        None => heaviest,
    }
}

fn mix(from: [f32; 3], to: [f32; 3], share: f32) -> [f32; 3] {
    [0, 1, 2].map(|channel| from[channel] + (to[channel] - from[channel]) * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_orange_and_metal_is_blue() {
        let [red, green, blue] = colour([0.45, 0.53]);
        assert!(red > green && green > blue, "{red} {green} {blue}");
        let [red, green, blue] = colour([0.15, 0.5]);
        assert!(blue > green && green > red, "{red} {green} {blue}");
        let [red, green, blue] = colour([0.40, 0.55]);
        assert!(green > red && green > blue, "{red} {green} {blue}");
    }

    #[test]
    fn an_open_beam_is_white_and_lead_is_black() {
        assert_eq!(colour([0.92, 0.93]), [1.0; 3]);
        assert!(colour([0.0, 0.0]).iter().all(|&value| value < 0.12));
    }

    #[test]
    fn more_metal_is_bluer() {
        let blueness = |ratio: f32| hue(ratio)[2] - hue(ratio)[0];
        let ratios = [0.5, 1.2, 1.4, 1.6, 1.9, 2.5, 9.0];
        assert!(ratios.windows(2).all(|pair| blueness(pair[1]) >= blueness(pair[0])));
    }
}
