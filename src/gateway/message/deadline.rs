//! Deadlines: with `grpc-timeout` a client says how long it waits for an answer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tonic::Status;
use tonic::body::Body;

const GRPC_TIMEOUT: &str = "grpc-timeout";
/// More digits than these no timeout has.
const DIGITS: usize = 8;
/// Units of a timeout and their length in nanoseconds, from the finest.
const UNITS: [(char, u64); 6] = [
    ('n', 1),
    ('u', 1_000),
    ('m', 1_000_000),
    ('S', 1_000_000_000),
    ('M', 60 * 1_000_000_000),
    ('H', 3600 * 1_000_000_000),
];

/// When a client no longer waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// The deadline of a call that has just arrived; nothing where its client set none, or none that can be read.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let timeout = timeout(headers.get(GRPC_TIMEOUT)?.to_str().ok()?)?;
        Instant::now().checked_add(timeout).map(Self)
    }

    /// Tells whoever is called next how much of the time is left.
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        let left = self.0.saturating_duration_since(Instant::now());
        if let Ok(left) = HeaderValue::from_str(&written(left)) {
            headers.insert(GRPC_TIMEOUT, left);
        }
    }

    /// Waits for the answer, and lets it take no longer than there is time. What is late is dropped, and with it the
    /// call to the upstream and the examination.
    pub(crate) async fn keep(self, answer: impl Future<Output = Response<Body>>) -> Response<Body> {
        match timeout_at(self.0, answer).await {
            Ok(response) => response.map(|body| Body::new(Timed::new(body, self))),
            Err(_) => expired().into_http(),
        }
    }
}

fn expired() -> Status {
    Status::deadline_exceeded("the deadline passed before the answer had")
}

/// The time that a value of `grpc-timeout` stands for.
fn timeout(value: &str) -> Option<Duration> {
    let unit = value.chars().next_back()?;
    let digits = value.strip_suffix(unit)?;
    let is_number = (1..=DIGITS).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    let (_, nanoseconds) = UNITS.into_iter().find(|(name, _)| *name == unit && is_number)?;
    Some(Duration::from_nanos(nanoseconds).saturating_mul(digits.parse().ok()?))
}

/// The timeout as `grpc-timeout` has it, in the finest unit that has room for it. It is never 0, which is no timeout.
fn written(timeout: Duration) -> String {
    let in_unit = |nanoseconds: u64| timeout.as_nanos() / u128::from(nanoseconds);
    let room = 10_u128.pow(DIGITS as u32);
    let fits = UNITS.into_iter().find(|(_, nanoseconds)| in_unit(*nanoseconds) < room);
    let (unit, nanoseconds) = fits.unwrap_or(UNITS[UNITS.len() - 1]);
    format!("{}{unit}", in_unit(nanoseconds).clamp(1, room - 1))
}

/// A body that has until a deadline to end. Then it is dropped, and trailers tell so in its place.
struct Timed {
    inner: Option<Body>,
    expiry: Pin<Box<Sleep>>,
}

impl Timed {
    fn new(inner: Body, deadline: Deadline) -> Self {
        Self { inner: Some(inner), expiry: Box::pin(sleep_until(deadline.0)) }
    }
}

impl http_body::Body for Timed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(context) {
            return Poll::Ready(frame);
        }
        ready!(self.expiry.as_mut().poll(context));
        self.inner = None;
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(expired().add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_up_to_eight_digits_and_a_unit() {
        assert_eq!(timeout("1n"), Some(Duration::from_nanos(1)));
        assert_eq!(timeout("250u"), Some(Duration::from_micros(250)));
        assert_eq!(timeout("99999999m"), Some(Duration::from_millis(99_999_999)));
        assert_eq!(timeout("3S"), Some(Duration::from_secs(3)));
        assert_eq!(timeout("2M"), Some(Duration::from_secs(120)));
        assert_eq!(timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for wrong in ["", "S", "5", "5s", "-5S", "+5S", "5 S", "123456789S", "5é", "0x5S"] {
            assert_eq!(timeout(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_timeout_is_written_as_finely_as_there_is_room() {
        assert_eq!(written(Duration::from_nanos(12_345_678)), "12345678n");
        assert_eq!(written(Duration::from_nanos(4_999_123_456)), "4999123u");
        assert_eq!(written(Duration::from_secs(7200)), "7200000m");
        assert_eq!(written(Duration::from_secs(99_999_999 * 3600)), "99999999H");
        assert_eq!(written(Duration::ZERO), "1n");
        assert_eq!(written(Duration::MAX), "99999999H");
    }

    #[test]
    fn no_deadline_lies_beyond_time() {
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(http::HeaderName::from_static(GRPC_TIMEOUT), HeaderValue::from_static(value))])
        };
        assert!(Deadline::of(&headers("5S")).is_some());
        assert_eq!(Deadline::of(&headers("soon")), None);
        assert_eq!(Deadline::of(&HeaderMap::new()), None);
        // Whatever comes of it, it is no panic.
        let _ = Deadline::of(&headers("99999999H"));
    }
}
