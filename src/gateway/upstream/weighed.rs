//! Streams of requests, none of which takes more than it may once it is decoded.

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use tonic::Status;
use tonic::body::Body;

use super::embedded::too_large;
use crate::gateway::message::body::unfolded;
use crate::gateway::message::cutter::Cutter;
use crate::gateway::message::room::{NO_ROOM, Room};
use crate::gateway::message::tee::Limits;
use crate::gateway::message::weight;
use crate::gateway::message::wire::{WireError, single_message};

/// What this message of an inference request, compressed as `encoding` says, takes beside itself once it is decoded, in
/// bytes. What cannot be read is left to whoever decodes it.
///
/// # Errors
/// When that is more than `largest`, or there is no room to look.
pub(super) fn weight(message: &Bytes, encoding: Option<&str>, largest: usize, room: &Room) -> Result<usize, Status> {
    let plain = match single_message(message, encoding, largest, room) {
        Ok(plain) => plain,
        Err(WireError::NoRoom(_)) => return Err(Status::resource_exhausted(NO_ROOM)),
        Err(_) => return Ok(0),
    };
    let weight = weight::of_request(&plain).unwrap_or(0);
    if weight > largest { Err(too_large(weight, largest)) } else { Ok(weight) }
}

/// The body, request by request; it ends with an error at one that is larger than `largest` bytes, before or after it is
/// decoded, or for which there is no room.
pub(super) fn weighed(body: Body, encoding: Option<String>, largest: usize, room: &Room) -> Body {
    let limits = Limits { message: largest, inspected: largest };
    let cutter = Cutter::new(limits, room.nothing());
    let scale = Scale { body, cutter, data: Bytes::new(), encoding, largest, room: room.clone() };
    unfolded(Some(scale), |scale| async move {
        let mut scale = scale?;
        match scale.next().await? {
            Ok(request) => Some((Ok(Frame::data(request)), Some(scale))),
            Err(status) => Some((Err(status), None)),
        }
    })
}

struct Scale {
    body: Body,
    cutter: Cutter,
    data: Bytes,
    encoding: Option<String>,
    largest: usize,
    room: Room,
}

impl Scale {
    async fn next(&mut self) -> Option<Result<Bytes, Status>> {
        loop {
            while !self.data.is_empty() {
                match self.cutter.take(&mut self.data) {
                    Ok(None) => {}
                    Ok(Some(request)) if request.cut_off.is_some() => {
                        return Some(Err(Status::resource_exhausted(NO_ROOM)));
                    }
                    Ok(Some(request)) => {
                        let weight = weight(&request.bytes, self.encoding.as_deref(), self.largest, &self.room);
                        return Some(weight.map(|_| request.bytes));
                    }
                    Err(status) => return Some(Err(status)),
                }
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.data = frame.into_data().unwrap_or_default(),
                Some(Err(status)) => return Some(Err(status)),
                // Whoever decodes it will see that it is not whole.
                None => return self.cutter.is_midway().then(|| Ok(self.cutter.rest().bytes)),
            }
        }
    }
}
