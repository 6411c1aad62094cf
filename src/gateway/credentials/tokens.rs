//! Bearer tokens of operators, and what the gateway shows to others.

use std::path::PathBuf;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::kept::{Flaw, Kept};
use crate::config::{Located, Mistake};

/// Shorter tokens can be guessed.
const SHORTEST: usize = 16;

/// The tokens that open the operators' port, as SHA-256: of equal length, whatever is compared with them.
pub(crate) struct Tokens(Vec<[u8; 32]>);

/// The tokens of a file, one a line; empty lines and those that begin with `#` are none.
pub(super) fn keep(file: Located<PathBuf>) -> Result<Kept<Tokens>, Mistake> {
    Kept::new("admin_tokens", vec![file], |contents| Tokens::parse(&contents[0]).map_err(|problem| Flaw(0, problem)))
}

/// The first token of a file as the credentials that a server is shown; `role` is what they are for.
pub(crate) fn bearer(role: &'static str, file: Located<PathBuf>) -> Result<Kept<HeaderValue>, Mistake> {
    Kept::new(role, vec![file], |contents| {
        let text = String::from_utf8_lossy(&contents[0]);
        let token = tokens_in(&text).next().ok_or_else(|| Flaw(0, "holds no token: write it on a line".to_owned()))?;
        let credentials = HeaderValue::try_from(format!("Bearer {token}"));
        let mut credentials = credentials.map_err(|_| Flaw(0, "holds a token that is not ASCII".to_owned()))?;
        credentials.set_sensitive(true);
        Ok(credentials)
    })
}

/// The headers in a file that a server is shown, one `name: value` a line; `role` is what they are for.
pub(crate) fn headers(role: &'static str, file: Located<PathBuf>) -> Result<Kept<HeaderMap>, Mistake> {
    Kept::new(role, vec![file], |contents| {
        let text = String::from_utf8_lossy(&contents[0]);
        let headers = tokens_in(&text).map(header_of).collect::<Option<HeaderMap>>();
        let problem = match headers {
            Some(headers) if !headers.is_empty() => return Ok(headers),
            Some(_) => "holds no header: write each as `name: value` on a line",
            None => "holds a line that is no header: write each as `name: value`",
        };
        Err(Flaw(0, problem.to_owned()))
    })
}

fn header_of(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    let mut value = HeaderValue::try_from(value.trim()).ok()?;
    value.set_sensitive(true);
    Some((name.trim().parse().ok()?, value))
}

/// The tokens in a file: its lines that are neither empty nor a remark.
pub fn tokens_in(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

impl Tokens {
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(text).map_err(|_| "is no text: it must hold tokens, one a line".to_owned())?;
        let mut digests = Vec::new();
        for token in tokens_in(text) {
            if token.len() < SHORTEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(format!("holds a token that is not {SHORTEST} or more printable ASCII characters"));
            }
            digests.push(Sha256::digest(token).into());
        }
        if digests.is_empty() { Err("holds no token: write one a line".to_owned()) } else { Ok(Self(digests)) }
    }

    /// Whether the request comes with one of them. How long that takes says nothing about them.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> bool {
        let credentials = headers.get(header::AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
        let Some((scheme, token)) = credentials.split_at_checked("Bearer ".len()) else { return false };
        self.recognise(token).is_some() && scheme.eq_ignore_ascii_case(b"Bearer ")
    }

    /// The SHA-256 of `token`, if it is one of them. How long that takes says nothing about them.
    pub(super) fn recognise(&self, token: &[u8]) -> Option<[u8; 32]> {
        let given = Sha256::digest(token.trim_ascii()).into();
        self.has(&given).then_some(given)
    }

    /// Whether one of them has this SHA-256; likewise.
    pub(super) fn has(&self, given: &[u8; 32]) -> bool {
        self.0.iter().fold(Choice::from(0), |found, known| found | known.ct_eq(given)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(tokens: &Tokens, credentials: &str) -> bool {
        tokens.admit(&HeaderMap::from_iter([(header::AUTHORIZATION, credentials.parse().unwrap())]))
    }

    #[test]
    fn any_token_of_the_file_opens_and_nothing_else() {
        let tokens = Tokens::parse(b"# of the dashboard\nfirst-of-all-tokens\n\n  second-of-all-tokens\r\n").unwrap();
        for right in ["Bearer first-of-all-tokens", "bearer second-of-all-tokens", "Bearer  first-of-all-tokens"] {
            assert!(admits(&tokens, right), "{right}");
        }
        for wrong in
            ["", "Bearer", "Bearer ", "first-of-all-tokens", "Basic first-of-all-tokens", "Bearer # of the dashboard"]
        {
            assert!(!admits(&tokens, wrong), "{wrong}");
        }
        assert!(!tokens.admit(&HeaderMap::new()));
    }

    #[test]
    fn headers_are_a_name_and_a_value_and_are_never_printed() {
        let (name, value) = header_of("X-Api-Key: a:b").unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap(), value.is_sensitive()), ("x-api-key", "a:b", true));
        for wrong in ["x-api-key", ": a", "x api: a", "x-api-key: \u{7f}"] {
            assert!(header_of(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn tokens_that_could_be_guessed_are_refused() {
        for text in ["", "# none\n", "short", "long enough but spaced", "first-of-all-tokens\nshort"] {
            assert!(Tokens::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Tokens::parse(&[0xff; 32]).is_err());
    }
}
