//! Broker keys: OAUTHBEARER.

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, boolean, class, int, list, long, password, string};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    boolean("sasl.oauthbearer.allow.unverified.audience")
        .or("false")
        .unsupported()
        .doc("Whether tokens are accepted whoever they are meant for."),
    boolean("sasl.oauthbearer.allow.unverified.issuer")
        .or("false")
        .unsupported()
        .doc("Whether tokens are accepted whoever issued them."),
    string("sasl.oauthbearer.assertion.algorithm")
        .or("RS256")
        .allow(Allowed::OneOfIgnoringCase(&["ES256", "RS256"]))
        .no_effect()
        .doc("Algorithm that signs the assertion: ES256 or RS256."),
    string("sasl.oauthbearer.assertion.claim.aud")
        .or_null()
        .no_effect()
        .doc("Audience that the assertion names."),
    int("sasl.oauthbearer.assertion.claim.exp.seconds")
        .or("300")
        .between(0, 86400)
        .low()
        .no_effect()
        .doc("Seconds after which the assertion expires."),
    string("sasl.oauthbearer.assertion.claim.iss")
        .or_null()
        .no_effect()
        .doc("Issuer that the assertion names."),
    boolean("sasl.oauthbearer.assertion.claim.jti.include")
        .or("false")
        .no_effect()
        .doc("Whether each assertion carries an id of its own."),
    int("sasl.oauthbearer.assertion.claim.nbf.seconds")
        .or("60")
        .between(0, 3600)
        .low()
        .no_effect()
        .doc("Seconds before the present from which on the assertion is valid."),
    string("sasl.oauthbearer.assertion.claim.sub")
        .or_null()
        .no_effect()
        .doc("Subject that the assertion names."),
    string("sasl.oauthbearer.assertion.file")
        .or_null()
        .no_effect()
        .doc("File with a finished assertion; it is read again when it changes."),
    string("sasl.oauthbearer.assertion.private.key.file")
        .or_null()
        .no_effect()
        .doc("File with the private key that signs the assertion, in PEM."),
    password("sasl.oauthbearer.assertion.private.key.passphrase")
        .or_null()
        .no_effect()
        .doc("Passphrase of that private key."),
    string("sasl.oauthbearer.assertion.template.file")
        .or_null()
        .no_effect()
        .doc("File with claims and headers that the assertion begins from, in JSON."),
    string("sasl.oauthbearer.client.credentials.client.id")
        .or_null()
        .no_effect()
        .doc("Id under which the broker asks for a token."),
    password("sasl.oauthbearer.client.credentials.client.secret")
        .or_null()
        .no_effect()
        .doc("Secret that goes with that id."),
    int("sasl.oauthbearer.clock.skew.seconds")
        .or("30")
        .low()
        .unsupported()
        .doc("Seconds by which the issuer's clock may differ."),
    list("sasl.oauthbearer.expected.audience")
        .or("")
        .allow(Allowed::Items { words: &[], empty: true, null: false })
        .high()
        .unsupported()
        .doc("Audiences of which a token must name one."),
    string("sasl.oauthbearer.expected.issuer")
        .or_null()
        .high()
        .unsupported()
        .doc("Issuer that a token must name."),
    long("sasl.oauthbearer.jwks.endpoint.refresh.ms")
        .or("3600000")
        .low()
        .unsupported()
        .doc("Time in milliseconds between two reads of the issuer's keys."),
    long("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms")
        .or("10000")
        .low()
        .unsupported()
        .doc(
            "Upper bound in milliseconds of the growing wait between two attempts to read the \
             keys.",
        ),
    long("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms")
        .or("100")
        .low()
        .unsupported()
        .doc("First wait in milliseconds between two attempts to read the keys."),
    string("sasl.oauthbearer.jwks.endpoint.url")
        .or_null()
        .unsupported()
        .doc("Address of the issuer's keys, `https:` or `file:`."),
    class("sasl.oauthbearer.jwt.retriever.class")
        .or("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever")
        .no_effect()
        .doc("Java class that fetches tokens."),
    class("sasl.oauthbearer.jwt.validator.class")
        .or("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator")
        .no_effect()
        .doc("Java class that checks tokens."),
    string("sasl.oauthbearer.scope")
        .or_null()
        .no_effect()
        .doc("Scope that the broker asks for in its token."),
    string("sasl.oauthbearer.scope.claim.name")
        .or("scope")
        .low()
        .unsupported()
        .doc("Name of the claim that holds the scope."),
    string("sasl.oauthbearer.sub.claim.name")
        .or("sub")
        .low()
        .unsupported()
        .doc("Name of the claim that holds the subject."),
    string("sasl.oauthbearer.token.endpoint.url")
        .or_null()
        .no_effect()
        .doc("Address that hands out tokens."),
];
