//! Who is at the other end of a connection.

use crate::evidence::Client;
use crate::gateway::credentials::subject;
use crate::gateway::stream::Stream;

/// What a client on a Unix-domain socket is called.
const LOCAL: &str = "unix";
/// What a client is called whose address the system does not tell.
const UNKNOWN: &str = "unknown";

/// Where the client is and, under mutual TLS, who.
pub(super) fn client(stream: &Stream) -> Client {
    let (socket, certificates) = match stream {
        Stream::Unix(_) => return Client { address: LOCAL.to_owned(), subject: None },
        Stream::Tcp(socket) => (socket, None),
        Stream::Tls(secured) => {
            let (socket, session) = secured.get_ref();
            (socket, session.peer_certificates())
        }
    };
    let address = socket.peer_addr().map_or_else(|_| UNKNOWN.to_owned(), |address| address.to_string());
    Client { address, subject: certificates.and_then(<[_]>::first).and_then(subject) }
}
