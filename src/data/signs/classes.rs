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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_a_class_is_numbered_as_the_set_itself() {
        assert!(CLASSES.is_sorted_by_key(|&(_, name)| name));
    }
}
