//! Writes that leave together. What speaks HTTP/2 here writes frame by frame, of 16 KiB where the server takes no larger
//! ones; each write is a call of the system, and may wake the server for that little.

use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most that is held back, in bytes.
const MOST: usize = 128 << 10;
/// Writes from this size on may have more behind them: a frame of the size that every server takes.
const WHOLE_FRAME: usize = 16 << 10;

/// A stream whose large writes are copied and leave together: when there is enough of them, or when the writer comes to
/// nothing more to write.
pub(super) struct Gathered<S> {
    stream: S,
    held: Vec<u8>,
    /// Bytes of `held` that have left already.
    left: usize,
    /// Whether the last write since the last flush was one that may have more behind it.
    is_continued: bool,
}

impl<S: AsyncWrite + Unpin> Gathered<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, held: Vec::new(), left: 0, is_continued: false }
    }

    /// Writes what is held.
    fn poll_release(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.left < self.held.len() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.held[self.left..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.left += written;
        }
        self.held.clear();
        self.left = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let len = slices.iter().map(|slice| slice.len()).sum();
        if this.held.len() + len > MOST {
            ready!(this.poll_release(context))?;
        }
        this.is_continued = len >= WHOLE_FRAME;
        if this.held.is_empty() && (!this.is_continued || len > MOST) {
            return Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        }
        slices.iter().for_each(|slice| this.held.extend_from_slice(slice));
        Poll::Ready(Ok(len))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The first flush after a large write leaves it to the next one, which comes at once: with more, or without.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if mem::take(&mut this.is_continued) && !this.held.is_empty() {
            context.waker().wake_by_ref();
            return Poll::Ready(Ok(()));
        }
        ready!(this.poll_release(context))?;
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_release(context))?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: Connection> Connection for Gathered<S> {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use futures_util::future::poll_fn;
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Takes so many bytes a write at most, and not every time it is asked.
    #[derive(Default)]
    struct Server {
        at_most: usize,
        is_busy: bool,
        writes: Vec<Vec<u8>>,
    }

    impl Server {
        fn received(&self) -> Vec<u8> {
            self.writes.concat()
        }
    }

    impl AsyncWrite for Server {
        fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.is_busy = !self.is_busy;
            if self.is_busy {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let taken = bytes.len().min(self.at_most);
            self.writes.push(bytes[..taken].to_vec());
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn gathered(at_most: usize) -> Gathered<Server> {
        Gathered::new(Server { at_most, ..Server::default() })
    }

    #[tokio::test]
    async fn frames_that_are_written_one_by_one_leave_together() {
        let mut stream = gathered(usize::MAX);
        let frame = [7; WHOLE_FRAME + 9];
        for _ in 0..7 {
            stream.write_all(&frame).await.unwrap();
            stream.flush().await.unwrap();
        }
        stream.flush().await.unwrap();
        assert_eq!(stream.stream.writes, [[7; 7 * (WHOLE_FRAME + 9)]]);
    }

    #[tokio::test]
    async fn what_is_small_leaves_at_once() {
        let mut stream = gathered(usize::MAX);
        for small in [b"preface", b"headers"] {
            stream.write_all(small).await.unwrap();
        }
        assert_eq!(stream.stream.writes, [b"preface", b"headers"]);
    }

    #[test]
    fn who_flushes_a_whole_frame_is_woken_to_flush_again() {
        struct Woken(AtomicUsize);
        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        let mut stream = gathered(usize::MAX);
        assert!(Pin::new(&mut stream).poll_write(&mut context, &[1; WHOLE_FRAME]).is_ready());
        assert!(Pin::new(&mut stream).poll_flush(&mut context).is_ready());
        assert_eq!((stream.stream.writes.len(), woken.0.load(Ordering::Relaxed)), (0, 1));
        while Pin::new(&mut stream).poll_flush(&mut context).is_pending() {}
        assert_eq!(stream.stream.received(), [1; WHOLE_FRAME]);
    }

    proptest! {
        #[test]
        fn whatever_is_written_arrives_whole_and_in_order(
            writes in prop::collection::vec((1_usize..200_000, any::<bool>()), 1..12),
            at_most in 1_000_usize..300_000,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut stream = gathered(at_most);
            let mut sent = Vec::new();
            runtime.block_on(async {
                for (number, (len, flushed)) in writes.into_iter().enumerate() {
                    let bytes: Vec<u8> = (0..len).map(|at| (at * 31 + number) as u8).collect();
                    stream.write_all(&bytes).await.unwrap();
                    sent.extend(bytes);
                    if flushed {
                        stream.flush().await.unwrap();
                    }
                }
                poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context)).await.unwrap();
            });
            prop_assert!(stream.stream.received() == sent);
        }
    }
}
