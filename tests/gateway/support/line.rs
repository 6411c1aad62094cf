//! The line between a gateway and its upstream, which can be disturbed.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// What is wrong with the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// What is connected is cut off, and so is whoever connects.
    Dead,
    /// Connections stay, and nothing arrives any more.
    Frozen,
    /// Whatever the upstream says arrives as noise.
    Noisy,
    /// Connections are cut off after so many bytes of what the upstream says.
    Cut(usize),
}

/// Stands before an upstream. It stops with the test's runtime.
pub struct Line {
    pub address: SocketAddr,
    fault: watch::Sender<Fault>,
    upstream: watch::Sender<SocketAddr>,
    carrying: Arc<Semaphore>,
}

/// As many connections as one line carries.
const CONNECTIONS: usize = 1000;

impl Line {
    /// A sound line to `upstream`.
    pub async fn to(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let fault = watch::Sender::new(Fault::None);
        let carrying = Arc::new(Semaphore::new(CONNECTIONS));
        let upstream = watch::Sender::new(upstream);
        let (faults, carriers, target) = (fault.clone(), carrying.clone(), upstream.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (fault, carrier) = (faults.subscribe(), carriers.clone().acquire_owned().await);
                let upstream = *target.borrow();
                tokio::spawn(async move {
                    carry(client, upstream, fault).await;
                    drop(carrier);
                });
            }
        });
        Self { address, fault, upstream, carrying }
    }

    /// From now on this is wrong with it.
    pub fn suffer(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// From now on new connections lead to this upstream.
    pub fn lead_to(&self, upstream: SocketAddr) {
        self.upstream.send_replace(upstream);
    }

    /// Waits until nothing is connected any more.
    pub async fn quiet(&self) {
        let all = u32::try_from(CONNECTIONS).expect("not so many");
        drop(self.carrying.acquire_many(all).await.expect("never closed"));
    }
}

async fn carry(client: TcpStream, upstream: SocketAddr, fault: watch::Receiver<Fault>) {
    if *fault.borrow() == Fault::Dead {
        return;
    }
    let Ok(upstream) = TcpStream::connect(upstream).await else { return };
    // Without it the line would be slow; a failure costs only that.
    let _ = (client.set_nodelay(true), upstream.set_nodelay(true));
    let ((from_client, to_client), (from_upstream, to_upstream)) = (client.into_split(), upstream.into_split());
    let mut dying = fault.clone();
    tokio::select! {
        () = pass(from_client, to_upstream, fault.clone(), false) => {}
        () = pass(from_upstream, to_client, fault, true) => {}
        _ = dying.wait_for(|fault| *fault == Fault::Dead) => {}
    }
}

/// Carries bytes in one direction until either end or the fault ends it.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut fault: watch::Receiver<Fault>, is_answer: bool) {
    let (mut bytes, mut carried) = (vec![0; 64 << 10], 0);
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        // The other end of the channel lives as long as the line.
        let Ok(fault) = fault.wait_for(|fault| *fault != Fault::Frozen).await.map(|fault| *fault) else { return };
        let mut piece = &mut bytes[..read];
        match fault {
            Fault::Noisy if is_answer => piece.fill(0xa5),
            Fault::Cut(limit) if is_answer => {
                let left = limit.saturating_sub(carried).min(read);
                piece = &mut piece[..left];
            }
            _ => {}
        }
        carried += piece.len();
        if to.write_all(piece).await.is_err() || piece.len() < read {
            return;
        }
    }
}
