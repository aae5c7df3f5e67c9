//! CreatePartitions: topics grow.

use crate::dispatch::RequestContext;
use types::ErrorCode;
use wire::create_partitions_request::CreatePartitionsRequest;
use wire::create_partitions_response::{CreatePartitionsResponse, CreatePartitionsTopicResult};

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: CreatePartitionsRequest<'_>,
) -> CreatePartitionsResponse<'static> {
    let request = request.into_owned();
    let names: Vec<_> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    let command = metadata::decide::CreatePartitions(request);
    match context.submit(command).await {
        Ok(response) => response,
        Err(unavailable) => CreatePartitionsResponse {
            results: names.into_iter().map(|name| unwritten(name, unavailable.code())).collect(),
            ..Default::default()
        },
    }
}

fn unwritten(name: wire::Str<'static>, code: ErrorCode) -> CreatePartitionsTopicResult<'static> {
    CreatePartitionsTopicResult { name, error_code: code.code(), error_message: None }
}
