//! What becomes of a text that was detected: on the page, in the terminal, as evidence and in reports, whatever is in it.

use std::path::Path;
use std::process::Stdio;

use portcullis::data::Messages;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::page;
use crate::support::gateway::{embedded, portcullis};
use crate::support::python::Browser;
use crate::support::{Call, Gateway, Model, eventually, shared};
use crate::text::{DISGUISED, HAM, SPAM, request};

/// Disguised spam that would break out of a page or turn it around if it were let.
const HOSTILE: &str = "</title><script>window.broken=1</script><img src=x onerror=\"window.broken=1\">' \u{202e}{{ 7*7 }}\u{1b}[31m \
                       Frее еntry tо wіn а cаsh рrіzе! Cаll nоw tо clаіm";

/// The filter under guard, with a store for evidence.
struct Desk {
    folder: TempDir,
    gateway: Gateway,
}

impl Desk {
    async fn new(shared: &Path, evidence: &str, server: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let classes = folder.path().join("classes.txt");
        std::fs::write(&classes, "ham\nspam\n").expect("writable");
        let model = Model::spam(shared)
            .guarded(&format!("policy = \"annotate\"\ntime_budget = \"60s\"\nclasses = {classes:?}"));
        let store = folder.path().join("kept");
        let configuration = format!("{server}\n[evidence]\nstore = {store:?}\n{evidence}\n{}", embedded(&[model]));
        Self { gateway: Gateway::start(&configuration).await, folder }
    }

    /// Sends texts, and the id of their detection once the page has it.
    async fn detect(&self, texts: &[&str]) -> String {
        let answer = self.gateway.call(Call::infer(&request(texts, false))).await;
        assert_ne!(answer.metadata["portcullis-decision"], "clean", "{texts:?}");
        let id = answer.metadata["portcullis-id"].to_str().expect("text").to_owned();
        page::remembers(&self.gateway, &id).await;
        id
    }

    /// Waits until so many detections are kept.
    async fn kept(&self, count: usize) {
        eventually("they are kept", async || {
            let labels = [("sink", "evidence"), ("result", "delivered")];
            let metrics = self.gateway.metrics().await;
            (metrics.sum("portcullis_audit_events_total", &labels) >= count as f64).then_some(())
        })
        .await;
    }

    async fn page(&self, path: &str) -> String {
        let (code, page) = self.gateway.get(path).await;
        assert_eq!(code, 200, "{path}");
        page
    }

    /// What a command says on standard output.
    fn says(&self, arguments: &[&str]) -> String {
        let mut command = portcullis();
        command.args(arguments).args(["--log", "warn", "--config"]).arg(&self.gateway.configuration);
        let output = command.output().expect("the binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }
}

fn page_of(id: &str) -> String {
    format!("/detections/{id}")
}

/// Nothing of a text is markup, obeyed, or turns what is around it.
fn is_harmless(page: &str) {
    for hostile in ["<script>window", "<img src=x", "</title><", "\u{202e}", "\u{1b}"] {
        assert!(!page.contains(hostile), "{hostile:?} is in {page}");
    }
}

#[tokio::test]
async fn disguised_spam_is_seen_through_on_the_page_kept_as_evidence_and_read_back() {
    let Some(shared) = shared() else { return };
    let desk = Desk::new(shared, "", "").await;
    let id = desk.detect(&[HAM, DISGUISED]).await;
    let list = desk.page("/").await;
    assert!(list.contains("class=\"excerpt\"") && list.contains("U+0435, Cyrillic, looks like e"), "{list}");
    let page = desk.page(&page_of(&id)).await;
    for said in [
        "The classifier reads ham",
        "<ins>Fr<mark>ee</mark> <mark>e</mark>ntry t",
        "U+0435 Cyrillic, looks like e, 4 times",
        "invisible+skeleton",
        "Nothing to change for nfkc.",
        "49 characters, as examined",
    ] {
        assert!(page.contains(said), "'{said}' is missing from {page}");
    }
    assert!(!page.contains(HAM), "what is clean is nobody's business");

    desk.kept(1).await;
    let shown: Value = serde_json::from_str(&desk.says(&["evidence", "show", &id, "--json"])).expect("JSON");
    let input = &shown["inputs"][0];
    assert_eq!((&input["item"], &input["format"]), (&json!(1), &json!("txt")));
    assert_eq!(input["copies"][0], json!({ "squeezer": "invisible+skeleton", "text": plain() }));
    assert_eq!(input["copies"][1], json!({ "squeezer": "nfkc", "text": null }));
    let people = desk.says(&["inspect", &id]);
    for said in [
        "text: Frее",
        "е U+0435 (Cyrillic, looks like e), 4 of them",
        "{+Free entry to win a cash prize+}!",
        "nothing to change for nfkc",
    ] {
        assert!(people.contains(said), "'{said}' is missing from {people}");
    }
    let texts = desk.path("texts");
    desk.says(&["evidence", "show", &id, "--out", &texts]);
    assert_eq!(std::fs::read_to_string(Path::new(&texts).join(format!("{id}.1.txt"))).expect("a text"), DISGUISED);

    let captured = desk.path("captured.jsonl");
    desk.says(&["evidence", "export", "--out", &captured]);
    let read = Messages::read(Path::new(&captured), None).expect("messages");
    let read: Vec<_> = read.all().iter().map(|message| (message.text.as_str(), message.label)).collect();
    assert_eq!(read, [(DISGUISED, Some(1))], "what the copies are read as");
    let data = shared.join("data/sms_spam/SMSSpamCollection");
    let benign = ["--data", data.to_str().expect("UTF-8"), "--count", "20"];
    let report = desk.says(&[&["evaluate", "--adversarial", &captured, "--json"], &benign[..]].concat());
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(
        (&report["findings"][0]["attack"], &report["findings"][0]["success"]["flagged"]),
        (&json!("captured"), &json!(1))
    );
}

/// What the disguise hides.
fn plain() -> &'static str {
    "Free entry to win a cash prize! Call now to claim"
}

#[tokio::test]
async fn a_text_is_shown_in_terminals_as_it_comes_and_when_one_asks() {
    let Some(shared) = shared() else { return };
    let desk = Desk::new(shared, "", "").await;
    let mut command = portcullis();
    command.args(["tail", "-n", "1", "--log", "warn", "--admin", &desk.gateway.admin_url()]);
    let tail = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
    eventually("somebody watches", async || {
        let metrics = desk.gateway.metrics().await;
        desk.gateway.call(Call::infer(&request(&[HOSTILE], false))).await;
        (metrics.sum("portcullis_audit_events_total", &[("sink", "watch"), ("result", "delivered")]) > 0.0)
            .then_some(())
    })
    .await;
    let told = tail.wait_with_output().expect("it ends after one").stdout;
    let told = String::from_utf8(told).expect("UTF-8");
    assert_eq!(told.trim_end().lines().count(), 1, "a detection a line: {told}");
    assert!(told.contains("<U+202E>") && told.contains("<U+001B>[31m") && told.contains("Frее"), "{told}");
    let inspected = desk.says(&["inspect", "--text", HOSTILE]);
    assert!(
        inspected.contains("{+Free entry to win a cash prize+}!") && inspected.contains("after invisible+skeleton: "),
        "{inspected}"
    );
    for told in [told, inspected] {
        assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told}");
    }
}

#[tokio::test]
async fn privacy_leaves_out_texts_and_their_copies() {
    let Some(shared) = shared() else { return };
    for contents in ["hashes", "records"] {
        let desk = Desk::new(shared, &format!("contents = \"{contents}\""), "[admin.page]\nenabled = false").await;
        desk.gateway.call(Call::infer(&request(&[DISGUISED], false))).await;
        desk.kept(1).await;
        let mut ahead = vec![desk.folder.path().join("kept")];
        while let Some(path) = ahead.pop() {
            if path.is_dir() {
                ahead.extend(std::fs::read_dir(path).expect("readable").map(|entry| entry.expect("readable").path()));
                continue;
            }
            let record = std::fs::read_to_string(&path).expect("a record");
            assert!(
                !record.contains("prize") && !record.contains("claim") && !record.contains("Frее"),
                "{contents}: {record}"
            );
        }
    }
}

#[tokio::test]
async fn no_text_breaks_out_of_the_page_or_fills_it() {
    let Some(shared) = shared() else { return };
    let desk = Desk::new(shared, "undecided = true", "[server]\nmax_inspected_text = \"256KiB\"").await;
    let (sender, mut live) = page::live(&desk.gateway).await;
    let hostile = desk.detect(&[HOSTILE]).await;
    let page = desk.page(&page_of(&hostile)).await;
    is_harmless(&page);
    for said in
        ["&#60;script&#62;window.broken=1&#60;/script&#62;", "U+202E", "U+001B", "changes the direction of writing"]
    {
        assert!(page.contains(said), "'{said}' is missing from {page}");
    }
    let list = desk.page("/").await;
    is_harmless(&list);
    assert!(list.contains("&#60;script&#62;window.broken"), "{list}");
    let told = page::heard(&mut live, &hostile).await;
    is_harmless(&told);
    assert!(!told.contains("window.broken"), "no text is told: {told}");
    drop(sender);

    // 100 kB, of words that differ and of characters that nobody sees.
    for padding in ["\u{200b}\u{202e}\u{2060}", "<b>о", "a b c d "] {
        let long = format!("{DISGUISED} {}", padding.repeat(100_000 / padding.len()));
        let answer = desk.gateway.call(Call::infer(&request(&[&long], false))).await;
        let Some(id) = answer.metadata.get("portcullis-id") else { continue };
        let id = id.to_str().expect("text").to_owned();
        page::remembers(&desk.gateway, &id).await;
        let page = desk.page(&page_of(&id)).await;
        is_harmless(&page);
        assert!(page.len() < 400_000 && page.contains(" characters …"), "{} bytes for {padding:?}", page.len());
        assert!(desk.page("/").await.len() < 100_000);
    }

    desk.gateway.call(Call::infer(&request(&["free\0entry"], false))).await;
    let unreadable = eventually("it is listed", async || {
        let list = desk.page("/?decision=undecided").await;
        let (_, rest) = list.split_once("href=\"/detections/")?;
        Some(rest.split('"').next().expect("an id").to_owned())
    })
    .await;
    assert!(desk.page(&page_of(&unreadable)).await.contains("There is no text: it could not be read."));
}

#[tokio::test]
async fn a_report_shows_what_was_changed_and_nothing_of_it_is_markup() {
    let Some(shared) = shared() else { return };
    let desk = Desk::new(shared, "", "").await;
    let set = desk.path("oblivious_words.jsonl");
    let made = json!({ "level": "oblivious", "attack": "words", "seed": format!("<script>window.broken=1</script> {SPAM}"),
        "label": 1, "wanted": 0, "text": format!("<script>window.broken=1</script> \u{202e}{HAM}"), "queries": 3 });
    std::fs::write(&set, format!("{made}\n")).expect("writable");
    let (data, out) = (shared.join("data/sms_spam/SMSSpamCollection"), desk.path("report"));
    let data = data.to_str().expect("UTF-8");
    desk.says(&["evaluate", "--data", data, "--count", "20", "--adversarial", &set, "--out", &out]);
    let page = std::fs::read_to_string(Path::new(&out).join("report.html")).expect("a page");
    is_harmless(&page);
    for said in [
        "<strong>spam</strong> read as <strong>ham</strong>",
        "<del>",
        "<ins>",
        "oblivious words",
        "U+202E",
        "&#60;script&#62;",
    ] {
        assert!(page.contains(said), "'{said}' is missing from {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_browser_a_hostile_text_is_read_and_runs_nothing() {
    let Some(shared) = shared() else { return };
    let Some(mut browser) = Browser::start("hostile_text") else { return };
    let desk = Desk::new(shared, "", "").await;
    let mut tell = |order: Value| browser.tell(&order);
    tell(json!({ "do": "open", "url": format!("{}/", desk.gateway.admin_url()) }));
    tell(json!({ "do": "wait", "selector": ".live[data-state=live]" }));
    let id = desk.detect(&[HOSTILE]).await;
    tell(json!({ "do": "wait", "selector": format!("#d-{id} .excerpt") }));
    tell(json!({ "do": "click", "selector": format!("#d-{id} a") }));
    tell(json!({ "do": "wait", "selector": ".readings ins" }));
    for (width, scheme) in [(1280, "light"), (360, "dark")] {
        let url = format!("{}{}", desk.gateway.admin_url(), page_of(&id));
        tell(json!({ "do": "open", "url": url, "width": width, "height": 740, "scheme": scheme }));
        tell(json!({ "do": "wait", "selector": ".readings ins" }));
        let mut see = |expression: &str| tell(json!({ "do": "tell", "expression": expression }));
        assert_eq!(see("typeof window.broken"), "undefined");
        assert_eq!(
            see("document.querySelector('.quote').textContent.includes('<script>window.broken=1</script>')"),
            true
        );
        assert_eq!(see("document.querySelectorAll('main script, main img').length"), 0);
        assert_eq!(see("document.title.includes('script')"), false);
        assert_eq!(see("document.documentElement.scrollWidth <= innerWidth"), true, "too wide at {width}");
    }
}
