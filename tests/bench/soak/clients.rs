//! Clients in a closed loop, each with a connection of its own, and what they see.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use portcullis::data::{Dataset, Options};
use portcullis::proto::inference::model_infer_request::InferInputTensor;
use portcullis::proto::inference::{ModelInferRequest, ModelInferResponse};
use portcullis::proto::portcullis::v1::inspect_request::Input;
use portcullis::proto::portcullis::v1::inspector_client::InspectorClient;
use portcullis::proto::portcullis::v1::{Decision, InspectRequest, Tensor};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::Code;
use tonic::transport::Endpoint;

use crate::process::GatewayProcess;
use crate::support::{Answer, Call, Connection};

/// Signs that are looked at to find inputs of either kind; each also under noise.
const SIGNS: &str = "signs:6:60";
/// How far from the threshold a score has to be, as a factor.
const MARGIN: f64 = 1.1;
const NOISE: f32 = 0.35;
const SIDE: i64 = 48;

/// Raw contents of inputs whose decisions are known.
pub struct Inputs {
    pub benign: Vec<Vec<u8>>,
    pub suspicious: Vec<Vec<u8>>,
}

impl Inputs {
    /// Signs, and noisy signs, as far as the gateway clearly holds them for clean or suspicious.
    pub async fn told_apart_by(gateway: &GatewayProcess) -> Self {
        let mut inputs = Self { benign: Vec::new(), suspicious: Vec::new() };
        let admin = Endpoint::from_shared(format!("http://{}", gateway.admin)).expect("an address");
        let mut inspector = InspectorClient::new(admin.connect().await.expect("the admin port answers"));
        let signs = Dataset::open(SIGNS, &Options::default()).expect("signs");
        for (index, sample) in signs.samples(true).enumerate() {
            let picture = sample.expect("a sign").picture;
            for noise in [0.0, NOISE] {
                let mut dice = index as u64 + 1;
                let noisy = picture.pixels().iter().map(|pixel| (pixel + noise * toss(&mut dice)).clamp(0.0, 1.0));
                let contents: Vec<u8> = noisy.flat_map(f32::to_le_bytes).collect();
                let shape = vec![1, 3, SIDE, SIDE];
                let tensor = Tensor { datatype: "FP32".into(), shape, contents: contents.clone().into() };
                let request = InspectRequest { model: "signs".into(), input: Some(Input::Tensor(tensor)) };
                let verdict = inspector.inspect(request).await.expect("a verdict").into_inner().items.remove(0);
                match verdict.decision() {
                    Decision::Clean if verdict.score * MARGIN < verdict.threshold => inputs.benign.push(contents),
                    Decision::Suspicious if verdict.score > verdict.threshold * MARGIN => {
                        inputs.suspicious.push(contents);
                    }
                    _ => {}
                }
            }
        }
        assert!(inputs.benign.len() > 5 && inputs.suspicious.len() > 5, "too few inputs of either kind");
        inputs
    }
}

/// From -1 to 1, the same every time.
fn toss(dice: &mut u64) -> f32 {
    *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*dice >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// A request with an id of its own.
pub fn request(contents: &[u8], id: String) -> ModelInferRequest {
    ModelInferRequest {
        model_name: "signs".into(),
        id,
        inputs: vec![InferInputTensor {
            name: "image".into(),
            datatype: "FP32".into(),
            shape: vec![1, 3, SIDE, SIDE],
            ..Default::default()
        }],
        raw_input_contents: vec![contents.to_vec().into()],
        ..Default::default()
    }
}

/// How one call ended.
pub struct Outcome {
    pub is_suspicious: bool,
    pub words: String,
    pub is_wrong_pass: bool,
    pub is_lost: bool,
    pub is_mixed_up: bool,
    pub is_doubled: bool,
}

impl Outcome {
    fn of(is_suspicious: bool, id: &str, answer: Result<Answer, hyper::Error>) -> Self {
        let mut outcome = Self {
            is_suspicious,
            words: "lost".into(),
            is_wrong_pass: false,
            is_lost: answer.is_err(),
            is_mixed_up: false,
            is_doubled: false,
        };
        let Ok(answer) = answer else { return outcome };
        outcome.is_wrong_pass = is_suspicious && !answer.body.is_empty();
        outcome.words = match answer.code() {
            Code::Ok => {
                let response: ModelInferResponse = answer.decode();
                outcome.is_mixed_up = response.id != id;
                outcome.is_doubled = response.model_version != "1";
                "answered".into()
            }
            Code::PermissionDenied if answer.error().contains("suspected") => "refused: suspicious".into(),
            Code::PermissionDenied => "refused: undecided".into(),
            code => format!("failed: {code:?}"),
        };
        outcome
    }

    pub fn is_served(&self) -> bool {
        self.words == "answered"
    }
}

/// What all of them saw.
#[derive(Default)]
pub struct Tally {
    /// Calls that have reached the gateway.
    pub sent: usize,
    /// By whether the input is suspicious, and by what came of it.
    pub outcomes: BTreeMap<(bool, String), usize>,
    pub wrong_passes: usize,
    pub lost: usize,
    pub mixed_up: usize,
    pub doubled: usize,
}

impl Tally {
    pub fn of_one(outcome: &Outcome) -> Self {
        let mut tally = Self::default();
        tally.note(outcome);
        tally
    }

    fn note(&mut self, outcome: &Outcome) {
        self.sent += 1;
        *self.outcomes.entry((outcome.is_suspicious, outcome.words.clone())).or_default() += 1;
        self.wrong_passes += usize::from(outcome.is_wrong_pass);
        self.lost += usize::from(outcome.is_lost);
        self.mixed_up += usize::from(outcome.is_mixed_up);
        self.doubled += usize::from(outcome.is_doubled);
    }

    pub fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.wrong_passes += other.wrong_passes;
        self.lost += other.lost;
        self.mixed_up += other.mixed_up;
        self.doubled += other.doubled;
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
    }
}

/// The clients.
pub struct Clients(JoinSet<Tally>);

impl Clients {
    /// Lets `count` clients send until they are stopped: each benign and suspicious inputs in turn.
    pub fn start(gateway: SocketAddr, inputs: &Arc<Inputs>, count: usize, stopped: &watch::Receiver<bool>) -> Self {
        let client = |number| send_until(gateway, inputs.clone(), number, stopped.clone());
        Self((0..count).map(client).collect())
    }

    /// What they saw, once all have ended.
    pub async fn end(self) -> Tally {
        let mut all = Tally::default();
        for tally in self.0.join_all().await {
            all.add(tally);
        }
        all
    }
}

async fn send_until(gateway: SocketAddr, inputs: Arc<Inputs>, client: usize, stopped: watch::Receiver<bool>) -> Tally {
    let (mut tally, mut connection) = (Tally::default(), Connection::open(gateway).await);
    for number in client.. {
        if *stopped.borrow() {
            break;
        }
        let is_suspicious = number % 2 == 1;
        let kind = if is_suspicious { &inputs.suspicious } else { &inputs.benign };
        let id = format!("{client}-{number}");
        let call = Call::infer(&request(&kind[number / 2 % kind.len()], id.clone()));
        let outcome = Outcome::of(is_suspicious, &id, connection.try_send(call).await);
        if outcome.is_lost {
            connection = Connection::open(gateway).await;
        }
        tally.note(&outcome);
    }
    tally
}

/// One more call, when nothing is wrong any more; the upstream may have to be found again.
pub async fn is_served(gateway: SocketAddr, inputs: &Inputs) -> Outcome {
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let call = Call::infer(&request(&inputs.benign[0], "the-last".into()));
    Outcome::of(false, "the-last", Connection::open(gateway).await.try_send(call).await)
}
