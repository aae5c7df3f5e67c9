//! A request for changes, resource by resource: some answers are this broker's own, the others the
//! controller's, and all come in the request's order.

use crate::controller::{Forwarded, Unavailable};
use crate::dispatch::RequestContext;
use crate::net::ListenerKind;
use metadata::decide::{Refusal, outcome};
use std::collections::BTreeMap;
use types::ErrorCode;
use wire::Str;

/// What becomes of one resource of a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub code: i16,
    pub message: Option<Str<'static>>,
    pub kind: i8,
    pub name: Str<'static>,
}

/// Responses to a resource: the same fields, in a type of each API's own.
macro_rules! answers_in {
    ($($module:ident),*) => {$(
        impl From<wire::$module::AlterConfigsResourceResponse<'static>> for Answer {
            fn from(response: wire::$module::AlterConfigsResourceResponse<'static>) -> Self {
                Self {
                    code: response.error_code,
                    message: response.error_message,
                    kind: response.resource_type,
                    name: response.resource_name,
                }
            }
        }

        impl From<Answer> for wire::$module::AlterConfigsResourceResponse<'static> {
            fn from(answer: Answer) -> Self {
                Self {
                    error_code: answer.code,
                    error_message: answer.message,
                    resource_type: answer.kind,
                    resource_name: answer.name,
                }
            }
        }
    )*};
}

answers_in!(alter_configs_response, incremental_alter_configs_response);

/// A resource with this broker's own answer, if it has one.
type Asked = (i8, Str<'static>, Option<Result<(), Refusal>>);

/// The resources of a request, of which some are answered already.
pub(crate) struct Divided<R> {
    /// In the request's order; those of `None` are the controller's.
    answers: Vec<Asked>,
    forwarded: Vec<R>,
}

impl<R> Divided<R> {
    /// Asks `own` for the answer to each resource of a client's request: a broker has asked itself
    /// before it forwards. One that comes twice is the controller's, who refuses it.
    pub(crate) fn new(
        context: &RequestContext<'_>,
        resources: Vec<R>,
        key: impl Fn(&R) -> (i8, Str<'static>),
        own: impl Fn(&R) -> Option<Result<(), Refusal>>,
    ) -> Self {
        let is_clients = context.connection.kind == ListenerKind::Broker;
        let mut times: BTreeMap<(i8, Str<'static>), usize> = BTreeMap::new();
        for resource in &resources {
            *times.entry(key(resource)).or_default() += 1;
        }
        let (mut answers, mut forwarded) = (Vec::new(), Vec::new());
        for resource in resources {
            let (kind, name) = key(&resource);
            let is_single = times.get(&(kind, name.clone())) == Some(&1);
            let answer = if is_clients && is_single { own(&resource) } else { None };
            if answer.is_none() {
                forwarded.push(resource);
            }
            answers.push((kind, name, answer));
        }
        Self { answers, forwarded }
    }

    /// Has the controller carry out what is left to it, if anything is, and returns every answer;
    /// `read` takes the controller's from its reply.
    pub(crate) async fn carried_out<C: Forwarded>(
        mut self,
        context: &RequestContext<'_>,
        command: impl FnOnce(Vec<R>) -> C,
        read: impl FnOnce(C::Reply) -> Vec<Answer>,
    ) -> Vec<Answer> {
        let forwarded = std::mem::take(&mut self.forwarded);
        let replies = match forwarded.is_empty() {
            true => Ok(Vec::new()),
            false => context.submit(command(forwarded)).await.map(read),
        };
        self.answers(replies)
    }

    /// Every answer; `controller` has those to what was forwarded, or why there are none.
    fn answers(self, controller: Result<Vec<Answer>, Unavailable>) -> Vec<Answer> {
        let (mut replies, unavailable) = match controller {
            Ok(replies) => (replies.into_iter(), None),
            Err(unavailable) => (Vec::new().into_iter(), Some(unavailable)),
        };
        let answered = self.answers.into_iter().map(|(kind, name, own)| {
            let (code, message) = match own {
                Some(own) => outcome(&own),
                None => match replies.next() {
                    Some(reply) => return reply,
                    None => (
                        unavailable.map_or(ErrorCode::UnknownServerError, Unavailable::code).code(),
                        unavailable.map(|unavailable| unavailable.to_string().into()),
                    ),
                },
            };
            Answer { code, message, kind, name }
        });
        answered.collect()
    }
}
