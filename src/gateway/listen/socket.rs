//! Sockets that are listened on.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};

use crate::config::Address;
use crate::gateway::stream::Stream;

/// Who may connect to a Unix socket: whoever has the gateway's user or group.
const MODE: u32 = 0o660;

/// A bound socket.
pub enum Listener {
    /// A TCP port.
    Tcp(TcpListener),
    /// A Unix-domain socket. Its file goes first, so that a successor's is left alone.
    Unix(SocketFile, UnixListener),
}

/// A socket's file, removed when this is dropped.
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Whoever has removed it before has done the work.
        let _ = fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Binds a socket. A Unix socket's file on which nobody listens any more is replaced.
    ///
    /// # Errors
    /// When the address is taken or not to be had.
    pub async fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            Address::Unix(path) => {
                let listener = match UnixListener::bind(path) {
                    Err(error) if error.kind() == ErrorKind::AddrInUse && is_abandoned(path) => {
                        fs::remove_file(path)?;
                        UnixListener::bind(path)?
                    }
                    bound => bound?,
                };
                let file = SocketFile(path.clone());
                fs::set_permissions(path, Permissions::from_mode(MODE))?;
                Ok(Self::Unix(file, listener))
            }
        }
    }

    /// Where it is bound: of port 0, the port that the system has picked.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            Self::Unix(file, _) => Ok(Address::Unix(file.0.clone())),
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Without it small answers would wait for more to send; a failure costs only that.
                let _ = stream.set_nodelay(true);
                Ok(Stream::Tcp(stream))
            }
            Self::Unix(_, listener) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
        }
    }
}

/// Whether the file is a socket that nobody listens on.
fn is_abandoned(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
        && UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}
