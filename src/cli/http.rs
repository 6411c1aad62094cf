//! Asking a gateway's admin port.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// The status code and the body of `GET path`.
pub fn get(admin: SocketAddr, path: &str, timeout: Duration) -> Result<(u16, String)> {
    let unreachable = || format!("no gateway answers on {admin}");
    let mut stream = TcpStream::connect_timeout(&admin, timeout).with_context(unreachable)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).with_context(unreachable)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(unreachable)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok((code.with_context(|| format!("{admin} does not answer as HTTP"))?, body.to_owned()))
}
