//! IncrementalAlterConfigs: sets, resets, appends to and subtracts from single keys.

use crate::configs::{Answer, Divided, answer_changes};
use crate::dispatch::RequestContext;
use crate::net::ListenerKind;
use metadata::decide::IncrementalAlterConfigs;
use wire::incremental_alter_configs_request::{
    AlterConfigsResource, IncrementalAlterConfigsRequest,
};
use wire::incremental_alter_configs_response::{
    AlterConfigsResourceResponse, IncrementalAlterConfigsResponse,
};

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: IncrementalAlterConfigsRequest<'a>,
) -> IncrementalAlterConfigsResponse<'static> {
    let IncrementalAlterConfigsRequest { resources, validate_only } = request.into_owned();
    let node = context.node;
    let mut divided = {
        let image = node.controller.image();
        let key = |r: &AlterConfigsResource<'static>| (r.resource_type, r.resource_name.clone());
        Divided::new(resources, key, |r| match context.connection.kind {
            ListenerKind::Broker => answer_changes(node, &image, r, validate_only),
            // a broker has asked itself before it forwards
            ListenerKind::Controller => None,
        })
    };
    let resources = divided.take_forwarded();
    let replies = if resources.is_empty() {
        Ok(Vec::new())
    } else {
        let command = IncrementalAlterConfigsRequest { resources, validate_only };
        let replied = context.submit(IncrementalAlterConfigs(command)).await;
        replied.map(|reply| reply.responses.into_iter().map(Answer::from).collect())
    };
    let responses = divided.answers(replies).into_iter().map(Into::into).collect();
    IncrementalAlterConfigsResponse { throttle_time_ms: 0, responses }
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
