//! The classes: what a bag holds besides clutter.

use super::part::Thing;
use super::{dangerous, harmless};
use crate::data::synthetic::{Danger, Dice};

/// Names of the classes, in the order of their indices.
pub(super) const NAMES: [&str; 7] = ["bottle", "knife", "laptop", "pistol", "scissors", "shoe", "umbrella"];
/// Those that are looked for.
const WEAPONS: [&str; 3] = ["knife", "pistol", "scissors"];

/// A new thing of a class.
pub(super) fn make(dice: &mut Dice, class: usize) -> Thing {
    match NAMES[class] {
        "bottle" => harmless::bottle(dice),
        "knife" => dangerous::knife(dice),
        "laptop" => harmless::laptop(dice),
        "pistol" => dangerous::pistol(dice),
        "scissors" => dangerous::scissors(dice),
        "shoe" => harmless::shoe(dice),
        _ => harmless::umbrella(dice),
    }
}

/// How bad it is to take one for another: a weapon is let through for something harmless, worst of all a knife for an
/// umbrella.
pub(super) fn danger(truth: usize, reading: usize) -> Danger {
    let name = |class: usize| NAMES.get(class).copied().unwrap_or_default();
    match (name(truth), name(reading)) {
        ("knife", "umbrella") => Danger::Extreme,
        (truth, reading) if WEAPONS.contains(&truth) && !WEAPONS.contains(&reading) => Danger::High,
        _ => Danger::Low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_worse_than_a_knife_that_is_taken_for_an_umbrella() {
        let class = |name: &str| NAMES.iter().position(|known| *known == name).unwrap();
        let of = |truth: &str, reading: &str| danger(class(truth), class(reading));
        assert_eq!(of("knife", "umbrella"), Danger::Extreme);
        assert_eq!([of("pistol", "shoe"), of("scissors", "umbrella"), of("knife", "bottle")], [Danger::High; 3]);
        assert_eq!([of("umbrella", "knife"), of("pistol", "knife"), danger(99, 6)], [Danger::Low; 3]);
    }
}
