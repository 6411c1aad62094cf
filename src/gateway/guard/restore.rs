//! The upstream's answer with other predictions where its own are not to be believed.

use crate::detect::Decision;
use crate::gateway::examine::Examined;
use crate::gateway::examine::guarded::GuardedModel;
use crate::gateway::message::outputs::{output_tensor, raw_contents};
use crate::gateway::message::view;
use crate::model::{Distribution, OutputSpec};
use crate::proto::inference::ModelInferResponse;
use crate::proto::inference::model_infer_response::InferOutputTensor;
use crate::tensor::{Elements, Tensor};

/// What is to stand in the place of each item's prediction; `None` for an item that is clean. Nothing where an item
/// could not be examined or nobody else has predicted it.
pub(crate) fn substitutes(model: &GuardedModel, examined: &[Examined]) -> Option<Vec<Option<Distribution>>> {
    let substitute = |item: &Examined| {
        let (verdict, observation) = item.outcome.as_ref().ok()?;
        let is_suspicious = verdict.decision == Decision::Suspicious;
        if is_suspicious { model.panel.consensus(observation).map(Some) } else { Some(None) }
    };
    examined.iter().map(substitute).collect()
}

/// The answer with `substitutes` put in. Nothing where it holds more than the guarded output, which would still tell what
/// the classifier was made to see, or holds it other than as numbers, one a class.
pub(crate) fn restored(
    mut response: ModelInferResponse,
    spec: &OutputSpec,
    substitutes: &[Option<Distribution>],
) -> Option<ModelInferResponse> {
    let is_alone = response.outputs.len() == 1 && response.outputs[0].name == spec.name;
    let Tensor { name, shape, elements } = is_alone.then(|| view::output_tensor(&response, 0).ok())??;
    let mut values = elements.to_f32().filter(|values| values.len() == spec.classes * substitutes.len())?;
    for (prediction, substitute) in values.chunks_exact_mut(spec.classes).zip(substitutes) {
        if let Some(substitute) = substitute {
            prediction.copy_from_slice(&spec.encode(substitute));
        }
    }
    let output = Tensor { name, shape, elements: Elements::from_f32(elements.datatype(), values).ok()? };
    let raw = !response.raw_output_contents.is_empty();
    response.raw_output_contents = raw_contents(std::slice::from_ref(&output), raw);
    let parameters = std::mem::take(&mut response.outputs[0].parameters);
    response.outputs = vec![InferOutputTensor { parameters, ..output_tensor(output, raw) }];
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::OutputKind;

    fn response(outputs: &[(&str, [f32; 4])]) -> ModelInferResponse {
        let tensors: Vec<Tensor> = outputs
            .iter()
            .map(|(name, values)| Tensor::new(*name, vec![2, 2], Elements::Fp32(values.to_vec())).unwrap())
            .collect();
        ModelInferResponse {
            raw_output_contents: raw_contents(&tensors, true),
            outputs: tensors.into_iter().map(|tensor| output_tensor(tensor, true)).collect(),
            ..ModelInferResponse::default()
        }
    }

    fn spec(kind: OutputKind) -> OutputSpec {
        OutputSpec { name: "answer".into(), kind, classes: 2 }
    }

    #[test]
    fn only_the_suspicious_item_is_answered_otherwise() {
        let substitute = Distribution::from_probabilities(&[0.25, 0.75]).unwrap();
        for kind in [OutputKind::Logits, OutputKind::Probabilities] {
            let (answer, spec) = (response(&[("answer", [0.9, 0.1, 0.8, 0.2])]), spec(kind));
            let before = view::predictions_of(&answer, &spec, 2).unwrap();
            let restored = restored(answer, &spec, &[None, Some(substitute.clone())]).unwrap();
            let after = view::predictions_of(&restored, &spec, 2).unwrap();
            assert_eq!(after[0], before[0]);
            let told = after[1].as_ref().unwrap().probabilities();
            assert!(told.iter().zip(substitute.probabilities()).all(|(told, p)| (told - p).abs() < 1e-6), "{told:?}");
        }
    }

    #[test]
    fn an_answer_that_tells_more_cannot_be_restored() {
        let values = [0.9, 0.1, 0.8, 0.2];
        let substitutes = [None, Distribution::from_probabilities(&[0.5, 0.5]).ok()];
        let of = |message| restored(message, &spec(OutputKind::Probabilities), &substitutes);
        assert_eq!(of(response(&[("answer", values), ("features", values)])), None);
        assert_eq!(of(response(&[("another", values)])), None);
    }
}
