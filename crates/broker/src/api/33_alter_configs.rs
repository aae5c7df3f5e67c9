//! AlterConfigs: replaces all configs of resources; what is not mentioned is reset.

use crate::configs::{Answer, Divided, answer_replacement};
use crate::dispatch::RequestContext;
use crate::net::ListenerKind;
use metadata::decide::AlterConfigs;
use wire::alter_configs_request::{AlterConfigsRequest, AlterConfigsResource};
use wire::alter_configs_response::{AlterConfigsResourceResponse, AlterConfigsResponse};

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: AlterConfigsRequest<'a>,
) -> AlterConfigsResponse<'static> {
    let AlterConfigsRequest { resources, validate_only } = request.into_owned();
    let node = context.node;
    let mut divided = {
        let image = node.controller.image();
        let key = |r: &AlterConfigsResource<'static>| (r.resource_type, r.resource_name.clone());
        Divided::new(resources, key, |r| match context.connection.kind {
            ListenerKind::Broker => answer_replacement(node, &image, r),
            // a broker has asked itself before it forwards
            ListenerKind::Controller => None,
        })
    };
    let resources = divided.take_forwarded();
    let replies = if resources.is_empty() {
        Ok(Vec::new())
    } else {
        let command = AlterConfigsRequest { resources, validate_only };
        let replied = context.submit(AlterConfigs(command)).await;
        replied.map(|reply| reply.responses.into_iter().map(Answer::from).collect())
    };
    let responses = divided.answers(replies).into_iter().map(Into::into).collect();
    AlterConfigsResponse { throttle_time_ms: 0, responses }
}

impl From<AlterConfigsResourceResponse<'static>> for Answer {
    fn from(response: AlterConfigsResourceResponse<'static>) -> Self {
        Self {
            code: response.error_code,
            message: response.error_message,
            kind: response.resource_type,
            name: response.resource_name,
        }
    }
}

impl From<Answer> for AlterConfigsResourceResponse<'static> {
    fn from(answer: Answer) -> Self {
        Self {
            error_code: answer.code,
            error_message: answer.message,
            resource_type: answer.kind,
            resource_name: answer.name,
        }
    }
}
