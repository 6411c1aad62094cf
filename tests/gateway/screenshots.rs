//! Pictures of the live page for the documentation: `make screenshots` takes them.

use std::path::Path;
use std::time::Duration;

use portcullis::attack::{Attack, Ball, Fgsm, Goal, Pgd, Seed, WhiteBox};
use portcullis::config::Endpoint;
use portcullis::gateway::{Answer, Client};
use portcullis::profile::ModelIdentity;
use portcullis::tensor::Picture;
use serde_json::{Value, json};

use crate::support::python::Browser;
use crate::support::{Call, Gateway, root, shared};
use crate::text::{calibrated_example, request};
use crate::{models, page};

/// One grey level of 8 bits.
const LEVEL: f32 = 1.0 / 255.0;
/// How long there is traffic before pictures are taken, in seconds, and benign requests in each.
const SECONDS: usize = 600;
const BENIGN: usize = 5;
/// Whether the pictures that one sees are there; others are loaded when they come into sight.
const IN_SIGHT_IS_LOADED: &str = "[...document.images].every((image) => image.complete || !image.offsetParent \
    || image.getBoundingClientRect().top > innerHeight)";
/// When attacks come, and what they are.
const ATTACKS: [(std::ops::Range<usize>, usize); 3] = [(120..134, 0), (300..330, 1), (530..565, 1)];

/// The classifier, and signs that fool it: by FGSM, and by PGD.
fn adversarial() -> (ModelIdentity, [Vec<Picture>; 2]) {
    let (lineup, loader) = models::line_up("signs");
    let classifier = lineup.teacher.expect("the classifier's file");
    let white_box = WhiteBox::open(&loader.runtime, &classifier).expect("a classifier with gradients");
    let samples = models::drawn("signs:5:40");
    let truths = models::readings(&classifier, &samples);
    let seeds = samples.into_iter().zip(truths);
    let seeds: Vec<Seed> =
        seeds.map(|(sample, truth)| Seed { picture: sample.picture, goal: Goal::Not(truth) }).collect();
    let ball = Ball::linf(8.0 * LEVEL);
    let fgsm = Fgsm { eps: ball.eps }.run(&white_box, &seeds, &mut || ()).expect("pictures");
    let pgd = Pgd { ball, step: ball.eps / 4.0, steps: 20, starts: 1, seed: 1 };
    (lineup.identity, [fgsm, pgd.run(&white_box, &seeds, &mut || ()).expect("pictures")])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a while; `make screenshots` runs it"]
async fn the_page_by_day_by_night_and_on_a_phone() {
    let mut browser = Browser::start("screenshots").expect("screenshots take a Chromium");
    let (identity, attacks) = tokio::task::spawn_blocking(adversarial).await.expect("signs");
    let benign: Vec<Picture> = models::drawn("signs:4:400").into_iter().map(|sample| sample.picture).collect();
    let gateway = Gateway::of_file(&root().join("deploy/examples/signs.toml"), &[]).await.ready().await;
    let endpoint = Endpoint::parse(&format!("http://{}", gateway.clients), None, root()).expect("an endpoint");
    let client = Client::connect(&endpoint, identity).await.expect("a connection");
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let mut sent = benign.iter().cycle();
    for second in 0..SECONDS {
        ticks.tick().await;
        let attack = ATTACKS.iter().find(|(seconds, _)| seconds.contains(&second)).map(|(_, kind)| &attacks[*kind]);
        let attack = attack.and_then(|pictures| pictures.get(second % pictures.len()));
        // Traffic ebbs and flows.
        let many = BENIGN + (3.0 * (second as f64 / 90.0).sin()).round() as usize;
        for picture in sent.by_ref().take(many).chain(attack) {
            let answer = client.classify(picture.clone()).await.expect("an answer");
            assert!(matches!(answer, Answer::Predicted(_) | Answer::Refused(_)));
        }
    }

    let url = |path: &str| format!("{}{path}", gateway.admin_url());
    let (large, phone) = (large(), json!({ "width": 390, "height": 844, "scale": 2, "touch": true }));
    let list = "/?span=quarter";
    let first = "document.querySelector('#detections a').pathname";
    let mut take = |name: &str, path: &str, scheme: &str, size: &serde_json::Value| {
        open(&mut browser, &url(path), scheme, size);
        browser.tell(&json!({ "do": "until", "expression": IN_SIGHT_IS_LOADED }));
        if path == list {
            browser.tell(&json!({ "do": "wait", "selector": "[data-scores] canvas" }));
        }
        photograph(&mut browser, name);
        if path == list { browser.tell(&json!({ "do": "tell", "expression": first })) } else { json!(path) }
    };
    let detection = take("page", list, "light", &large);
    let detection = detection.as_str().expect("a path");
    take("page-dark", list, "dark", &large);
    take("page-phone", list, "light", &phone);
    take("detection", detection, "light", &large);
    take("detection-dark", detection, "dark", &large);
    take("detection-phone", detection, "dark", &phone);
}

/// Spam in disguise: letters of other scripts, and what nobody sees.
const DISGUISED: &str = "URGENT! Yоur mоbilе numbеr wаs аwаrdеd а £2000 bоnus рrizе. \
                         Ca\u{200b}ll 0906\u{2060}1701461 nоw tо cl\u{200b}аim, frее еntry";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a while; `make screenshots` runs it"]
async fn a_text_that_was_detected_by_day_and_by_night() {
    let shared = shared().expect("the spam filter");
    let mut browser = Browser::start("screenshots_of_texts").expect("screenshots take a Chromium");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let classes = folder.path().join("classes.txt");
    std::fs::write(&classes, "ham\nspam\n").expect("writable");
    let (example, mut settings) = calibrated_example(shared, "screenshots_spam.json");
    settings.push(format!("models.spam.classes={}", classes.display()));
    let gateway = Gateway::of_file(&example, &settings).await.ready().await;
    let answer = gateway.call(Call::infer(&request(&[DISGUISED], false))).await;
    let (_, id) =
        answer.error().rsplit_once("(id ").map(|(_, id)| ((), id.trim_end_matches(')').to_owned())).expect("an id");
    let url = format!("{}/detections/{id}", gateway.admin_url());
    page::remembers(&gateway, &id).await;
    for (name, scheme) in [("text", "light"), ("text-dark", "dark")] {
        open(&mut browser, &url, scheme, &large());
        browser.tell(&json!({ "do": "wait", "selector": ".readings ins" }));
        photograph(&mut browser, name);
    }
}

fn large() -> Value {
    json!({ "width": 1280, "height": 960, "scale": 1.5 })
}

fn open(browser: &mut Browser, url: &str, scheme: &str, size: &Value) {
    let mut order = json!({ "do": "open", "url": url, "scheme": scheme });
    order.as_object_mut().expect("an object").extend(size.as_object().expect("an object").clone());
    browser.tell(&order);
}

fn photograph(browser: &mut Browser, name: &str) {
    let file = root().join("docs/images").join(Path::new(name)).with_extension("png");
    browser.tell(&json!({ "do": "photograph", "path": file }));
}
