//! The operators' live page: what it shows, to whom, and what it can be brought to do.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use portcullis::proto::inference::ModelInferRequest;
use portcullis::squeeze;
use portcullis::tensor::Picture;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::gateway::embedded;
use crate::support::http1::send;
use crate::support::{Call, Gateway, Model, eventually, shared};

const TOKEN: &str = "the-token-of-the-night-shift";
const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml");
/// What an answer must not hold as it is.
const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'";

/// A gateway that annotates, with a picture that it finds clean and one that it finds suspicious.
struct Guarded {
    gateway: Gateway,
    model: Model,
    clean: Picture,
    suspicious: Picture,
}

impl Guarded {
    async fn start(shared: &std::path::Path, admin: &str) -> Self {
        let model = Model::squeezed_digits(shared);
        let configuration = format!("{admin}\n{}", embedded(&[model.guarded("policy = \"annotate\"")]));
        let gateway = Gateway::start(&configuration).await;
        let examples = model.examples(&gateway).await;
        Self { gateway, model, clean: examples.clean, suspicious: examples.suspicious }
    }

    /// Sends a suspicious picture, and its detection's id once the page has it.
    async fn detect(&self) -> String {
        let request = self.model.request(std::slice::from_ref(&self.suspicious));
        self.sent(&request).await
    }

    async fn sent(&self, request: &ModelInferRequest) -> String {
        let answer = self.gateway.call(Call::infer(request)).await;
        let id = answer.metadata["portcullis-id"].to_str().expect("text").to_owned();
        remembers(&self.gateway, &id).await;
        id
    }

    async fn get(&self, path: &str) -> Response<Bytes> {
        get(&self.gateway, path, &[]).await
    }

    async fn text(&self, path: &str) -> String {
        text(&self.get(path).await)
    }
}

async fn ask(gateway: &Gateway, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(gateway.admin, request.body(Bytes::copy_from_slice(body.as_bytes())).expect("a request")).await
}

pub async fn get(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    ask(gateway, "GET", path, headers, "").await
}

/// A page that is live, for as long as its connection is kept.
pub async fn live(gateway: &Gateway) -> (SendRequest<Empty<Bytes>>, Response<Incoming>) {
    let stream = TcpStream::connect(gateway.admin).await.expect("somebody listens");
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP/1");
    tokio::spawn(connection);
    let request = Request::get("/live").header("host", "localhost").body(Empty::new()).expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    (sender, response)
}

/// Waits until the page has this detection.
pub async fn remembers(gateway: &Gateway, id: &str) {
    eventually("the page has it", async || (gateway.get(&detection(id)).await.0 == 200).then_some(())).await;
}

/// What a live page is told until it hears of this detection.
pub async fn heard(live: &mut Response<Incoming>, id: &str) -> String {
    let mut told = String::new();
    while !told.contains(&format!("\"id\":\"{id}\"")) {
        let frame = tokio::time::timeout(Duration::from_secs(20), live.frame()).await.expect("it is told in time");
        let data = frame.expect("it goes on").expect("no error").into_data().expect("data");
        told.push_str(str::from_utf8(&data).expect("text"));
    }
    told
}

fn text(response: &Response<Bytes>) -> String {
    String::from_utf8(response.body().to_vec()).expect("text")
}

fn detection(id: &str) -> String {
    format!("/detections/{id}")
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().expect("text"))
}

/// The pixels of a picture in an answer.
fn pixels(response: &Response<Bytes>) -> Vec<u8> {
    assert_eq!((response.status().as_u16(), header(response.headers(), "content-type")), (200, "image/png"));
    image::load_from_memory(response.body()).expect("a picture").into_luma8().into_raw()
}

#[tokio::test]
async fn a_detection_is_followed_from_the_list_to_its_page_and_its_squeezed_copies() {
    let Some(shared) = shared() else { return };
    let guarded = Guarded::start(shared, "").await;
    assert!(guarded.text("/").await.contains("No requests in the last hour"));
    let id = guarded.detect().await;
    let list = guarded.text("/").await;
    assert!(list.contains("1 suspicious") && list.contains(&format!("href=\"{}\"", detection(&id))), "{list}");
    let page = guarded.text(&detection(&id)).await;
    for said in
        ["Suspicious, annotated", "The classifier reads class ", "feature_squeezing", "combined", "28 × 28 pixels", &id]
    {
        assert!(page.contains(said), "'{said}' is missing from {page}");
    }
    let item = format!("{}/items/0", detection(&id));
    let shown = guarded.get(&format!("{item}/picture")).await;
    assert_eq!(pixels(&shown), guarded.suspicious.to_interleaved_u8());
    assert_eq!(header(shown.headers(), "cache-control"), "private, max-age=86400, immutable");
    for (place, squeezer) in [(1, "bit_depth(1)"), (2, "median(2,2)")] {
        let (copy, change) = (format!("{item}/copies/{place}"), format!("{item}/changes/{place}"));
        assert!(page.contains(squeezer) && page.contains(&copy) && page.contains(&change), "{page}");
        let expected = squeeze::parse(squeezer).expect("a squeezer").squeeze(&guarded.suspicious);
        assert_eq!(pixels(&guarded.get(&copy).await), expected.to_interleaved_u8(), "{squeezer}");
        assert!(pixels(&guarded.get(&change).await).iter().any(|&pixel| pixel != 128), "{squeezer} changes something");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found_whatever_path_leads_there() {
    let Some(shared) = shared() else { return };
    let guarded = Guarded::start(shared, "").await;
    let id = guarded.detect().await;
    let item = format!("{}/items", detection(&id));
    let paths = [
        "/detections/".to_owned(),
        "/detections/019f0000-0000-7000-8000-000000000000".to_owned(),
        "/detections/..%2f..%2f..%2fetc%2fpasswd".to_owned(),
        "/detections/../../etc/passwd".to_owned(),
        "/assets/..%2fmod.rs".to_owned(),
        "/assets/%2e%2e/%2e%2e/Cargo.toml".to_owned(),
        "/assets/nothing.js".to_owned(),
        format!("{item}/1/picture"),
        format!("{item}/-1/picture"),
        format!("{item}/18446744073709551616/picture"),
        format!("{item}/0/copies/0"),
        format!("{item}/0/copies/99"),
        format!("{item}/0/changes/median(2,2)"),
    ];
    for path in paths {
        assert_eq!(guarded.get(&path).await.status(), 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        assert_eq!(ask(&guarded.gateway, method, &detection(&id), &[], "").await.status(), 405, "{method}");
    }
}

#[tokio::test]
async fn filters_show_what_fits_and_nonsense_filters_nothing() {
    let Some(shared) = shared() else { return };
    let guarded = Guarded::start(shared, "").await;
    let id = guarded.detect().await;
    let unreadable = guarded.sent(&guarded.model.unreadable(&guarded.clean)).await;
    let listed = async |query: &str| {
        let page = guarded.text(&format!("/?{query}")).await;
        [&id, &unreadable].map(|id| page.contains(&format!("href=\"{}\"", detection(id))))
    };
    for (query, expected) in [
        ("", [true, true]),
        ("decision=suspicious", [true, false]),
        ("decision=undecided", [false, true]),
        ("model=digits", [true, true]),
        ("model=another", [false, false]),
        ("detector=feature_squeezing&span=day", [true, false]),
        ("detector=nobody", [false, false]),
        ("from=1000&to=2000", [false, false]),
        ("from=1000&to=99999999999", [true, true]),
        ("decision=%00&span=century&from=now&to=%F0%9F%91%BB", [true, true]),
    ] {
        assert_eq!(listed(query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn charts_count_every_request_and_every_input_clean_ones_too() {
    let Some(shared) = shared() else { return };
    let guarded = Guarded::start(shared, "").await;
    let batch = guarded.model.request(&[guarded.clean.clone(), guarded.clean.clone()]);
    guarded.gateway.call(Call::infer(&batch)).await;
    guarded.detect().await;
    for span in ["quarter", "hour", "day"] {
        let charts: Value = serde_json::from_str(&guarded.text(&format!("/charts?span={span}")).await).expect("JSON");
        let model = &charts["models"][0];
        let sum = |counts: &Value| {
            counts.as_array().expect("counts").iter().map(|count| count.as_u64().expect("a number")).sum::<u64>()
        };
        assert_eq!([&model["clean"], &model["undecided"], &model["suspicious"]].map(sum), [1, 0, 1], "{span}");
        assert_eq!(
            model["clean"].as_array().expect("counts").len(),
            charts["buckets"].as_u64().expect("a number") as usize
        );
        let detectors = model["detectors"].as_array().expect("detectors");
        assert_eq!(
            detectors.iter().map(|one| one["name"].as_str().expect("a name")).collect::<Vec<_>>(),
            ["combined", "feature_squeezing"]
        );
        let half = charts["levels"].as_u64().expect("a number") / 2;
        let inputs = |above: bool| {
            let cells = detectors[0]["cells"].as_array().expect("cells").iter();
            let cells = cells.filter(|cell| (cell[1].as_u64().expect("a level") >= half) == above);
            cells.map(|cell| cell[2].as_u64().expect("a count")).sum::<u64>()
        };
        assert_eq!((inputs(true), inputs(false)), (1, 2), "beyond the threshold, and below: {detectors:?}");
    }
}

#[tokio::test]
async fn a_detection_arrives_at_pages_that_are_live() {
    let Some(shared) = shared() else { return };
    let guarded = Guarded::start(shared, "").await;
    let (_connection, mut live) = live(&guarded.gateway).await;
    assert_eq!(header(live.headers(), "content-type"), "text/event-stream");
    let id = guarded.detect().await;
    let told = heard(&mut live, &id).await;
    assert!(told.contains("event: detection\ndata: {") && told.contains("\"decision\":\"suspicious\""), "{told}");
    guarded.gateway.signal("INT");
    let end = async { while live.frame().await.is_some_and(|frame| frame.is_ok()) {} };
    tokio::time::timeout(Duration::from_secs(20), end).await.expect("a gateway that ends waits for no page");
}

#[tokio::test]
async fn only_so_many_pages_are_live_at_once_and_none_is_in_the_way_of_requests() {
    let Some(shared) = shared() else { return };
    let guarded = Guarded::start(shared, "").await;
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(live(&guarded.gateway).await);
    }
    assert!(open.iter().all(|(_, live)| live.status() == 200));
    assert_eq!(live(&guarded.gateway).await.1.status(), 503);
    // Nobody reads what they are told.
    for _ in 0..100 {
        guarded.detect().await;
    }
    open.pop();
    eventually("a place is free again", async || (live(&guarded.gateway).await.1.status() == 200).then_some(())).await;
}

#[tokio::test]
async fn the_page_remembers_the_latest_in_number_and_in_bytes() {
    let Some(shared) = shared() else { return };
    let few = Guarded::start(shared, "[admin.page]\ndetections = 2").await;
    let [first, second, third] = [few.detect().await, few.detect().await, few.detect().await];
    assert_eq!(few.get(&detection(&first)).await.status(), 404);
    let page = few.text(&detection(&third)).await;
    assert!(page.contains(&format!("href=\"{}\"", detection(&second))), "the older one is a step away: {page}");
    // A record takes less than 2 KiB here, a picture of 28 x 28 floats more than 3.
    let small = Guarded::start(shared, "[admin.page]\nmemory = \"2KiB\"").await;
    let id = small.detect().await;
    assert_eq!(small.get(&format!("{}/items/0/picture", detection(&id))).await.status(), 404);
    assert!(small.text(&detection(&id)).await.contains("The picture is not kept."));
}

#[tokio::test]
async fn names_are_text_wherever_they_come_from() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let classes = folder.path().join("classes.txt");
    std::fs::write(&classes, format!("{HOSTILE}\n").repeat(10)).expect("writable");
    let model = Model::squeezed_digits(shared);
    let settings = format!("policy = \"annotate\"\nclasses = {classes:?}");
    let calibrated = std::fs::read_to_string(model.profile()).expect("readable");
    let mut profile: Value = serde_json::from_str(&calibrated).expect("JSON");
    profile["model"]["name"] = HOSTILE.into();
    let renamed = folder.path().join("profile.json");
    std::fs::write(&renamed, profile.to_string()).expect("writable");
    let section = model.section(&renamed, &settings).replace("name = \"digits\"", &format!("name = {HOSTILE:?}"));
    let gateway = Gateway::start(&embedded(&[section])).await;
    let plain = Gateway::start(&embedded(&[model.guarded("")])).await;
    let suspicious = model.examples(&plain).await.suspicious;
    let request = ModelInferRequest { model_name: HOSTILE.into(), ..model.request(&[suspicious]) };
    let answer = gateway.call(Call::infer(&request)).await;
    let path = detection(answer.metadata["portcullis-id"].to_str().expect("text"));
    remembers(&gateway, path.trim_start_matches("/detections/")).await;
    let query: String = HOSTILE.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for path in ["/", &path, &format!("/?model={query}&detector={query}&from=1&to=2")] {
        let page = text(&get(&gateway, path, &[]).await);
        assert!(
            !page.contains("<img src=x") && page.contains("&#60;img src=x onerror=alert(1)&#62;&#34;&#39;"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn browsers_are_told_to_load_nothing_from_elsewhere_and_no_other_site_reads_anything() {
    let Some(shared) = shared() else { return };
    let guarded = Guarded::start(shared, "").await;
    let id = guarded.detect().await;
    let picture = format!("{}/items/0/picture", detection(&id));
    for path in ["/", &detection(&id), "/detections/nobody", &picture, "/charts", "/assets/page.js", "/assets/icon.svg"]
    {
        let origin = [("origin", "https://elsewhere.example"), ("sec-fetch-site", "cross-site")];
        let answer = get(&guarded.gateway, path, &origin).await;
        let headers = answer.headers();
        let policy = header(headers, "content-security-policy");
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "{path}: {policy}");
        assert_eq!(header(headers, "x-content-type-options"), "nosniff", "{path}");
        assert!(!headers.contains_key("access-control-allow-origin"), "{path}");
    }
    for page in [guarded.text("/").await, guarded.text(&detection(&id)).await] {
        assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("href=\"//"), "{page}");
        assert!(!page.contains(" style=") && !page.contains("<style") && !page.contains("<script>"), "{page}");
    }
}

#[tokio::test]
async fn assets_are_kept_by_browsers_until_they_change_and_come_compressed() {
    let Some(shared) = shared() else { return };
    let gateway = Gateway::start(&embedded(&[Model::squeezed_digits(shared).guarded("")])).await;
    for name in ["icon.svg", "page.css", "page.js", "charts.js", "sign-in.js", "uplot.js", "uplot.css"] {
        let path = format!("/assets/{name}");
        let plain = get(&gateway, &path, &[]).await;
        let zipped = get(&gateway, &path, &[("accept-encoding", "br, gzip;q=0.8")]).await;
        assert_eq!(header(zipped.headers(), "content-encoding"), "gzip", "{name}");
        let mut unzipped = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&zipped.body()[..]), &mut unzipped).expect("gzip");
        assert!(!unzipped.is_empty() && unzipped == plain.body()[..], "{name}");
        let tag = header(plain.headers(), "etag");
        assert_eq!(get(&gateway, &path, &[("if-none-match", tag)]).await.status(), 304, "{name}");
        assert_eq!(get(&gateway, &path, &[("if-none-match", "\"another\"")]).await.status(), 200, "{name}");
    }
}

#[tokio::test]
async fn without_tokens_no_name_leads_to_the_page_but_this_hosts_own() {
    let Some(shared) = shared() else { return };
    let gateway = Gateway::start(&embedded(&[Model::squeezed_digits(shared).guarded("")])).await;
    for host in ["localhost:9901", "127.0.0.1", "[::1]:9901"] {
        assert_eq!(get(&gateway, "/", &[("host", host)]).await.status(), 200, "{host}");
    }
    for host in ["rebound.example", "rebound.example:9901", "localhost.rebound.example", "127.0.0.1.rebound.example"] {
        for path in ["/", "/charts", "/live", "/detections/any"] {
            assert_eq!(get(&gateway, path, &[("host", host)]).await.status(), 421, "{host}{path}");
        }
        assert_eq!(get(&gateway, "/livez", &[("host", host)]).await.status(), 200, "probes are asked as ever: {host}");
    }
}

#[tokio::test]
async fn a_token_signs_a_browser_in_to_the_page_and_to_nothing_else() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, TOKEN).expect("writable");
    let admin = format!("[admin]\ntoken_file = {tokens:?}\n");
    let gateway = Gateway::start(&(admin + &embedded(&[Model::squeezed_digits(shared).guarded("")]))).await;

    let form = get(&gateway, "/detections/some?a=%22b", &[HTML]).await;
    assert_eq!(form.status(), 401);
    assert!(text(&form).contains("type=\"password\"") && text(&form).contains("value=\"/detections/some?a=%22b\""));
    assert!(header(form.headers(), "content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(get(&gateway, "/assets/page.css", &[]).await.status(), 200, "the form has its style");
    for path in ["/", "/charts", "/live", "/detections/some"] {
        let refused = get(&gateway, path, &[]).await;
        assert_eq!(
            (refused.status().as_u16(), header(refused.headers(), "www-authenticate")),
            (401, "Bearer"),
            "{path}"
        );
    }
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(get(&gateway, "/", &[("authorization", &bearer)]).await.status(), 200, "a token opens it as all else");

    let sign_in = async |body: &str, site: &str| {
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", site)];
        ask(&gateway, "POST", "/sign-in", &headers, body).await
    };
    let wrong = sign_in("token=not-one-of-the-tokens&next=/", "same-origin").await;
    assert!(wrong.status() == 401 && text(&wrong).contains("That is none of them."));
    assert!(!wrong.headers().contains_key("set-cookie"));
    let right = format!("token={TOKEN}&next=");
    assert_eq!(sign_in(&right, "cross-site").await.status(), 403);
    assert_eq!(sign_in(&format!("{right}{}", "x".repeat(5000)), "same-origin").await.status(), 413);
    for (next, expected) in [
        ("/detections/some", "/detections/some"),
        ("//elsewhere.example", "/"),
        ("https://elsewhere.example/", "/"),
        ("/%5Celsewhere.example", "/"),
        ("/metrics", "/"),
    ] {
        let response = sign_in(&format!("{right}{next}"), "same-origin").await;
        assert_eq!((response.status().as_u16(), header(response.headers(), "location")), (303, expected), "{next}");
    }
    let begun = sign_in(&right, "same-origin").await;
    let cookie = header(begun.headers(), "set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains(TOKEN), "{cookie}");
    let session = [("cookie", cookie.split(';').next().expect("a pair"))];
    assert_eq!(get(&gateway, "/", &session).await.status(), 200);
    assert_eq!(get(&gateway, "/charts", &session).await.status(), 200);
    for path in ["/metrics", "/version"] {
        assert_eq!(get(&gateway, path, &session).await.status(), 401, "{path} is no page");
    }
    assert_eq!(ask(&gateway, "POST", "/drain", &session, "").await.status(), 401);

    let out = ask(&gateway, "POST", "/sign-out", &session, "").await;
    assert!(out.status() == 303 && header(out.headers(), "set-cookie").contains("Max-Age=0"));
    assert_eq!(get(&gateway, "/", &session).await.status(), 401);
}

#[tokio::test]
async fn where_no_page_is_wanted_there_is_none() {
    let Some(shared) = shared() else { return };
    let configuration =
        format!("[admin.page]\nenabled = false\n{}", embedded(&[Model::squeezed_digits(shared).guarded("")]));
    let gateway = Gateway::start(&configuration).await;
    for path in ["/", "/charts", "/live", "/assets/page.css", "/sign-in"] {
        assert_eq!(get(&gateway, path, &[HTML]).await.status(), 404, "{path}");
    }
    assert_eq!(get(&gateway, "/readyz", &[]).await.status(), 200);
}
