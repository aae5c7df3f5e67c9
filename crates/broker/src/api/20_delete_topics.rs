//! DeleteTopics: by name or id; what is in them is gone when this is answered.

use crate::dispatch::RequestContext;
use metadata::config::ConfigValue;
use std::borrow::Cow;
use types::{ErrorCode, TopicId};
use wire::Str;
use wire::delete_topics_request::DeleteTopicsRequest;
use wire::delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse};

const FIRST_VERSION_WITH_DISABLED: i16 = 3;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: DeleteTopicsRequest<'_>,
) -> DeleteTopicsResponse<'static> {
    let request = request.into_owned();
    if context.node.settings.config.value("delete.topic.enable") == ConfigValue::Boolean(false) {
        let code = match context.version {
            FIRST_VERSION_WITH_DISABLED.. => ErrorCode::TopicDeletionDisabled,
            _ => ErrorCode::InvalidRequest,
        };
        return refused(&request, code);
    }
    let command = metadata::decide::DeleteTopics(request.clone());
    match context.submit(command).await {
        Ok(response) => response,
        Err(unavailable) => refused(&request, unavailable.code()),
    }
}

fn refused(
    request: &DeleteTopicsRequest<'static>,
    code: ErrorCode,
) -> DeleteTopicsResponse<'static> {
    let result = |name: Option<Str<'static>>, topic_id| DeletableTopicResult {
        name,
        topic_id,
        error_code: code.code(),
        error_message: None,
    };
    let named = request
        .topic_names
        .iter()
        .map(|name| result(Some(Cow::Owned(name.to_string())), TopicId::ZERO));
    let topics = request.topics.iter().map(|topic| result(topic.name.clone(), topic.topic_id));
    DeleteTopicsResponse { responses: named.chain(topics).collect(), ..Default::default() }
}
