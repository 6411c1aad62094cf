//! The classes: European signs, as the Vienna Convention on Road Signs and Signals describes them.

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

/// All classes with their names, in the order of their indices: the sorted order of the names, in which the reader of
/// image folders numbers them as well.
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

/// How bad it is to read a sign as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Danger {
    /// Nobody is hurt at once.
    Low,
    /// A sign to stop at that is read as any other, or a speed limit that is read as a higher one.
    High,
    /// A stop sign that is read as a speed limit.
    Extreme,
}

/// How bad it is to read a sign of one class as another, by their indices in the synthetic set.
pub fn danger(truth: usize, reading: usize) -> Danger {
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

    #[test]
    fn a_folder_a_class_is_numbered_as_the_set_itself() {
        assert!(CLASSES.is_sorted_by_key(|&(_, name)| name));
    }
}
