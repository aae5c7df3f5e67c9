//! A server of this process and a client that sends whatever bytes a test wants.
#![allow(dead_code, reason = "each test file uses a part")]

use broker::{Broker, ListenerSettings, Running, Settings};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wire::{Message, Request};

/// No answer of a healthy server takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

pub const LISTENER: &str = "PLAINTEXT";

/// Settings on a free port of the loopback.
pub fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.network.listeners =
        vec![ListenerSettings { name: LISTENER.into(), host: "127.0.0.1".into(), port: 0 }];
    settings
}

pub async fn start(settings: Settings) -> Running {
    Broker::start(settings).await.expect("the server starts")
}

pub fn address(server: &Running) -> SocketAddr {
    server.address(LISTENER).expect("the listener is open")
}

/// A connection that speaks frames.
pub struct Client {
    stream: TcpStream,
    next_correlation_id: i32,
}

impl Client {
    pub async fn connect(server: &Running) -> Self {
        let stream = TcpStream::connect(address(server)).await.expect("the server accepts");
        Self { stream, next_correlation_id: 0 }
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the connection is open");
    }

    /// Sends a request and returns the id that its answer will have.
    pub async fn send<'a, Q: Request<'a>>(&mut self, request: &Q, version: i16) -> i32 {
        self.next_correlation_id += 1;
        let mut bytes = Vec::new();
        let id = self.next_correlation_id;
        wire::encode_request(&mut bytes, id, Some("test"), request, version).expect("encodes");
        self.send_bytes(&bytes).await;
        id
    }

    /// The next frame without its length.
    pub async fn receive(&mut self) -> Vec<u8> {
        let receive = async {
            let length = self.stream.read_i32().await.expect("an answer");
            let mut frame = vec![0; usize::try_from(length).expect("a length")];
            self.stream.read_exact(&mut frame).await.expect("a whole answer");
            frame
        };
        tokio::time::timeout(PATIENCE, receive).await.expect("the server answers in time")
    }

    /// Sends a request and reads its answer, which stays in memory for the rest of the test.
    pub async fn call<'a, Q: Request<'a>>(
        &mut self,
        request: &Q,
        version: i16,
    ) -> Q::Response<'static> {
        let id = self.send(request, version).await;
        let frame: &'static [u8] = self.receive().await.leak();
        let (header, mut body) =
            wire::decode_response_header(frame, Q::KEY, version).expect("a response header");
        assert_eq!(header.correlation_id, id);
        let response = Message::decode(&mut body, version).expect("a response");
        body.finish().expect("nothing behind the response");
        response
    }

    /// Asserts that the server closes the connection without another byte.
    pub async fn assert_closed(&mut self) {
        let mut rest = Vec::new();
        let closed = self.stream.read_to_end(&mut rest);
        let result = tokio::time::timeout(PATIENCE, closed).await.expect("the server closes");
        match result {
            Ok(_) => assert_eq!(rest, [0; 0], "bytes before the end"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
}
