//! The configuration: one example that documents every key, mistakes that are told all at once, overrides, units.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use portcullis::config::{
    Config, ConfigError, DetectorKind, Device, Endpoint, Input, Located, Location, Mistake, Policy, Storage, Target,
    Upstream,
};
use portcullis::model::{Port, Signature, resolve_input, resolve_output};
use portcullis::tensor::{Colour, Datatype, Filter, Fit, Kind, Layout, OutputKind, Preparation};
use tempfile::TempDir;

const EXAMPLE: &str = include_str!("../deploy/examples/portcullis.toml");

/// A configuration without one key too many.
const SMALLEST: &str = r#"
[upstream]
embedded = true

[[models]]
name = "signs"
path = "models/signs.onnx"
profile = "signs.json"

[[models.detectors]]
kind = "feature_squeezing"
squeezers = ["bit_depth(5)"]
"#;

/// A folder with the files that the configurations here name.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("models")).expect("writable");
    for name in ["signs.onnx", "signs-student.onnx", "signs-sentinel.onnx"] {
        std::fs::write(folder.path().join("models").join(name), "").expect("writable");
    }
    folder
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The configuration under variables and flags.
fn parse_with(text: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, Vec<Mistake>> {
    Config::parse(text, folder().path(), pairs(variables), &pairs(flags))
}

fn parse(text: &str) -> Result<Config, Vec<Mistake>> {
    parse_with(text, &[], &[])
}

/// What `key = value` adds to the smallest configuration; `key` may name a section.
fn setting(key: &str, value: &str) -> Result<Config, String> {
    parse_with(SMALLEST, &[], &[(key, value)]).map_err(|mistakes| mistakes[0].message.clone())
}

/// The mistakes as they are printed, below the line that counts them.
fn printed(mistakes: Vec<Mistake>) -> Vec<String> {
    let text = ConfigError::mistakes(Some(Path::new("portcullis.toml")), mistakes).to_string();
    text.lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

/// A line of the example, without its `#`, and whether it states a default; `None` where it is no `key = value`.
fn key_line(line: &str) -> Option<(&str, bool)> {
    let default = line.strip_prefix('#').filter(|rest| !rest.starts_with(' '));
    let text = default.or_else(|| line.strip_prefix("# ")).unwrap_or(line);
    let (key, _) = text.split_once(" = ")?;
    let is_key = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_key.then_some((text, default.is_some()))
}

/// The sections of the example, as their headings name them, with the keys of each; commented ones count.
fn documented() -> BTreeSet<(String, String)> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    // The introduction explains the notation.
    for line in EXAMPLE.lines().skip_while(|line| !line.starts_with('[')) {
        let heading = line.strip_prefix("# ").unwrap_or(line);
        if heading.starts_with('[') && heading.ends_with(']') {
            section = heading.trim_matches(['[', ']']).to_owned();
        } else if let Some((text, _)) = key_line(line) {
            let key = text.split(' ').next().unwrap_or_default();
            keys.insert((section.clone(), key.to_owned()));
        }
    }
    keys
}

/// The keys that the reader knows in a section: it names them to whoever types another.
fn known(section: &str) -> BTreeSet<String> {
    let unknown = format!("{section}.zzzz");
    let mistakes = parse_with(EXAMPLE, &[], &[(&unknown, "1")]).expect_err("nobody knows zzzz");
    let mut known = mistakes.iter().filter_map(|mistake| mistake.message.split_once("known here: "));
    let (_, names) = known.next().expect("a list of what is known");
    names.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_annotated_example_documents_exactly_the_keys_that_the_reader_knows() {
    let sections = [
        ("server", "server"),
        ("admin", "admin"),
        ("admin.page", "admin.page"),
        ("upstream", "upstream"),
        ("server.tls", "server.tls"),
        ("admin.tls", "admin.tls"),
        ("upstream.tls", "upstream.tls"),
        ("workers", "workers"),
        ("evidence", "evidence"),
        ("audit", "audit"),
        ("audit.file", "audit.file"),
        ("audit.http", "audit.http"),
        ("audit.http.tls", "audit.http.tls"),
        ("tracing", "tracing"),
        ("tracing.tls", "tracing.tls"),
        ("models.0", "models"),
        ("models.0.input", "models.input"),
        ("models.0.input.encoded", "models.input.encoded"),
        ("models.0.input.tokens", "models.input.tokens"),
        ("models.0.output", "models.output"),
        ("models.0.students.0", "models.students"),
        ("models.0.students.0.input", "models.input"),
        ("models.0.students.0.output", "models.output"),
        ("models.0.sentinels.0", "models.sentinels"),
        ("models.0.detectors.0", "models.detectors"),
        ("models.0.detectors.1", "models.detectors"),
        ("models.0.detectors.2", "models.detectors"),
        ("models.0.detectors.3", "models.detectors"),
        ("models.0.cascade", "models.cascade"),
    ];
    let tables = [
        "tls",
        "page",
        "file",
        "http",
        "input",
        "encoded",
        "tokens",
        "output",
        "students",
        "sentinels",
        "detectors",
        "cascade",
    ];
    let mut all = BTreeSet::new();
    for (place, heading) in sections {
        // A sentinel's input and output are documented with the student's.
        let is_told = |key: &String| heading == "models.students" || !tables.contains(&key.as_str());
        let keys = known(place).into_iter().filter(is_told);
        all.extend(keys.map(|key| (heading.to_owned(), key)));
    }
    assert_eq!(documented(), all);
    let top: BTreeSet<String> =
        ["server", "admin", "upstream", "workers", "evidence", "audit", "tracing", "models"].map(str::to_owned).into();
    let mistakes = parse_with(EXAMPLE, &[], &[("zzzz", "1")]).expect_err("nobody knows zzzz");
    assert!(top.iter().all(|section| mistakes[0].message.contains(section)), "{mistakes:?}");
}

#[test]
fn the_defaults_that_the_annotated_example_states_are_the_defaults() {
    let stated: Vec<&str> = EXAMPLE
        .lines()
        .map(|line| match key_line(line) {
            Some((text, true)) => text,
            _ => line,
        })
        .collect();
    let stated = stated.join("\n");
    assert_ne!(stated, EXAMPLE);
    let folder = folder();
    let read = |text: &str| Config::parse(text, folder.path(), [], &[]);
    assert_eq!(read(&stated).expect("valid"), read(EXAMPLE).expect("valid"));
}

#[test]
fn the_annotated_example_says_what_it_seems_to_say() {
    let config = parse(EXAMPLE).expect("valid");
    let target = Target::Tcp("127.0.0.1:8081".into());
    assert_eq!(config.upstream, Upstream::Grpc { endpoint: Endpoint { target, tls: None }, rest: None });
    let [signs] = &config.models[..] else { panic!("one model") };
    assert_eq!((signs.name.value.as_str(), signs.policy, signs.fpr), ("signs", Policy::Monitor, 0.01));
    let student = &signs.students[0];
    assert_eq!((student.name.value.as_str(), student.input.height.as_deref()), ("distilled", Some(&48)));
    let names: Vec<(&str, f64)> = signs.detectors.iter().map(|one| (one.name.as_str(), one.weight)).collect();
    let expected = [("feature_squeezing", 0.5), ("distilled.surprise", 1.0), ("margin", 0.25), ("sentinel", 1.0)];
    assert_eq!(names, expected);
}

#[test]
fn the_configuration_in_the_readme_is_valid() {
    let readme = include_str!("../README.md");
    let (_, rest) = readme.split_once("```toml").expect("there is one");
    let (text, _) = rest.split_once("```").expect("it ends");
    let config = parse(text).expect("valid");
    assert_eq!((config.models[0].students.len(), config.models[0].detectors.len()), (1, 2));
}

#[test]
fn five_mistakes_are_told_at_once_each_with_its_line() {
    let text = r#"[server]
listen = "8001"
max_mesage_bytes = "1MiB"

[upstream]
grpc = "https://signs:8081"

[[models]]
name = "signs"
path = "models/signs.onnx"
profile = "signs.json"
policy = "blok"
time_budget = 250

[[models.detectors]]
kind = "feature_squeezing"
squeezers = ["bit_depth(5)"]
"#;
    assert_eq!(
        printed(parse(text).expect_err("five mistakes")),
        [
            "line 2: server.listen must be an address such as \"127.0.0.1:8001\" or \"unix:portcullis.sock\"",
            "line 3: server.max_mesage_bytes is not a known key; did you mean 'max_message_bytes'?",
            "line 6: upstream.grpc is https, and nothing says which authorities to trust: give their certificates as ca",
            "line 12: models[0].policy must be \"monitor\", \"annotate\", \"block\" or \"restore\", not \"blok\"",
            "line 13: models[0].time_budget must be a duration such as \"250ms\", not an integer",
        ]
    );
}

/// What is said about `key = value` over the smallest configuration with a server; none where it is fine.
fn reached(settings: &[(&str, &str)]) -> Vec<String> {
    let text = SMALLEST.replace("embedded = true", "grpc = \"http://127.0.0.1:8081\"");
    let text = format!("{text}\n[admin]\nlisten = \"127.0.0.1:9901\"\n[server]\nlisten = \"127.0.0.1:8001\"\n");
    parse_with(&text, &[], settings).map_or_else(printed, |_| Vec::new())
}

#[test]
fn plain_text_stays_on_this_host_unless_it_is_said_otherwise() {
    let anywhere = |key| (key, "anywhere");
    for local in ["127.0.0.1:8001", "127.8.8.8:8001", "[::1]:8001", "unix:gateway.sock"] {
        assert_eq!(reached(&[("server.listen", local), ("admin.listen", local)]), [""; 0], "{local}");
    }
    for open in ["0.0.0.0:8001", "[::]:8001", "10.0.0.1:8001"] {
        let told = reached(&[("server.listen", open)]);
        assert!(told.len() == 1 && told[0].contains("or say server.plaintext = \"anywhere\""), "{told:?}");
        assert_eq!(reached(&[("server.listen", open), anywhere("server.plaintext")]), [""; 0]);
        let admin = ("admin.listen", open);
        let told = reached(&[admin]);
        assert!(told.len() == 2 && told[0].contains("or say admin.plaintext = \"anywhere\""), "{told:?}");
        assert!(told[1].contains("give admin.token_file or admin.tls.client_ca, or say admin.anonymous"), "{told:?}");
        assert_eq!(reached(&[admin, anywhere("admin.plaintext"), anywhere("admin.anonymous")]), [""; 0]);
        let tokens = ("admin.token_file", "models/signs.onnx");
        assert_eq!(reached(&[admin, anywhere("admin.plaintext"), tokens]), [""; 0]);
    }
    for local in ["http://localhost:8081", "127.0.0.1:8081", "http://[::1]:8081", "unix:classifier.sock"] {
        assert_eq!(reached(&[("upstream.grpc", local)]), [""; 0], "{local}");
    }
    for elsewhere in ["http://classifier:8081", "10.0.0.1:8081"] {
        let told = reached(&[("upstream.grpc", elsewhere)]);
        assert!(told.len() == 1 && told[0].contains("or say upstream.plaintext = \"anywhere\""), "{told:?}");
        assert_eq!(reached(&[("upstream.grpc", elsewhere), anywhere("upstream.plaintext")]), [""; 0]);
    }
}

#[test]
fn tls_is_there_as_a_whole_or_not_at_all() {
    // Any file will do: what is in it is looked at later.
    let file = "models/signs.onnx";
    let [certificate, key] = [("server.tls.certificate", file), ("server.tls.key", file)];
    let ca = ("upstream.tls.ca", file);
    assert_eq!(reached(&[certificate, key, ("server.listen", "0.0.0.0:8001")]), [""; 0]);
    assert_eq!(reached(&[ca, ("upstream.grpc", "https://classifier:8081")]), [""; 0]);
    let long = format!("unix:{}", "a".repeat(200));
    let refused: [(&[(&str, &str)], &str); 8] = [
        (&[certificate], "server.tls.key is missing"),
        (&[key], "server.tls.certificate is missing"),
        (&[("server.tls.client_ca", file)], "server.tls.certificate is missing"),
        (&[certificate, ("server.tls.key", "nowhere")], "which is no file"),
        (&[certificate, key, ("server.listen", "unix:gateway.sock")], "has no use for server.tls"),
        (&[ca], "upstream.grpc goes without TLS: write https:// to have it"),
        (&[("upstream.tls.server_name", "classifier")], "upstream.tls.ca is missing"),
        (&[("server.listen", &long)], "too long for a socket's path"),
    ];
    for (settings, problem) in refused {
        let told = reached(settings);
        assert!(told.iter().any(|told| told.contains(problem)), "{problem}: {told:?}");
    }
}

#[test]
fn what_is_not_even_toml_is_told_with_its_line() {
    let mistakes = parse(&format!("{SMALLEST}\nweight = = 1\n")).expect_err("no TOML");
    assert!(mistakes.iter().any(|mistake| mistake.at == Location::Line(14)), "{mistakes:?}");
}

#[test]
fn what_is_missing_is_told_where_it_should_stand() {
    let text =
        "[upstream]\n\n[[models]]\npath = \"models/elsewhere.onnx\"\n\n[[models.detectors]]\nkind = \"disagreement\"\n";
    let mistakes = printed(parse(text).expect_err("it is hardly there"));
    let starts = [
        "line 1: upstream says nothing: give grpc = \"http://HOST:PORT\" or embedded = true",
        "line 3: models[0].name is missing",
        "line 3: models[0].profile is missing",
        "line 4: models[0].path names ",
        "line 6: models[0].detectors[0].student is missing",
    ];
    assert_eq!(mistakes.len(), starts.len(), "{mistakes:#?}");
    for (mistake, start) in mistakes.iter().zip(starts) {
        assert!(mistake.starts_with(start), "{mistake}");
    }
    let nothing = printed(parse("").expect_err("nothing is configured"));
    assert!(nothing.iter().any(|mistake| mistake.contains("add a [[models]] section")), "{nothing:?}");
}

#[test]
fn names_must_be_unique_and_references_must_lead_somewhere() {
    let text = format!(
        "{SMALLEST}\n[[models.detectors]]\nkind = \"disagreement\"\nstudent = \"nobody\"\n\n\
         [[models]]\nname = \"signs\"\npath = \"models/signs.onnx\"\nprofile = \"b.json\"\n\
         [[models.detectors]]\nkind = \"feature_squeezing\"\nsqueezers = []\n"
    );
    assert_eq!(
        printed(parse(&text).expect_err("three mistakes")),
        [
            "line 16: detector 'nobody.surprise': there is no student 'nobody'",
            "line 19: there is another model 'signs' on line 6",
            "line 24: models[1].detectors[0].squeezers is empty",
        ]
    );
}

#[test]
fn restoring_needs_somebody_who_answers() {
    let alone = SMALLEST.replace("kind = \"feature_squeezing\"", "kind = \"sentinel\"\nsentinel = \"sentinel\"");
    let alone: Vec<&str> = alone.lines().filter(|line| !line.starts_with("squeezers")).collect();
    let sentinel = "[[models.sentinels]]\nname = \"sentinel\"\npath = \"models/signs-sentinel.onnx\"";
    let text = format!("{}\n{sentinel}\n", alone.join("\n"));
    parse(&text).expect("a sentinel can block");
    let restoring = parse_with(&text, &[], &[("models.signs.policy", "restore")]);
    let mistakes = printed(restoring.expect_err("nobody answers"));
    assert!(mistakes.len() == 1 && mistakes[0].contains("neither squeezers nor students"), "{mistakes:?}");
    parse_with(SMALLEST, &[], &[("models.signs.policy", "restore")]).expect("squeezed copies answer");
}

#[test]
fn variables_count_more_than_the_file_and_flags_more_than_variables() {
    let variables = [
        ("PORTCULLIS_MODELS__SIGNS__POLICY", "annotate"),
        ("PORTCULLIS_MODELS__0__FPR", "0.05"),
        ("PORTCULLIS_SERVER__LISTEN", "127.0.0.2:9000"),
        ("PORTCULLIS_LOG", "debug"),
        ("PATH", "elsewhere"),
    ];
    let config = parse_with(SMALLEST, &variables, &[("models.signs.policy", "block")]).expect("valid");
    assert_eq!((config.models[0].policy, config.models[0].fpr), (Policy::Block, 0.05));
    assert_eq!(config.server.listen.address.to_string(), "127.0.0.2:9000");
    let detectors = [("models.signs.detectors.0.squeezers", "[\"median(2,2)\", \"median(3,3)\"]")];
    let config = parse_with(SMALLEST, &[], &detectors).expect("valid");
    let DetectorKind::FeatureSqueezing { squeezers, .. } = &config.models[0].detectors[0].kind else {
        panic!("squeezing")
    };
    assert_eq!(squeezers.len(), 2);
}

#[test]
fn mistakes_in_variables_and_flags_name_them() {
    let variables = [("PORTCULLIS_SERVER__LISTN", "0.0.0.0:9000"), ("PORTCULLIS_MODELS__LIGHTS__FPR", "0.05")];
    let mistakes = parse_with(SMALLEST, &variables, &[("workers.queue", "0")]).expect_err("three mistakes");
    assert_eq!(
        printed(mistakes),
        [
            "variable PORTCULLIS_MODELS__LIGHTS__FPR: there is no 'LIGHTS'",
            "variable PORTCULLIS_SERVER__LISTN: server.listn is not a known key; did you mean 'listen'?",
            "--set workers.queue: workers.queue must be at least 1",
        ]
    );
}

#[test]
fn models_run_on_the_cpu_or_on_a_gpu_by_its_index() {
    let device = |text| setting("workers.device", text).map(|config| config.workers.device.value);
    assert_eq!(parse(SMALLEST).expect("valid").workers.device.value, Device::Cpu);
    assert_eq!(
        ["cpu", "cuda", "cuda:3"].map(|text| device(text).expect("valid")),
        [Device::Cpu, Device::Cuda(0), Device::Cuda(3)]
    );
    for wrong in ["gpu", "cuda:", "cuda:-1", "cuda:all", "cpu:0", "CUDA"] {
        assert!(device(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn sizes_and_durations_have_units() {
    let bytes = |text| setting("server.max_message_bytes", text).map(|config| config.server.max_message_bytes);
    assert_eq!([bytes("1000"), bytes("4KiB"), bytes("2 GiB")], [Ok(1000), Ok(4096), Ok(2 << 30)]);
    for wrong in ["3GiB", "0", "4MB", "-1", "99999999999GiB"] {
        assert!(bytes(wrong).is_err(), "{wrong}");
    }
    let inspected = setting("server.max_message_bytes", "1MiB").expect("valid").server.max_inspected_bytes;
    assert_eq!(inspected, 1 << 20, "what passes is examined, unless told otherwise");
    let budget = |text| setting("models.signs.time_budget", text).map(|config| config.models[0].time_budget);
    assert_eq!(budget("1m 30s"), Ok(Duration::from_secs(90)));
    assert_eq!(budget("250ms"), Ok(Duration::from_millis(250)));
    assert!(budget("0s").is_err() && budget("soon").is_err());
    let delay = |text| setting("server.drain_delay", text).map(|config| config.server.drain_delay);
    assert_eq!(delay("0s"), Ok(Duration::ZERO), "to wait for nobody is fine");
    assert!(delay("-1s").is_err() && delay("soon").is_err());
}

#[test]
fn values_that_would_do_harm_are_refused_with_the_reason() {
    let refused = [
        ("models.signs.block_status", "UNAVAILABLE", "clients would send the input again"),
        ("server.max_inflight_bytes", "128MiB", "at least four times max_message_bytes"),
        ("models.signs.fpr", "0.9", "at most 0.5"),
        ("models.signs.detectors.0.weight", "0", "nothing would ever be suspicious"),
        ("models.signs.cascade.share", "0.01", "must be larger than fpr (0.01)"),
        ("models.signs.cascade.first", "[\"nobody\"]", "names 'nobody', but there is no such detector"),
        ("models.signs.cascade.first", "[]", "must name some of the detectors"),
        ("models.signs.input.range", "[1, 0]", "black below white"),
        ("models.signs.input.std", "[0.2, 0.0, 0.2]", "above 0"),
        ("models.signs.input.height", "0", "at least 1"),
        ("models.signs.input.mean", "[.5, .5, .5]", "write numbers as 0.5"),
        ("upstream.grpc", "http://classifier:8081", "excludes upstream.grpc"),
        ("upstream.rest", "http://classifier:8080", "excludes upstream.rest"),
        ("server.rest_listen", "8000", "an address such as"),
    ];
    for (key, value, reason) in refused {
        let problem = setting(key, value).expect_err(key);
        assert!(problem.contains(reason), "{key} = {value}: {problem}");
    }
    for address in ["classifier", "http://classifier", "http://:8081", "http://classifier:8081/v2", "http://a:99999"] {
        let mistakes = parse_with(EXAMPLE, &[], &[("upstream.grpc", address)]).expect_err(address);
        assert_eq!(
            printed(mistakes),
            ["--set upstream.grpc: upstream.grpc must look like http://HOST:PORT, https://HOST:PORT or unix:PATH"]
        );
    }
}

#[test]
fn rest_is_served_where_somebody_behind_answers_it() {
    let listen = ("server.rest_listen", "127.0.0.1:8000");
    let behind = |settings: &[(&str, &str)]| parse_with(EXAMPLE, &[], settings).map_err(printed);
    let mistakes = behind(&[listen]).expect_err("nobody answers");
    let remedy = "give upstream.rest = \"http://HOST:PORT\"";
    assert!(mistakes.len() == 1 && mistakes[0].contains(remedy), "{mistakes:?}");
    let config = behind(&[listen, ("upstream.rest", "http://127.0.0.1:8080")]).expect("valid");
    let [endpoint, rest] =
        ["127.0.0.1:8081", "127.0.0.1:8080"].map(|address| Endpoint { target: Target::Tcp(address.into()), tls: None });
    assert_eq!(config.upstream, Upstream::Grpc { endpoint, rest: Some(rest) });
    let mistakes = behind(&[listen, ("upstream.rest", "classifier")]).expect_err("no address");
    assert_eq!(
        mistakes,
        ["--set upstream.rest: upstream.rest must look like http://HOST:PORT, https://HOST:PORT or unix:PATH"]
    );
    parse_with(SMALLEST, &[], &[listen]).expect("embedded models answer it themselves");
    let mut relocated = parse(EXAMPLE).expect("valid");
    let address = "127.0.0.1:8000".parse().expect("an address");
    let mistakes = relocated.relocate(None, Some(address), None).expect_err("nobody answers");
    assert!(mistakes.to_string().contains(remedy), "{mistakes}");
}

#[test]
fn rest_is_secured_as_grpc_is() {
    let open = ("server.rest_listen", "0.0.0.0:8000");
    let problem = printed(parse_with(SMALLEST, &[], &[open]).expect_err("plain text for everybody"));
    assert!(
        problem.len() == 1 && problem[0].contains("server.rest_listen is 0.0.0.0:8000, beyond loopback"),
        "{problem:?}"
    );
    parse_with(SMALLEST, &[], &[open, ("server.plaintext", "anywhere")]).expect("it was said");
    let far = [("server.rest_listen", "127.0.0.1:8000"), ("upstream.rest", "http://classifier:8080")];
    let problem = printed(parse_with(EXAMPLE, &[], &far).expect_err("plain text to another host"));
    assert!(problem.len() == 1 && problem[0].contains("upstream.rest is another host, and plain text"), "{problem:?}");
}

/// The signature of a classifier of RGB pictures, 32 x 32, into 43 classes.
fn signs() -> Signature {
    let port = |name: &str, shape: &[usize]| Port {
        name: name.into(),
        datatype: Datatype::Fp32,
        shape: std::iter::once(None).chain(shape.iter().copied().map(Some)).collect(),
    };
    Signature { inputs: vec![port("image", &[3, 32, 32])], outputs: vec![port("logits", &[43])] }
}

fn on_line<T>(line: usize, value: T) -> Option<Located<T>> {
    Some(Located { value, at: Location::Line(line) })
}

#[test]
fn what_the_model_tells_need_not_be_configured() {
    let signs_model = &parse(SMALLEST).expect("valid").models[0];
    let input = resolve_input(&signs_model.input, &signs()).expect("it is all there");
    let input = input.pictures().expect("a model of pictures");
    assert_eq!((input.name.as_str(), input.datatype, input.layout), ("image", Datatype::Fp32, Layout::Nchw));
    assert_eq!((input.colour, input.height, input.width, input.range), (Colour::Rgb, 32, 32, [0.0, 1.0]));
    let output = resolve_output(&signs_model.output, &signs()).expect("it is all there");
    assert_eq!((output.name.as_str(), output.kind, output.classes), ("logits", OutputKind::Logits, 43));
}

#[test]
fn what_contradicts_the_model_is_told_all_at_once() {
    let untold = parse(SMALLEST).expect("valid").models[0].input.clone();
    let mistakes = |input: Input| printed(resolve_input(&input, &signs()).expect_err("contradictions"));
    let wrong = Input {
        datatype: on_line(2, Datatype::Uint8),
        colour: on_line(3, Colour::Grey),
        height: on_line(4, 32),
        width: on_line(5, 64),
        ..untold.clone()
    };
    assert_eq!(
        mistakes(wrong),
        [
            "line 2: the model's input is FP32, not UINT8",
            "line 3: the model's input has 3 channels",
            "line 5: width is 32 in the model",
        ]
    );
    let wrong = Input { width: on_line(5, 64), mean: on_line(6, vec![0.5, 0.5]), ..untold.clone() };
    assert_eq!(mistakes(wrong), ["line 5: width is 32 in the model", "line 6: mean has 2 values for 3 channels"]);
    let turned = Input { layout: on_line(2, Layout::Nhwc), ..untold.clone() };
    let told = "line 2: in this layout the model's input has 32 channels; if that is meant, say channels = 32";
    assert!(mistakes(turned).contains(&told.to_owned()));
    let named = Input { name: on_line(7, "picture".into()), ..untold };
    assert_eq!(mistakes(named), ["line 7: the model has no input 'picture'; it has 'image'"]);
}

#[test]
fn range_depth_and_channels_follow_from_the_type_and_the_bits() {
    let untold = parse(SMALLEST).expect("valid").models[0].input.clone();
    let resolved = |datatype, shape: [usize; 3], input: Input| {
        let shape = std::iter::once(None).chain(shape.map(Some)).collect();
        let inputs = vec![Port { name: "scan".into(), datatype, shape }];
        resolve_input(&input, &Signature { inputs, outputs: Vec::new() })
    };
    let bits = |bits| Input { bits: on_line(2, bits), ..untold.clone() };
    let range = |range| Input { range: on_line(2, range), ..untold.clone() };
    for (datatype, input, range, white) in [
        (Datatype::Uint8, untold.clone(), [0.0, 255.0], 255),
        (Datatype::Int8, untold.clone(), [-128.0, 127.0], 255),
        (Datatype::Uint16, untold.clone(), [0.0, 65_535.0], 65_535),
        (Datatype::Int16, untold.clone(), [-32_768.0, 32_767.0], 65_535),
        (Datatype::Uint16, bits(12), [0.0, 4095.0], 4095),
        (Datatype::Int16, bits(12), [-2048.0, 2047.0], 4095),
        (Datatype::Int16, range([-1024.0, 3071.0]), [-1024.0, 3071.0], 4095),
        (Datatype::Fp32, untold.clone(), [0.0, 1.0], 255),
        (Datatype::Fp32, range([0.0, 255.0]), [0.0, 255.0], 255),
        (Datatype::Fp16, range([-1.0, 1.0]), [-1.0, 1.0], 255),
        (Datatype::Fp32, range([0.0, 65_535.0]), [0.0, 65_535.0], 65_535),
        (Datatype::Fp32, bits(16), [0.0, 1.0], 65_535),
    ] {
        let spec = resolved(datatype, [1, 64, 48], input).expect("it is all there");
        let spec = spec.pictures().expect("pictures");
        assert_eq!((spec.range, spec.depth.white()), (range, white), "{datatype}");
    }
    for (shape, layout, colour) in [
        ([2, 64, 48], Layout::Nchw, Colour::Channels(2)),
        ([64, 48, 2], Layout::Nhwc, Colour::Channels(2)),
        ([64, 48, 4], Layout::Nhwc, Colour::Channels(4)),
        ([3, 2, 2], Layout::Nchw, Colour::Rgb),
        ([64, 48, 1], Layout::Nhwc, Colour::Grey),
    ] {
        let spec = resolved(Datatype::Uint16, shape, untold.clone()).expect("it is all there");
        let spec = spec.pictures().expect("pictures");
        assert_eq!((spec.layout, spec.colour), (layout, colour), "{shape:?}");
        assert_eq!((spec.item_shape(), spec.mean.len()), (shape, colour.channels()));
    }
    let many = |channels| resolved(Datatype::Fp32, [32, 64, 64], Input { channels, ..untold.clone() });
    assert!(printed(many(None).expect_err("too many"))[0].contains("say channels = 32"));
    assert!(many(on_line(3, 32)).is_ok());
    let message = setting("models.0.input.bits", "17").expect_err("a mistake");
    assert!(message.contains("models[0].input.bits must be from 1 to 16"), "{message}");
    for (datatype, told) in [(Datatype::Uint8, 12), (Datatype::Int8, 9)] {
        let mistakes = printed(resolved(datatype, [1, 64, 48], bits(told)).expect_err("more than it holds"));
        assert_eq!(mistakes, [format!("line 2: {datatype} has fewer than {told} bits")]);
    }
    let mut deep = bits(16);
    deep.encoded = parse(EXAMPLE).expect("valid").models[0].input.encoded.clone();
    let mistakes = printed(resolved(Datatype::Fp32, [3, 32, 32], deep).expect_err("files of 16 bits"));
    assert!(mistakes[0].contains("of 8 bits"), "{mistakes:?}");
}

#[test]
fn a_server_that_decodes_needs_to_be_told_of_in_full() {
    let encoded = |settings: &[(&str, &str)]| {
        let settings: Vec<(String, &str)> =
            settings.iter().map(|&(key, value)| (format!("models.0.input.encoded.{key}"), value)).collect();
        let grpc = ("upstream.grpc", "http://127.0.0.1:8081");
        let flags: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        parse_with(SMALLEST, &[], &[&[("upstream.embedded", "false"), grpc], &flags[..]].concat())
    };
    let input = encoded(&[("resize", "crop"), ("short_side", "40")]).expect("valid").models.swap_remove(0).input;
    let spec = resolve_input(&input, &signs()).expect("it is all there");
    let spec = spec.pictures().expect("pictures").encoded.clone().expect("files are sent");
    let preparation =
        Preparation { resize: Fit::Crop, short_side: Some(40), filter: Filter::Bilinear, antialias: true };
    assert_eq!((spec.name.as_str(), spec.preparation), ("image", preparation));

    let problem = |settings: &[(&str, &str)]| encoded(settings).expect_err("a mistake")[0].message.clone();
    assert_eq!(problem(&[("filter", "area")]), "models[0].input.encoded.resize is missing");
    let message = problem(&[("resize", "shrink")]);
    assert_eq!(message, "models[0].input.encoded.resize must be \"stretch\", \"crop\" or \"pad\", not \"shrink\"");
    let message = problem(&[("resize", "pad"), ("short_side", "40")]);
    assert_eq!(message, "models[0].input.encoded.short_side is for resize = \"crop\" only");
    let message = setting("models.0.input.encoded.resize", "crop").expect_err("a mistake");
    assert!(message.contains("the embedded upstream takes pixels"), "{message}");
    let of_a_student = [("models.0.students.0.input.encoded.resize", "crop")];
    let message = parse_with(EXAMPLE, &[], &of_a_student).expect_err("a mistake")[0].message.clone();
    assert!(message.contains("belongs to the guarded model"), "{message}");

    let short = encoded(&[("resize", "crop"), ("short_side", "31")]).expect("valid").models.swap_remove(0).input;
    let mistakes = printed(resolve_input(&short, &signs()).expect_err("too short"));
    assert!(mistakes[0].contains("short_side must be at least 32"), "{mistakes:?}");

    let server = Signature {
        inputs: vec![Port { name: "file".into(), datatype: Datatype::Bytes, shape: vec![None, Some(1)] }],
        outputs: Vec::new(),
    };
    let untold = parse(SMALLEST).expect("valid").models.swap_remove(0).input;
    assert_eq!(resolve_input(&untold, &server).expect("text").kind(), Kind::Text, "nobody says how it is decoded");
    let sized = Input { height: on_line(4, 32), ..untold };
    let mistakes = printed(resolve_input(&sized, &server).expect_err("pictures"));
    assert!(mistakes[0].contains("say in input.encoded how the server decodes"), "{mistakes:?}");
    let full = Input { colour: on_line(3, Colour::Rgb), height: on_line(4, 32), width: on_line(5, 32), ..input };
    let spec = resolve_input(&full, &server).expect("it is all there");
    let spec = spec.pictures().expect("pictures in files");
    assert_eq!((spec.sent_name(), spec.datatype, spec.item_shape()), ("file", Datatype::Fp32, [3, 32, 32]));
}

#[test]
fn the_example_of_five_classifiers_is_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/examples/five_classifiers.toml");
    if !path.with_file_name("../../../shared/models").exists() {
        println!("skipped: ../shared is missing");
        return;
    }
    let config = Config::load(&path, [], &[]).expect("valid");
    assert_eq!(config.models.len(), 5);
}

#[test]
fn evidence_and_audit_are_checked_as_all_else_is() {
    let config = parse(SMALLEST).expect("valid");
    assert_eq!(
        (config.evidence.store, config.audit.file, config.audit.http),
        (None, None, None),
        "off unless asked for"
    );
    for (key, value, words) in [
        ("evidence.share", "0", "evidence.share must lie above 0 and be at most 1"),
        ("evidence.max_bytes", "0", "evidence.max_bytes must be at least 1 byte"),
        ("evidence.contents", "pixels", "must be \"inputs\", \"hashes\" or \"records\", not \"pixels\""),
        ("audit.file.keep", "1", "audit.file.path is missing"),
        ("audit.http.timeout", "1s", "audit.http.url is missing"),
        ("audit.http.url", "http://collector:8080/events", "or say audit.http.plaintext = \"anywhere\""),
        ("audit.http.url", "https://collector:8443/events", "give their certificates as ca"),
    ] {
        let problem = setting(key, value).expect_err(key);
        assert!(problem.contains(words), "{key}: {problem}");
    }
    let http = setting("audit.http.url", "http://127.0.0.1:8080/events?source=edge").expect("valid").audit.http;
    let http = http.expect("it was asked for");
    let target = Target::Tcp("127.0.0.1:8080".into());
    assert_eq!((http.endpoint, http.path.as_str()), (Endpoint { target, tls: None }, "/events?source=edge"));
    let store = |text| setting("evidence.store", text).expect("valid").evidence.store.expect("it was asked for").value;
    assert_eq!(store("s3://bucket/prefix"), Storage::Url("s3://bucket/prefix".into()));
    assert_eq!(store("file:///var/evidence"), Storage::Folder("/var/evidence".into()));
    assert!(matches!(store("kept"), Storage::Folder(path) if path.ends_with("kept") && path.is_absolute()));
}

#[test]
fn traces_go_where_the_configuration_says_and_else_where_opentelemetrys_variables_say() {
    assert_eq!(parse(SMALLEST).expect("valid").tracing, None, "off unless asked for");
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317/"), ("OTEL_SERVICE_NAME", "007")];
    let read = |more: &[(&str, &str)], flags| {
        let config = parse_with(SMALLEST, &[&variables[..], more].concat(), flags).expect("valid");
        config.tracing.map(|tracing| (tracing.endpoint.to_string(), tracing.service_name, tracing.ratio))
    };
    let told = |endpoint: &str, service: &str, ratio| Some((endpoint.to_owned(), service.to_owned(), ratio));
    assert_eq!(read(&[], &[]), told("http://127.0.0.1:4317", "007", 1.0));
    let narrower = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://localhost:1"), ("PORTCULLIS_TRACING__RATIO", "0.1")];
    assert_eq!(read(&narrower, &[]), told("http://localhost:1", "007", 0.1));
    let ours = [("tracing.endpoint", "unix:/run/collector.sock"), ("tracing.service_name", "edge")];
    assert_eq!(read(&narrower, &ours), told("unix:/run/collector.sock", "edge", 0.1));
    assert_eq!(read(&[("OTEL_SDK_DISABLED", "true")], &[]), None);
    assert_eq!(parse_with(SMALLEST, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], &[]).expect("valid").tracing, None);
}

#[test]
fn tracing_is_checked_as_all_else_is() {
    let elsewhere = parse_with(SMALLEST, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")], &[]);
    let told = printed(elsewhere.expect_err("plain text to another host"));
    assert!(told[0].starts_with("variable OTEL_EXPORTER_OTLP_ENDPOINT: tracing.endpoint is another host"), "{told:?}");
    for (key, value, words) in [
        ("tracing.endpoint", "collector", "tracing.endpoint must look like http://HOST:PORT"),
        ("tracing.endpoint", "https://collector:4317", "give their certificates as ca"),
        ("tracing.ratio", "1.5", "tracing.ratio must lie between 0 and 1"),
        ("tracing.max_pending_spans", "0", "tracing.max_pending_spans must be at least 1"),
        ("tracing.token_file", "nowhere", "which is no file"),
        ("tracing.tls.server_name", "collector", "tracing.tls.ca is missing"),
    ] {
        let problem = setting(key, value).expect_err(key);
        assert!(problem.contains(words), "{key}: {problem}");
    }
}
