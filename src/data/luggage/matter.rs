//! What things are made of, and how much of an X-ray passes through it.

/// Photon energies that stand for the spectra, in keV.
const ENERGIES: usize = 4;

/// Optical depth at 60, 80, 100 and 150 keV, the sum of `mass attenuation x density x way` over what a ray meets.
pub(super) type Depth = [f32; ENERGIES];

/// How much of the light of the low and of the high spectrum each energy carries. A spectrum of two lines hardens in thick
/// things, as real ones do: what is left of it is the part that gets through more easily.
const LOW: Depth = [0.7, 0.3, 0.0, 0.0];
const HIGH: Depth = [0.0, 0.0, 0.6, 0.4];

/// Mass attenuation coefficients with coherent scattering in cm²/g at 60, 80, 100 and 150 keV: NIST Standard Reference
/// Database 126 (Hubbell, Seltzer 2004), from XCOM.
const HYDROGEN: Depth = [0.3260, 0.3091, 0.2944, 0.2651];
const CARBON: Depth = [0.1753, 0.1610, 0.1514, 0.1347];
const NITROGEN: Depth = [0.1817, 0.1639, 0.1529, 0.1353];
const OXYGEN: Depth = [0.1907, 0.1678, 0.1551, 0.1361];
const ALUMINIUM_ATOM: Depth = [0.2778, 0.2018, 0.1704, 0.1378];
const SILICON: Depth = [0.3207, 0.2228, 0.1835, 0.1448];
const CHLORINE: Depth = [0.4394, 0.2696, 0.2050, 0.1480];
const IRON: Depth = [1.2050, 0.5952, 0.3717, 0.1964];
const COPPER_ATOM: Depth = [1.5930, 0.7630, 0.4584, 0.2217];

/// Polyethylene, which stands for plastics and rubber.
pub(super) static PLASTIC: Material = Material::new(0.95, &[(HYDROGEN, 0.144), (CARBON, 0.856)]);
/// Polyvinyl chloride, the sheath of cables.
pub(super) static VINYL: Material = Material::new(1.4, &[(HYDROGEN, 0.048), (CARBON, 0.384), (CHLORINE, 0.568)]);
/// Water, and what is mostly water.
pub(super) static WATER: Material = Material::new(1.0, &[(HYDROGEN, 0.112), (OXYGEN, 0.888)]);
/// Cotton, which is cellulose, folded loosely.
pub(super) static CLOTH: Material = Material::new(0.25, CELLULOSE);
/// Paper.
pub(super) static PAPER: Material = Material::new(0.8, CELLULOSE);
/// Collagen, tanned.
pub(super) static LEATHER: Material =
    Material::new(0.9, &[(HYDROGEN, 0.07), (CARBON, 0.5), (NITROGEN, 0.18), (OXYGEN, 0.25)]);
/// Silica.
pub(super) static GLASS: Material = Material::new(2.5, &[(SILICON, 0.467), (OXYGEN, 0.533)]);
/// Glass fibre and epoxy with a fifth of copper.
pub(super) static BOARD: Material =
    Material::new(2.2, &[(COPPER_ATOM, 0.2), (SILICON, 0.18), (OXYGEN, 0.28), (CARBON, 0.3), (HYDROGEN, 0.04)]);
/// A lithium-ion cell; iron stands for its cobalt.
pub(super) static CELL: Material =
    Material::new(2.4, &[(IRON, 0.2), (COPPER_ATOM, 0.08), (ALUMINIUM_ATOM, 0.1), (OXYGEN, 0.27), (CARBON, 0.35)]);
/// Aluminium.
pub(super) static ALUMINIUM: Material = Material::new(2.7, &[(ALUMINIUM_ATOM, 1.0)]);
/// Steel, which is mostly iron.
pub(super) static STEEL: Material = Material::new(7.87, &[(IRON, 1.0)]);
/// Copper, and brass, which is close to it.
pub(super) static COPPER: Material = Material::new(8.96, &[(COPPER_ATOM, 1.0)]);

const CELLULOSE: &[(Depth, f32)] = &[(HYDROGEN, 0.062), (CARBON, 0.445), (OXYGEN, 0.493)];

/// What weakens X-rays.
#[derive(Debug)]
pub(super) struct Material {
    /// Optical depth of one centimetre.
    centimetre: Depth,
}

impl Material {
    /// Of this density in g/cm³, with the share of each element by weight: coefficients of mixtures are weighted means.
    const fn new(density: f32, elements: &[(Depth, f32)]) -> Self {
        let mut centimetre = [0.0; ENERGIES];
        let mut index = 0;
        while index < elements.len() * ENERGIES {
            let ((element, share), energy) = (elements[index / ENERGIES], index % ENERGIES);
            centimetre[energy] += density * share * element[energy];
            index += 1;
        }
        Self { centimetre }
    }

    /// Adds `thickness` centimetres of it to what a ray meets.
    pub(super) fn weaken(&self, depth: &mut Depth, thickness: f32) {
        for (depth, centimetre) in depth.iter_mut().zip(self.centimetre) {
            *depth += thickness * centimetre;
        }
    }
}

/// The share of the low and of the high spectrum that gets through (Beer and Lambert, line by line).
pub(super) fn transmission(depth: Depth) -> [f32; 2] {
    let passed = depth.map(decay);
    [LOW, HIGH].map(|spectrum| spectrum.iter().zip(passed).map(|(share, passed)| share * passed).sum())
}

/// e^-x, the same to the last bit on every machine: the power series of x/64, squared six times.
fn decay(x: f32) -> f32 {
    let small = -f64::from(x.min(40.0)) / 64.0;
    let series = 1.0 + small * (1.0 + small / 2.0 * (1.0 + small / 3.0 * (1.0 + small / 4.0 * (1.0 + small / 5.0))));
    (0..6).fold(series, |power, _| power * power) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(material: &Material, thickness: f32) -> [f32; 2] {
        let mut depth = Depth::default();
        material.weaken(&mut depth, thickness);
        transmission(depth)
    }

    /// The ratio of the logarithms, which tells metal from what grows.
    fn ratio(material: &Material, thickness: f32) -> f32 {
        let [low, high] = through(material, thickness);
        low.ln() / high.ln()
    }

    #[test]
    fn decay_is_the_exponential() {
        for step in 0..400 {
            let x = step as f32 * 0.05;
            assert!((decay(x) / (-x).exp() - 1.0).abs() < 2e-3, "{x}: {}", decay(x));
        }
        assert!(decay(1e6) >= 0.0);
    }

    #[test]
    fn thicker_is_darker_and_never_below_nothing() {
        for material in [&PLASTIC, &WATER, &CLOTH, &LEATHER, &GLASS, &ALUMINIUM, &STEEL, &COPPER] {
            let shades: Vec<[f32; 2]> = (0..20).map(|step| through(material, 0.25 * step as f32)).collect();
            assert!(shades.windows(2).all(|pair| pair[1][0] < pair[0][0] && pair[1][1] < pair[0][1]), "{shades:?}");
            assert!(shades.iter().flatten().all(|share| (0.0..=1.0 + 1e-6).contains(share)));
        }
    }

    #[test]
    fn heavier_elements_have_the_larger_ratio() {
        let ratios = [&PLASTIC, &WATER, &ALUMINIUM, &STEEL, &COPPER].map(|material| ratio(material, 0.05));
        assert!(ratios.is_sorted(), "{ratios:?}");
        assert!(ratios[1] < 1.3 && ratios[3] > 2.5, "{ratios:?}");
    }

    #[test]
    fn the_spectrum_hardens_in_thick_metal() {
        assert!(ratio(&STEEL, 2.0) < ratio(&STEEL, 0.05) - 0.3);
    }
}
