//! ListGroups: every group that this broker coordinates.

use crate::dispatch::RequestContext;
use coordinator::{ListGroups, Text};
use std::borrow::Cow;
use wire::ListGroupsRequest;
use wire::list_groups_response::{ListGroupsResponse, ListedGroup};

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: ListGroupsRequest<'a>,
) -> ListGroupsResponse<'static> {
    let texts = |filter: &[Cow<'_, str>]| filter.iter().map(|text| Text::from(&**text)).collect();
    let filters =
        ListGroups { states: texts(&request.states_filter), types: texts(&request.types_filter) };
    let (groups, error) = context.node.groups.list(&filters).await;
    let groups = groups.iter().map(|group| ListedGroup {
        group_id: group.group.to_string().into(),
        protocol_type: group.protocol_type.to_string().into(),
        group_state: group.state.into(),
        group_type: group.kind.name().into(),
    });
    let error_code = error.code();
    ListGroupsResponse { throttle_time_ms: 0, error_code, groups: groups.collect() }
}
