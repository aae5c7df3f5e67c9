//! Keeps one connection to wherever the node is, and what is in flight on it.

use super::link::{Frame, Link, Spoken};
use super::{Address, Answered, Encode, Encoded, PeerError};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// Between connections that ended badly: doubled each time, up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// A node that can be reached accepts a connection and shakes hands in that time.
const OPENING_MAX: Duration = Duration::from_secs(3);

/// Requests on their way at a time.
const IN_FLIGHT_MAX: usize = 64;

/// A request that waits for its turn.
pub(super) struct Call {
    pub encode: Encode,
    pub answer: oneshot::Sender<Result<Answered, PeerError>>,
}

/// A request that waits for its answer.
struct InFlight {
    correlation_id: i32,
    encoded: Encoded,
    answer: oneshot::Sender<Result<Answered, PeerError>>,
    deadline: Instant,
}

/// The moving part of a [`super::Peer`].
pub(crate) struct Line {
    client_id: &'static str,
    address: watch::Receiver<Option<Address>>,
    calls: mpsc::Receiver<Call>,
    /// What the node speaks, while there is a connection.
    spoken: watch::Sender<Option<Arc<Spoken>>>,
    patience: Duration,
    /// How long a connection may take to come about.
    pub(super) opening_max: Duration,
    waiting: VecDeque<Call>,
    in_flight: VecDeque<InFlight>,
    next_correlation_id: i32,
}

/// Why a connection is given up.
enum End {
    Broken(io::Error),
    /// Nobody can call any more.
    Unused,
    /// The node is reached elsewhere.
    Moved,
    TooSlow,
}

impl Line {
    pub(super) fn new(
        client_id: &'static str,
        address: watch::Receiver<Option<Address>>,
        (calls, spoken): (mpsc::Receiver<Call>, watch::Sender<Option<Arc<Spoken>>>),
        patience: Duration,
    ) -> Self {
        Self {
            client_id,
            address,
            calls,
            spoken,
            patience,
            opening_max: patience.min(OPENING_MAX),
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            next_correlation_id: 0,
        }
    }

    /// Serves calls until nobody can call any more.
    pub(crate) async fn run(mut self) {
        let mut pause = PAUSE_MIN;
        while self.is_wanted().await {
            let Some(address) = self.known_address().await else { return };
            let end = match self.open(&address).await {
                Ok(link) => {
                    pause = PAUSE_MIN;
                    self.spoken.send_replace(Some(Arc::clone(&link.versions.spoken)));
                    self.serve(link).await
                }
                Err(end) => end,
            };
            self.spoken.send_replace(None);
            for lost in self.in_flight.drain(..) {
                // whoever asked may be gone
                let _ = lost.answer.send(Err(PeerError::Broken));
            }
            match end {
                End::Unused => return,
                End::Moved => {}
                End::TooSlow => tracing::debug!(%address, "a node does not answer in time"),
                End::Broken(error) => {
                    tracing::debug!(%address, %error, "no connection to a node");
                    tokio::time::sleep(pause).await;
                    pause = PAUSE_MAX.min(pause * 2);
                }
            }
        }
    }

    /// A connection, unless the node turns out to be reached elsewhere.
    async fn open(&mut self, address: &Address) -> Result<Link, End> {
        let opening = Link::open(address, self.client_id);
        tokio::select! {
            opened = tokio::time::timeout(self.opening_max, opening) => {
                let opened = opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
                opened.map_err(End::Broken)
            }
            changed = self.address.changed() => Err(moved(changed)),
        }
    }

    /// Waits for a call whose caller still waits; `false` where none can come.
    async fn is_wanted(&mut self) -> bool {
        self.waiting.retain(|call| !call.answer.is_closed());
        while self.waiting.is_empty() {
            match self.calls.recv().await {
                Some(call) if call.answer.is_closed() => {}
                Some(call) => self.waiting.push_back(call),
                None => return false,
            }
        }
        true
    }

    async fn known_address(&mut self) -> Option<Address> {
        self.address.wait_for(Option::is_some).await.ok()?.clone()
    }

    async fn serve(&mut self, mut link: Link) -> End {
        loop {
            while let Some(call) = self.waiting.pop_front() {
                if let Err(error) = self.send(&mut link, call).await {
                    return End::Broken(error);
                }
            }
            let deadline = self.in_flight.front().map(|first| first.deadline);
            let slow = deadline.unwrap_or_else(Instant::now);
            tokio::select! {
                call = self.calls.recv(), if self.in_flight.len() < IN_FLIGHT_MAX => match call {
                    Some(call) => self.waiting.push_back(call),
                    None => return End::Unused,
                },
                frame = link.receive() => match frame {
                    Ok(frame) => if let Err(error) = self.complete(frame) {
                        return End::Broken(error);
                    },
                    Err(error) => return End::Broken(error),
                },
                changed = self.address.changed() => return moved(changed),
                () = tokio::time::sleep_until(slow), if deadline.is_some() => return End::TooSlow,
            }
        }
    }

    async fn send(&mut self, link: &mut Link, call: Call) -> io::Result<()> {
        let Call { encode, answer } = call;
        if answer.is_closed() {
            return Ok(());
        }
        self.next_correlation_id = self.next_correlation_id.wrapping_add(1);
        let correlation_id = self.next_correlation_id;
        let mut frame = Vec::new();
        match encode(&mut frame, correlation_id, &link.versions) {
            Ok(encoded) => {
                let deadline = Instant::now() + self.patience;
                self.in_flight.push_back(InFlight { correlation_id, encoded, answer, deadline });
                // a node that takes nothing in answers nothing either
                let sent = tokio::time::timeout(self.patience, link.send(&frame)).await;
                sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            }
            Err(error) => {
                let _ = answer.send(Err(error));
                Ok(())
            }
        }
    }

    /// Hands a frame to whoever asked first: answers come in the order of the requests.
    fn complete(&mut self, frame: Frame) -> io::Result<()> {
        let invalid = |why: &'static str| io::Error::new(io::ErrorKind::InvalidData, why);
        let first = self.in_flight.pop_front().ok_or_else(|| invalid("nobody asked"))?;
        let id = frame.first_chunk().map(|id| i32::from_be_bytes(*id));
        if id != Some(first.correlation_id) {
            let _ = first.answer.send(Err(PeerError::Broken));
            return Err(invalid("answers are out of order"));
        }
        let _ = first.answer.send(Ok(Answered { versions: first.encoded, frame }));
        Ok(())
    }
}

fn moved(changed: Result<(), watch::error::RecvError>) -> End {
    match changed {
        Ok(()) => End::Moved,
        Err(_) => End::Unused,
    }
}
