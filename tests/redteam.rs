//! A red team attacks the guarded signs at every threat level, says what gets through, and makes nothing twice.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/examples/signs.toml");
/// Signs that nothing was trained or calibrated on.
const SIGNS: &str = "signs:77:120";

struct Team(TempDir);

impl Team {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Exit code, standard output, standard error.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        let settings = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("PORTCULLIS_"));
        settings.for_each(|name| {
            command.env_remove(name);
        });
        let ended = command.args(["--config", CONFIG]).args(arguments).current_dir(self.folder()).output();
        let ended = ended.expect("it starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (ended.status.code(), text(ended.stdout), text(ended.stderr))
    }

    /// The report of a quick run on a few signs.
    fn attack(&self, arguments: &[&str]) -> Value {
        let given = ["redteam", "--quick", "--json", "--data", SIGNS, "--seeds", "4", "--count", "60", "--out", "made"];
        let (code, stdout, stderr) = self.run(&[&given, arguments].concat());
        assert_eq!(code, Some(0), "{stderr}");
        serde_json::from_str(&stdout).expect("JSON and nothing else")
    }

    /// It fails with one line that has all of these words.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], words: &[&str]) {
        let (code, stdout, stderr) = self.run(&[&["redteam", "--seeds", "4"], arguments].concat());
        assert_eq!((code, stdout.as_str(), stderr.lines().count()), (Some(1), "", 1), "{stderr}");
        words.iter().for_each(|word| assert!(stderr.contains(word), "'{word}' is not in {stderr}"));
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder().join("made").join(name)).expect("a file")
    }
}

fn findings(report: &Value) -> &[Value] {
    report["findings"].as_array().expect("findings")
}

fn names(report: &Value) -> BTreeSet<String> {
    let part = |finding: &Value, key: &str| finding[key].as_str().expect("a word").to_owned();
    let name = |finding: &Value| format!("{} {}", part(finding, "level"), part(finding, "attack"));
    findings(report).iter().map(name).collect()
}

#[test]
fn every_level_is_attacked_and_what_gets_through_most_comes_first() {
    let team = Team::new();
    let report = team.attack(&["--attacks", "fgsm,mi_fgsm,square,selective"]);
    let expected = [
        "adaptive selective",
        "black-box square",
        "oblivious fgsm",
        "transfer mi_fgsm from plain",
        "transfer mi_fgsm from robust",
    ];
    assert_eq!(names(&report), expected.map(str::to_owned).into());
    let through = |finding: &Value| finding["joint"][0]["rate"].as_f64().expect("a share");
    assert!(findings(&report).is_sorted_by(|a, b| through(a) >= through(b)));
    for finding in findings(&report) {
        assert!(through(finding) <= finding["success"]["rate"].as_f64().expect("a share"));
        let is_black_box = finding["level"] == "black-box";
        assert_eq!(finding["median_queries"].is_number(), is_black_box, "{finding}");
    }
    assert_eq!(report["benign"], 64);
    assert_eq!(report["not_made"], Value::Array(Vec::new()));

    let page = String::from_utf8(team.read("report.html")).expect("text");
    assert!(page.contains("<svg") && page.contains("data:image/png;base64,") && page.contains("mi_fgsm from robust"));
    assert!(!page.contains("src=\"http") && !page.contains("href="), "the page needs nothing else");
    let kept: Value = serde_json::from_slice(&team.read("report.json")).expect("JSON");
    assert_eq!(kept, report);

    // What was made can be evaluated as any other adversarial set.
    let (code, stdout, stderr) =
        team.run(&["evaluate", "--json", "--data", SIGNS, "--count", "40", "--adversarial", "made"]);
    assert_eq!(code, Some(0), "{stderr}");
    let evaluated: Value = serde_json::from_str(&stdout).expect("JSON");
    let of_fgsm = |report: &Value, name: &str| {
        let finding = findings(report).iter().find(|finding| finding["attack"] == name).expect("FGSM");
        (finding["success"]["flagged"].clone(), finding["joint"][0]["flagged"].clone())
    };
    assert_eq!(of_fgsm(&evaluated, "oblivious_fgsm"), of_fgsm(&report, "fgsm"));
}

#[test]
fn what_was_made_is_not_made_again_and_the_same_seed_makes_the_same() {
    let team = Team::new();
    let attacks = ["--levels", "oblivious", "--attacks", "fgsm,pgd"];
    let first = team.attack(&attacks);
    let (fgsm, pgd) = (team.read("oblivious_fgsm.npz"), team.read("oblivious_pgd.npz"));
    let written =
        |name: &str| std::fs::metadata(team.folder().join("made").join(name)).and_then(|file| file.modified());
    let before = written("oblivious_fgsm.npz").expect("a time");
    // As if it had been interrupted during the second attack.
    std::fs::remove_file(team.folder().join("made/oblivious_pgd.npz")).expect("removed");

    assert_eq!(team.attack(&attacks), first);
    assert_eq!(written("oblivious_fgsm.npz").expect("a time"), before, "it was made again");
    assert!(team.read("oblivious_fgsm.npz") == fgsm && team.read("oblivious_pgd.npz") == pgd);

    team.attack(&[&attacks[..], &["--attack-seed", "2"]].concat());
    assert_ne!(team.read("oblivious_pgd.npz"), pgd);
}

#[test]
fn every_target_repeats_every_attack() {
    let team = Team::new();
    let report = team.attack(&["--attacks", "pgd", "--levels", "oblivious", "--targets", "next,least-likely,stop"]);
    let expected = ["oblivious pgd least-likely", "oblivious pgd next", "oblivious pgd to stop"];
    assert_eq!(names(&report), expected.map(str::to_owned).into());
}

#[test]
fn what_makes_no_sense_is_one_line_that_says_what_would() {
    let team = Team::new();
    let data = ["--data", SIGNS];
    let with = |arguments: &[&'static str]| [&data[..], arguments].concat();
    team.refuses(&with(&["--attacks", "pdg"]), &["there is no attack 'pdg'", "fgsm, bim"]);
    team.refuses(&with(&["--targets", "stopp"]), &["there is no class 'stopp' among the 20", "least-likely"]);
    team.refuses(&with(&["--surrogates", "other"]), &["no model 'other' is configured"]);
    team.refuses(
        &with(&["--levels", "black-box", "--quick", "--gateway", "http://127.0.0.1:9"]),
        &["cannot ask http://127.0.0.1:9"],
    );
    let picture = image::RgbImage::from_pixel(48, 48, image::Rgb([90, 120, 30]));
    std::fs::create_dir(team.folder().join("unlabelled")).expect("a folder");
    for number in 0..3 {
        picture.save(team.folder().join(format!("unlabelled/{number}.png"))).expect("a picture");
    }
    team.refuses(&["--data", "unlabelled"], &["has no labels"]);
}
