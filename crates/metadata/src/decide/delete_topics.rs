//! DeleteTopics (20): by name or, from v6 on, by id.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use types::{ErrorCode, TopicId};
use wire::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use wire::delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse};
use wire::remove_topic_record::RemoveTopicRecord;

use super::refusal::outcome;
use super::{Command, Controller, Decision, Refusal};

/// Deletes topics with all that is in them.
#[derive(Clone, Debug)]
pub struct DeleteTopics<'a>(pub DeleteTopicsRequest<'a>);

impl Command for DeleteTopics<'_> {
    type Reply = DeleteTopicsResponse<'static>;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let named = self
            .0
            .topic_names
            .iter()
            .map(|name| DeleteTopicState { name: Some(name.clone()), topic_id: TopicId::ZERO });
        let wanted: Vec<_> = self.0.topics.iter().cloned().chain(named).collect();
        let duplicates = duplicates(controller, &wanted);
        let mut deleted = BTreeSet::new();
        let mut records = Vec::new();
        let mut responses: Vec<DeletableTopicResult<'static>> = Vec::new();
        for topic in &wanted {
            if duplicates.is_told_by_name(topic) {
                continue;
            }
            let found = controller.topic_to_delete(topic, &duplicates);
            if let Ok(id) = found
                && deleted.insert(id)
            {
                records.push(RemoveTopicRecord { topic_id: id }.into());
            }
            let result = controller.delete_result(topic, &found, &duplicates);
            if !responses.contains(&result) {
                responses.push(result);
            }
        }
        let reply = DeleteTopicsResponse { throttle_time_ms: 0, responses };
        Decision { records, reply }
    }
}

/// Names and ids that a request has more than once, and names that stand for an id that it has too.
#[derive(Default)]
struct Duplicates<'a> {
    names: BTreeSet<&'a str>,
    ids: BTreeSet<TopicId>,
    doubled: BTreeMap<&'a str, TopicId>,
}

impl Duplicates<'_> {
    /// Whether its refusal stands with the name of the same topic.
    fn is_told_by_name(&self, topic: &DeleteTopicState<'_>) -> bool {
        topic.name.is_none() && self.doubled.values().any(|id| *id == topic.topic_id)
    }
}

fn duplicates<'a>(
    controller: &Controller<'_>,
    wanted: &'a [DeleteTopicState<'_>],
) -> Duplicates<'a> {
    let mut found = Duplicates::default();
    let (mut names, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for topic in wanted {
        match topic.name.as_deref() {
            Some(name) if !names.insert(name) => {
                found.names.insert(name);
            }
            None if !ids.insert(topic.topic_id) => {
                found.ids.insert(topic.topic_id);
            }
            _ => {}
        }
    }
    let id_of = |name: &str| controller.image.topics().named(name).map(|topic| topic.id);
    found.doubled = names
        .into_iter()
        .filter_map(|n| Some((n, id_of(n).filter(|id| ids.contains(id))?)))
        .collect();
    found
}

impl Controller<'_> {
    fn topic_to_delete(
        &self,
        topic: &DeleteTopicState<'_>,
        duplicates: &Duplicates<'_>,
    ) -> Result<TopicId, Refusal> {
        let refuse = |message| Err(Refusal::new(ErrorCode::InvalidRequest, message));
        let topics = self.image.topics();
        match topic.name.as_deref() {
            Some(_) if !topic.topic_id.is_zero() => {
                refuse("You may not specify both topic name and topic id.")
            }
            Some(name) if duplicates.names.contains(name) => refuse("Duplicate topic name."),
            Some(name) if duplicates.doubled.contains_key(name) => {
                refuse("The provided topic name maps to an ID that was already supplied.")
            }
            Some(name) => {
                let code = ErrorCode::UnknownTopicOrPartition;
                let unknown = "This server does not host this topic-partition.";
                let topic = topics.named(name).ok_or_else(|| Refusal::new(code, unknown))?;
                Ok(topic.id)
            }
            None if topic.topic_id.is_zero() => refuse("Neither topic name nor id were specified."),
            None if duplicates.ids.contains(&topic.topic_id) => refuse("Duplicate topic id."),
            None => {
                let unknown = "This server does not host this topic ID.";
                let refusal = || Refusal::new(ErrorCode::UnknownTopicId, unknown);
                Ok(topics.get(topic.topic_id).ok_or_else(refusal)?.id)
            }
        }
    }

    /// A topic that is found is answered with both its name and its id.
    fn delete_result(
        &self,
        topic: &DeleteTopicState<'_>,
        found: &Result<TopicId, Refusal>,
        duplicates: &Duplicates<'_>,
    ) -> DeletableTopicResult<'static> {
        let (error_code, error_message) = outcome(found);
        let known = found.as_ref().ok().and_then(|id| self.image.topics().get(*id));
        let name = known.map(|t| t.name.to_string()).or(topic.name.as_deref().map(str::to_owned));
        let doubled = topic.name.as_deref().and_then(|name| duplicates.doubled.get(name).copied());
        DeletableTopicResult {
            name: name.map(Cow::Owned),
            topic_id: known.map(|t| t.id).or(doubled).unwrap_or(topic.topic_id),
            error_code,
            error_message,
        }
    }
}
