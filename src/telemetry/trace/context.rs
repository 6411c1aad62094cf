//! How a trace goes on from one process to the next: W3C Trace Context, <https://www.w3.org/TR/trace-context/>.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// Lengths of the fields of a `traceparent`: version, trace, span, flags.
const FIELDS: [usize; 4] = [2, 32, 16, 2];
/// All of them, with what stands between.
const LENGTH: usize = 55;
const VERSION: &str = "00";
const NO_VERSION: &str = "ff";
/// Longest `tracestate` that spans are sent with: as much as everybody has to pass on.
const LONGEST_STATE: usize = 512;

/// A span of somebody else's from below which a call came.
#[derive(Debug, Clone, PartialEq)]
pub struct Parent(pub(super) SpanContext);

impl Parent {
    /// The span that `traceparent` tells of, with what other tracers say of it in `tracestate`; nothing where the former is
    /// not as the recommendation lays down.
    pub fn read(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let (known, further) = traceparent.split_at_checked(LENGTH)?;
        let fields: Vec<&str> = known.split('-').collect();
        let is_hex = |field: &&str| field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let [version, trace, span, flags] = fields[..] else { return None };
        if !fields.iter().map(|field| field.len()).eq(FIELDS) || !fields.iter().all(is_hex) || version == NO_VERSION {
            return None;
        }
        // Later versions may have more to say.
        let is_whole = further.is_empty() || (version != VERSION && further.starts_with('-'));
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
        let state = tracestate.filter(|state| state.len() <= LONGEST_STATE).and_then(|state| state.parse().ok());
        let state: TraceState = state.unwrap_or_default();
        let context = SpanContext::new(trace, span, flags, true, state);
        (is_whole && context.is_valid()).then_some(Self(context))
    }
}

/// The `traceparent` of who is called from below this span.
pub(super) fn traceparent(span: &SpanContext) -> String {
    let flags = span.trace_flags() & TraceFlags::SAMPLED;
    format!("{VERSION}-{}-{}-{flags:02x}", span.trace_id(), span.span_id())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn what_is_read_is_what_is_written() {
        for flags in ["00", "01"] {
            let written = format!("00-{TRACE}-{SPAN}-{flags}");
            let Parent(span) = Parent::read(&written, Some("vendor=1")).unwrap();
            assert_eq!(traceparent(&span), written);
            assert_eq!(span.trace_state().header(), "vendor=1");
            assert!(span.is_remote());
        }
    }

    #[test]
    fn of_flags_only_the_sampled_one_is_known_and_later_versions_may_say_more() {
        for later in [format!("00-{TRACE}-{SPAN}-ff"), format!("cc-{TRACE}-{SPAN}-03-what.comes")] {
            let Parent(span) = Parent::read(&later, None).unwrap();
            assert_eq!(traceparent(&span), format!("00-{TRACE}-{SPAN}-01"), "{later}");
        }
    }

    #[test]
    fn what_the_recommendation_does_not_allow_is_no_parent() {
        let zeros = ["0".repeat(32), "0".repeat(16)];
        for wrong in [
            String::new(),
            "00".into(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("cc-{TRACE}-{SPAN}-01more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{SPAN}-0x"),
            format!("00-+{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{}-{SPAN}-01", zeros[0]),
            format!("00-{TRACE}-{}-01", zeros[1]),
            format!("00-{SPAN}-{TRACE}-01"),
            format!("00-{}é-{SPAN}-01", &TRACE[2..]),
            format!(" 00-{TRACE}-{SPAN}-01"),
        ] {
            assert_eq!(Parent::read(&wrong, None), None, "{wrong}");
        }
    }

    #[test]
    fn a_state_that_is_none_or_long_costs_the_trace_nothing() {
        for state in ["no state", &"a=b,".repeat(200)] {
            let Parent(span) = Parent::read(&format!("00-{TRACE}-{SPAN}-01"), Some(state)).unwrap();
            assert_eq!(span.trace_state().header(), "");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_read_without_a_panic(
            parent in "[0-9a-f-]{50,60}|\\PC*",
            state in "([a-z@*/]{0,9}=\\PC{0,9},?)*|\\PC*",
        ) {
            // Whatever comes of it, it is no panic.
            let _ = Parent::read(&parent, Some(&state));
            let sound = format!("00-{TRACE}-{SPAN}-01");
            prop_assert!(Parent::read(&sound, Some(&state)).is_some());
        }
    }
}
