//! Whether a process is there: its listeners accept a connection, or its host says that they are not.

use super::Address;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a host may take to resolve a name, or to accept or refuse. It is no proof if it takes
/// longer.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// What the hosts of a process say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Something listens.
    Present,
    /// Every one of its listeners is closed, as the hosts that had them say.
    Gone,
    /// A host cannot be asked.
    Unknown,
}

/// Asks whether one of `listeners` is open.
pub(crate) async fn presence(listeners: &[Address]) -> Presence {
    let mut seen = Presence::Unknown;
    for listener in listeners {
        let host = (listener.host.as_str(), listener.port);
        let Ok(Ok(found)) = timeout(ANSWER_MAX, tokio::net::lookup_host(host)).await else {
            return Presence::Unknown;
        };
        for address in found {
            match refuses(address).await {
                Ok(true) => seen = Presence::Gone,
                Ok(false) => return Presence::Present,
                Err(_) => return Presence::Unknown,
            }
        }
    }
    seen
}

/// # Errors
/// Where the host neither accepts nor refuses.
async fn refuses(address: SocketAddr) -> io::Result<bool> {
    let connected = timeout(ANSWER_MAX, TcpStream::connect(address)).await;
    match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    fn at(address: SocketAddr) -> Address {
        Address { host: address.ip().to_string(), port: address.port() }
    }

    #[tokio::test]
    async fn only_refusals_of_all_listeners_prove_that_a_process_is_gone() {
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let [here, gone] = [&open, &closed].map(|listener| at(listener.local_addr().unwrap()));
        drop(closed);
        assert_eq!(presence(std::slice::from_ref(&gone)).await, Presence::Gone);
        assert_eq!(presence(&[gone.clone(), here]).await, Presence::Present);
        let nowhere = Address { host: "no.such.host.invalid".to_owned(), port: 1 };
        assert_eq!(presence(&[gone, nowhere]).await, Presence::Unknown);
        assert_eq!(presence(&[]).await, Presence::Unknown);
    }
}
