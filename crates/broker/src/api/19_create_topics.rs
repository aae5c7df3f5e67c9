//! CreateTopics: decided by the controller; answered with the configs that hold for each topic.

use crate::cluster::topic_configs;
use crate::dispatch::RequestContext;
use std::borrow::Cow;
use wire::create_topics_request::CreateTopicsRequest;
use wire::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult, CreateTopicsResponse,
};

const FIRST_VERSION_WITH_CONFIGS: i16 = 5;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: CreateTopicsRequest<'_>,
) -> CreateTopicsResponse<'static> {
    let request = request.into_owned();
    let wanted: Vec<_> = request.topics.clone();
    let command = metadata::decide::CreateTopics(request);
    let mut response = match context.submit(command).await {
        Ok(response) => response,
        Err(unavailable) => {
            let topics = wanted.into_iter().map(|topic| CreatableTopicResult {
                name: topic.name,
                error_code: unavailable.code().code(),
                ..Default::default()
            });
            return CreateTopicsResponse { topics: topics.collect(), ..Default::default() };
        }
    };
    if context.version >= FIRST_VERSION_WITH_CONFIGS {
        for result in response.topics.iter_mut().filter(|result| result.error_code == 0) {
            let topic = wanted.iter().find(|topic| topic.name == result.name);
            // in a dry run the image does not have what the request sets
            let set = topic.into_iter().flat_map(|topic| &topic.configs);
            let set =
                set.filter_map(|c| Some((Box::from(&*c.name), Box::from(c.value.as_deref()?))));
            result.configs = Some(configs(context, &set.collect()));
        }
    }
    response
}

fn configs(
    context: &RequestContext<'_>,
    own: &metadata::config::Assignments,
) -> Vec<CreatableTopicConfigs<'static>> {
    let image = context.node.controller.image();
    let entries = topic_configs(&image, &context.node.settings, own);
    let config = |entry: metadata::config::Entry| CreatableTopicConfigs {
        name: Cow::Owned(entry.name),
        value: entry.value.map(Cow::Owned),
        read_only: entry.is_read_only,
        config_source: entry.source.code(),
        is_sensitive: entry.is_sensitive,
    };
    entries.into_iter().map(config).collect()
}
