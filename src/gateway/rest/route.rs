//! Which requests are inference. Servers read odd paths in different ways, so only plain ones are taken at their word.

use http::{Method, Request};
use percent_encoding::percent_decode_str;

use crate::telemetry::Operation;

/// The last part of paths that infer: examined, and not examined.
const EXAMINED: &str = "infer";
const UNEXAMINED: [&str; 3] = ["infer_stream", "generate", "generate_stream"];
/// The pattern of the former's paths, a version left out.
const INFER: &str = "/v2/models/{model}/infer";
/// The methods of HTTP.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
/// Parts of paths that register a region of memory which client and server share.
const SHARED_MEMORY: [&str; 2] = ["systemsharedmemory", "cudasharedmemory"];
const REGISTER: &str = "register";

/// Where a request belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// Inference by one model.
    Infer(Model),
    /// Inference by one model that is not examined: a stream, or a body of another protocol.
    Unexamined(Model),
    /// Perhaps inference, by a path that one server takes for it and another does not.
    Odd,
    /// Perhaps the registration of a shared-memory region.
    Sharing,
    /// Anything else.
    Other,
}

/// The model that a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) name: String,
    /// Empty where the path gives none.
    pub(super) version: String,
}

impl Route {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        if [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
            return Self::Other;
        }
        let path = request.uri().path();
        let plain = model_path(path).filter(|_| request.method() == Method::POST);
        match plain {
            Some((model, Some(EXAMINED))) => Self::Infer(model),
            Some((model, Some(rest))) if UNEXAMINED.contains(&rest) => Self::Unexamined(model),
            _ if may_infer(path) => Self::Odd,
            _ if may_share(path) => Self::Sharing,
            _ => Self::Other,
        }
    }

    /// Its label in metrics.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Infer(_) | Self::Odd => "rest_infer",
            Self::Unexamined(_) => "rest_infer_stream",
            Self::Sharing | Self::Other => "rest_other",
        }
    }
}

/// What a request is to those who trace.
pub(super) fn operation<B>(request: &Request<B>) -> Operation {
    let method = METHODS.into_iter().find(|method| request.method() == method);
    let route = matches!(Route::of(request), Route::Infer(_)).then_some(INFER);
    Operation::Http { method, route }
}

/// The model in `/v2/models/NAME[/versions/VERSION][/REST]`, where every server reads the same in it, and the rest.
pub(super) fn model_path(path: &str) -> Option<(Model, Option<&str>)> {
    let parts: Vec<&str> = path.strip_prefix("/v2/models/")?.split('/').collect();
    let (name, version, rest) = match parts[..] {
        [name] => (name, None, None),
        [name, "versions", version] => (name, Some(version), None),
        [name, rest] => (name, None, Some(rest)),
        [name, "versions", version, rest] => (name, Some(version), Some(rest)),
        _ => return None,
    };
    let version = version.map_or_else(|| Some(String::new()), plain)?;
    Some((Model { name: plain(name)?, version }, rest))
}

/// A part of a path, decoded once; `None` where decoding it again, or cutting it up, would make another of it.
fn plain(part: &str) -> Option<String> {
    let decoded = percent_decode_str(part).decode_utf8().ok()?;
    let is_plain = !decoded.is_empty()
        && !decoded.starts_with('.')
        && !decoded.contains(|c: char| c.is_control() || "/\\%;?#".contains(c));
    is_plain.then(|| decoded.into_owned())
}

/// Whether anybody could take the path for inference.
fn may_infer(path: &str) -> bool {
    any_part(path, |part| part == EXAMINED || UNEXAMINED.contains(&part))
}

/// Whether anybody could take the path for the registration of a shared-memory region.
fn may_share(path: &str) -> bool {
    any_part(path, |part| SHARED_MEMORY.contains(&part)) && any_part(path, |part| part == REGISTER)
}

/// Whether this holds for any part of the path, however often it is decoded, whatever its parts are cut at.
fn any_part(path: &str, holds: impl Fn(&str) -> bool) -> bool {
    let mut decoded = path.to_ascii_lowercase();
    loop {
        let next = percent_decode_str(&decoded).decode_utf8_lossy().to_ascii_lowercase();
        if next == decoded {
            break;
        }
        decoded = next;
    }
    decoded.split(|c: char| c.is_control() || c.is_whitespace() || "/\\;?#".contains(c)).any(holds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(method: &str, path: &str) -> Route {
        Route::of(&Request::builder().method(method).uri(path).body(()).unwrap())
    }

    fn model(name: &str, version: &str) -> Model {
        Model { name: name.into(), version: version.into() }
    }

    #[test]
    fn plain_paths_name_a_model_and_a_version() {
        assert_eq!(route("POST", "/v2/models/signs/infer"), Route::Infer(model("signs", "")));
        assert_eq!(route("POST", "/v2/models/signs/versions/7/infer?a=b"), Route::Infer(model("signs", "7")));
        assert_eq!(route("POST", "/v2/models/%73igns/infer"), Route::Infer(model("signs", "")));
        assert_eq!(route("POST", "/v2/models/my%20signs/infer"), Route::Infer(model("my signs", "")));
        assert_eq!(route("POST", "/v2/models/signs/generate"), Route::Unexamined(model("signs", "")));
        assert_eq!(route("POST", "/v2/models/signs/versions/7/infer_stream"), Route::Unexamined(model("signs", "7")));
    }

    #[test]
    fn the_registration_of_shared_memory_is_known() {
        assert_eq!(route("POST", "/v2/systemsharedmemory/region/mine/register"), Route::Sharing);
        assert_eq!(route("POST", "/v2//cudasharedmemory/region/mine/%72egister"), Route::Sharing);
        assert_eq!(route("POST", "/v2/systemsharedmemory/region/mine/unregister"), Route::Other);
        assert_eq!(route("GET", "/v2/systemsharedmemory/status"), Route::Other);
    }

    #[test]
    fn what_some_server_might_take_for_inference_is_odd() {
        for path in [
            "//v2/models/signs/infer",
            "/v2//models/signs/infer",
            "/v2/models/signs/infer/",
            "/v2/models/signs//infer",
            "/v2/models/signs/versions//infer",
            "/v2/models/./signs/infer",
            "/v2/models/x/../signs/infer",
            "/v2/models/../models/signs/infer",
            "/v2/models/%2573igns/infer",
            "/v2/models/signs%2finfer",
            "/v2/models/signs%252Finfer",
            "/v2/models/signs/%69nfer",
            "/v2/models/signs/infer%00",
            "/v2/models/signs/infer;a=b",
            "/v2/models/signs;a=b/infer",
            "/v2/models/signs%5cinfer",
            "/V2/models/signs/INFER",
            "/v2/models/%ff/infer",
            "/prefix/v2/models/signs/infer",
            "/infer",
        ] {
            assert_eq!(route("POST", path), Route::Odd, "{path}");
        }
        for method in ["post", "PUT", "PATCH", "DELETE", "NONSENSE"] {
            assert_eq!(route(method, "/v2/models/signs/infer"), Route::Odd, "{method}");
        }
    }

    #[test]
    fn everything_else_is_none_of_the_gateways_business() {
        for (method, path) in [
            ("GET", "/v2/models/signs/infer"),
            ("GET", "/v2/health/ready"),
            ("POST", "/v2/repository/models/signs/load"),
            ("POST", "/v2/models/signs/config"),
            ("POST", "/v1/anything"),
            ("POST", "/"),
        ] {
            assert_eq!(route(method, path), Route::Other, "{method} {path}");
        }
    }

    proptest! {
        #[test]
        fn encoding_a_path_once_more_hides_no_inference(at in 0_usize..22, times in 1_usize..5) {
            let path = "/v2/models/signs/infer";
            let mut encoded = format!("%{:02x}", path.as_bytes()[at]);
            for _ in 1..times {
                encoded = encoded.replacen('%', "%25", 1);
            }
            let path = format!("/{}{encoded}{}", &path[..at], &path[at + 1..]);
            prop_assert_eq!(route("POST", &path), Route::Odd);
        }
    }
}
