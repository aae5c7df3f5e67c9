//! What Kafka's shell says of each thing: the `toString` of its Java classes.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use metadata::features::LevelRange;
use metadata::image::{
    BrokerRegistration, ControllerRegistration, Endpoint, PartitionState, Provenance, QuotaEntity,
};
use types::{DirectoryId, NodeId, TimestampMs};
use wire::access_control_entry_record::AccessControlEntryRecord;
use wire::delegation_token_record::DelegationTokenRecord;
use wire::user_scram_credential_record::UserScramCredentialRecord;

pub use super::super::super::support::java_double::java_double;
use super::super::super::support::time::iso_time;

/// The names that Kafka gives the codes of its wire formats, from 0 or 1 up.
const SECURITY_PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];
const RESOURCE_TYPES: [&str; 8] =
    ["UNKNOWN", "ANY", "TOPIC", "GROUP", "CLUSTER", "TRANSACTIONAL_ID", "DELEGATION_TOKEN", "USER"];
const PATTERN_TYPES: [&str; 5] = ["UNKNOWN", "ANY", "MATCH", "LITERAL", "PREFIXED"];
const OPERATIONS: [&str; 16] = [
    "UNKNOWN",
    "ANY",
    "ALL",
    "READ",
    "WRITE",
    "CREATE",
    "DELETE",
    "ALTER",
    "DESCRIBE",
    "CLUSTER_ACTION",
    "DESCRIBE_CONFIGS",
    "ALTER_CONFIGS",
    "IDEMPOTENT_WRITE",
    "CREATE_TOKENS",
    "DESCRIBE_TOKENS",
    "TWO_PHASE_COMMIT",
];
const PERMISSIONS: [&str; 4] = ["UNKNOWN", "ANY", "DENY", "ALLOW"];

fn named<N: TryInto<usize>>(names: &[&'static str], code: N) -> &'static str {
    let index = code.try_into().ok();
    index.and_then(|index| names.get(index)).copied().unwrap_or("UNKNOWN")
}

fn list<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    format!("[{}]", values.join(", "))
}

pub fn provenance(last: Provenance, written: TimestampMs) -> String {
    let Provenance { offset, epoch } = last;
    format!("offset {offset}, epoch {epoch}, time {}[UTC]", iso_time(written.0))
}

pub fn partition(state: &PartitionState) -> String {
    let nodes = |ids: &[NodeId]| list(ids.iter().map(|id| id.0));
    format!(
        "PartitionRegistration(replicas={}, directories={}, isr={}, removingReplicas={}, \
         addingReplicas={}, elr={}, lastKnownElr={}, leader={}, leaderRecoveryState={}, \
         leaderEpoch={}, partitionEpoch={})",
        nodes(&state.replicas),
        list(state.directories.iter()),
        nodes(&state.isr),
        nodes(&state.removing),
        nodes(&state.adding),
        nodes(&state.eligible_leaders),
        nodes(&state.last_known_leaders),
        state.leader.0,
        if state.recovering { "RECOVERING" } else { "RECOVERED" },
        state.leader_epoch.0,
        state.partition_epoch
    )
}

pub fn broker(broker: &BrokerRegistration) -> String {
    let rack = broker.rack.as_deref();
    format!(
        "BrokerRegistration(id={}, epoch={}, incarnationId={}, listeners={}, \
         supportedFeatures={}, rack={}, fenced={}, inControlledShutdown={}, \
         isMigratingZkBroker={}, directories={}, cordonedDirectories={})",
        broker.id.0,
        broker.epoch.0,
        broker.incarnation,
        listeners(&broker.endpoints),
        features(&broker.features),
        rack.map_or("Optional.empty".to_owned(), |rack| format!("Optional[{rack}]")),
        broker.fenced,
        broker.in_controlled_shutdown,
        broker.migrating,
        directories(&broker.directories),
        broker.cordoned.as_deref().map_or("null".to_owned(), directories)
    )
}

pub fn controller(controller: &ControllerRegistration) -> String {
    format!(
        "ControllerRegistration(id={}, incarnationId={}, zkMigrationReady={}, listeners={}, \
         supportedFeatures={})",
        controller.id.0,
        controller.incarnation,
        controller.zk_migration_ready,
        listeners(&controller.endpoints),
        features(&controller.features)
    )
}

fn listeners(endpoints: &[Endpoint]) -> String {
    let mut sorted: Vec<&Endpoint> = endpoints.iter().collect();
    sorted.sort_by(|a, b| a.listener.cmp(&b.listener));
    list(sorted.into_iter().map(|endpoint| {
        format!(
            "Endpoint(listenerName='{}', securityProtocol={}, host='{}', port={})",
            endpoint.listener,
            named(&SECURITY_PROTOCOLS, endpoint.security_protocol),
            endpoint.host,
            endpoint.port
        )
    }))
}

fn features(features: &BTreeMap<Box<str>, LevelRange>) -> String {
    let ranges =
        features.iter().map(|(name, range)| format!("{name}: {}-{}", range.min, range.max));
    format!("{{{}}}", ranges.collect::<Vec<_>>().join(", "))
}

/// Java compares ids as two signed numbers.
fn directories(ids: &[DirectoryId]) -> String {
    let mut sorted = ids.to_vec();
    sorted.sort_by_key(|id| {
        let bits = u128::from_be_bytes(id.0);
        let low = u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(u64::MAX);
        let high = u64::try_from(bits >> u64::BITS).unwrap_or(u64::MAX);
        (high.cast_signed(), low.cast_signed())
    });
    list(sorted)
}

pub fn acl(acl: &AccessControlEntryRecord<'_>) -> String {
    format!(
        "StandardAcl[resourceType={}, resourceName={}, patternType={}, principal={}, host={}, \
         operation={}, permissionType={}]",
        named(&RESOURCE_TYPES, acl.resource_type),
        acl.resource_name,
        named(&PATTERN_TYPES, acl.pattern_type),
        acl.principal,
        acl.host,
        named(&OPERATIONS, acl.operation),
        named(&PERMISSIONS, acl.permission_type)
    )
}

pub fn credential(credential: &UserScramCredentialRecord<'_>) -> String {
    format!(
        "ScramCredentialData(salt={}, storedKey={}, serverKey={}, iterations={})",
        hex(&credential.salt),
        hex(&credential.stored_key),
        hex(&credential.server_key),
        credential.iterations
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // writing to a String cannot fail
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The parentheses stand as Kafka has them.
pub fn token(token: &DelegationTokenRecord<'_>) -> String {
    format!(
        "DelegationTokenDatatokenId={}(owner={}(tokenRequester={}(renewers={}, issueTimestamp={}, \
         maxTimestamp={}), expiryTimestamp={}",
        token.token_id,
        token.owner,
        token.requester,
        token.renewers.join(" "),
        token.issue_timestamp,
        token.max_timestamp,
        token.expiration_timestamp
    )
}

/// `clientId(a)_user(b)`; a default, which has no name, is left out as in Kafka's shell.
pub fn quota_entity(entity: &QuotaEntity) -> String {
    let parts = [("client-id", "clientId"), ("ip", "ip"), ("user", "user")];
    let parts = parts.into_iter().filter_map(|(kind, shown)| {
        let name = entity.get(kind)?.as_deref()?;
        let escaped = name.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
        Some(format!("{shown}({escaped})"))
    });
    parts.collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_entities_have_their_parts_in_kafkas_order() {
        let entity = |parts: &[(&str, Option<&str>)]| -> QuotaEntity {
            parts.iter().map(|(kind, name)| ((*kind).into(), name.map(Box::from))).collect()
        };
        let both = entity(&[("user", Some("b(c")), ("client-id", Some("a"))]);
        assert_eq!(quota_entity(&both), r"clientId(a)_user(b\(c)");
        let with_default = entity(&[("user", Some("b")), ("client-id", None)]);
        assert_eq!(quota_entity(&with_default), "user(b)");
    }

    #[test]
    fn directories_are_in_the_order_of_java() {
        let ids = ["4L6g3nShT-eMCtK--X86sw", "BBBBBBBBBBBBBBBBBBBBBQ", "2PHvyM74dQRJXNS7RDABwA"];
        let ids = ids.map(|id| id.parse().expect("an id"));
        let sorted = directories(&ids);
        assert!(sorted.starts_with("[2PHvyM74dQRJXNS7RDABwA, 4L6g"), "{sorted}");
        assert!(sorted.ends_with("BBBBBBBBBBBBBBBBBBBBBQ]"), "{sorted}");
    }

    #[test]
    fn unknown_codes_have_a_name() {
        assert_eq!(named(&PERMISSIONS, 3i8), "ALLOW");
        assert_eq!(named(&PERMISSIONS, -1i8), "UNKNOWN");
        assert_eq!(named(&PERMISSIONS, 9i8), "UNKNOWN");
    }
}
