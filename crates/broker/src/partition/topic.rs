//! A topic as the data path sees it: identity, rules, and its partitions by index.

use super::{Partition, TopicRules};
use arc_swap::ArcSwap;
use std::sync::Arc;
use types::TopicId;

/// Identity and rules, which every partition of the topic shares.
#[derive(Debug)]
pub(crate) struct TopicFacts {
    pub id: TopicId,
    pub name: Arc<str>,
    pub rules: ArcSwap<TopicRules>,
}

/// A topic with the partitions that this broker holds; immutable, replaced when partitions come.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub facts: Arc<TopicFacts>,
    /// By index; `None` where another broker has the partition.
    pub partitions: Box<[Option<Arc<Partition>>]>,
}

impl Topic {
    pub(crate) fn partition(&self, index: i32) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(index).ok()?)?.as_ref()
    }
}
