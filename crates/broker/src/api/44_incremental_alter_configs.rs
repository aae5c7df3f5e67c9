//! IncrementalAlterConfigs: sets, resets, appends to and subtracts from single keys.

use crate::configs::{Answer, Divided, answer_changes};
use crate::dispatch::RequestContext;
use metadata::decide::IncrementalAlterConfigs;
use wire::incremental_alter_configs_request::{
    AlterConfigsResource, IncrementalAlterConfigsRequest,
};
use wire::incremental_alter_configs_response::IncrementalAlterConfigsResponse;

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: IncrementalAlterConfigsRequest<'a>,
) -> IncrementalAlterConfigsResponse<'static> {
    let IncrementalAlterConfigsRequest { resources, validate_only } = request.into_owned();
    let divided = {
        let image = context.node.controller.image();
        let key = |r: &AlterConfigsResource<'static>| (r.resource_type, r.resource_name.clone());
        let own = |r: &_| answer_changes(context.node, &image, r, validate_only);
        Divided::new(context, resources, key, own)
    };
    let command = |resources| {
        IncrementalAlterConfigs(IncrementalAlterConfigsRequest { resources, validate_only })
    };
    let read = |reply: IncrementalAlterConfigsResponse<'static>| {
        reply.responses.into_iter().map(Answer::from).collect()
    };
    let answers = divided.carried_out(context, command, read).await;
    let responses = answers.into_iter().map(Into::into).collect();
    IncrementalAlterConfigsResponse { throttle_time_ms: 0, responses }
}
