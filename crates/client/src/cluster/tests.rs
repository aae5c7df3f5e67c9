//! Whom a client asks when any broker may be asked.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wire::api_versions_response::{ApiVersion, ApiVersionsResponse};
use wire::metadata_response::MetadataResponseBroker;
use wire::{ApiKey, encode_response};

use super::*;

/// Long enough for a broker of this process to answer, on a busy machine.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// A broker that tells its versions, and nothing else unless it `talks`.
async fn broker(talks: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, talks));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, talks: bool) {
    while let Ok(bytes) = stream.read_i32().await {
        let mut frame = vec![0; usize::try_from(bytes).expect("a length")];
        stream.read_exact(&mut frame).await.expect("a whole frame");
        let short = |at: usize| i16::from_be_bytes([frame[at], frame[at + 1]]);
        let (key, version) = (short(0), short(2));
        let id = i32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]);
        let plan = if key == ApiKey::ApiVersions.code() {
            let spoken = |key: ApiKey, max_version| ApiVersion {
                api_key: key.code(),
                min_version: 0,
                max_version,
            };
            let api_keys = vec![spoken(ApiKey::Metadata, 12), spoken(ApiKey::ApiVersions, 4)];
            let response = ApiVersionsResponse { api_keys, ..Default::default() };
            encode_response(id, &response, version, Vec::new())
        } else if talks {
            encode_response(id, &MetadataResponse::default(), version, Vec::new())
        } else {
            continue;
        };
        stream.write_all(&plan.expect("it fits").inline).await.expect("the client reads");
    }
}

/// What is known of a cluster with these brokers; its answers change nothing of it.
fn known(addresses: &[SocketAddr]) -> MetadataResponse<'static> {
    let broker = |(node_id, address): (i32, &SocketAddr)| MetadataResponseBroker {
        node_id,
        host: address.ip().to_string().into(),
        port: i32::from(address.port()),
        ..Default::default()
    };
    MetadataResponse { brokers: (1..).zip(addresses).map(broker).collect(), ..Default::default() }
}

#[tokio::test]
async fn who_was_silent_is_not_asked_again_while_others_talk() {
    let brokers = [broker(false).await, broker(true).await];
    let mut config = ClientConfig { request_timeout: REQUEST_TIMEOUT, ..Default::default() };
    config.bootstrap_servers = brokers.iter().map(SocketAddr::to_string).collect();
    let cluster = Cluster::knowing(config, &known(&brokers));
    let ask = async || {
        let asked = cluster.call_any(&MetadataRequest::default(), ANY_VERSION).await;
        asked.map(drop)
    };
    // each is as likely to be asked first
    while ask().await.is_ok() {}
    for _ in 0..20 {
        ask().await.expect("the other one talks");
    }
}
