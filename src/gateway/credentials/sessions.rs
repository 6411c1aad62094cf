//! Sessions of operators in a browser, which can send no token of its own accord.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, header};
use rand::TryRng;
use rand::rngs::{SysError, SysRng};
use sha2::{Digest, Sha256};

use super::tokens::Tokens;

/// How long a session lasts.
const LIFE: Duration = Duration::from_secs(12 * 3600);
/// Sessions at the same time; the oldest ends when there is one more.
const MOST: usize = 64;
/// The cookie that holds a session's key.
const COOKIE: &str = "portcullis_session";

/// Everybody who is signed in. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<VecDeque<Session>>>);

struct Session {
    /// SHA-256 of the key, which the browser alone has.
    key: [u8; 32],
    /// The token by which it began: it ends with it.
    token: [u8; 32],
    ends: Instant,
}

impl Sessions {
    /// Begins a session of who brings `token`, and says by which cookie it goes on; `secure` where it must not go over
    /// plain text. `None` where the token is none.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(crate) fn begin(&self, tokens: &Tokens, token: &str, secure: bool) -> Result<Option<HeaderValue>, SysError> {
        let Some(token) = tokens.recognise(token.as_bytes()) else { return Ok(None) };
        let mut key = [0; 32];
        SysRng.try_fill_bytes(&mut key)?;
        let key = hex::encode(key);
        let mut sessions = self.lock();
        if sessions.len() >= MOST {
            sessions.pop_front();
        }
        sessions.push_back(Session { key: digest(&key), token, ends: Instant::now() + LIFE });
        Ok(cookie(&key, LIFE, secure))
    }

    /// Whether the request belongs to a session whose token is still one of `tokens`.
    pub(crate) fn admit(&self, headers: &HeaderMap, tokens: &Tokens) -> bool {
        let Some(key) = key(headers) else { return false };
        let mut sessions = self.lock();
        let now = Instant::now();
        sessions.retain(|session| session.ends > now && tokens.has(&session.token));
        // Of the key's digest nobody learns the key, however long a comparison takes.
        sessions.iter().any(|session| session.key == key)
    }

    /// Ends the session that the request belongs to; the cookie that says so.
    pub(crate) fn end(&self, headers: &HeaderMap, secure: bool) -> Option<HeaderValue> {
        let key = key(headers)?;
        self.lock().retain(|session| session.key != key);
        cookie("", Duration::ZERO, secure)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Scripts do not see it, and no other site's pages send it.
fn cookie(key: &str, life: Duration, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let life = life.as_secs();
    let cookie = format!("{COOKIE}={key}; Path=/; Max-Age={life}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::try_from(cookie).ok()
}

fn key(headers: &HeaderMap) -> Option<[u8; 32]> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, key)| digest(key))
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "first-of-all-tokens";

    fn tokens(text: &str) -> Tokens {
        Tokens::parse(text.as_bytes()).unwrap()
    }

    fn carrying(cookie: &HeaderValue) -> HeaderMap {
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, format!("theme=dark; {pair}").parse().unwrap())])
    }

    #[test]
    fn a_session_lasts_until_it_or_its_token_ends() {
        let (sessions, known) = (Sessions::default(), tokens(TOKEN));
        assert!(sessions.begin(&known, "another-long-enough-token", false).unwrap().is_none());
        let first = carrying(&sessions.begin(&known, TOKEN, false).unwrap().unwrap());
        let second = carrying(&sessions.begin(&known, TOKEN, false).unwrap().unwrap());
        assert!(sessions.admit(&first, &known) && sessions.admit(&second, &known));
        assert!(!sessions.admit(&HeaderMap::new(), &known));
        sessions.end(&first, false).unwrap();
        assert!(!sessions.admit(&first, &known) && sessions.admit(&second, &known));
        assert!(!sessions.admit(&second, &tokens("second-of-all-tokens")), "its token is none any more");
        assert!(!sessions.admit(&second, &known), "and it does not come back");
    }

    #[test]
    fn the_token_is_not_in_the_cookie_and_no_script_or_other_site_gets_at_it() {
        let sessions = Sessions::default();
        let cookie = sessions.begin(&tokens(TOKEN), TOKEN, true).unwrap().unwrap();
        let cookie = cookie.to_str().unwrap();
        assert!(!cookie.contains(TOKEN));
        for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
            assert!(cookie.contains(attribute), "{attribute} is missing in {cookie}");
        }
    }

    #[test]
    fn there_are_only_so_many() {
        let (sessions, known) = (Sessions::default(), tokens(TOKEN));
        let begun: Vec<HeaderMap> =
            (0..=MOST).map(|_| carrying(&sessions.begin(&known, TOKEN, false).unwrap().unwrap())).collect();
        assert!(!sessions.admit(&begun[0], &known) && sessions.admit(&begun[1], &known));
    }
}
