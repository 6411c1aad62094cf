//! Asking a gateway's admin port.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// Where a gateway's admin port is unless somebody says otherwise.
pub const DEFAULT_ADMIN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9901));

/// `HOST:PORT`, or as an URL.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let address = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    address.parse().map_err(|_| "write it as IP:PORT".to_owned())
}

/// The status code and the body of `GET path`.
pub fn get(admin: SocketAddr, path: &str, timeout: Duration) -> Result<(u16, String)> {
    ask(admin, "GET", path, timeout)
}

/// The status code and the body of a request without a body.
pub fn ask(admin: SocketAddr, method: &str, path: &str, timeout: Duration) -> Result<(u16, String)> {
    let unreachable = || format!("no gateway answers on {admin}");
    let mut stream = TcpStream::connect_timeout(&admin, timeout).with_context(unreachable)?;
    stream.set_read_timeout(Some(timeout))?;
    let request = format!("{method} {path} HTTP/1.0\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).with_context(unreachable)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(unreachable)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok((code.with_context(|| format!("{admin} does not answer as HTTP"))?, body.to_owned()))
}

/// Whether somebody is there who was too slow.
pub fn timed_out(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(kind, Some(ErrorKind::TimedOut | ErrorKind::WouldBlock))
}
