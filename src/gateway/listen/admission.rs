//! How many connections and calls there may be, and how much of what is not read yet each connection may send ahead.

use std::io::{self, Cursor};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, join, split};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::telemetry::OpenConnection;

/// Flow-control windows are counted in these, in bytes.
const UNIT: usize = 1 << 10;
/// The smallest window that HTTP/2 knows, and one large enough for many whole pictures; in units.
const SMALLEST: usize = 64;
const LARGEST: usize = 16 << 10;
/// A new connection gets the share of what windows may take that it would have if all connections before it, and these few,
/// had as much: the first get enough for several pictures, and what is left lasts for two thousand.
const FEW: usize = 15;
/// Those shares add up to the logarithm of their number, which is shared out in turn.
const SHARES: usize = 5;
/// Streams that fill their windows before the connection's is full: who does not read one answer still reads others.
const STREAMS: usize = 4;
/// The first words of the shortest request: by then it is none that only keeps a connection.
const GREETING: usize = b"GET / HTTP/1.1\r\n".len();

/// Admits clients and their calls. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Admission {
    connections: Arc<Semaphore>,
    most_connections: usize,
    windows: Arc<Semaphore>,
    all_windows: usize,
    calls: Arc<Semaphore>,
}

/// A connection's place, given back when it is dropped.
pub(crate) struct Place {
    window: usize,
    _granted: [Option<OwnedSemaphorePermit>; 2],
    _open: OpenConnection,
}

impl Admission {
    /// Room for so many connections and calls, whose flow-control windows take up to `bytes`, and a little more for each
    /// connection.
    pub(crate) fn new(connections: usize, calls: usize, bytes: usize) -> Self {
        let of = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        let (connections, windows) = (of(connections), of(bytes / UNIT));
        let (most_connections, all_windows) = (connections.available_permits(), windows.available_permits());
        Self { connections, most_connections, windows, all_windows, calls: of(calls) }
    }

    /// A place for one more connection, if there is one. The first get large windows; the more there are, the smaller.
    pub(crate) fn connection(&self) -> Option<Place> {
        let connection = self.connections.clone().try_acquire_owned().ok()?;
        let open = self.most_connections.saturating_sub(self.connections.available_permits());
        let share = self.all_windows / (SHARES * (open + FEW));
        let window = share.min(self.windows.available_permits()).clamp(SMALLEST, LARGEST);
        let granted =
            u32::try_from(window).ok().and_then(|units| self.windows.clone().try_acquire_many_owned(units).ok());
        Some(Place { window: window * UNIT, _granted: [Some(connection), granted], _open: OpenConnection::begin() })
    }

    /// A place for one more call, if there is one.
    pub(crate) fn call(&self) -> Option<OwnedSemaphorePermit> {
        self.calls.clone().try_acquire_owned().ok()
    }
}

impl Place {
    /// What the client may send ahead on the whole connection, in bytes.
    pub(crate) fn connection_window(&self) -> u32 {
        u32::try_from(self.window).unwrap_or(u32::MAX)
    }

    /// What it may send ahead on one stream, in bytes.
    pub(crate) fn stream_window(&self) -> u32 {
        u32::try_from(self.window / STREAMS).unwrap_or(u32::MAX)
    }
}

/// The stream of a client that has begun to speak.
///
/// # Errors
/// When it hangs up, or has said nothing when its `patience` ends.
pub(crate) async fn greeted<S>(
    stream: S,
    patience: Duration,
) -> io::Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut reading, writing) = split(stream);
    let mut greeting = [0; GREETING];
    timeout(patience, reading.read_exact(&mut greeting)).await??;
    Ok(join(Cursor::new(greeting).chain(reading), writing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_shrink_with_the_number_of_connections_and_are_bounded() {
        let bytes = 1 << 30;
        let admission = Admission::new(2000, 1, bytes);
        let places: Vec<Place> = std::iter::from_fn(|| admission.connection()).collect();
        assert_eq!(places.len(), 2000);
        assert_eq!((places[0].connection_window(), places[0].stream_window()), (13107 << 10, 13107 << 8));
        assert_eq!(places[999].connection_window(), 206 << 10);
        assert_eq!(places[1999].connection_window(), 104 << 10);
        let all: usize = places.iter().map(|place| place.window).sum();
        assert!(all <= bytes + 2000 * SMALLEST * UNIT, "{all}");
        drop(places);
        assert_eq!(admission.connection().map(|place| place.connection_window()), Some(13107 << 10));
    }

    #[tokio::test]
    async fn who_says_nothing_is_sent_away_and_who_speaks_is_heard_from_the_beginning() {
        let (mut client, server) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut client, b"PRI * HTTP/2.0\r\n\r\nSM").await.unwrap();
        let mut heard = [0; 20];
        greeted(server, Duration::MAX).await.unwrap().read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"PRI * HTTP/2.0\r\n\r\nSM");
        let (_silent, server) = tokio::io::duplex(64);
        assert_eq!(
            greeted(server, Duration::from_millis(1)).await.err().map(|error| error.kind()),
            Some(io::ErrorKind::TimedOut)
        );
    }
}
