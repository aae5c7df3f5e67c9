//! SCRAM credentials of users: `SCRAM-SHA-256=[iterations=8192,password=…]`.

use std::fs::File;
use std::io::Read;

use client::Admin;
use client::admin::ScramUpsertion;
use metadata::format::scram::{ITERATIONS_MAX, ITERATIONS_MIN, Mechanism};

use super::super::support::{Done, ToolError};

/// RFC 5802 asks for a random salt; Kafka's has as many bytes or more.
const SALT_BYTES: usize = 32;

pub fn is_mechanism(key: &str) -> bool {
    Mechanism::parse(key).is_some()
}

/// Lists the credentials of a user or of all.
pub async fn describe(admin: &Admin, user: Option<&str>) -> Done {
    for (user, infos) in admin.describe_scram(user).await? {
        let infos = infos.iter().map(|(id, iterations)| {
            let mechanism = Mechanism::ALL.into_iter().find(|mechanism| mechanism.id() == *id);
            let name = mechanism.map_or("UNKNOWN", Mechanism::name);
            format!("{name}=iterations={iterations}")
        });
        let infos = infos.collect::<Vec<_>>().join(", ");
        println!("SCRAM credential configs for user-principal '{user}' are {infos}");
    }
    Ok(())
}

pub async fn alter(
    admin: &Admin,
    user: &str,
    added: &[(String, String)],
    deleted: &[String],
) -> Done {
    let added = added.iter().filter_map(|(key, value)| {
        Mechanism::parse(key).map(|mechanism| upsertion(mechanism, value))
    });
    let added: Vec<ScramUpsertion> = added.collect::<Result<_, _>>()?;
    let deleted = deleted.iter().filter_map(|key| Mechanism::parse(key));
    let deleted: Vec<i8> = deleted.map(Mechanism::id).collect();
    Ok(admin.alter_scram(user, &added, &deleted).await?)
}

/// Reads `iterations=8192,password=secret`, where the iterations may be left out.
fn upsertion(mechanism: Mechanism, text: &str) -> Result<ScramUpsertion, ToolError> {
    let refused = |what: String| Err(ToolError::Failed(what));
    let (iterations, password) = match text.strip_prefix("iterations=") {
        Some(rest) => match rest.split_once(',') {
            Some((number, password)) => (number.parse().ok(), password),
            None => (None, ""),
        },
        None => (Some(ITERATIONS_MIN), text),
    };
    let Some((iterations, password)) = iterations.zip(password.strip_prefix("password=")) else {
        return refused(format!("Invalid credential property {}={text}", mechanism.name()));
    };
    let name = mechanism.name();
    if iterations < ITERATIONS_MIN {
        return refused(format!(
            "Iterations {iterations} is less than the minimum {ITERATIONS_MIN} required for {name}"
        ));
    }
    if iterations > ITERATIONS_MAX {
        return refused(format!(
            "Iterations {iterations} is greater than the maximum {ITERATIONS_MAX} allowed for {name}"
        ));
    }
    let mut salt = vec![0; SALT_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut salt)?;
    let salted_password = mechanism.salted_password(password, &salt, iterations);
    Ok(ScramUpsertion { mechanism: mechanism.id(), iterations, salt, salted_password })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_need_a_password_and_enough_iterations() {
        let read = |text| upsertion(Mechanism::Sha256, text);
        let with_default = read("password=a,b=c").expect("a password with a comma");
        assert_eq!((with_default.iterations, with_default.mechanism), (4096, 1));
        assert_eq!(with_default.salted_password.len(), 32);
        assert_eq!(read("iterations=8192,password=x").expect("valid").iterations, 8192);
        for wrong in ["iterations=8192", "iterations=1,password=x", "iterations=99999,password=x"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
