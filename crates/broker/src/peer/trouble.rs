//! A trouble with another node, which is told when it comes, when it changes and when it is over, and
//! not each time that it is met.

use super::PeerError;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why the node did not answer the last time, if it did not.
#[derive(Debug, Default)]
pub(crate) struct Trouble(Mutex<Option<PeerError>>);

impl Trouble {
    /// Notes that there is no answer; whether the reason is another one than the last time.
    pub(crate) fn is_news(&self, error: &PeerError) -> bool {
        let mut known = self.known();
        let is_news = known.as_ref() != Some(error);
        if is_news {
            *known = Some(error.clone());
        }
        is_news
    }

    /// Notes that there is an answer; whether there was none the last time.
    pub(crate) fn is_over(&self) -> bool {
        self.known().take().is_some()
    }

    fn known(&self) -> MutexGuard<'_, Option<PeerError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::ErrorCode;

    #[test]
    fn a_trouble_is_told_when_it_comes_when_it_changes_and_when_it_is_over() {
        let trouble = Trouble::default();
        let nobody_decides = PeerError::Refused(ErrorCode::NotController);
        assert!(!trouble.is_over(), "there was none");
        for is_news in [true, false, false] {
            assert_eq!(trouble.is_news(&nobody_decides), is_news);
        }
        assert!(trouble.is_news(&PeerError::Broken));
        assert!(trouble.is_news(&nobody_decides), "again, behind another");
        assert!(trouble.is_over());
        assert!(!trouble.is_over());
        assert!(trouble.is_news(&nobody_decides), "it has come back");
    }
}
