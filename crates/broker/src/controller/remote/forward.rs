//! What clients ask of the controller, passed on to it: in an envelope with the client's principal
//! (KIP-590), or directly where the broker asks for itself.

use metadata::decide::{
    AllocateProducerIds, AlterConfigs, AlterPartition, AlterPartitionReassignments,
    AssignReplicasToDirs, Command, CreatePartitions, CreateTopics, DeleteTopics, ElectLeaders,
    IncrementalAlterConfigs, ListPartitionReassignments, Refusal, UnregisterBroker,
    UnregisterController, UpdateFeatures,
};
use std::borrow::Cow;
use std::pin::Pin;
use types::{ErrorCode, TopicId};
use wire::allocate_producer_ids_request::AllocateProducerIdsRequest;
use wire::alter_configs_request::AlterConfigsRequest;
use wire::alter_partition_reassignments_request::AlterPartitionReassignmentsRequest;
use wire::alter_partition_request::AlterPartitionRequest;
use wire::assign_replicas_to_dirs_request::AssignReplicasToDirsRequest;
use wire::create_partitions_request::CreatePartitionsRequest;
use wire::create_topics_request::CreateTopicsRequest;
use wire::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use wire::elect_leaders_request::ElectLeadersRequest;
use wire::envelope_request::EnvelopeRequest;
use wire::incremental_alter_configs_request::IncrementalAlterConfigsRequest;
use wire::list_partition_reassignments_request::ListPartitionReassignmentsRequest;
use wire::unregister_broker_request::UnregisterBrokerRequest;
use wire::unregister_controller_request::UnregisterControllerRequest;
use wire::update_features_request::UpdateFeaturesRequest;
use wire::{ApiKey, DefaultPrincipalData, Message as _, Request, VersionRange};

use super::RemoteController;
use crate::peer::{Encode, Encoded, PeerError, Spoken, Versions, both, response};

/// What a broker asks for itself goes to the controller without an envelope.
const OWN: &[ApiKey] =
    &[ApiKey::AllocateProducerIds, ApiKey::AlterPartition, ApiKey::AssignReplicasToDirs];

/// What clients ask of the controller: they must not use versions of it that this one does not know.
const FORWARDED: &[ApiKey] = &[
    ApiKey::AddRaftVoter,
    ApiKey::AlterConfigs,
    ApiKey::AlterPartitionReassignments,
    ApiKey::CreatePartitions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::DescribeQuorum,
    ApiKey::ElectLeaders,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::ListPartitionReassignments,
    ApiKey::RemoveRaftVoter,
    ApiKey::UnregisterBroker,
    ApiKey::UnregisterController,
    ApiKey::UpdateFeatures,
];

const ENVELOPE_VERSION: i16 = 0;
const PRINCIPAL_VERSION: i16 = 0;
const LENGTH_BYTES: usize = 4;

/// The answer to a request of type `Q` that is called `'r`.
pub(crate) type ResponseOf<'r, Q> = <Q as Request<'static>>::Response<'r>;

/// What a command comes to.
pub(crate) type Answer<'c, R> = Pin<Box<dyn Future<Output = Result<R, PeerError>> + Send + 'c>>;

/// A command that another node's controller can carry out.
pub(crate) trait Forwarded: Command<Reply: Send> + Clone + Send + 'static {
    /// What the controller is asked.
    type Request: Request<'static> + Send + 'static;

    /// The version that the request must have; `None` for the highest that both nodes know.
    fn version(&self) -> Option<i16> {
        None
    }

    /// So long whoever asked wants to wait, where the request says it.
    fn timeout_ms(&self) -> Option<i32> {
        None
    }

    fn request(self) -> Self::Request;

    fn reply(response: ResponseOf<'_, Self::Request>) -> Self::Reply;
}

impl RemoteController {
    /// Has the controller carry a command out.
    ///
    /// # Errors
    /// Where it does not answer; the command may have been carried out all the same.
    pub(crate) fn submit<C: Forwarded>(&self, command: C) -> Answer<'_, C::Reply> {
        let (version, request) = (command.version(), command.request());
        // one type for all commands keeps the tasks of connections small
        Box::pin(async move {
            self.noted(if OWN.contains(&<C::Request as Request<'static>>::KEY) {
                let answered = self.own.call(request).await;
                answered.and_then(|answered| Ok(C::reply(answered.read::<C::Request>()?)))
            } else {
                let forwarded = self.forward(enveloped(request, version)).await;
                forwarded.and_then(|inner| Ok(C::reply(inner.read::<C::Request>()?)))
            })
        })
    }

    /// Passes a request on as it is; `read` takes from the response what is wanted.
    ///
    /// # Errors
    /// Where the controller does not answer.
    pub(crate) async fn pass_on<Q, R>(
        &self,
        request: Q,
        read: impl FnOnce(ResponseOf<'_, Q>) -> R,
    ) -> Result<R, PeerError>
    where
        Q: Request<'static> + Send + 'static,
    {
        let forwarded = self.forward(enveloped(request, None)).await;
        self.noted(forwarded.and_then(|inner| Ok(read(inner.read::<Q>()?))))
    }

    /// Of the versions that this node answers, those that the controller answers too where it is the
    /// one that is asked (KIP-590); `None` if there are none. All while it is not known.
    pub(crate) fn common(&self, api: ApiKey, ours: VersionRange) -> Option<VersionRange> {
        common(self.spoken.borrow().as_deref(), api, ours)
    }

    /// Sends an envelope, and takes out the answer that came in one.
    async fn forward(&self, envelope: Encode) -> Result<Inner, PeerError> {
        let answered = self.forwarding.call_with(envelope).await?;
        let envelope = answered.read::<EnvelopeRequest<'static>>()?;
        match ErrorCode::from_wire(envelope.error_code) {
            ErrorCode::None => {}
            code => return Err(PeerError::Refused(code)),
        }
        let missing = || PeerError::Malformed("an empty envelope".to_owned());
        let frame = envelope.response_data.ok_or_else(missing)?.into_owned();
        Ok(Inner { frame, version: answered.versions.inner.ok_or_else(missing)? })
    }
}

fn common(spoken: Option<&Spoken>, api: ApiKey, ours: VersionRange) -> Option<VersionRange> {
    let spoken = spoken.filter(|_| FORWARDED.contains(&api));
    spoken.map_or(Some(ours), |spoken| both(ours, *spoken.get(&api.code())?))
}

/// An answer that came in an envelope.
struct Inner {
    frame: Vec<u8>,
    version: i16,
}

impl Inner {
    fn read<Q: Request<'static>>(&self) -> Result<ResponseOf<'_, Q>, PeerError> {
        response::<Q>(&self.frame, self.version)
    }
}

/// Writes `request` in an envelope.
fn enveloped<Q>(request: Q, version: Option<i16>) -> Encode
where
    Q: Request<'static> + Send + 'static,
{
    Box::new(move |buffer, correlation_id, versions| {
        let version = match version {
            Some(version) => versions.exactly(Q::KEY, version)?,
            None => versions.highest(Q::KEY)?,
        };
        put_in_envelope(buffer, correlation_id, versions, &request, version)
    })
}

fn put_in_envelope<Q: Request<'static>>(
    buffer: &mut Vec<u8>,
    correlation_id: i32,
    versions: &Versions,
    request: &Q,
    version: i16,
) -> Result<Encoded, PeerError> {
    let client = Some(versions.client_id);
    let mut inner = Vec::new();
    wire::encode_request(&mut inner, correlation_id, client, request, version)?;
    let mut principal = PRINCIPAL_VERSION.to_be_bytes().to_vec();
    principal.extend(anyone().to_bytes(PRINCIPAL_VERSION)?);
    let envelope = EnvelopeRequest {
        request_data: Cow::Borrowed(inner.get(LENGTH_BYTES..).unwrap_or_default()),
        request_principal: Some(Cow::Owned(principal)),
        client_host_address: Cow::Borrowed(&[127, 0, 0, 1]),
    };
    wire::encode_request(buffer, correlation_id, client, &envelope, ENVELOPE_VERSION)?;
    Ok(Encoded { key: ApiKey::Envelope, version: ENVELOPE_VERSION, inner: Some(version) })
}

/// Who every client is without authentication.
fn anyone() -> DefaultPrincipalData<'static> {
    DefaultPrincipalData {
        r#type: "User".into(),
        name: "ANONYMOUS".into(),
        token_authenticated: false,
    }
}

/// Commands that hold nothing but their request, and the field in which that says its time, if any.
macro_rules! forwarded {
    ($($command:ident<$lifetime:lifetime> => $request:ident { $($timeout_ms:ident)? },)*) => {$(
        impl Forwarded for $command<'static> {
            type Request = $request<'static>;

            $(fn timeout_ms(&self) -> Option<i32> {
                Some(self.0.$timeout_ms)
            })?

            fn request(self) -> Self::Request {
                self.0
            }

            fn reply(response: ResponseOf<'_, Self::Request>) -> Self::Reply {
                response.into_owned()
            }
        }
    )*};
}

forwarded! {
    CreateTopics<'static> => CreateTopicsRequest { timeout_ms },
    CreatePartitions<'static> => CreatePartitionsRequest { timeout_ms },
    AlterConfigs<'static> => AlterConfigsRequest {},
    IncrementalAlterConfigs<'static> => IncrementalAlterConfigsRequest {},
    ElectLeaders<'static> => ElectLeadersRequest { timeout_ms },
    AlterPartitionReassignments<'static> => AlterPartitionReassignmentsRequest { timeout_ms },
    ListPartitionReassignments<'static> => ListPartitionReassignmentsRequest { timeout_ms },
}

impl Forwarded for AssignReplicasToDirs {
    type Request = AssignReplicasToDirsRequest;

    fn request(self) -> Self::Request {
        self.0
    }

    fn reply(response: ResponseOf<'_, Self::Request>) -> Self::Reply {
        response
    }
}

impl Forwarded for DeleteTopics<'static> {
    type Request = DeleteTopicsRequest<'static>;

    fn timeout_ms(&self) -> Option<i32> {
        Some(self.0.timeout_ms)
    }

    /// Names alone stand in a field that the newest version does not have.
    fn request(self) -> Self::Request {
        let mut request = self.0;
        let named = std::mem::take(&mut request.topic_names).into_iter();
        let state = |name| DeleteTopicState { name: Some(name), topic_id: TopicId::ZERO };
        request.topics.extend(named.map(state));
        request
    }

    fn reply(response: ResponseOf<'_, Self::Request>) -> Self::Reply {
        response.into_owned()
    }
}

impl Forwarded for UpdateFeatures<'static> {
    type Request = UpdateFeaturesRequest<'static>;

    fn version(&self) -> Option<i16> {
        Some(self.version)
    }

    fn timeout_ms(&self) -> Option<i32> {
        Some(self.request.timeout_ms)
    }

    fn request(self) -> Self::Request {
        self.request
    }

    fn reply(response: ResponseOf<'_, Self::Request>) -> Self::Reply {
        response.into_owned()
    }
}

impl Forwarded for UnregisterBroker {
    type Request = UnregisterBrokerRequest;

    fn request(self) -> Self::Request {
        UnregisterBrokerRequest { broker_id: self.broker.0 }
    }

    fn reply(response: ResponseOf<'_, Self::Request>) -> Self::Reply {
        done(response.error_code, response.error_message)
    }
}

impl Forwarded for UnregisterController {
    type Request = UnregisterControllerRequest;

    fn request(self) -> Self::Request {
        UnregisterControllerRequest { controller_id: self.controller.0 }
    }

    fn reply(response: ResponseOf<'_, Self::Request>) -> Self::Reply {
        done(response.error_code, response.error_message)
    }
}

fn done(error_code: i16, message: Option<Cow<'_, str>>) -> Result<(), Refusal> {
    match ErrorCode::from_wire(error_code) {
        ErrorCode::None => Ok(()),
        code => {
            let message = message.map(|message| Cow::Owned(message.into_owned()));
            Err(Refusal { code, message })
        }
    }
}

impl Forwarded for AllocateProducerIds {
    type Request = AllocateProducerIdsRequest;

    fn request(self) -> Self::Request {
        AllocateProducerIdsRequest { broker_id: self.broker.0, broker_epoch: self.epoch.0 }
    }

    fn reply(response: ResponseOf<'_, Self::Request>) -> Self::Reply {
        response
    }
}

impl Forwarded for AlterPartition {
    type Request = AlterPartitionRequest;

    fn request(self) -> Self::Request {
        self.0
    }

    fn reply(response: ResponseOf<'_, Self::Request>) -> Self::Reply {
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_offered_what_an_older_controller_knows_too() {
        let range = |min, max| VersionRange { min, max };
        let spoken: Spoken = [
            (ApiKey::CreateTopics.code(), range(2, 5)),
            (ApiKey::DeleteTopics.code(), range(8, 9)),
            (ApiKey::Fetch.code(), range(0, 1)),
        ]
        .into();
        let ours = range(1, 7);
        for (api, expected) in [
            (ApiKey::CreateTopics, Some(range(2, 5))),
            (ApiKey::DeleteTopics, None),
            (ApiKey::UpdateFeatures, None),
            (ApiKey::Fetch, Some(ours)),
            (ApiKey::Metadata, Some(ours)),
        ] {
            assert_eq!(common(Some(&spoken), api, ours), expected, "{}", api.name());
            assert_eq!(common(None, api, ours), Some(ours), "{}: nothing is known", api.name());
        }
    }
}
