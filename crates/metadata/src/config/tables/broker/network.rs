//! Broker keys: listeners, connections and sockets.

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, int, list, long, string};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    list("advertised.listeners")
        .or_null()
        .allow(Allowed::Items { words: &[], empty: false, null: true })
        .high()
        .doc("Addresses that clients are told to connect to; unset takes `listeners`."),
    int("connection.failed.authentication.delay.ms")
        .or("100")
        .at_least(0)
        .low()
        .unsupported()
        .doc("Time in milliseconds that the answer to a failed authentication is held back."),
    long("connections.max.idle.ms").or("600000").doc(
        "Time in milliseconds after which a connection without traffic is closed; a negative \
         value never closes one.",
    ),
    long("connections.max.reauth.ms").or("0").unsupported().doc(
        "Time in milliseconds after which an authenticated client must authenticate again; 0 \
         asks for none.",
    ),
    string("inter.broker.listener.name").or_null().doc(
        "Listener that brokers use among themselves; unset takes the one of \
         `security.inter.broker.protocol`.",
    ),
    string("listener.security.protocol.map")
        .or("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT")
        .low()
        .per_broker()
        .doc("Security protocol of each listener name, as `NAME:PROTOCOL` pairs."),
    list("listeners")
        .or("PLAINTEXT://:9092")
        .allow(Allowed::Items { words: &[], empty: false, null: false })
        .high()
        .per_broker()
        .doc("Addresses to listen on, as `NAME://host:port`; an empty host means every interface."),
    int("max.connection.creation.rate")
        .or("2147483647")
        .at_least(0)
        .cluster_wide()
        .unsupported()
        .doc("Number of connections per second that the broker accepts."),
    int("max.connections")
        .or("2147483647")
        .at_least(0)
        .cluster_wide()
        .doc("Number of connections that may be open at a time."),
    int("max.connections.per.ip")
        .or("2147483647")
        .at_least(0)
        .cluster_wide()
        .doc("Number of connections that one address may have open."),
    string("max.connections.per.ip.overrides")
        .or("")
        .cluster_wide()
        .doc("Other limits for single addresses, as `host:count` pairs."),
    int("num.io.threads")
        .or("8")
        .at_least(1)
        .high()
        .cluster_wide()
        .no_effect()
        .doc("Number of threads that serve requests in the Java broker."),
    int("num.network.threads")
        .or("3")
        .at_least(1)
        .high()
        .cluster_wide()
        .no_effect()
        .doc("Number of threads that serve sockets in the Java broker, for each listener."),
    long("queued.max.request.bytes").or("-1").unsupported().doc(
        "Bytes of requests that may wait before reading stops; a negative value sets no \
         bound.",
    ),
    int("queued.max.requests").or("500").at_least(1).high().no_effect().doc(
        "Number of requests that may wait in the Java broker before its network threads stop \
         reading.",
    ),
    int("request.timeout.ms")
        .or("30000")
        .high()
        .doc("Time in milliseconds that the broker's own requests wait for an answer."),
    string("security.inter.broker.protocol")
        .or("PLAINTEXT")
        .allow(Allowed::OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]))
        .doc("Security protocol between brokers, where `inter.broker.listener.name` is not set."),
    long("socket.connection.setup.timeout.max.ms")
        .or("30000")
        .doc("Upper bound in milliseconds of the growing time to connect to another node."),
    long("socket.connection.setup.timeout.ms")
        .or("10000")
        .doc("Time in milliseconds that a connection to another node may take at first."),
    int("socket.listen.backlog.size").or("50").at_least(1).doc(
        "Number of connections that may wait to be accepted; the operating system's limit \
         bounds it.",
    ),
    int("socket.receive.buffer.bytes")
        .or("102400")
        .high()
        .doc("Bytes of the sockets' receive buffers; -1 leaves it to the operating system."),
    int("socket.request.max.bytes")
        .or("104857600")
        .at_least(1)
        .high()
        .doc("Largest size in bytes of a request; a larger one closes the connection."),
    int("socket.send.buffer.bytes")
        .or("102400")
        .high()
        .doc("Bytes of the sockets' send buffers; -1 leaves it to the operating system."),
];
