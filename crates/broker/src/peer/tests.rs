//! The other end does what it likes: it is silent, it moves, it answers in pieces.

use super::{Address, Link, Peer, PeerError, Versions};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use wire::api_versions_response::ApiVersion;
use wire::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};

const CLIENT_ID: &str = "test";
/// Nothing here may need so long.
const PATIENCE: Duration = Duration::from_secs(20);
const LONGER_THAN_THE_TEST: Duration = Duration::from_secs(3600);

async fn listener() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, Address { host: "127.0.0.1".to_owned(), port })
}

/// Answers one request, ApiVersions it must be.
async fn answer(stream: &mut TcpStream) -> io::Result<()> {
    let length = stream.read_i32().await?;
    let mut request = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut request).await?;
    let id: [u8; 4] = request[4..8].try_into().unwrap();
    let known = ApiVersion { api_key: ApiKey::ApiVersions.code(), min_version: 0, max_version: 3 };
    let response = ApiVersionsResponse { api_keys: vec![known], ..Default::default() };
    let plan = wire::encode_response(i32::from_be_bytes(id), &response, 3, Vec::new());
    stream.write_all(&plan.unwrap().inline).await
}

async fn answer_all(listener: TcpListener) {
    let (mut stream, _) = listener.accept().await.unwrap();
    while answer(&mut stream).await.is_ok() {}
}

#[tokio::test]
async fn an_attempt_that_hangs_does_not_hold_up_the_next() {
    let (listener, address) = listener().await;
    let serving = tokio::spawn(async move {
        let silent = listener.accept().await.unwrap();
        answer_all(listener).await;
        drop(silent);
    });
    let opened = tokio::time::timeout(PATIENCE, Link::open(&address, CLIENT_ID)).await;
    assert!(opened.unwrap().is_ok());
    serving.await.unwrap();
}

#[tokio::test]
async fn a_node_that_has_moved_is_not_waited_for_where_it_was() {
    let (silent, before) = listener().await;
    let (answering, after) = listener().await;
    let (address, known) = watch::channel(Some(before));
    let (peer, mut line) = Peer::new(CLIENT_ID, known, PATIENCE);
    line.opening_max = LONGER_THAN_THE_TEST;
    let running = tokio::spawn(line.run());
    let asking = tokio::spawn(async move { peer.call(ApiVersionsRequest::default()).await });
    // it is waited for there
    let connected = silent.accept().await.unwrap();
    address.send_replace(Some(after));
    tokio::spawn(answer_all(answering));
    assert!(asking.await.unwrap().is_ok());
    drop(connected);
    running.await.unwrap();
}

#[tokio::test]
async fn what_a_node_speaks_is_known_while_it_is_connected() {
    let (listener, address) = listener().await;
    let (_here, known) = watch::channel(Some(address));
    let (peer, line) = Peer::new(CLIENT_ID, known, PATIENCE);
    let running = tokio::spawn(line.run());
    let mut spoken = peer.spoken();
    assert!(spoken.borrow().is_none());
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        answer(&mut stream).await.unwrap();
        answer(&mut stream).await.unwrap();
        stream
    });
    peer.call(ApiVersionsRequest::default()).await.unwrap();
    let ranges = spoken.borrow_and_update().clone().unwrap();
    let versions = Versions { client_id: CLIENT_ID, spoken: ranges };
    let api = ApiKey::ApiVersions;
    assert_eq!((versions.highest(api), versions.exactly(api, 2)), (Ok(3), Ok(2)));
    assert_eq!(versions.exactly(api, 4), Err(PeerError::Unsupported(api)));
    assert_eq!(versions.exactly(ApiKey::Fetch, 4), Err(PeerError::Unsupported(ApiKey::Fetch)));
    drop(serving.await.unwrap());
    assert!(spoken.wait_for(Option::is_none).await.is_ok());
    drop(peer);
    running.await.unwrap();
}

#[tokio::test]
async fn frames_come_whole_however_they_are_cut() {
    let (listener, address) = listener().await;
    let frames = [vec![], vec![1; 10], vec![2; 300_000], vec![3; 5]];
    let mut bytes = Vec::new();
    for frame in &frames {
        bytes.extend(i32::try_from(frame.len()).unwrap().to_be_bytes());
        bytes.extend(frame);
    }
    bytes.extend((-1i32).to_be_bytes());
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        answer(&mut stream).await.unwrap();
        for piece in bytes.chunks(7_001) {
            stream.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let mut link = Link::open(&address, CLIENT_ID).await.unwrap();
    for frame in &frames {
        assert!(*link.receive().await.unwrap() == **frame, "{} bytes", frame.len());
    }
    let refused = link.receive().await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
    serving.await.unwrap();
}
