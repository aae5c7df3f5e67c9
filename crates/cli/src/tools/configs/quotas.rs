//! Configs of users, clients and addresses: quotas, and of users also SCRAM credentials.

use client::Admin;
use client::admin::{QuotaEntity, QuotaName, Quotas};

use super::super::support::java_double::java_double;
use super::super::support::options::Parsed;
use super::super::support::{Done, ToolError};
use super::scram;

/// The types: as options have them, as the protocol has them, as they are printed, and the options
/// that name one and the default.
const TYPES: [(&str, &str, &str, &str, &str); 3] = [
    ("users", "user", "user-principal", "user", "user-defaults"),
    ("clients", "client-id", "client-id", "client", "client-defaults"),
    ("ips", "ip", "ip", "ip", "ip-defaults"),
];

const RATES: &[&str] =
    &["producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate"];
const RATES_OF_IPS: &[&str] = &["connection_creation_rate"];

/// What the command line means: one entity, or a user and a client.
pub struct Entity(Vec<(&'static str, QuotaName)>);

/// `None` if the command line means something else.
pub fn entity(options: &Parsed) -> Result<Option<Entity>, ToolError> {
    let mut parts = named(options);
    let mut names = options.all("entity-name");
    let mut defaults = usize::from(options.has("entity-default"));
    let mut others = false;
    for kind in options.all("entity-type") {
        let Some((_, code, ..)) = TYPES.iter().find(|(option, ..)| *option == kind) else {
            others = true;
            continue;
        };
        let name = match names.next() {
            Some(name) => QuotaName::Exact(name.to_owned()),
            None if defaults > 0 => {
                defaults -= 1;
                QuotaName::Default
            }
            None => QuotaName::Any,
        };
        parts.push((code, name));
    }
    let with_ip = parts.iter().any(|(code, _)| *code == "ip");
    if !parts.is_empty() && (others || (parts.len() > 1 && with_ip)) {
        let what = "Only 'users' and 'clients' entity types may be specified together";
        return Err(ToolError::Failed(what.to_owned()));
    }
    Ok((!parts.is_empty()).then_some(Entity(parts)))
}

/// Those that have an option of their own, as Kafka's tool has them: the last type first.
fn named(options: &Parsed) -> Vec<(&'static str, QuotaName)> {
    let mut parts = Vec::new();
    for (_, code, _, name, default) in TYPES.into_iter().rev() {
        if let Some(name) = options.get(name) {
            parts.push((code, QuotaName::Exact(name.to_owned())));
        } else if options.has(default) {
            parts.push((code, QuotaName::Default));
        }
    }
    parts
}

impl Entity {
    /// The name of the user whose credentials are meant; the outer `None` if it is not a user alone.
    fn user(&self) -> Option<Option<&str>> {
        match self.0.as_slice() {
            [("user", QuotaName::Exact(name))] => Some(Some(name)),
            [("user", QuotaName::Any)] => Some(None),
            _ => None,
        }
    }

    pub async fn describe(&self, admin: &Admin) -> Done {
        let components: Vec<(&str, QuotaName)> = self.0.clone();
        for (entity, quotas) in admin.describe_quotas(&components).await? {
            println!("Quota configs for {} are {}", shown(&entity), values(&quotas));
        }
        match self.user() {
            Some(user) => scram::describe(admin, user).await,
            None => Ok(()),
        }
    }

    /// Sets and removes what the options `--add-config` and `--delete-config` say.
    pub async fn alter(
        &self,
        admin: &Admin,
        added: &[(String, String)],
        deleted: &[String],
    ) -> Done {
        if self.0.iter().any(|(_, name)| *name == QuotaName::Any) {
            let what = "An entity-name or default entity must be specified with --alter of users, \
                        clients, brokers or ips";
            return Err(ToolError::Failed(what.to_owned()));
        }
        let is_scram = |name: &str| scram::is_mechanism(name);
        let keys = || added.iter().map(|(key, _)| key).chain(deleted);
        let scrams = keys().filter(|key| is_scram(key)).count();
        match (scrams, self.user()) {
            (0, _) => self.alter_quotas(admin, added, deleted).await?,
            (_, Some(Some(user))) if scrams == keys().count() => {
                scram::alter(admin, user, added, deleted).await?;
            }
            (_, Some(Some(_))) => {
                let what = "Cannot alter both quota and SCRAM credential configs simultaneously for \
                            'users' using --bootstrap-server.";
                return Err(ToolError::Failed(what.to_owned()));
            }
            _ => {
                let what = "SCRAM credentials are set for one user by name.";
                return Err(ToolError::Failed(what.to_owned()));
            }
        }
        self.tell_completion();
        Ok(())
    }

    async fn alter_quotas(
        &self,
        admin: &Admin,
        added: &[(String, String)],
        deleted: &[String],
    ) -> Done {
        let is_ip = self.0.iter().any(|(code, _)| *code == "ip");
        let known = if is_ip { RATES_OF_IPS } else { RATES };
        let check = |key: &String| {
            let what = || format!("Unexpected config name: {key}; known: {}", known.join(", "));
            let is_known = known.contains(&key.as_str());
            if is_known { Ok(()) } else { Err(ToolError::Failed(what())) }
        };
        if is_ip {
            self.check_addresses()?;
        }
        let mut changes = Vec::new();
        for (key, value) in added {
            check(key)?;
            let what = || format!("Cannot parse quota configuration value for {key}: {value}");
            let number = value.parse().map_err(|_| ToolError::Failed(what()))?;
            changes.push((key.clone(), Some(number)));
        }
        for key in deleted {
            check(key)?;
            changes.push((key.clone(), None));
        }
        Ok(admin.alter_quotas(&self.0, &changes).await?)
    }

    fn check_addresses(&self) -> Done {
        use std::net::ToSocketAddrs;
        for (_, name) in &self.0 {
            if let QuotaName::Exact(name) = name
                && (name.as_str(), 0).to_socket_addrs().is_err()
            {
                let what =
                    "The entity name for ips must be a valid IP or resolvable host, but it is";
                return Err(ToolError::Failed(format!("{what}: {name}")));
            }
        }
        Ok(())
    }

    fn tell_completion(&self) {
        let noun = |code: &str| {
            let kind = TYPES.iter().find(|(_, other, ..)| *other == code);
            kind.map_or("", |(option, ..)| option.trim_end_matches('s'))
        };
        match self.0.first() {
            Some((code, QuotaName::Exact(name))) => {
                println!("Completed updating config for {} {name}.", noun(code));
            }
            first => {
                let code = first.map_or("", |(code, _)| code);
                println!("Completed updating default config for {}s in the cluster.", noun(code));
            }
        }
    }
}

/// `user-principal 'alice', the default client-id`.
fn shown(entity: &QuotaEntity) -> String {
    let parts = TYPES.iter().filter_map(|(_, code, shown, ..)| match entity.get(*code)? {
        Some(name) => Some(format!("{shown} '{name}'")),
        None => Some(format!("the default {shown}")),
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn values(quotas: &Quotas) -> String {
    let pairs = quotas.iter().map(|(key, value)| format!("{key}={}", java_double(*value)));
    pairs.collect::<Vec<_>>().join(", ")
}
