//! A student of text answers in ONNX Runtime as it did when it was fitted, whatever the message.
#![expect(clippy::unwrap_used, reason = "a test whose case can't be set up fails")]

use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use portcullis::data::{Messages, split};
use portcullis::model::{OnnxModel, Runtime, Workers};
use portcullis::ngram::{Example, Plan, Student, TextContract, fit};
use portcullis::tensor::{Elements, OutputKind, Tensor};

const MESSAGES: [(&str, f64); 6] = [
    ("WIN a free prize now, call 0800", 0.95),
    ("Free cash for you, claim your prize", 0.9),
    ("çok güzel bir gün 🌟, see you at home", 0.05),
    ("see you later, I am on my way home", 0.02),
    ("नमस्ते, call me when you are home", 0.1),
    ("win win win", 0.8),
];

static STUDENT: LazyLock<Student> = LazyLock::new(|| {
    let examples = MESSAGES
        .iter()
        .cycle()
        .take(60)
        .enumerate()
        .map(|(index, (text, spam))| Example { text: format!("{text} {index}"), target: vec![1.0 - spam, *spam] });
    fit(&examples.collect::<Vec<_>>(), &Plan::default()).unwrap()
});

fn contract(has_column: bool, kind: OutputKind) -> TextContract {
    TextContract { input: "text".to_owned(), has_column, output: "answer".to_owned(), kind }
}

/// What ONNX Runtime answers on each message, asked all at once.
fn answers(contract: &TextContract, messages: &[&str]) -> Vec<Vec<f32>> {
    run(
        &STUDENT.export(contract, &[("portcullis", "student")]).unwrap(),
        contract.has_column,
        &contract.output,
        messages,
    )
}

fn run(model: &[u8], has_column: bool, output: &str, messages: &[&str]) -> Vec<Vec<f32>> {
    let runtime = Runtime::load(None).unwrap();
    let model = OnnxModel::from_bytes(&runtime, Path::new("text.onnx"), model, 1, 1).unwrap();
    let shape = [messages.len()].into_iter().chain(has_column.then_some(1)).collect();
    let strings = messages.iter().map(|message| Bytes::copy_from_slice(message.as_bytes())).collect();
    let inputs = [Tensor::new("text", shape, Elements::Bytes(strings)).unwrap()];
    let workers = Workers::start(1, 1).unwrap();
    let wanted = [output.to_owned()];
    let outputs = workers.submit_waiting(move |worker| model.run(worker, &inputs, &wanted)).wait().unwrap().unwrap();
    let Elements::Fp32(numbers) = &outputs[0].elements else { panic!("{outputs:?}") };
    assert_eq!(outputs[0].shape, [messages.len(), 2]);
    numbers.chunks(2).map(<[f32]>::to_vec).collect()
}

fn assert_same(message: &str, answer: &[f32]) {
    let expected = STUDENT.predict(message);
    let is_close = answer.iter().zip(&expected).all(|(one, other)| (f64::from(*one) - other).abs() < 1e-5);
    assert!(is_close, "{message:?}: {answer:?} instead of {expected:?}");
}

#[test]
fn the_file_answers_as_the_student_alone_and_in_a_batch() {
    let long = "win a prize ".repeat(500);
    let messages = ["", " ", "Win", "WIN a Prize", "çok güzel 🌟👩\u{200d}👩", "नमस्ते", "#\n\t", "xyzzy", &long];
    for has_column in [true, false] {
        let contract = contract(has_column, OutputKind::Probabilities);
        for (message, answer) in messages.iter().zip(answers(&contract, &messages)) {
            assert_same(message, &answer);
            assert_same(message, &answers(&contract, &[message])[0]);
        }
    }
}

#[test]
fn logits_are_written_where_the_teacher_answers_them() {
    for answer in answers(&contract(true, OutputKind::Logits), &["win a prize", "see you"]) {
        let largest = answer[0].max(answer[1]);
        let sum: f32 = answer.iter().map(|logit| (logit - largest).exp()).sum();
        assert!(sum > 1.0 && (answer[0] + answer[1]).abs() < 10.0);
        assert_ne!(answer[0] + answer[1], 1.0, "no probabilities");
    }
}

#[test]
fn the_same_student_is_the_same_file() {
    let contract = contract(true, OutputKind::Probabilities);
    assert_eq!(STUDENT.export(&contract, &[]).unwrap(), STUDENT.export(&contract, &[]).unwrap());
}

#[test]
fn a_student_agrees_with_the_spam_filter_on_messages_that_it_has_not_seen() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let Ok(teacher) = std::fs::read(shared.join("models/sms_spam.onnx")) else {
        println!("skipped: ../shared is missing");
        return;
    };
    let messages = Messages::read(&shared.join("data/sms_spam/SMSSpamCollection"), None).unwrap();
    let texts: Vec<&str> = messages.all().iter().map(|message| message.text.as_str()).collect();
    let answers = run(&teacher, true, "probabilities", &texts);
    let example = |&index: &usize| Example {
        text: texts[index].to_owned(),
        target: answers[index].iter().map(|&probability| probability.into()).collect(),
    };
    let parts = split(texts.len(), 7, &[1_500, 3_000]).unwrap();
    let student = fit(&parts[0].iter().map(example).collect::<Vec<_>>(), &Plan::default()).unwrap();
    let agrees = |&&index: &&usize| (student.predict(texts[index])[1] > 0.5) == (answers[index][1] > 0.5);
    let agreed = parts[1].iter().filter(agrees).count();
    println!("{agreed} of {} messages are read alike", parts[1].len());
    assert!(agreed * 100 >= parts[1].len() * 96, "{agreed} of {}", parts[1].len());
}
