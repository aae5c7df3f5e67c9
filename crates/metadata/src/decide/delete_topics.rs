//! DeleteTopics (20): by name or, from v6 on, by id.

use std::borrow::Cow;
use std::collections::BTreeSet;

use types::{ErrorCode, TopicId};
use wire::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use wire::delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse};
use wire::remove_topic_record::RemoveTopicRecord;

use super::refusal::outcome;
use super::{Command, Controller, Decision, Refusal};

/// Deletes topics with all that is in them.
#[derive(Debug)]
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
            let found = controller.topic_to_delete(topic, &duplicates);
            if let Ok(id) = found
                && deleted.insert(id)
            {
                records.push(RemoveTopicRecord { topic_id: id }.into());
            }
            let result = controller.delete_result(topic, &found);
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
    doubled: BTreeSet<&'a str>,
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
    found.doubled =
        names.into_iter().filter(|n| id_of(n).is_some_and(|id| ids.contains(&id))).collect();
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
            Some(name) if duplicates.doubled.contains(name) => {
                refuse("The provided topic name maps to an ID that was already supplied.")
            }
            Some(name) => {
                let topic = topics.named(name).ok_or(ErrorCode::UnknownTopicOrPartition)?;
                Ok(topic.id)
            }
            None if topic.topic_id.is_zero() => refuse("Neither topic name nor id were specified."),
            None if duplicates.ids.contains(&topic.topic_id) => refuse("Duplicate topic id."),
            None => {
                let topic = topics.get(topic.topic_id).ok_or(ErrorCode::UnknownTopicId)?;
                Ok(topic.id)
            }
        }
    }

    /// A topic that is found is answered with both its name and its id.
    fn delete_result(
        &self,
        topic: &DeleteTopicState<'_>,
        found: &Result<TopicId, Refusal>,
    ) -> DeletableTopicResult<'static> {
        let (error_code, error_message) = outcome(found);
        let known = found.as_ref().ok().and_then(|id| self.image.topics().get(*id));
        let name = known.map(|t| t.name.to_string()).or(topic.name.as_deref().map(str::to_owned));
        DeletableTopicResult {
            name: name.map(Cow::Owned),
            topic_id: known.map_or(topic.topic_id, |t| t.id),
            error_code,
            error_message,
        }
    }
}
