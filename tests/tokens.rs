//! Texts become the tokens that Hugging Face's own library makes of them, and tokens texts; nothing that is sent breaks that.
#![expect(clippy::unwrap_used, reason = "a test whose case can't be set up fails")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use portcullis::model::{
    Classifier, ContractError, OnnxModel, OutputSpec, Runtime, TokenSpec, Tokenizer, TokenizerError, Workers,
};
use portcullis::tensor::{Datatype, Elements, Item, OutputKind, Tensor, Tokens};
use proptest::prelude::*;

/// Bytes of a text at most.
const MOST: usize = 1 << 16;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/tokens").join(name)
}

/// The filter that takes three tensors, or that takes bytes of any text in two; each text of a fixed length if given.
fn spec(filter: &str, length: Option<usize>) -> TokenSpec {
    let is_bytes = filter == "bytes";
    TokenSpec {
        name: "input_ids".into(),
        datatype: if is_bytes { Datatype::Int32 } else { Datatype::Int64 },
        length,
        mask: Some("attention_mask".into()),
        types: (!is_bytes).then(|| "token_type_ids".into()),
        text: None,
        tokenizer: Tokenizer::load(&file(&format!("{filter}.json")), length, None).unwrap(),
    }
}

static WORDS: LazyLock<TokenSpec> = LazyLock::new(|| spec("wordpiece", None));
static BYTES: LazyLock<TokenSpec> = LazyLock::new(|| spec("bytes", None));

fn classifier(filter: &str, spec: TokenSpec) -> Classifier {
    let runtime = Runtime::load(None).unwrap();
    let model = OnnxModel::load(&runtime, &file(&format!("{filter}.onnx")), 1, 1).unwrap();
    let output = OutputSpec { name: "probabilities".into(), kind: OutputKind::Probabilities, classes: 2 };
    Classifier::new(Arc::new(model), Arc::new(Workers::start(1, 8).unwrap()), spec, output)
}

fn spam(classifier: &Classifier, item: Item) -> f64 {
    classifier.predict_waiting(move || item).wait().unwrap().unwrap().probabilities()[1]
}

#[test]
fn ids_are_those_of_the_library_in_python_whatever_the_language() {
    let golden: HashMap<String, serde_json::Value> =
        serde_json::from_slice(&std::fs::read(file("golden.json")).unwrap()).unwrap();
    let texts = golden["texts"].as_array().unwrap();
    assert!(texts.len() > 60);
    for (filter, spec) in [("wordpiece", &*WORDS), ("bytes", &*BYTES)] {
        for (text, expected) in texts.iter().zip(golden[filter].as_array().unwrap()) {
            let tokens = spec.tokenizer.encode(text.as_str().unwrap()).unwrap();
            let expected: Vec<i64> = expected.as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect();
            // Where the library makes no token of nothing, one of padding stands for it.
            let expected = if expected.is_empty() { vec![0] } else { expected };
            assert_eq!(tokens.ids, expected, "{filter}: {text}");
        }
    }
}

#[test]
fn byte_pairs_spell_every_text_and_words_what_a_model_sees_of_one() {
    let spelt = |spec: &TokenSpec, text: &str| spec.tokenizer.decode(&spec.tokenizer.encode(text).unwrap()).unwrap();
    for text in ["Frее еntry", "fr\u{200b}ee", "Çok özledik 😀", "  two  spaces "] {
        assert_eq!(spelt(&BYTES, text), text);
    }
    assert_eq!(
        spelt(&WORDS, "Grüße, I don't know"),
        "grusse, i don ' t know".replace("grusse", &spelt(&WORDS, "grüße"))
    );
    assert_eq!(spelt(&WORDS, "free еntry"), "free [UNK]", "a word that is unknown is a word");
    assert_eq!(spelt(&WORDS, ""), "", "what stands around a text is none of it");
}

#[test]
fn what_is_marked_as_padding_is_neither_read_nor_spelt() {
    let Tokens { mut ids, mut mask, mut types } = BYTES.tokenizer.encode("see you").unwrap();
    ids.extend(BYTES.tokenizer.encode(" free cash").unwrap().ids);
    mask.resize(ids.len(), 0);
    types.resize(ids.len(), 0);
    let item = BYTES.decode(Tokens { ids, mask, types }, MOST).unwrap();
    assert_eq!(&**item.text().unwrap(), "see you");
    let classifier = classifier("bytes", BYTES.clone());
    let difference = spam(&classifier, item) - spam(&classifier, Item::from("see you".to_owned()));
    assert!(difference.abs() < 1e-6, "{difference}");
}

#[test]
fn texts_of_different_lengths_are_predicted_in_one_batch_as_alone() {
    let texts = ["ok", "Free entry to win a cash prize! Call now to claim", "see you at home tonight"];
    for (filter, spec) in [("wordpiece", &*WORDS), ("bytes", &*BYTES)] {
        let runtime = Runtime::load(None).unwrap();
        let model = Arc::new(OnnxModel::load(&runtime, &file(&format!("{filter}.onnx")), 1, 1).unwrap());
        let workers = Workers::start(1, 8).unwrap();
        let run = |rows: Vec<Tokens>| {
            let inputs = spec.batch(&rows.iter().collect::<Vec<_>>()).unwrap();
            let model = model.clone();
            let outputs =
                workers.submit_waiting(move |worker| model.run(worker, &inputs, &[])).wait().unwrap().unwrap();
            outputs[0].elements.to_f32().unwrap()
        };
        let rows: Vec<Tokens> = texts.iter().map(|text| spec.tokenizer.encode(text).unwrap()).collect();
        let alone: Vec<f32> = rows.iter().flat_map(|row| run(vec![row.clone()])).collect();
        for (together, alone) in run(rows).into_iter().zip(alone) {
            assert!((together - alone).abs() < 1e-6, "{filter}: {together} and {alone}");
        }
    }
}

#[test]
fn a_model_of_a_fixed_length_gets_as_many_tokens_of_every_text() {
    let fixed = spec("wordpiece", Some(8));
    for text in ["", "ok", &"free cash ".repeat(100)] {
        let tokens = fixed.tokenizer.encode(text).unwrap();
        assert_eq!([tokens.ids.len(), tokens.mask.len(), tokens.types.len()], [8; 3]);
    }
    assert_eq!(fixed.tokenizer.encode("ok").unwrap().mask, [1, 1, 1, 0, 0, 0, 0, 0]);
    let refusal = fixed.check(&[1, 9], 1).unwrap_err().to_string();
    assert_eq!(refusal, "input 'input_ids' has 9 tokens of each text, not 8");
}

#[test]
fn tokens_are_predicted_as_they_were_sent_and_not_as_their_text_is_written() {
    let spelt_out = |text: &str| {
        let ids = text.chars().flat_map(|letter| BYTES.tokenizer.encode(&letter.to_string()).unwrap().ids).collect();
        BYTES.decode(Tokens { ids, ..Tokens::default() }, MOST).unwrap()
    };
    let text = "Free entry to win a cash prize! Call now to claim";
    let item = spelt_out(text);
    assert_eq!(&**item.text().unwrap(), text);
    let classifier = classifier("bytes", BYTES.clone());
    let (sent, written) = (spam(&classifier, item), spam(&classifier, Item::from(text.to_owned())));
    assert!(sent < 0.5 && written > 0.9, "letter by letter {sent}, as text {written}");
}

#[test]
fn what_is_sent_is_refused_by_its_shape_its_type_and_its_ids() {
    let refusal = |shape: &[usize]| BYTES.check(shape, 4).unwrap_err().to_string();
    assert!(refusal(&[3]).contains("shape [3], not [N, length]"));
    assert!(refusal(&[1, 1, 1]).contains("not [N, length]"));
    assert!(refusal(&[0, 5]).contains("empty batch") && refusal(&[usize::MAX, 0]).contains("empty batch"));
    assert!(refusal(&[5, 1]).contains("5 texts, more than the 4"));
    assert!(refusal(&[1, usize::MAX]).contains("tokens of each text, more than the 512"));

    let tensor = |name: &str, elements| Tensor::new(name, vec![1, 2], elements).unwrap();
    let ids = tensor("input_ids", Elements::Int32(vec![1, 2]));
    let long = tensor("input_ids", Elements::Int64(vec![1, 2]));
    assert!(matches!(BYTES.rows(&long, None, None), Err(ContractError::Datatype { .. })));
    let mask = Tensor::new("attention_mask", vec![2], Elements::Int32(vec![1, 1])).unwrap();
    assert!(BYTES.rows(&ids, Some(&mask), None).unwrap_err().to_string().contains("'attention_mask' has shape [2]"));

    for id in [-1, 900, i64::MAX, i64::MIN] {
        let error = BYTES.decode(Tokens { ids: vec![id], ..Tokens::default() }, MOST).unwrap_err();
        assert_eq!(error.to_string(), format!("input 'input_ids' holds {id}, which is the id of no token"));
    }
    let nul = BYTES.tokenizer.encode("\0").unwrap();
    assert!(BYTES.decode(nul, MOST).unwrap_err().to_string().contains("NUL"));
    let long = BYTES.tokenizer.encode(&"free ".repeat(40)).unwrap();
    assert!(matches!(BYTES.decode(long, 64), Err(ContractError::TextTooLong { .. })));
}

#[test]
fn files_that_are_no_tokenizer_are_named() {
    let missing = Tokenizer::load(&file("none.json"), None, None).unwrap_err();
    assert!(matches!(missing, TokenizerError::Read { .. }));
    let wrong = Tokenizer::load(&file("golden.json"), None, None).unwrap_err().to_string();
    assert!(wrong.contains("golden.json is not a usable tokenizer"), "{wrong}");
}

#[test]
fn long_runs_of_anything_become_tokens_at_once() {
    for piece in [" ", "a", "'", "\n", "é", "😀", "\u{300}", "1", "ﷺ", "a b"] {
        let text = piece.repeat(MOST / piece.len());
        for spec in [&*WORDS, &*BYTES] {
            assert!(spec.tokenizer.encode(&text).unwrap().ids.len() <= spec.tokenizer.most(), "{piece:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_text_has_tokens_and_these_a_text(text in "\\PC{0,200}|[\\u{0}-\\u{10ffff}]{0,100}") {
        for spec in [&*WORDS, &*BYTES] {
            let tokens = spec.tokenizer.encode(&text).unwrap();
            prop_assert!(!tokens.ids.is_empty() && tokens.ids.len() <= spec.tokenizer.most());
            prop_assert!(tokens.ids.len() == tokens.mask.len() && tokens.ids.len() == tokens.types.len());
            spec.tokenizer.measure(&tokens.ids).unwrap();
            spec.tokenizer.decode(&tokens).unwrap();
        }
        if !text.is_empty() && !text.contains("<|endoftext|>") {
            prop_assert_eq!(BYTES.tokenizer.decode(&BYTES.tokenizer.encode(&text).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn no_ids_break_anything(ids in proptest::collection::vec(prop_oneof![9 => 0_i64..900, 1 => any::<i64>()], 0..64)) {
        for spec in [&*WORDS, &*BYTES] {
            let known = ids.iter().all(|id| spec.tokenizer.measure(&[*id]).is_ok());
            let decoded = spec.decode(Tokens { ids: ids.clone(), ..Tokens::default() }, MOST);
            let is_told = matches!(decoded, Ok(_) | Err(ContractError::Text { .. }));
            prop_assert_eq!(is_told, known);
            if let Ok(item) = decoded {
                let sent = spec.tokens(&item).unwrap();
                prop_assert_eq!(&sent.ids, &ids);
                spec.tokenizer.encode(item.text().unwrap()).unwrap();
            }
        }
    }
}
