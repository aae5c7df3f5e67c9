//! Broker keys: SASL, principals and delegation tokens.

use crate::config::allowed::Allowed;
use crate::config::key::{ConfigKey, class, double, int, list, long, password, short, string};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    long("delegation.token.expiry.check.interval.ms")
        .or("3600000")
        .at_least(1)
        .low()
        .unsupported()
        .doc("Time in milliseconds between two searches for expired delegation tokens."),
    long("delegation.token.expiry.time.ms")
        .or("86400000")
        .at_least(1)
        .unsupported()
        .doc("Time in milliseconds after which a delegation token must be renewed."),
    long("delegation.token.max.lifetime.ms")
        .or("604800000")
        .at_least(1)
        .unsupported()
        .doc("Time in milliseconds after which a delegation token cannot be renewed any more."),
    password("delegation.token.secret.key").or_null().unsupported().doc(
        "Secret that signs delegation tokens, the same on every broker; unset switches tokens \
         off.",
    ),
    class("principal.builder.class")
        .or("org.apache.kafka.common.security.authenticator.\
         DefaultKafkaPrincipalBuilder")
        .per_broker()
        .no_effect()
        .doc("Java class that makes a principal of an authenticated connection."),
    class("sasl.client.callback.handler.class")
        .or_null()
        .no_effect()
        .doc("Java class that hands out credentials when the broker is the client."),
    list("sasl.enabled.mechanisms")
        .or("GSSAPI")
        .allow(Allowed::Items { words: &[], empty: true, null: false })
        .per_broker()
        .unsupported()
        .doc("SASL mechanisms that clients may use."),
    password("sasl.jaas.config")
        .or_null()
        .per_broker()
        .unsupported()
        .doc("Login settings of a listener's mechanism in Java's JAAS form."),
    string("sasl.kerberos.kinit.cmd")
        .or("/usr/bin/kinit")
        .per_broker()
        .no_effect()
        .doc("Path of the `kinit` command for the Java login."),
    long("sasl.kerberos.min.time.before.relogin")
        .or("60000")
        .per_broker()
        .no_effect()
        .doc("Time in milliseconds between two attempts to renew a Kerberos ticket."),
    list("sasl.kerberos.principal.to.local.rules")
        .or("DEFAULT")
        .allow(Allowed::Items { words: &[], empty: true, null: false })
        .per_broker()
        .unsupported()
        .doc(
            "Rules that turn Kerberos principals into short names; the first that matches counts.",
        ),
    string("sasl.kerberos.service.name")
        .or_null()
        .per_broker()
        .unsupported()
        .doc("Kerberos service name that the brokers run under."),
    double("sasl.kerberos.ticket.renew.jitter")
        .or("0.05")
        .per_broker()
        .no_effect()
        .doc("Share by which the time of renewing a Kerberos ticket varies at random."),
    double("sasl.kerberos.ticket.renew.window.factor")
        .or("0.8")
        .per_broker()
        .no_effect()
        .doc("Share of a Kerberos ticket's life after which it is renewed."),
    class("sasl.login.callback.handler.class")
        .or_null()
        .no_effect()
        .doc("Java class that answers the questions of the login."),
    class("sasl.login.class").or_null().no_effect().doc("Java class that performs the login."),
    int("sasl.login.connect.timeout.ms")
        .or_null()
        .low()
        .no_effect()
        .doc("Time in milliseconds that connecting to the token provider may take."),
    int("sasl.login.read.timeout.ms")
        .or_null()
        .low()
        .no_effect()
        .doc("Time in milliseconds that the token provider's answer may take."),
    short("sasl.login.refresh.buffer.seconds")
        .or("300")
        .per_broker()
        .no_effect()
        .doc("Seconds before a credential's end in which it is not refreshed."),
    short("sasl.login.refresh.min.period.seconds")
        .or("60")
        .per_broker()
        .no_effect()
        .doc("Seconds that a credential is used at least before it is refreshed."),
    double("sasl.login.refresh.window.factor")
        .or("0.8")
        .per_broker()
        .no_effect()
        .doc("Share of a credential's life after which it is refreshed."),
    double("sasl.login.refresh.window.jitter")
        .or("0.05")
        .per_broker()
        .no_effect()
        .doc("Share by which the time of refreshing a credential varies at random."),
    long("sasl.login.retry.backoff.max.ms")
        .or("10000")
        .low()
        .no_effect()
        .doc("Upper bound in milliseconds of the growing wait between two logins."),
    long("sasl.login.retry.backoff.ms")
        .or("100")
        .low()
        .no_effect()
        .doc("First wait in milliseconds between two logins."),
    string("sasl.mechanism.controller.protocol")
        .or("GSSAPI")
        .high()
        .unsupported()
        .doc("SASL mechanism that brokers use towards controllers."),
    string("sasl.mechanism.inter.broker.protocol")
        .or("GSSAPI")
        .per_broker()
        .unsupported()
        .doc("SASL mechanism that brokers use among themselves."),
    class("sasl.server.callback.handler.class")
        .or_null()
        .no_effect()
        .doc("Java class that checks the credentials of a mechanism."),
    int("sasl.server.max.receive.size")
        .or("524288")
        .unsupported()
        .doc("Largest size in bytes of one SASL message before authentication."),
];
