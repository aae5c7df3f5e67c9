//! A server of this process and a client that sends whatever bytes a test wants.
#![allow(dead_code, reason = "each test file uses a part")]

pub mod records;

use broker::{Broker, Running, Settings};
use metadata::config::{Assignments, ServerConfig};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wire::metadata_request::MetadataRequestTopic;
use wire::{Message, MetadataRequest, Request};

/// No answer of a healthy server takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

pub const LISTENER: &str = "PLAINTEXT";

/// Settings on free ports of the loopback, with a directory of their own.
pub fn settings_in(folder: &Path, properties: &[(&str, &str)]) -> Settings {
    let mut all: Assignments = Assignments::new();
    all.insert("listeners".into(), "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0".into());
    for (key, value) in properties {
        all.insert((*key).into(), (*value).into());
    }
    let folder = folder.to_str().expect("a path of UTF-8");
    let config = ServerConfig::single_node(folder, &all).expect("valid properties");
    Settings::from_config(config).expect("what this build can do")
}

/// A server whose directory goes with it.
pub struct Server {
    running: Option<Running>,
    folder: TempDir,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(properties: &[(&str, &str)]) -> Self {
        Self::start_changed(properties, |_| {}).await
    }

    pub async fn start_changed(
        properties: &[(&str, &str)],
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = settings_in(folder.path(), properties);
        change(&mut settings);
        let running = Broker::start(settings).await.expect("the server starts");
        Self { running: Some(running), folder }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs until it is stopped")
    }

    pub fn address(&self) -> SocketAddr {
        self.running().address(LISTENER).expect("the listener is open")
    }

    pub async fn connect(&self) -> Client {
        Client::connect(self.address()).await
    }

    pub async fn stop(mut self) {
        self.running.take().expect("it runs").shutdown().await;
    }

    /// Stops, changes what lies on disk, and starts on it.
    pub async fn restart_after(
        mut self,
        properties: &[(&str, &str)],
        change: impl FnOnce(&Path),
    ) -> Self {
        self.running.take().expect("it runs").shutdown().await;
        change(self.folder.path());
        let settings = settings_in(self.folder.path(), properties);
        self.running = Some(Broker::start(settings).await.expect("the server starts again"));
        self
    }

    /// Stops, and starts on the same directory.
    pub async fn restart(self, properties: &[(&str, &str)]) -> Self {
        self.restart_after(properties, |_| {}).await
    }
}

/// A connection that speaks frames.
pub struct Client {
    stream: TcpStream,
    next_correlation_id: i32,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server accepts");
        Self { stream, next_correlation_id: 0 }
    }

    /// Has a topic created by asking for its metadata; returns its id.
    pub async fn auto_create(&mut self, topic: &str) -> types::TopicId {
        let wanted =
            MetadataRequestTopic { name: Some(topic.to_owned().into()), ..Default::default() };
        let request = MetadataRequest { topics: Some(vec![wanted]), ..Default::default() };
        let response = self.call(&request, 12).await;
        assert_eq!(response.topics[0].error_code, 0, "{topic} cannot be created");
        response.topics[0].topic_id
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

    /// Says that no more will be sent; answers are still read.
    pub async fn hang_up(&mut self) {
        self.stream.shutdown().await.expect("the connection is open");
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
