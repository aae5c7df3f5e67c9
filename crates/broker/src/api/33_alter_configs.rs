//! AlterConfigs: replaces all configs of resources; what is not mentioned is reset.

use crate::configs::{Answer, Divided, answer_replacement};
use crate::dispatch::RequestContext;
use metadata::decide::AlterConfigs;
use wire::alter_configs_request::{AlterConfigsRequest, AlterConfigsResource};
use wire::alter_configs_response::AlterConfigsResponse;

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: AlterConfigsRequest<'a>,
) -> AlterConfigsResponse<'static> {
    let AlterConfigsRequest { resources, validate_only } = request.into_owned();
    let divided = {
        let image = context.node.controller.image();
        let key = |r: &AlterConfigsResource<'static>| (r.resource_type, r.resource_name.clone());
        Divided::new(context, resources, key, |r| answer_replacement(context.node, &image, r))
    };
    let command = |resources| AlterConfigs(AlterConfigsRequest { resources, validate_only });
    let read = |reply: AlterConfigsResponse<'static>| {
        reply.responses.into_iter().map(Answer::from).collect()
    };
    let answers = divided.carried_out(context, command, read).await;
    let responses = answers.into_iter().map(Into::into).collect();
    AlterConfigsResponse { throttle_time_ms: 0, responses }
}
