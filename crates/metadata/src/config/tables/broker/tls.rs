//! Broker keys: TLS.

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, boolean, class, list, password, string};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    string("security.providers")
        .or_null()
        .low()
        .no_effect()
        .doc("Java classes that provide security algorithms."),
    boolean("ssl.allow.dn.changes")
        .or("false")
        .low()
        .unsupported()
        .doc("Whether a keystore may be replaced by one with another distinguished name."),
    boolean("ssl.allow.san.changes")
        .or("false")
        .low()
        .unsupported()
        .doc("Whether a keystore may be replaced by one that lacks some alternative names."),
    list("ssl.cipher.suites")
        .or("")
        .allow(Allowed::Items { words: &[], empty: true, null: false })
        .per_broker()
        .unsupported()
        .doc("Cipher suites that are offered; empty takes the default ones."),
    string("ssl.client.auth")
        .or("none")
        .allow(Allowed::OneOf(&["required", "requested", "none"]))
        .per_broker()
        .unsupported()
        .doc("Whether clients show a certificate: `required`, `requested` or `none`."),
    list("ssl.enabled.protocols")
        .or("TLSv1.2,TLSv1.3")
        .allow(Allowed::Items { words: &[], empty: true, null: false })
        .per_broker()
        .unsupported()
        .doc("Versions of TLS that are allowed."),
    string("ssl.endpoint.identification.algorithm")
        .or("https")
        .low()
        .per_broker()
        .unsupported()
        .doc(
            "How the name of a server is checked against its certificate; empty switches the \
             check off.",
        ),
    class("ssl.engine.factory.class")
        .or_null()
        .low()
        .per_broker()
        .no_effect()
        .doc("Java class that makes TLS engines."),
    password("ssl.key.password")
        .or_null()
        .per_broker()
        .unsupported()
        .doc("Password of the private key."),
    string("ssl.keymanager.algorithm")
        .or("SunX509")
        .per_broker()
        .no_effect()
        .doc("Algorithm of Java's key manager."),
    password("ssl.keystore.certificate.chain")
        .or_null()
        .per_broker()
        .unsupported()
        .doc("Certificate chain itself, in PEM."),
    password("ssl.keystore.key")
        .or_null()
        .per_broker()
        .unsupported()
        .doc("Private key itself, in PEM."),
    string("ssl.keystore.location")
        .or_null()
        .per_broker()
        .unsupported()
        .doc("File with private key and certificates."),
    password("ssl.keystore.password")
        .or_null()
        .per_broker()
        .unsupported()
        .doc("Password of the keystore file; PEM needs none."),
    string("ssl.keystore.type")
        .or("JKS")
        .per_broker()
        .unsupported()
        .doc("Format of the keystore: JKS, PKCS12 or PEM."),
    string("ssl.principal.mapping.rules").or("DEFAULT").low().unsupported().doc(
        "Rules that turn distinguished names into short names; the first that matches counts.",
    ),
    string("ssl.protocol")
        .or("TLSv1.3")
        .per_broker()
        .no_effect()
        .doc("Version of TLS that the Java context is made for."),
    string("ssl.provider")
        .or_null()
        .per_broker()
        .no_effect()
        .doc("Name of the Java security provider for TLS."),
    string("ssl.secure.random.implementation")
        .or_null()
        .low()
        .per_broker()
        .no_effect()
        .doc("Algorithm of Java's random numbers for TLS."),
    string("ssl.trustmanager.algorithm")
        .or("PKIX")
        .per_broker()
        .no_effect()
        .doc("Algorithm of Java's trust manager."),
    password("ssl.truststore.certificates")
        .or_null()
        .per_broker()
        .unsupported()
        .doc("Trusted certificates themselves, in PEM."),
    string("ssl.truststore.location")
        .or_null()
        .per_broker()
        .unsupported()
        .doc("File with trusted certificates."),
    password("ssl.truststore.password")
        .or_null()
        .per_broker()
        .unsupported()
        .doc("Password of the truststore file; without it integrity is not checked."),
    string("ssl.truststore.type")
        .or("JKS")
        .per_broker()
        .unsupported()
        .doc("Format of the truststore: JKS, PKCS12 or PEM."),
];
