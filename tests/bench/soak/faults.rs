//! What goes wrong, one thing after the other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::clients::{Inputs, Tally, request};
use crate::process::{GatewayProcess, UpstreamProcess};
use crate::support::line::{Fault, Line};
use crate::support::wire::Exchange;
use crate::support::{Call, Connection};
use crate::upstream::{NONSENSE, SENSE};

/// How long a fault lasts, and the pause after it.
const LASTING: Duration = Duration::from_millis(1500);
const PAUSE: Duration = Duration::from_millis(1500);
/// Calls that a client of ill will begins.
const ILL_CALLS: usize = 40;
const IDLE_CONNECTIONS: usize = 300;
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// Everything that goes wrong.
const KINDS: [&str; 12] = [
    "the line is dead",
    "the line is frozen",
    "the line is noisy",
    "answers are cut off",
    "connections are cut off",
    "the upstream is killed",
    "the upstream is stopped",
    "the upstream talks nonsense",
    "clients send half of a message",
    "clients hang up",
    "clients take no answers",
    "clients connect, and are silent or noisy",
];

/// How much of a call is sent: half of its message, all of it without its end, or all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    Half,
    Open,
    Whole,
}

/// Brings it about.
pub struct Faults {
    clients: SocketAddr,
    line: Arc<Line>,
    upstream: UpstreamProcess,
    inputs: Arc<Inputs>,
    tally: Tally,
    injected: BTreeMap<&'static str, usize>,
}

impl Faults {
    pub fn new(gateway: &GatewayProcess, line: Arc<Line>, upstream: UpstreamProcess, inputs: Arc<Inputs>) -> Self {
        let (tally, injected) = (Tally::default(), BTreeMap::new());
        Self { clients: gateway.clients, line, upstream, inputs, tally, injected }
    }

    /// One fault after the other until the time has come or it is stopped: how many of each, and the calls that it took.
    /// The upstream goes on after the last.
    pub async fn inject(
        mut self,
        until: Instant,
        stopped: watch::Receiver<bool>,
    ) -> (BTreeMap<&'static str, usize>, Tally, UpstreamProcess) {
        for kind in KINDS.into_iter().cycle() {
            if *stopped.borrow() || Instant::now() + LASTING + PAUSE >= until {
                break;
            }
            self.bring_about(kind).await;
            *self.injected.entry(kind).or_default() += 1;
            self.line.suffer(Fault::None);
            sleep(PAUSE).await;
        }
        (self.injected, self.tally, self.upstream)
    }

    async fn bring_about(&mut self, kind: &str) {
        match kind {
            "the line is dead" => self.suffer(Fault::Dead).await,
            "the line is frozen" => self.suffer(Fault::Frozen).await,
            "the line is noisy" => self.suffer(Fault::Noisy).await,
            "answers are cut off" => self.suffer(Fault::Cut(3000)).await,
            "connections are cut off" => self.suffer(Fault::Cut(10)).await,
            "the upstream is killed" => {
                self.upstream.signal("KILL");
                sleep(LASTING).await;
                self.upstream = UpstreamProcess::start();
                self.line.lead_to(self.upstream.address());
            }
            "the upstream is stopped" => {
                self.upstream.signal("STOP");
                sleep(LASTING).await;
                self.upstream.signal("CONT");
            }
            "the upstream talks nonsense" => {
                self.upstream.order(NONSENSE);
                sleep(LASTING).await;
                self.upstream.order(SENSE);
            }
            "clients send half of a message" => self.begin(Connection::open(self.clients).await, Sent::Half).await,
            "clients hang up" => self.begin(Connection::open(self.clients).await, Sent::Open).await,
            "clients take no answers" => self.begin(Connection::with_window(self.clients, 0).await, Sent::Whole).await,
            _ => self.crowd().await,
        }
    }

    async fn suffer(&self, fault: Fault) {
        self.line.suffer(fault);
        sleep(LASTING).await;
    }

    /// Begins calls of which so much is sent, and hangs up after a while.
    async fn begin(&mut self, connection: Connection, sent: Sent) {
        let mut begun: Vec<Exchange> = Vec::new();
        for number in 0..ILL_CALLS {
            let call = Call::infer(&request(&self.inputs.benign[0], format!("ill-{number}")));
            let mut exchange = connection.begin(call.clone()).await;
            let length = if sent == Sent::Half { call.body.len() / 2 } else { call.body.len() };
            exchange.send(call.body.slice(..length)).await;
            if sent == Sent::Whole {
                exchange.close();
            }
            begun.push(exchange);
        }
        // Once this is answered, what was sent before it has arrived. It takes an answer in its head alone.
        let mut last = connection.begin(Call::new(HEALTH, b"")).await;
        last.send(Call::new(HEALTH, b"").body).await;
        last.close();
        last.answered().await;
        self.tally.sent += ILL_CALLS;
        sleep(LASTING).await;
        for exchange in begun {
            exchange.abandon().await;
        }
    }

    /// Connects without a call: some say nothing, some the wrong thing.
    async fn crowd(&self) {
        let mut connected = Vec::new();
        for number in 0..IDLE_CONNECTIONS {
            let Ok(mut stream) = TcpStream::connect(self.clients).await else { continue };
            if number % 3 == 1 {
                // It may hang up in the middle.
                let _ = stream.write_all(&[0xa5; 1000]).await;
            } else if number % 3 == 2 {
                let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
            }
            connected.push(stream);
        }
        sleep(LASTING).await;
    }
}
