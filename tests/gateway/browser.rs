//! The operators' live page as a person has it: in a browser, by mouse and by keyboard, large and small.

use std::path::Path;

use portcullis::tensor::Picture;
use serde_json::{Value, json};

use crate::support::gateway::embedded;
use crate::support::python::Browser;
use crate::support::{Call, Gateway, Model, shared};

const TOKEN: &str = "the-token-of-the-night-shift";

/// A browser, and a gateway that it looks at.
struct Visit {
    browser: Browser,
    gateway: Gateway,
    model: Model,
    suspicious: Picture,
}

impl Visit {
    /// `None` where there is no browser.
    async fn begin(name: &str, shared: &Path, admin: &str) -> Option<Self> {
        let browser = Browser::start(name)?;
        let model = Model::squeezed_digits(shared);
        let models = [model.guarded("policy = \"annotate\"")];
        let gateway = Gateway::start(&format!("{admin}\n{}", embedded(&models))).await;
        let bare = Gateway::start(&embedded(&models)).await;
        let suspicious = model.examples(&bare).await.suspicious;
        Some(Self { browser, gateway, model, suspicious })
    }

    /// An attack arrives; the id of its detection.
    async fn attack(&self) -> String {
        let request = self.model.request(std::slice::from_ref(&self.suspicious));
        let answer = self.gateway.call(Call::infer(&request)).await;
        answer.metadata["portcullis-id"].to_str().expect("text").to_owned()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.gateway.admin_url())
    }

    fn open(&mut self, path: &str) {
        let url = self.url(path);
        self.browser.tell(&json!({ "do": "open", "url": url }));
    }

    fn tell(&mut self, order: Value) -> Value {
        self.browser.tell(&order)
    }

    fn wait(&mut self, selector: &str) {
        self.tell(json!({ "do": "wait", "selector": selector }));
    }

    fn until(&mut self, expression: &str) {
        self.tell(json!({ "do": "until", "expression": expression }));
    }

    fn press(&mut self, keys: &[&str]) {
        for key in keys {
            self.tell(json!({ "do": "press", "key": key }));
        }
    }

    /// What a script finds on the page.
    fn see(&mut self, expression: &str) -> Value {
        self.tell(json!({ "do": "tell", "expression": expression }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_appears_while_one_looks_and_is_followed_to_its_page_by_keyboard() {
    let Some(shared) = shared() else { return };
    let Some(mut visit) = Visit::begin("live", shared, "").await else { return };
    visit.open("/");
    visit.wait(".live[data-state=live]");
    visit.wait("[data-verdicts] canvas");
    let first = visit.attack().await;
    visit.wait(&format!("#d-{first}"));
    visit.until("document.querySelector('h1').textContent.includes('1 suspicious')");
    let second = visit.attack().await;
    visit.wait(&format!("#d-{second}.new"));

    visit.press(&["j"]);
    assert_eq!(visit.see("document.activeElement.pathname"), format!("/detections/{second}"));
    visit.press(&["j", "j", "k", "j"]);
    assert_eq!(visit.see("document.activeElement.pathname"), format!("/detections/{first}"));
    visit.press(&["Enter"]);
    visit.wait(".copies");
    assert_eq!(visit.see("location.pathname"), format!("/detections/{first}"));
    visit.until("[...document.images].every((image) => image.loading === 'lazy' || image.naturalWidth === 28)");
    visit.press(&["k"]);
    visit.until(&format!("location.pathname === '/detections/{second}'"));
    visit.wait("#older");
    visit.press(&["Escape"]);
    visit.wait("#detections");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_change_what_is_shown_and_the_address_and_go_back_with_the_browser() {
    let Some(shared) = shared() else { return };
    let Some(mut visit) = Visit::begin("filters", shared, "").await else { return };
    visit.attack().await;
    visit.gateway.call(Call::infer(&visit.model.unreadable(&visit.suspicious))).await;
    visit.open("/");
    let listed = "document.querySelectorAll('#detections a').length";
    visit.until(&format!("{listed} === 2"));
    visit.press(&["f", "ArrowDown"]);
    visit.until(&format!("{listed} === 1"));
    assert_eq!(visit.see("new URLSearchParams(location.search).get('decision')"), "suspicious");
    visit.until("document.activeElement.name === 'decision'");
    visit.see("history.back()");
    visit.until(&format!("{listed} === 2"));
    visit.tell(json!({ "do": "select", "selector": "[name=detector]", "value": "feature_squeezing" }));
    visit.until(&format!("{listed} === 1"));
    visit.press(&["Escape", "Escape"]);
    visit.until(&format!("{listed} === 2 && location.search === ''"));
    // A stretch of the past that is marked in a chart holds nothing.
    visit.wait("[data-verdicts] .u-over");
    visit.tell(json!({ "do": "drag", "selector": "[data-verdicts] .u-over", "start": 0.1, "end": 0.4 }));
    visit.until("document.querySelector('.when') && document.querySelector('#none')");
    visit.tell(json!({ "do": "click", "selector": ".when" }));
    visit.until(&format!("{listed} === 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_everything_fits_and_all_changes_show_by_one_button() {
    let Some(shared) = shared() else { return };
    let Some(mut visit) = Visit::begin("phone", shared, "").await else { return };
    let id = visit.attack().await;
    for (path, scheme) in [("/".to_owned(), "light"), (format!("/detections/{id}"), "dark")] {
        let url = visit.url(&path);
        visit.tell(json!({ "do": "open", "url": url, "width": 360, "height": 740, "scheme": scheme, "touch": true }));
        visit.wait("main");
        assert_eq!(visit.see("document.documentElement.scrollWidth <= innerWidth"), true, "{path} is too wide");
        let ground = visit.see("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] > 128");
        assert_eq!(ground, scheme == "light", "{path} in {scheme}");
    }
    visit.tell(json!({ "do": "click", "selector": "[data-changes]" }));
    visit.until("getComputedStyle(document.querySelector('.change')).opacity === '1'");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_token_signs_in_and_arrives_where_the_link_led() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, TOKEN).expect("writable");
    let admin = format!("[admin]\ntoken_file = {tokens:?}");
    let Some(mut visit) = Visit::begin("tokens", shared, &admin).await else { return };
    let path = format!("/detections/{}", visit.attack().await);
    let url = visit.url(&path);
    // That the page is refused is an error on the console, rightly.
    visit.browser.tell_refused(&json!({ "do": "open", "url": url }));
    visit.browser.tell_refused(&json!({ "do": "type", "text": TOKEN }));
    visit.browser.tell_refused(&json!({ "do": "press", "key": "Enter" }));
    visit.browser.tell_refused(&json!({ "do": "wait", "selector": ".copies" }));
    let seen =
        visit.browser.tell_refused(&json!({ "do": "tell", "expression": "[location.pathname, document.cookie]" }));
    assert_eq!(seen, json!([path, ""]), "and no script sees the cookie");
}
