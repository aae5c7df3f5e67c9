//! `.kafka_cleanshutdown`: the last owner has left the directory in order, and who that was.
//!
//! ```text
//! {"version":0,"brokerEpoch":1234}      before 4.0: nothing
//! ```

use std::io;
use std::path::Path;

use types::BrokerEpoch;

use super::read_text;
use crate::disk::{Disk, Durability, replace_whole};
use crate::error::{Attempt as _, StorageError};
use crate::names::CLEAN_SHUTDOWN;

/// The text is a line.
const BYTES_MAX: u64 = 4 << 10;
/// Written by a broker that was never registered.
const NO_EPOCH: i64 = -1;

/// The mark of a directory that was left in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CleanMark {
    /// Under which its broker was registered; `None` where it did not say.
    pub epoch: Option<BrokerEpoch>,
}

impl CleanMark {
    /// Takes the mark away, if there is one: from here on a crash leaves disorder.
    pub fn take<D: Disk>(disk: &D, path: &Path) -> Result<Option<Self>, StorageError> {
        let mark = path.join(CLEAN_SHUTDOWN);
        // damage means that nobody knows who left, as before there was anything in the file
        let text = read_text(disk, &mark, BYTES_MAX).unwrap_or_default();
        match disk.remove_file(&mark) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            outcome => {
                outcome.attempt("remove", &mark)?;
                // were the mark to come back after a crash, torn logs would be taken for whole ones
                disk.sync_dir(path).attempt("sync", path)?;
                Ok(Some(Self { epoch: text.as_deref().and_then(epoch) }))
            }
        }
    }

    pub fn write<D: Disk>(self, disk: &D, path: &Path) -> Result<(), StorageError> {
        let mark = path.join(CLEAN_SHUTDOWN);
        let epoch = self.epoch.map_or(NO_EPOCH, |epoch| epoch.0);
        let text = format!(r#"{{"version":0,"brokerEpoch":{epoch}}}"#);
        replace_whole(disk, &mark, text.as_bytes(), Durability::Synced).attempt("write", &mark)
    }
}

fn epoch(text: &str) -> Option<BrokerEpoch> {
    let (_, rest) = text.split_once("\"brokerEpoch\"")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let digits = rest.split_once([',', '}']).map_or(rest, |(digits, _)| digits);
    digits.trim().parse().ok().filter(|epoch| *epoch >= 0).map(BrokerEpoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_is_found_in_what_kafka_writes_and_in_nothing_else() {
        let at = |text| epoch(text).map(|epoch| epoch.0);
        assert_eq!(at(r#"{"version":0,"brokerEpoch":17}"#), Some(17));
        assert_eq!(at("{ \"brokerEpoch\" : 8 , \"version\" : 0 }\n"), Some(8));
        for text in ["", "{}", r#"{"brokerEpoch":-1}"#, r#"{"brokerEpoch":x}"#, "brokerEpoch=4"] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
