//! Cutting a body into gRPC messages while it comes.

use bytes::{Bytes, BytesMut};
use tonic::Status;

use super::room::Held;
use super::tee::{Captured, Frames, Limits};
use super::wire::{HEADER, claimed_length};
use crate::detect::Reason;

/// Collects the message that is under way. Nothing is taken for what it only claims to hold.
pub(crate) struct Cutter {
    limits: Limits,
    held: Held,
    header: BytesMut,
    seen: usize,
    kept: Frames,
    cut_off: Option<Reason>,
}

impl Cutter {
    /// Cuts messages of up to `limits.message` bytes, which take room through `held`. Nothing is kept of those that are
    /// larger than `limits.inspected`, or for which there is no room.
    pub(crate) fn new(limits: Limits, held: Held) -> Self {
        Self { limits, held, header: BytesMut::new(), seen: 0, kept: Frames::default(), cut_off: None }
    }

    /// Takes what belongs to the message under way off the front of `data`; the message with its header, once it is
    /// whole.
    ///
    /// # Errors
    /// When it claims to be larger than may pass. What follows cannot be cut any more.
    pub(crate) fn take(&mut self, data: &mut Bytes) -> Result<Option<Captured>, Status> {
        let missing = (HEADER - self.header.len()).min(data.len());
        self.header.extend_from_slice(&data[..missing]);
        let claimed = claimed_length(&self.header);
        let limit = self.limits.message;
        if let Some(claimed) = claimed.filter(|&claimed| claimed > limit) {
            return Err(Status::resource_exhausted(format!(
                "the message claims {claimed} bytes, more than the {limit} allowed"
            )));
        }
        let missing = claimed.map_or(missing, |claimed| HEADER + claimed - self.seen);
        self.keep(&data.split_to(missing.min(data.len())));
        let is_whole = claimed.is_some_and(|claimed| self.seen == HEADER + claimed);
        Ok(is_whole.then(|| self.rest()))
    }

    fn keep(&mut self, piece: &Bytes) {
        self.seen += piece.len();
        if self.is_too_large() {
            self.cut_off = Some(Reason::TooLarge);
        } else if self.cut_off.is_none() && !self.held.take(piece.len()) {
            self.cut_off = Some(Reason::Overload);
        }
        if self.cut_off.is_some() {
            self.kept = Frames::default();
            self.held.release();
        } else {
            self.kept.push(piece);
        }
    }

    fn is_too_large(&self) -> bool {
        self.seen.max(claimed_length(&self.header).unwrap_or(0)) > self.limits.inspected.saturating_add(HEADER)
    }

    /// Whether a message has begun that is not whole yet.
    pub(crate) fn is_midway(&self) -> bool {
        self.seen > 0
    }

    /// What has come of the message under way. The next one begins.
    pub(crate) fn rest(&mut self) -> Captured {
        (self.seen, self.header) = (0, BytesMut::new());
        let bytes = self.held.handed_over().keep(std::mem::take(&mut self.kept).joined());
        Captured { bytes, cut_off: self.cut_off.take(), ..Captured::default() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gateway::message::room::Room;
    use crate::gateway::message::wire::frame;

    const LIMITS: Limits = Limits { message: 300, inspected: 200 };

    /// Everything that is cut out of a body that comes in these pieces, and what is left at its end.
    fn cut<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(Vec<Captured>, Captured), Status> {
        let mut cutter = Cutter::new(LIMITS, Room::new(1 << 20).nothing());
        let mut messages = Vec::new();
        for piece in pieces {
            let mut piece = Bytes::copy_from_slice(piece);
            while !piece.is_empty() {
                messages.extend(cutter.take(&mut piece)?);
            }
        }
        assert_eq!(cutter.is_midway(), !cutter.header.is_empty());
        Ok((messages, cutter.rest()))
    }

    proptest! {
        #[test]
        fn messages_are_the_same_however_they_come(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..=300), 0..8),
            torn in prop::collection::vec(any::<u8>(), 0..5),
            piece in 1_usize..400,
        ) {
            let frames: Vec<Bytes> = messages.iter().map(|message| frame(message)).collect();
            let body = [frames.concat(), torn.clone()].concat();
            let (captured, rest) = cut(body.chunks(piece)).unwrap();
            prop_assert_eq!(captured.len(), frames.len());
            for (captured, frame) in captured.iter().zip(frames) {
                let is_large = frame.len() > LIMITS.inspected + HEADER;
                prop_assert_eq!(captured.cut_off, is_large.then_some(Reason::TooLarge));
                prop_assert_eq!(&captured.bytes, &if is_large { Bytes::new() } else { frame });
            }
            prop_assert_eq!(rest.bytes, torn);
        }

        #[test]
        fn no_bytes_panic_the_cutter(body in prop::collection::vec(any::<u8>(), 0..400), piece in 1_usize..50) {
            if let Ok((messages, rest)) = cut(body.chunks(piece)) {
                let kept: usize = messages.iter().chain([&rest]).map(|captured| captured.bytes.len()).sum();
                prop_assert!(kept <= body.len());
            }
        }
    }

    #[test]
    fn a_claim_beyond_the_limit_ends_the_cutting_at_its_header() {
        let mut cutter = Cutter::new(LIMITS, Room::new(1 << 20).nothing());
        assert!(cutter.take(&mut Bytes::from_static(&[0, 0, 0])).unwrap().is_none());
        let refused = cutter.take(&mut Bytes::from_static(&[1, 45])).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    }

    #[test]
    fn nothing_is_kept_for_which_there_is_no_room() {
        let room = Room::new(100);
        let mut cutter = Cutter::new(LIMITS, room.nothing());
        let mut body = Bytes::from([frame(&[1; 60]), frame(&[2; 60]), frame(&[3; 30])].concat());
        let mut next = || cutter.take(&mut body).unwrap().unwrap();
        let (first, second, third) = (next(), next(), next());
        assert_eq!(second.cut_off, Some(Reason::Overload));
        assert_eq!((first.bytes.len(), second.bytes.len(), third.bytes.len()), (65, 0, 35));
        drop((first, third));
        assert!(room.nothing().take(100));
    }
}
