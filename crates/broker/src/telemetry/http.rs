//! `/metrics`, `/livez` and `/readyz` on a port of their own.

use super::render;
use crate::node::Node;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The running HTTP server.
#[derive(Debug)]
pub(crate) struct HttpServer {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl HttpServer {
    /// Waits for its end, which the node's stopping brings about.
    pub(crate) async fn stopped(self) {
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the HTTP server panicked");
        }
    }
}

/// Serves on `host:port` until the node stops.
pub(crate) async fn serve(node: Arc<Node>, address: &str) -> io::Result<HttpServer> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let mut stopping = node.stopping.clone();
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(node);
    let task = tokio::spawn(async move {
        let stop = async move { _ = stopping.wait_for(|stop| *stop).await };
        let server = axum::serve(listener, router).with_graceful_shutdown(stop);
        if let Err(error) = server.await {
            tracing::error!(%error, "the HTTP server ended");
        }
    });
    Ok(HttpServer { address, task })
}

async fn metrics(State(node): State<Arc<Node>>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, render(node).await).into_response()
}

async fn ready(State(node): State<Arc<Node>>) -> Response {
    match node.ready.load(Ordering::Acquire) {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "starting or stopping\n").into_response(),
    }
}
