//! Style, scripts and the charting library, as they are in the binary.

use std::io::Write;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::difference;

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

/// A file that browsers load.
struct Asset {
    name: &'static str,
    kind: &'static str,
    plain: &'static [u8],
    gzip: Vec<u8>,
    /// Of its contents.
    tag: HeaderValue,
}

static ASSETS: LazyLock<[Asset; 8]> = LazyLock::new(|| {
    [
        Asset::new("icon.svg", "image/svg+xml", include_bytes!("assets/icon.svg")),
        Asset::new("page.css", CSS, include_bytes!("assets/page.css")),
        Asset::new("marks.css", CSS, difference::STYLE.as_bytes()),
        Asset::new("page.js", JAVASCRIPT, include_bytes!("assets/page.js")),
        Asset::new("charts.js", JAVASCRIPT, include_bytes!("assets/charts.js")),
        Asset::new("sign-in.js", JAVASCRIPT, include_bytes!("assets/sign-in.js")),
        Asset::new("uplot.js", JAVASCRIPT, include_bytes!("vendor/uplot/uPlot.iife.min.js")),
        Asset::new("uplot.css", CSS, include_bytes!("vendor/uplot/uPlot.min.css")),
    ]
});

impl Asset {
    fn new(name: &'static str, kind: &'static str, plain: &'static [u8]) -> Self {
        let tag = format!("\"{}\"", hex::encode(&Sha256::digest(plain)[..8]));
        let tag = HeaderValue::from_str(&tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""));
        Self { name, kind, plain, gzip: zipped(plain), tag }
    }
}

/// The contents under gzip; nothing where that fails, which memory never does.
fn zipped(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// Answers with the file of this name. Browsers keep it, and ask whether it has changed.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let lists = |name, wanted: &str| {
        let listed = headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        listed.is_some_and(|listed| {
            listed.split(',').any(|one| one.split(';').next().unwrap_or_default().trim() == wanted)
        })
    };
    let mut response = if lists(header::IF_NONE_MATCH, asset.tag.to_str().unwrap_or_default()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if lists(header::ACCEPT_ENCODING, "gzip") && !asset.gzip.is_empty() {
        ([(header::CONTENT_ENCODING, "gzip")], asset.gzip.as_slice()).into_response()
    } else {
        asset.plain.into_response()
    };
    let sent = response.headers_mut();
    sent.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    sent.insert(header::ETAG, asset.tag.clone());
    sent.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    sent.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}
