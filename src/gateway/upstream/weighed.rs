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
use crate::gateway::message::wire::HEADER;

/// The body, request by request; it ends with an error at one that is larger than `largest` bytes, before or after it is
/// decoded, or for which there is no room.
pub(super) fn weighed(body: Body, largest: usize, room: &Room) -> Body {
    let limits = Limits { message: largest, inspected: largest };
    let scale = Scale { body, cutter: Cutter::new(limits, room.nothing()), data: Bytes::new(), largest };
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
    largest: usize,
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
                        let weight = weight::of_request(&request.bytes[HEADER..]).unwrap_or(0);
                        let is_heavy = weight > self.largest;
                        return Some(if is_heavy { Err(too_large(weight, self.largest)) } else { Ok(request.bytes) });
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
