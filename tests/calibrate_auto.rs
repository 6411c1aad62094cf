//! Squeezers that are chosen for the signs and for messages: explained, within the budget, and with a profile that belongs to them.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

const TOKENS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/tokens");
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/examples/signs.toml");
/// Signs that nothing was trained or calibrated on.
const SIGNS: &str = "signs:78:300";
/// Of these, 60 choose and 180 calibrate.
const COUNT: &str = "240";

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn profile(&self) -> String {
        self.0.path().join("chosen.json").display().to_string()
    }

    /// Exit code, standard output, standard error.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        self.run_with(CONFIG, arguments)
    }

    /// As [`Desk::run`], with another configuration than that of the signs.
    fn run_with(&self, config: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        let settings = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("PORTCULLIS_"));
        settings.for_each(|name| {
            command.env_remove(name);
        });
        let ended = command.args(["--config", config]).args(arguments).current_dir(self.0.path()).output();
        let ended = ended.expect("it starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (ended.status.code(), text(ended.stdout), text(ended.stderr))
    }

    /// What it says when it chooses within `budget`.
    fn choose(&self, budget: &str, more: &[&str]) -> String {
        let profile = self.profile();
        let given =
            ["calibrate", "--auto", "--budget", budget, "--data", SIGNS, "--count", COUNT, "--out", profile.as_str()];
        let (code, stdout, stderr) = self.run(&[&given, more].concat());
        assert_eq!(code, Some(0), "{stderr}");
        stdout
    }

    fn choose_as_json(&self, budget: &str) -> Value {
        serde_json::from_str(&self.choose(budget, &["--json"])).expect("JSON and nothing else")
    }

    /// A command with the profile that was written and other squeezers than the file's.
    fn with_squeezers(&self, squeezers: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        let profile = format!("models.signs.profile={}", self.profile());
        let squeezers = format!("models.signs.detectors.0.squeezers={squeezers}");
        self.run(&[arguments, &["--set", &profile, "--set", &squeezers]].concat())
    }

    /// It fails with this code and all of these words.
    #[track_caller]
    fn refuses(&self, code: i32, arguments: &[&str], words: &[&str]) {
        let (ended, stdout, stderr) = self.run(&[&["calibrate", "--data", SIGNS], arguments].concat());
        assert_eq!((ended, stdout.as_str()), (Some(code), ""), "{stderr}");
        words.iter().for_each(|word| assert!(stderr.contains(word), "'{word}' is not in {stderr}"));
    }
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|one| one.as_str().expect("a word")).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// Without the times that squeezing took, which no two runs share.
fn untimed(mut summary: Value) -> Value {
    let candidates = summary["auto"]["candidates"].as_array_mut().expect("candidates");
    candidates.iter_mut().for_each(|candidate| candidate["milliseconds"] = Value::Null);
    summary
}

#[test]
fn the_choice_is_explained_and_its_profile_belongs_to_the_line_that_is_printed() {
    let desk = Desk::new();
    let said = desk.choose("2", &[]);
    for words in ["fgsm (", "pgd (", "cw_2 (", "chosen in round 1: adds ", "the chosen ones", "180 benign inputs"] {
        assert!(said.contains(words), "'{words}' is not in {said}");
    }
    let squeezers = said.lines().find_map(|line| line.strip_prefix("squeezers = ")).expect("a line to configure");
    assert!(said.contains("put this line into the configuration"), "two squeezers are not the file's three");

    let (code, _, stderr) = desk.with_squeezers(squeezers, &["config", "check"]);
    assert_eq!(code, Some(0), "{stderr}");
    let (code, _, stderr) = desk.with_squeezers("[\"bit_depth(8)\"]", &["config", "check"]);
    assert_eq!(code, Some(64));
    assert!(stderr.contains("was made for another set of detectors"), "{stderr}");

    // Neither what calibrated nor what chose is measured on.
    let (code, stdout, stderr) = desk.with_squeezers(squeezers, &["evaluate", "--json", "--data", SIGNS]);
    assert_eq!(code, Some(0), "{stderr}");
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(report["benign"], 60);
}

#[test]
fn programs_get_the_whole_choice_and_the_same_one_again() {
    let desk = Desk::new();
    let summary = desk.choose_as_json("2");
    assert_eq!((&summary["benign_inputs"], &summary["left_out"]), (&180.into(), &0.into()));
    let auto = &summary["auto"];
    assert_eq!((&auto["budget"], &auto["benign_inputs"]), (&2.into(), &40.into()));
    assert!(number(&auto["seeds"]) <= 20.0 && number(&auto["seeds"]) >= 10.0, "{auto}");

    let chosen = list(&auto["squeezers"]);
    let candidates = auto["candidates"].as_array().expect("candidates");
    assert!((1..=2).contains(&chosen.len()), "{chosen:?}");
    let in_rounds = candidates.iter().filter(|candidate| candidate["round"].is_number());
    assert!(in_rounds.clone().all(|candidate| chosen.contains(&candidate["squeezer"].as_str().expect("a name"))));
    let gained: f64 = in_rounds.map(|candidate| number(&candidate["gain"])).sum();
    let found = |power: &Value| f64::midpoint(number(&power["mean"]), number(&power["worst"]));
    assert!((found(&auto["chosen_find"]) - gained).abs() < 1e-9, "{auto}");
    assert!(candidates.iter().all(|candidate| found(&candidate["alone"]) <= gained + 1e-9), "the best comes first");

    assert_eq!(untimed(desk.choose_as_json("2")), untimed(summary));
}

#[test]
fn one_more_squeezer_that_is_configured_is_a_candidate_too() {
    let desk = Desk::new();
    let summary = desk
        .choose("1", &["--json", "--set", "models.signs.detectors.0.squeezers=[\"median(5,5)\", \"bit_depth(5)\"]"]);
    let summary: Value = serde_json::from_str(&summary).expect("JSON");
    let names: Vec<&str> = summary["auto"]["candidates"]
        .as_array()
        .expect("candidates")
        .iter()
        .map(|candidate| candidate["squeezer"].as_str().expect("a name"))
        .collect();
    assert_eq!(names.last(), Some(&"median(5,5)"));
    assert_eq!(names.iter().filter(|name| **name == "bit_depth(5)").count(), 1);
}

#[test]
fn what_can_not_be_chosen_for_is_refused() {
    let desk = Desk::new();
    desk.refuses(2, &["--auto", "--budget", "0"], &["--budget"]);
    desk.refuses(2, &["--budget", "2"], &["--auto"]);
    desk.refuses(1, &["--auto", "--count", "100"], &["--auto needs 240 benign pictures", "that is 25"]);
    let detectors = |list: &str| format!("models.signs.detectors=[{list}]");
    let student = detectors("{kind = 'disagreement', student = 'plain'}");
    desk.refuses(1, &["--auto", "--set", &student], &["model 'signs' has no feature_squeezing to choose for"]);
    let squeezing =
        |name: &str| format!("{{kind = 'feature_squeezing', name = '{name}', squeezers = ['median(2,2)']}}");
    let two = detectors(&[squeezing("one"), squeezing("two")].join(", "));
    desk.refuses(1, &["--auto", "--set", &two], &["model 'signs' has several feature_squeezing"]);
    assert!(!desk.0.path().join("chosen.json").exists());
}

/// A filter of messages with its configuration, ham to calibrate on, and other messages that tell the words.
fn filter(desk: &Desk) -> [String; 3] {
    let all = std::fs::read_to_string(format!("{TOKENS}/messages.tsv")).expect("messages");
    let lines: Vec<&str> = all.lines().collect();
    let (known, fresh) = lines.split_at(lines.len() / 4);
    let ham: Vec<&str> = fresh.iter().copied().filter(|line| line.starts_with("ham")).collect();
    let config = format!(
        "[upstream]\nembedded = true\n[[models]]\nname = \"spam\"\npath = \"{TOKENS}/wordpiece.onnx\"\n\
         profile = \"none.json\"\nfpr = 0.05\n[models.input.tokens]\ntokenizer = \"{TOKENS}/wordpiece.json\"\n\
         [[models.detectors]]\nkind = \"feature_squeezing\"\nsqueezers = [\"nfkc\"]\nhidden = 1\n"
    );
    let write = |name: &str, text: String| {
        let path = desk.0.path().join(name);
        std::fs::write(&path, text).expect("writable");
        path.display().to_string()
    };
    [write("spam.toml", config), write("ham.tsv", ham.join("\n")), write("known.tsv", known.join("\n"))]
}

#[test]
fn squeezers_of_text_are_chosen_by_attacks_that_hide_what_is_to_be_found() {
    let desk = Desk::new();
    let [config, ham, known] = &filter(&desk);
    let profile = desk.profile();
    let given = ["calibrate", "--auto", "--data", ham, "--words", known, "--fpr", "0.05", "--out", &profile];
    let choose = |more: &[&str]| {
        let (code, stdout, stderr) = desk.run_with(config, &[&given, more].concat());
        assert_eq!(code, Some(0), "{stderr}");
        stdout
    };
    let said = choose(&[]);
    for words in ["homoglyphs (", "leet (", "ms/message", "chosen in round 1: adds ", "benign messages", "a message\n"]
    {
        assert!(said.contains(words), "'{words}' is not in {said}");
    }
    let squeezers = said.lines().find_map(|line| line.strip_prefix("squeezers = ")).expect("a line to configure");
    let profile = format!("models.spam.profile={profile}");
    let squeezers = format!("models.spam.detectors.0.squeezers={squeezers}");
    let (code, _, stderr) = desk.run_with(config, &["config", "check", "--set", &profile, "--set", &squeezers]);
    assert_eq!(code, Some(0), "{stderr}");

    let summary: Value = serde_json::from_str(&choose(&["--json"])).expect("JSON");
    let auto = &summary["auto"];
    assert!((1..=3).contains(&list(&auto["squeezers"]).len()), "{auto}");
    assert!(number(&auto["seeds"]) >= 10.0 && number(&auto["seeds"]) <= 64.0, "{auto}");
    assert!(number(&auto["chosen_find"]["mean"]) > number(&auto["configured_find"]["mean"]) + 0.2, "{auto}");
    let again: Value = serde_json::from_str(&choose(&["--json"])).expect("JSON");
    assert_eq!(untimed(again), untimed(summary));
}

#[test]
fn texts_are_not_chosen_for_without_messages_to_hide() {
    let desk = Desk::new();
    let [config, ham, _] = &filter(&desk);
    let (code, _, stderr) = desk.run_with(config, &["calibrate", "--auto", "--data", ham, "--words", ham]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("messages as they are labelled: too few to attack"), "{stderr}");
}
