//! The upstream's half of a stream: its answers, and refusals between them.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep_until};
use tonic::Status;
use tonic::body::Body;

use super::{Order, Signature, Word, trailers};
use crate::detect::Decision;
use crate::gateway::guard::answer::parameters;
use crate::gateway::guard::grpc::{header, status_of};
use crate::gateway::message::body::unfolded;
use crate::gateway::message::cutter::Cutter;
use crate::gateway::message::room::{NO_ROOM, Room};
use crate::gateway::message::stream;
use crate::gateway::message::tee::Limits;
use crate::gateway::message::wire;

/// How long a refusal keeps its place behind answers, of which a request may get none.
const PATIENCE: Duration = Duration::from_secs(10);
/// Decisions that wait for their answers, at most; the oldest are forgotten.
const SIGNATURES: usize = 1024;

/// The call to the upstream.
type Call = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// What comes from the upstream.
enum Source {
    Asked(Call),
    Answering(Body),
    /// It has ended, as the client is still to be told: with trailers, an error, or without a word.
    Ended(Option<Result<HeaderMap, Status>>),
}

/// A refusal that waits for its place.
struct Waiting {
    before: usize,
    word: Word,
    until: Instant,
}

/// What the client gets.
pub(super) struct Answers {
    source: Source,
    orders: Receiver<Order>,
    /// Cuts the answers apart, where something may have to be told between them.
    cutter: Option<Cutter>,
    encoding: Option<String>,
    /// Whether the answer began without the upstream, whose metadata the client will never see.
    began_alone: bool,
    answers: VecDeque<Bytes>,
    told: usize,
    waiting: Option<Waiting>,
    signatures: Signatures,
    room: Room,
}

impl Answers {
    /// The answers to `call`, to be changed as `orders` come; with `limits` they are cut apart,
    /// and held one by one as there is `room`.
    pub(super) fn new(call: Call, orders: Receiver<Order>, limits: Option<Limits>, room: Room) -> Self {
        Self {
            source: Source::Asked(call),
            orders,
            cutter: limits.map(|limits| Cutter::new(limits, room.nothing())),
            encoding: None,
            began_alone: false,
            answers: VecDeque::new(),
            told: 0,
            waiting: None,
            signatures: Signatures::default(),
            room,
        }
    }

    /// The response, as soon as the upstream answers or there is something to tell without it.
    pub(super) async fn begin(mut self) -> Response<Body> {
        while self.waiting.is_none()
            && let Source::Asked(call) = &mut self.source
        {
            tokio::select! {
                biased;
                Some(order) = self.orders.recv() => self.take(order),
                response = call => return self.go_on(response),
            }
        }
        self.began_alone = true;
        let mut response = Response::new(self.into_body());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        response
    }

    /// The upstream's response; a failure is over before anything could be told.
    fn go_on(mut self, response: Response<Body>) -> Response<Body> {
        if response.body().is_end_stream() {
            return response;
        }
        let is_grpc = response.status() == StatusCode::OK && status_of(response.headers()).is_none();
        self.cutter = self.cutter.filter(|_| is_grpc);
        self.encoding = header(response.headers(), "grpc-encoding");
        let (parts, body) = response.into_parts();
        self.source = Source::Answering(body);
        Response::from_parts(parts, self.into_body())
    }

    fn into_body(self) -> Body {
        unfolded(self, |mut answers| async move { answers.next().await.map(|frame| (frame, answers)) })
    }

    /// What the client gets next.
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Status>> {
        loop {
            while self.waiting.is_none()
                && let Ok(order) = self.orders.try_recv()
            {
                self.take(order);
            }
            if let Some(frame) = self.tell() {
                return Some(Ok(frame));
            }
            if let Some(answer) = self.answers.pop_front() {
                self.told += 1;
                return Some(Ok(Frame::data(self.signed(answer))));
            }
            if let Source::Ended(end) = &mut self.source {
                return end.take().map(|end| end.map(Frame::trailers));
            }
            let until = self.waiting.as_ref().map(|waiting| waiting.until);
            tokio::select! {
                biased;
                Some(order) = self.orders.recv(), if until.is_none() => self.take(order),
                frame = arrives(&mut self.source) => {
                    if let Some(frame) = self.receive(frame) {
                        return Some(Ok(frame));
                    }
                }
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => self.lose_patience(),
            }
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Sign(signature) => self.signatures.insert(signature),
            Order::Tell { before, word } => {
                self.waiting = Some(Waiting { before, word, until: Instant::now() + PATIENCE });
            }
        }
    }

    /// The refusal that waits, if its place has come. An end waits for the end of the upstream, which gets no more
    /// requests, unless it has got none at all.
    fn tell(&mut self) -> Option<Frame<Bytes>> {
        let has_ended = matches!(self.source, Source::Ended(_)) && self.answers.is_empty();
        let is_due = |waiting: &mut Waiting| match waiting.word {
            Word::Message(_) => has_ended || self.told >= waiting.before,
            Word::End(_) => has_ended || waiting.before == 0,
        };
        match self.waiting.take_if(is_due)?.word {
            Word::Message(message) => Some(Frame::data(message)),
            Word::End(trailers) => {
                self.source = Source::Ended(None);
                self.answers.clear();
                Some(Frame::trailers(trailers))
            }
        }
    }

    /// Takes it that the requests before the refusal that waits get no answers any more.
    fn lose_patience(&mut self) {
        match &mut self.waiting {
            Some(Waiting { before, word: Word::Message(_), .. }) => self.told = self.told.max(*before),
            Some(Waiting { before, .. }) => *before = 0,
            None => {}
        }
    }

    /// Takes in what came from the upstream; what is to pass as it is, is given back.
    fn receive(&mut self, arrived: Arrived) -> Option<Frame<Bytes>> {
        match arrived {
            Arrived::Response(response) => {
                self.encoding = header(response.headers(), "grpc-encoding");
                let failed = status_of(response.headers()).is_some();
                self.source = if failed {
                    Source::Ended(Some(Ok(trailers(response))))
                } else if response.status() == StatusCode::OK {
                    Source::Answering(response.into_body())
                } else {
                    let status = response.status();
                    let status =
                        Status::unavailable(format!("the classifier behind this gateway answered HTTP {status}"));
                    Source::Ended(Some(Ok(trailers(status.into_http()))))
                };
            }
            Arrived::Frame(Some(Ok(frame))) => match (frame.into_data(), &mut self.cutter) {
                (Ok(data), None) => return Some(Frame::data(data)),
                (Ok(data), Some(_)) => self.cut(data),
                (Err(frame), _) => {
                    self.keep_rest();
                    self.source = Source::Ended(frame.into_trailers().ok().map(Ok));
                }
            },
            Arrived::Frame(Some(Err(status))) => self.source = Source::Ended(Some(Err(status))),
            Arrived::Frame(None) => {
                self.keep_rest();
                self.source = Source::Ended(None);
            }
        }
        None
    }

    fn cut(&mut self, mut data: Bytes) {
        let Some(cutter) = &mut self.cutter else { return };
        while !data.is_empty() {
            let failure = match cutter.take(&mut data) {
                Ok(Some(answer)) if answer.cut_off.is_some() => Status::resource_exhausted(NO_ROOM),
                Ok(answer) => {
                    self.answers.extend(answer.map(|answer| answer.bytes));
                    continue;
                }
                Err(status) => status,
            };
            self.source = Source::Ended(Some(Ok(trailers(failure.into_http()))));
            return;
        }
    }

    /// The answer with the decision on its request in its parameters, compressed no more; as it came where there is none.
    /// Whoever was not told how answers are compressed gets them plain.
    fn signed(&self, answer: Bytes) -> Bytes {
        if self.signatures.decisions.is_empty() && !self.began_alone {
            return answer;
        }
        let message = wire::single_message(&answer, self.encoding.as_deref(), usize::MAX, &self.room);
        let Ok(message) = message else { return answer };
        let signed = match self.signatures.of(&message) {
            Some((decision, id)) => Some(stream::append_parameters(&message, &parameters(*decision, id))),
            None => self.began_alone.then_some(message),
        };
        signed.and_then(|message| wire::frame_within(&self.room, &message)).unwrap_or(answer)
    }

    /// An answer that the upstream broke off is the client's to find broken.
    fn keep_rest(&mut self) {
        if let Some(cutter) = self.cutter.as_mut().filter(|cutter| cutter.is_midway()) {
            self.answers.push_back(cutter.rest().bytes);
        }
    }
}

/// A sign of life from the upstream.
enum Arrived {
    Response(Response<Body>),
    Frame(Option<Result<Frame<Bytes>, Status>>),
}

async fn arrives(source: &mut Source) -> Arrived {
    match source {
        Source::Asked(call) => Arrived::Response(call.await),
        Source::Answering(body) => Arrived::Frame(body.frame().await),
        Source::Ended(_) => Arrived::Frame(None),
    }
}

/// The decisions that wait for their answers, by the requests' ids.
#[derive(Default)]
struct Signatures {
    /// `None` for an id that came more than once: whose an answer is can't be told.
    decisions: HashMap<String, Option<(Decision, String)>>,
    order: VecDeque<String>,
}

impl Signatures {
    fn insert(&mut self, Signature { id, decision, reference }: Signature) {
        if let Some(known) = self.decisions.get_mut(&id) {
            *known = None;
            return;
        }
        if self.order.len() == SIGNATURES
            && let Some(oldest) = self.order.pop_front()
        {
            self.decisions.remove(&oldest);
        }
        self.order.push_back(id.clone());
        self.decisions.insert(id, Some((decision, reference)));
    }

    /// The decision on the request that this answer belongs to.
    fn of(&self, message: &[u8]) -> Option<&(Decision, String)> {
        self.decisions.get(&stream::id(message)?)?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_whose_answers_never_come_are_forgotten() {
        let mut signatures = Signatures::default();
        for number in 0..=SIGNATURES {
            let (id, reference) = (number.to_string(), String::new());
            signatures.insert(Signature { id, decision: Decision::Clean, reference });
        }
        assert_eq!((signatures.decisions.len(), signatures.order.len()), (SIGNATURES, SIGNATURES));
        assert!(!signatures.decisions.contains_key("0") && signatures.decisions.contains_key("1"));
    }
}
