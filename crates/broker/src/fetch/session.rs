//! Fetch sessions (KIP-227): what a client follows, so that its requests name only what changes.
//!
//! ```text
//! session id, epoch in the request     meaning
//!   0,  -1                             no session: the request names everything, every time
//!   *,   0                             a full request that asks for a session; an old one ends
//!   id, -1                             a full request that ends the session
//!   id, n > 0                          changes to the session; n counts up, from 2^31-1 to 1
//! ```
//!
//! While a request is answered its session's partitions are lent to it, so that nothing is copied
//! and no lock is held while it waits.

use super::followed::Followed;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use types::{ErrorCode, TopicId};
use wire::fetch_request::{FetchRequest, FetchTopic, ForgottenTopic};

/// A session unused for so long may be evicted, and one older than this for a newcomer of a higher
/// [`Rank`].
const EVICTION: Duration = Duration::from_secs(120);

const EPOCH_INITIAL: i32 = 0;
const EPOCH_FINAL: i32 = -1;

/// Requests from this version on name topics by id.
pub(crate) const FIRST_VERSION_WITH_IDS: i16 = 13;

/// What a request fetches, and what its answer has to say about a session.
#[derive(Debug)]
pub(crate) struct Fetching {
    /// The partitions in the order in which they are read.
    pub followed: Vec<Followed>,
    /// Which session the answer belongs to; 0 for none.
    pub session_id: i32,
    /// Whether the answer leaves out partitions that have nothing to tell.
    pub is_incremental: bool,
}

/// What sessions are worth where there is no room for all: brokers that replicate go first, and who
/// follows more partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_replica: bool,
    partitions: usize,
}

#[derive(Debug)]
struct Session {
    epoch: i32,
    uses_ids: bool,
    created: Instant,
    used: Instant,
    rank: Rank,
    /// `None` while a request has them.
    followed: Option<Vec<Followed>>,
}

/// All sessions of this broker.
#[derive(Debug)]
pub(crate) struct Sessions {
    sessions: Mutex<HashMap<i32, Session>>,
    sessions_max: usize,
    seed: RandomState,
}

impl Sessions {
    pub(crate) fn new(sessions_max: usize) -> Self {
        Self { sessions: Mutex::default(), sessions_max, seed: RandomState::new() }
    }

    /// Finds out what a request fetches.
    ///
    /// # Errors
    /// The code that the whole answer shall bear, with session id 0.
    pub(crate) fn begin(
        &self,
        request: &FetchRequest<'_>,
        version: i16,
        now: Instant,
    ) -> Result<Fetching, ErrorCode> {
        let (id, epoch) = (request.session_id, request.session_epoch);
        let uses_ids = version >= FIRST_VERSION_WITH_IDS;
        match epoch {
            EPOCH_INITIAL | EPOCH_FINAL => {
                let mut sessions = self.sessions();
                if id != 0 {
                    sessions.remove(&id);
                }
                let followed = named(&request.topics);
                let rank = Rank { is_replica: is_of_replica(request), partitions: followed.len() };
                let wants_session = epoch == EPOCH_INITIAL && !followed.is_empty();
                let has_room = wants_session
                    && (sessions.len() < self.sessions_max || evict(&mut sessions, rank, now));
                let session_id = match has_room {
                    true => self.create(&mut sessions, uses_ids, rank, now),
                    false => 0,
                };
                Ok(Fetching { followed, session_id, is_incremental: false })
            }
            _ => self.go_on(request, uses_ids, now),
        }
    }

    fn go_on(
        &self,
        request: &FetchRequest<'_>,
        uses_ids: bool,
        now: Instant,
    ) -> Result<Fetching, ErrorCode> {
        let id = request.session_id;
        let mut sessions = self.sessions();
        let session = sessions.get_mut(&id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if session.epoch != request.session_epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.uses_ids != uses_ids {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        let lent = session.followed.take().ok_or(ErrorCode::InvalidFetchSessionEpoch)?;
        let followed = changed(lent, &request.topics, &request.forgotten_topics_data);
        session.epoch = next_epoch(session.epoch);
        session.used = now;
        session.rank.partitions = followed.len();
        if followed.is_empty() {
            sessions.remove(&id);
            return Ok(Fetching { followed, session_id: 0, is_incremental: false });
        }
        Ok(Fetching { followed, session_id: id, is_incremental: true })
    }

    /// Gives a session its partitions back once the request is answered.
    pub(crate) fn end(&self, session_id: i32, followed: Vec<Followed>) {
        if session_id == 0 {
            return;
        }
        if let Some(session) = self.sessions().get_mut(&session_id) {
            session.followed = Some(followed);
        }
    }

    /// Ends the session of a client that has gone while its request waited: whatever it asks for
    /// next, it does not know how far this one has come.
    pub(crate) fn close(&self, session_id: i32) {
        self.sessions().remove(&session_id);
    }

    fn create(
        &self,
        sessions: &mut HashMap<i32, Session>,
        uses_ids: bool,
        rank: Rank,
        now: Instant,
    ) -> i32 {
        let id = self.unused_id(sessions, now);
        let epoch = next_epoch(EPOCH_INITIAL);
        let session = Session { epoch, uses_ids, created: now, used: now, rank, followed: None };
        sessions.insert(id, session);
        id
    }

    /// An id that another client cannot guess.
    fn unused_id(&self, sessions: &HashMap<i32, Session>, now: Instant) -> i32 {
        for attempt in 0_u32.. {
            let bytes = self.seed.hash_one((now, sessions.len(), attempt)).to_be_bytes();
            let [a, b, c, d, ..] = bytes;
            let id = i32::from_be_bytes([a & 0x7f, b, c, d]);
            if id != 0 && !sessions.contains_key(&id) {
                return id;
            }
        }
        unreachable!("there are more ids than sessions")
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<i32, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn next_epoch(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

/// A replica's id stands in one of two fields, by the request's version; the other one is -1.
fn is_of_replica(request: &FetchRequest<'_>) -> bool {
    request.replica_id.max(request.replica_state.replica_id) >= 0
}

/// Evicts the longest unused session, if that is allowed, or the lowest of those that rank below the
/// newcomer and are old; a replica need not wait until consumers' are.
fn evict(sessions: &mut HashMap<i32, Session>, newcomer: Rank, now: Instant) -> bool {
    let is_old = |at: Instant| now.saturating_duration_since(at) >= EVICTION;
    let stale = sessions
        .iter()
        .filter(|(_, session)| is_old(session.used))
        .min_by_key(|(_, session)| session.used);
    let gives_way = |session: &Session| {
        let Rank { is_replica, .. } = session.rank;
        let is_privileged = newcomer.is_replica && !is_replica;
        session.rank < newcomer && (is_privileged || is_old(session.created))
    };
    let lower = || {
        sessions
            .iter()
            .filter(|(_, session)| gives_way(session))
            .min_by_key(|(_, session)| session.rank)
    };
    let Some(id) = stale.or_else(lower).map(|(id, _)| *id) else { return false };
    sessions.remove(&id);
    true
}

fn named(topics: &[FetchTopic<'_>]) -> Vec<Followed> {
    let mut followed = Vec::with_capacity(topics.iter().map(|topic| topic.partitions.len()).sum());
    for topic in topics {
        let name = std::sync::Arc::<str>::from(&*topic.topic);
        for partition in &topic.partitions {
            followed.push(Followed::new(&name, topic.topic_id, partition));
        }
    }
    followed
}

type Key = (std::sync::Arc<str>, TopicId, i32);

/// The session's partitions with those of the request in place or added, and the forgotten gone.
fn changed(
    mut followed: Vec<Followed>,
    topics: &[FetchTopic<'_>],
    forgotten: &[ForgottenTopic<'_>],
) -> Vec<Followed> {
    if topics.is_empty() && forgotten.is_empty() {
        return followed;
    }
    if !forgotten.is_empty() {
        followed.retain(|partition| !forgotten.iter().any(|topic| partition.is_in(topic)));
    }
    let mut places: HashMap<Key, usize> = HashMap::new();
    if topics.iter().map(|topic| topic.partitions.len()).sum::<usize>() > 1 {
        places = followed.iter().map(Followed::key).zip(0..).collect();
    }
    for update in named(topics) {
        let place = match places.is_empty() {
            true => followed.iter().position(|known| known.is_same(&update)),
            false => places.get(&update.key()).copied(),
        };
        match place {
            Some(place) => followed[place].update(update),
            None => followed.push(update),
        }
    }
    followed
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::fetch_request::FetchPartition;

    fn full(partitions: i32) -> FetchRequest<'static> {
        let partition = |partition| FetchPartition { partition, ..Default::default() };
        let topic = FetchTopic {
            topic: "t".into(),
            partitions: (0..partitions).map(partition).collect(),
            ..Default::default()
        };
        FetchRequest { topics: vec![topic], session_epoch: EPOCH_INITIAL, ..Default::default() }
    }

    fn open(sessions: &Sessions, partitions: i32, now: Instant) -> i32 {
        let fetching = sessions.begin(&full(partitions), 12, now).expect("no error");
        sessions.end(fetching.session_id, fetching.followed);
        fetching.session_id
    }

    #[test]
    fn a_full_cache_gives_no_session_until_one_is_old() {
        let sessions = Sessions::new(2);
        let start = Instant::now();
        let first = open(&sessions, 2, start);
        let second = open(&sessions, 3, start);
        assert!(first != 0 && second != 0);
        assert_eq!(open(&sessions, 9, start), 0, "both are young");
        let later = start + EVICTION;
        assert_ne!(open(&sessions, 1, later), 0, "the unused one goes");
        assert_eq!(sessions.sessions().len(), 2);
    }

    #[test]
    fn replicas_take_the_sessions_of_consumers_and_keep_their_own() {
        let sessions = Sessions::new(2);
        let start = Instant::now();
        let open_replica = |partitions, ms| {
            let request = FetchRequest { replica_id: 3, ..full(partitions) };
            let now = start + Duration::from_millis(ms);
            let fetching = sessions.begin(&request, 12, now).expect("no error");
            sessions.end(fetching.session_id, fetching.followed);
            fetching.session_id
        };
        let small = open(&sessions, 2, start);
        let large = open(&sessions, 9, start);
        let first = open_replica(1, 1);
        let left = || sessions.sessions().keys().copied().collect::<Vec<_>>();
        assert!(!left().contains(&small) && left().contains(&large), "the smallest gives way");
        let second = open_replica(1, 2);
        assert!(first != 0 && second != 0 && !left().contains(&large));
        assert_eq!(open_replica(5, 3), 0, "the others are as young and of its kind");
        let later = start + EVICTION;
        for id in [first, second] {
            sessions.sessions().get_mut(&id).expect("kept").used = later;
        }
        assert_eq!(
            open(&sessions, 99, later + Duration::from_millis(9)),
            0,
            "no consumer drives a replica out"
        );
    }

    #[test]
    fn epochs_count_up_and_wrap_to_1() {
        assert_eq!(next_epoch(EPOCH_INITIAL), 1);
        assert_eq!(next_epoch(i32::MAX), 1);
    }

    #[test]
    fn a_session_that_is_in_use_is_not_lent_twice() {
        let sessions = Sessions::new(2);
        let now = Instant::now();
        let id = open(&sessions, 1, now);
        let request = |epoch| FetchRequest {
            session_id: id,
            session_epoch: epoch,
            topics: Vec::new(),
            ..FetchRequest::default()
        };
        let lent = sessions.begin(&request(1), 12, now).expect("its turn");
        let second = sessions.begin(&request(2), 12, now).expect_err("it is away");
        assert_eq!(second, ErrorCode::InvalidFetchSessionEpoch);
        sessions.end(id, lent.followed);
        assert!(sessions.begin(&request(2), 12, now).is_ok());
    }
}
