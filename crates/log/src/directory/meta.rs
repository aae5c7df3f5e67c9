//! `meta.properties`: to which cluster and node a directory belongs, and its own id (KIP-631,
//! KIP-858).

use std::path::Path;

use types::{DirectoryId, NodeId};

use super::{META_PROPERTIES, PROPERTIES_BYTES_MAX, read_text};
use crate::disk::{Disk, Durability, replace_whole};
use crate::error::{Attempt as _, StorageError};

const VERSION: &str = "1";

/// The identity of a log directory.
///
/// ```text
///   cluster.id=K9xpCUuJQn-pIzqmhDbnQw
///   directory.id=uvhp2-tYRJCPM5rP-LU78g
///   node.id=1
///   version=1
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    pub cluster_id: String,
    pub node_id: NodeId,
    /// Directories formatted before Kafka 3.7 have none.
    pub directory_id: Option<DirectoryId>,
}

impl MetaProperties {
    /// Those of the directory at `path`; `None` before it is formatted.
    ///
    /// # Errors
    /// What the disk says, damage included.
    pub fn load<D: Disk>(disk: &D, path: &Path) -> Result<Option<Self>, StorageError> {
        let path = path.join(META_PROPERTIES);
        let Some(text) = read_text(disk, &path, PROPERTIES_BYTES_MAX)? else { return Ok(None) };
        Self::parse(&text).map(Some).map_err(|why| StorageError::corrupt(&path, why))
    }

    /// Writes them to the directory at `path`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn store<D: Disk>(&self, disk: &D, path: &Path) -> Result<(), StorageError> {
        let path = path.join(META_PROPERTIES);
        replace_whole(disk, &path, self.text().as_bytes(), Durability::Synced)
            .attempt("write", &path)
    }

    fn text(&self) -> String {
        let Self { cluster_id, node_id, directory_id } = self;
        let mut text = format!("cluster.id={cluster_id}\n");
        if let Some(directory_id) = directory_id {
            text.push_str(&format!("directory.id={directory_id}\n"));
        }
        text.push_str(&format!("node.id={node_id}\nversion={VERSION}\n"));
        text
    }

    fn parse(text: &str) -> Result<Self, String> {
        let value = |key: &str| {
            let lines = text.lines().filter(|line| !line.starts_with(['#', '!']));
            let mut pairs = lines.filter_map(|line| line.split_once('='));
            let value = pairs.find(|(name, _)| name.trim() == key)?.1.trim();
            // Java escapes some characters that ids do not need escaped
            Some(value.replace('\\', ""))
        };
        let wanted = |key: &str| value(key).ok_or_else(|| format!("there is no {key}"));
        let version = wanted("version")?;
        if version != VERSION {
            return Err(format!("version is {version}, only {VERSION} is known (KRaft mode)"));
        }
        let node_id = wanted("node.id")?;
        let node_id = node_id.parse().map_err(|_| format!("node.id is {node_id:?}, no number"))?;
        let directory_id = value("directory.id").map(|id| {
            id.parse().map_err(|_| format!("directory.id is {id:?}, no id of 22 characters"))
        });
        Ok(Self {
            cluster_id: wanted("cluster.id")?,
            node_id: NodeId(node_id),
            directory_id: directory_id.transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kafka_has_formatted_is_read() {
        let text = "#\n#Sat Nov 21 22:58:17 UTC 2026\nnode.id=1\n\
                    directory.id=uvhp2-tYRJCPM5rP-LU78g\nversion=1\n\
                    cluster.id=K9xpCUuJQn-pIzqmhDbnQw\n";
        let meta = MetaProperties::parse(text).unwrap();
        assert_eq!(meta.node_id, NodeId(1));
        assert_eq!(meta.cluster_id, "K9xpCUuJQn-pIzqmhDbnQw");
        assert_eq!(meta.directory_id.unwrap().to_string(), "uvhp2-tYRJCPM5rP-LU78g");
        assert_eq!(MetaProperties::parse(&meta.text()), Ok(meta));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let check = |text: &str, why: &str| {
            assert_eq!(MetaProperties::parse(text), Err(why.to_owned()));
        };
        check("", "there is no version");
        check("version=0\nbroker.id=1", "version is 0, only 1 is known (KRaft mode)");
        check("version=1\ncluster.id=c", "there is no node.id");
        check("version=1\nnode.id=x", "node.id is \"x\", no number");
    }
}
