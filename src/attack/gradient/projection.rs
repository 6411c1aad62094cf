//! The nearest point of a plane within the box of pixels, by which FAB goes.

use super::super::Norm;
use super::super::ball::sign;

const HALVINGS: usize = 40;
/// Steps double until the plane is reached; beyond so many it is out of reach.
const DOUBLINGS: usize = 60;

/// The shortest change of `pixels` after which they have risen by `rise` along `slope`, none of them leaving [0, 1]. The
/// farthest there is where that is out of reach.
pub(super) fn shortest(norm: Norm, pixels: &[f32], slope: &[f32], rise: f32) -> Vec<f32> {
    let (slope, rise): (Vec<f32>, f32) =
        if rise < 0.0 { (slope.iter().map(|slope| -slope).collect(), -rise) } else { (slope.to_vec(), rise) };
    match norm {
        Norm::L1 => steepest_first(pixels, &slope, rise),
        Norm::L2 => along(pixels, &slope, &slope, rise),
        Norm::Linf => along(pixels, &slope, &slope.iter().map(|&slope| sign(slope)).collect::<Vec<_>>(), rise),
    }
}

/// All pixels go along `heading`, each as far as the box allows.
fn along(pixels: &[f32], slope: &[f32], heading: &[f32], rise: f32) -> Vec<f32> {
    let change = |far: f32| {
        pixels.iter().zip(heading).map(move |(pixel, heading)| (pixel + far * heading).clamp(0.0, 1.0) - pixel)
    };
    let rises = |far: f32| change(far).zip(slope).map(|(change, slope)| change * slope).sum::<f32>() >= rise;
    let mut far = f32::EPSILON;
    for _ in 0..DOUBLINGS {
        if rises(far) {
            break;
        }
        far *= 2.0;
    }
    let (mut below, mut above) = (0.0, far);
    for _ in 0..HALVINGS {
        let middle = (below + above) / 2.0;
        if rises(middle) { above = middle } else { below = middle }
    }
    change(above).collect()
}

/// Whole pixels go to the end of the box, the one that matters most first.
fn steepest_first(pixels: &[f32], slope: &[f32], rise: f32) -> Vec<f32> {
    let mut order: Vec<usize> = (0..pixels.len()).filter(|&at| slope[at] != 0.0).collect();
    order.sort_unstable_by(|&a, &b| slope[b].abs().total_cmp(&slope[a].abs()));
    let mut change = vec![0.0; pixels.len()];
    let mut left = rise;
    for at in order {
        let room = if slope[at] > 0.0 { 1.0 - pixels[at] } else { pixels[at] };
        let step = room.min(left / slope[at].abs());
        change[at] = step * sign(slope[at]);
        left -= step * slope[at].abs();
        if left <= 0.0 {
            break;
        }
    }
    change
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_reaches_the_plane_and_no_other_way_is_shorter(
            cells in prop::collection::vec((0.0f32..=1.0, -1.0f32..1.0, 0.0f32..=1.0), 2..40), share in -0.9f32..0.9,
        ) {
            let pixels: Vec<f32> = cells.iter().map(|cell| cell.0).collect();
            let slope: Vec<f32> = cells.iter().map(|cell| cell.1).collect();
            let rise_of = |change: &[f32]| change.iter().zip(&slope).map(|(change, slope)| change * slope).sum::<f32>();
            // Some change of the box: what it reaches is within reach, and it is none of the shortest.
            let other: Vec<f32> = cells.iter().map(|cell| share.abs() * (cell.2 - cell.0)).collect();
            let rise = rise_of(&other);
            prop_assume!(rise.abs() > 1e-3);
            for norm in [Norm::L1, Norm::L2, Norm::Linf] {
                let change = shortest(norm, &pixels, &slope, rise);
                prop_assert!((rise_of(&change) - rise).abs() < 1e-3, "{norm:?}: {} of {rise}", rise_of(&change));
                prop_assert!(norm.length(&change) <= norm.length(&other) + 1e-3, "{norm:?}");
                prop_assert!(pixels.iter().zip(&change).all(|(pixel, change)| (-1e-6..=1.0 + 1e-6).contains(&(pixel + change))));
            }
        }
    }
}
