//! Tensors that a client leaves in shared memory cross nothing, so that nobody can examine or withhold them.

use portcullis::proto::inference::infer_parameter::ParameterChoice;
use portcullis::proto::inference::model_infer_request::InferRequestedOutputTensor;
use portcullis::proto::inference::{InferParameter, ModelInferRequest};
use tonic::Code;

use crate::support::gateway::in_front_of;
use crate::support::models::digits_response;
use crate::support::wire::{MODEL_INFER, STREAM};
use crate::support::{Answer, Call, Gateway, Model, Upstream, shared};

const SERVICE: &str = "/inference.GRPCInferenceService/";
const REGISTRATIONS: [&str; 2] = ["SystemSharedMemoryRegister", "CudaSharedMemoryRegister"];

async fn guarded(server: &str, policy: &str) -> Option<(Model, Upstream, Gateway)> {
    let digits = Model::digits(shared()?);
    let upstream = Upstream::start(|_| Answer::of(&digits_response([0.0; 10]))).await;
    let model = digits.guarded(&format!("policy = \"{policy}\""));
    let gateway = Gateway::start(&format!("[server]\n{server}\n{}", in_front_of(upstream.address, &[model]))).await;
    Some((digits, upstream, gateway))
}

fn region() -> (String, InferParameter) {
    let name = ParameterChoice::StringParam("a region".into());
    ("shared_memory_region".into(), InferParameter { parameter_choice: Some(name) })
}

/// A request whose picture is in shared memory.
fn hidden_input(digits: &Model) -> ModelInferRequest {
    let mut request = digits.request(&digits.pictures().0[..1]);
    request.raw_input_contents.clear();
    request.inputs[0].parameters.extend([region()]);
    request
}

/// A request whose prediction goes to shared memory.
fn hidden_output(digits: &Model) -> ModelInferRequest {
    let parameters = [region()].into();
    let outputs = vec![InferRequestedOutputTensor { name: "logits".into(), parameters }];
    ModelInferRequest { outputs, ..digits.request(&digits.pictures().0[..1]) }
}

#[tokio::test]
async fn a_policy_that_withholds_lets_nothing_be_hidden_in_shared_memory() {
    for policy in ["block", "restore"] {
        let Some((digits, upstream, gateway)) = guarded("", policy).await else { return };
        for (counted, request) in [(1.0, hidden_input(&digits)), (2.0, hidden_output(&digits))] {
            let answer = gateway.call(Call::infer(&request)).await;
            assert_eq!(answer.code(), Code::InvalidArgument, "{policy}");
            assert!(answer.body.is_empty() && answer.error().contains("(shared_memory)"), "{}", answer.error());
            let labels = [("model", "digits"), ("decision", "undecided"), ("reason", "shared_memory")];
            let metrics = gateway.metrics_after(counted as usize).await;
            assert_eq!(metrics.sum("portcullis_decisions_total", &labels), counted, "{policy}");
        }
        for method in REGISTRATIONS {
            let path = format!("{SERVICE}{method}");
            assert_eq!(gateway.call(Call::new(&path, b"a region")).await.code(), Code::InvalidArgument, "{policy}");
            assert!(upstream.seen(&path).is_empty(), "{policy}: nobody can leave anything there");
        }
        let status = format!("{SERVICE}SystemSharedMemoryStatus");
        assert_eq!(gateway.call(Call::new(&status, b"")).await.code(), Code::Ok, "asking is free");
    }
}

#[tokio::test]
async fn shared_memory_passes_unexamined_where_it_is_allowed_and_under_monitor() {
    for (server, policy) in [("shared_memory = \"pass\"", "block"), ("", "monitor")] {
        let Some((digits, upstream, gateway)) = guarded(server, policy).await else { return };
        for method in REGISTRATIONS {
            let path = format!("{SERVICE}{method}");
            gateway.call(Call::new(&path, b"a region")).await;
            assert_eq!(upstream.seen(&path)[0].body[5..], b"a region"[..], "{policy}");
        }
        let request = Call::infer(&hidden_input(&digits));
        assert_eq!(gateway.call(request.clone()).await.code(), Code::Ok, "{policy}");
        assert_eq!(upstream.seen(MODEL_INFER)[0].body, request.body, "{policy}: as it came");
        let labels = [("decision", "undecided"), ("reason", "shared_memory")];
        assert_eq!(gateway.metrics_after(1).await.sum("portcullis_decisions_total", &labels), 1.0, "{policy}");
        let stream = Call::stream(&[hidden_input(&digits)]);
        gateway.call(stream.clone()).await;
        assert_eq!(upstream.seen(STREAM)[0].body, stream.body, "{policy}: in a stream too");
        assert_eq!(gateway.metrics_after(2).await.sum("portcullis_decisions_total", &labels), 2.0, "{policy}");
    }
}
