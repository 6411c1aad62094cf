//! The classes: European signs, as the Vienna Convention on Road Signs and Signals describes them.

use crate::data::synthetic::Danger;

/// What a sign says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Caution,
    Crossing,
    NoEntry,
    NoParking,
    PriorityRoad,
    RoadWorks,
    Roundabout,
    /// In km/h.
    SpeedLimit(&'static str),
    Stop,
    StraightAhead,
    TrafficLights,
    TurnLeft,
    TurnRight,
    Yield,
}

/// All classes with their names, in the order of their indices.
pub(super) const CLASSES: [(Class, &str); 20] = [
    (Class::Caution, "caution"),
    (Class::Crossing, "crossing"),
    (Class::NoEntry, "no-entry"),
    (Class::NoParking, "no-parking"),
    (Class::PriorityRoad, "priority-road"),
    (Class::RoadWorks, "road-works"),
    (Class::Roundabout, "roundabout"),
    (Class::SpeedLimit("100"), "speed-limit-100"),
    (Class::SpeedLimit("120"), "speed-limit-120"),
    (Class::SpeedLimit("20"), "speed-limit-20"),
    (Class::SpeedLimit("30"), "speed-limit-30"),
    (Class::SpeedLimit("50"), "speed-limit-50"),
    (Class::SpeedLimit("70"), "speed-limit-70"),
    (Class::SpeedLimit("80"), "speed-limit-80"),
    (Class::Stop, "stop"),
    (Class::StraightAhead, "straight-ahead"),
    (Class::TrafficLights, "traffic-lights"),
    (Class::TurnLeft, "turn-left"),
    (Class::TurnRight, "turn-right"),
    (Class::Yield, "yield"),
];

/// The names alone.
pub(super) const NAMES: [&str; CLASSES.len()] = {
    let mut names = [""; CLASSES.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = CLASSES[index].1;
        index += 1;
    }
    names
};

/// How bad it is to read a sign of one class as another: nobody is hurt at once, a sign to stop at is read as any other or a
/// speed limit as a higher one, a stop sign is read as a speed limit.
pub(super) fn danger(truth: usize, reading: usize) -> Danger {
    let class = |index: usize| CLASSES.get(index).map(|class| class.0);
    let speed = |index: usize| match class(index) {
        Some(Class::SpeedLimit(limit)) => limit.parse::<u32>().ok(),
        _ => None,
    };
    let halts = |index: usize| matches!(class(index), Some(Class::Stop | Class::Yield | Class::NoEntry));
    match (class(truth), speed(truth), speed(reading)) {
        (Some(Class::Stop), _, Some(_)) => Danger::Extreme,
        (_, Some(allowed), Some(read)) if read > allowed => Danger::High,
        _ if halts(truth) && !halts(reading) => Danger::High,
        _ => Danger::Low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_worse_than_a_stop_sign_that_is_read_as_a_speed_limit() {
        let class = |name: &str| CLASSES.iter().position(|class| class.1 == name).unwrap();
        let of = |truth: &str, reading: &str| danger(class(truth), class(reading));
        assert_eq!(of("stop", "speed-limit-50"), Danger::Extreme);
        assert_eq!([of("yield", "roundabout"), of("speed-limit-30", "speed-limit-100")], [Danger::High; 2]);
        assert_eq!([of("stop", "no-entry"), of("speed-limit-100", "speed-limit-30")], [Danger::Low; 2]);
        assert_eq!([of("roundabout", "turn-left"), danger(99, 0)], [Danger::Low; 2]);
    }
}
