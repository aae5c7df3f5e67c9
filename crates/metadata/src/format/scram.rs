//! `--add-scram`: a SCRAM credential (RFC 5802) from a password or a salted one.
//!
//! ```text
//! SCRAM-SHA-256=[name=alice,password=alice-secret]
//! SCRAM-SHA-512=[name=alice,iterations=8192,salt="N3E=",saltedpassword="YCE="]
//! ```

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};
use wire::user_scram_credential_record::UserScramCredentialRecord;

use super::base64;

/// Least iterations that Kafka takes, and what it uses where none are given.
pub const ITERATIONS_MIN: i32 = 4096;
/// Most iterations that Kafka takes.
pub const ITERATIONS_MAX: i32 = 16_384;

/// Why an argument makes no credential; the texts are those of Kafka's tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScramError(String);

/// A mechanism of RFC 5802, by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    Sha256,
    Sha512,
}

impl Mechanism {
    /// Both of them, by their numbers.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// The mechanism of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "SCRAM-SHA-256" => Some(Self::Sha256),
            "SCRAM-SHA-512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The name in command lines and handshakes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// The number in records and requests.
    #[must_use]
    pub const fn id(self) -> i8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha512 => 2,
        }
    }

    const fn java_name(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM_SHA_256",
            Self::Sha512 => "SCRAM_SHA_512",
        }
    }

    fn mac(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha256 => mac::<Hmac<Sha256>>(key, parts),
            Self::Sha512 => mac::<Hmac<Sha512>>(key, parts),
        }
    }

    fn hash(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }

    /// `Hi` of RFC 5802: PBKDF2 with one block.
    #[must_use]
    pub fn salted_password(self, password: &str, salt: &[u8], iterations: i32) -> Vec<u8> {
        let mut round = self.mac(password.as_bytes(), &[salt, &1u32.to_be_bytes()]);
        let mut result = round.clone();
        for _ in 1..iterations {
            round = self.mac(password.as_bytes(), &[&round]);
            result.iter_mut().zip(&round).for_each(|(result, round)| *result ^= round);
        }
        result
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// Makes the record of one `--add-scram` argument.
pub(super) fn credential(
    argument: &str,
    random: &mut dyn FnMut() -> [u8; 16],
) -> Result<UserScramCredentialRecord<'static>, ScramError> {
    let argument = argument.trim();
    let refuse = |message: String| ScramError(message);
    let (mechanism, config) = argument.split_once('=').ok_or_else(|| {
        refuse(format!("Failed to find equals sign in SCRAM argument '{argument}'"))
    })?;
    let mechanism = Mechanism::parse(mechanism)
        .ok_or_else(|| refuse(format!("The add-scram mechanism {mechanism} is not supported.")))?;
    let config = config
        .strip_prefix('[')
        .ok_or_else(|| refuse("Expected configuration string to start with [".to_owned()))?;
    let config = config
        .strip_suffix(']')
        .ok_or_else(|| refuse("Expected configuration string to end with ]".to_owned()))?;
    let mut parts = components(config)?;
    let name = parts
        .remove("name")
        .ok_or_else(|| refuse("You must supply 'name' to add-scram".to_owned()))?;
    let iterations = iterations(mechanism, parts.remove("iterations"))?;
    let given_salt = decoded("salt", parts.remove("salt"))?;
    let password = parts.remove("password");
    let given_salted = decoded("saltedPassword", parts.remove("saltedpassword"))?;
    if let Some((unknown, _)) = parts.pop_first() {
        return Err(refuse(format!("Unknown SCRAM configurations: {unknown}")));
    }
    let (salt, salted) = match (password, given_salted, given_salt) {
        (Some(password), None, salt) => {
            let salt = salt.unwrap_or_else(|| random_salt(random));
            let salted = mechanism.salted_password(&password, &salt, iterations);
            (salt, salted)
        }
        (None, Some(salted), Some(salt)) => (salt, salted),
        (None, Some(_), None) => {
            let message = "You must supply 'salt' with 'saltedpassword' to add-scram";
            return Err(refuse(message.to_owned()));
        }
        (Some(_), Some(_), _) | (None, None, _) => {
            let message = "You must supply one of 'password' or 'saltedpassword' to add-scram";
            return Err(refuse(message.to_owned()));
        }
    };
    let client_key = mechanism.mac(&salted, &[b"Client Key"]);
    Ok(UserScramCredentialRecord {
        name: name.into(),
        mechanism: mechanism.id(),
        salt: salt.into(),
        stored_key: mechanism.hash(&client_key).into(),
        server_key: mechanism.mac(&salted, &[b"Server Key"]).into(),
        iterations,
    })
}

/// The parts between commas, as keys and values; values may stand in quotes.
fn components(config: &str) -> Result<BTreeMap<String, String>, ScramError> {
    let mut parts = BTreeMap::new();
    for part in config.split(',') {
        let (key, value) = part.split_once('=').ok_or_else(|| {
            ScramError(format!("No equals sign found in SCRAM component: {part}"))
        })?;
        let value = value.trim();
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        parts.insert(key.trim().to_owned(), quoted.unwrap_or(value).to_owned());
    }
    Ok(parts)
}

fn iterations(mechanism: Mechanism, text: Option<String>) -> Result<i32, ScramError> {
    let Some(text) = text else { return Ok(ITERATIONS_MIN) };
    let iterations: i32 = text
        .trim()
        .parse()
        .map_err(|_| ScramError(format!("Failed to parse iterations count: {text}")))?;
    let name = mechanism.java_name();
    if iterations < ITERATIONS_MIN {
        return Err(ScramError(format!(
            "The 'iterations' value must be >= {ITERATIONS_MIN} for add-scram using {name}"
        )));
    }
    if iterations > ITERATIONS_MAX {
        return Err(ScramError(format!(
            "The 'iterations' value must be <= {ITERATIONS_MAX} for add-scram using {name}"
        )));
    }
    Ok(iterations)
}

fn decoded(what: &str, text: Option<String>) -> Result<Option<Vec<u8>>, ScramError> {
    let Some(text) = text else { return Ok(None) };
    match base64::decode(&text) {
        Some(bytes) => Ok(Some(bytes)),
        None => Err(ScramError(format!("Failed to decode given {what}: {text}"))),
    }
}

/// Salt as Kafka makes it: letters and digits, so that it can be read.
fn random_salt(random: &mut dyn FnMut() -> [u8; 16]) -> Vec<u8> {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    const CHARS: usize = 25;
    let mut number = u128::from_be_bytes(random());
    let mut salt = Vec::with_capacity(CHARS);
    while number > 0 {
        let digit = usize::try_from(number % 36).expect("below 36");
        salt.push(DIGITS[digit]);
        number /= 36;
    }
    salt
}

impl fmt::Display for ScramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ScramError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(argument: &str) -> Result<UserScramCredentialRecord<'static>, String> {
        credential(argument, &mut || [0x5a; 16]).map_err(|e| e.to_string())
    }

    #[track_caller]
    fn check(argument: &str, stored: &str, server: &str) {
        let record = made(argument).unwrap();
        assert_eq!(Some(record.stored_key.to_vec()), base64::decode(stored), "stored key");
        assert_eq!(Some(record.server_key.to_vec()), base64::decode(server), "server key");
    }

    #[test]
    fn keys_are_those_that_kafkas_tool_makes() {
        // read back from snapshots that kafka-storage 4.4.0 wrote
        check(
            "SCRAM-SHA-256=[name=carol,password=pw,\
             salt=\"MWx2NHBkbnc0ZndxN25vdGN4bTB5eTFrN3E=\",iterations=4096]",
            "Oacl8G9xlr92PDB8bxqIQvOJCyJVgPgu46SgS8ZvIHY=",
            "rMySxUNBELEbfjyJGDPkvBSzu4Oitc6OWtG0v2zsDTg=",
        );
        check(
            "SCRAM-SHA-512=[name=bob,iterations=8192,salt=\"N3E=\",saltedpassword=\"YCE=\"]",
            "cXajSfkesuEdmelXMIE1FvL2RXPfwlrmGKyq6ai/1my6GnQBkALTiDfj8bysiAAVsysjd15xpW2sEiappLOxvQ==",
            "TGF8Dt3uWsZYXy+/UBt86VtHDWvwHxtUnCY8GKG1QG6muF9I08fZ3MQ0cupwRZ2uY6KK9INaZHi4OxHCDwYMBw==",
        );
        check(
            "SCRAM-SHA-256=[name=alice,password=alice-secret,\
             salt=\"MW1rN3F1cDBuaDlhaXNsOHRobHh0a2tnNTY=\"]",
            "acox7p5gvB6uI01UO76G8CzZAMEnMxUN87HCaSXOq/w=",
            "dUDGAgegO0Zhzxbz7fRmtIBsoBbeEq+KdG0tcr+Dxr4=",
        );
    }

    #[test]
    fn a_salt_is_made_where_none_is_given() {
        let record = made("SCRAM-SHA-256=[name=alice,password=x]").unwrap();
        assert!(record.salt.len() >= 20 && record.salt.is_ascii());
        assert_eq!((record.iterations, record.mechanism), (4096, 1));
    }

    #[test]
    fn wrong_arguments_are_refused_in_kafkas_words() {
        for (argument, message) in [
            ("SCRAM-SHA-256", "Failed to find equals sign in SCRAM argument 'SCRAM-SHA-256'"),
            ("SCRAM-SHA-1=[name=a]", "The add-scram mechanism SCRAM-SHA-1 is not supported."),
            ("SCRAM-SHA-256=name=a", "Expected configuration string to start with ["),
            ("SCRAM-SHA-256=[name=a", "Expected configuration string to end with ]"),
            ("SCRAM-SHA-256=[password=a]", "You must supply 'name' to add-scram"),
            ("SCRAM-SHA-256=[name]", "No equals sign found in SCRAM component: name"),
            (
                "SCRAM-SHA-256=[name=a]",
                "You must supply one of 'password' or 'saltedpassword' to add-scram",
            ),
            (
                "SCRAM-SHA-256=[name=a,saltedpassword=\"YCE=\"]",
                "You must supply 'salt' with 'saltedpassword' to add-scram",
            ),
            (
                "SCRAM-SHA-256=[name=a,password=x,iterations=10]",
                "The 'iterations' value must be >= 4096 for add-scram using SCRAM_SHA_256",
            ),
            (
                "SCRAM-SHA-512=[name=a,password=x,iterations=99999]",
                "The 'iterations' value must be <= 16384 for add-scram using SCRAM_SHA_512",
            ),
            ("SCRAM-SHA-256=[name=a,password=x,hue=1]", "Unknown SCRAM configurations: hue"),
        ] {
            assert_eq!(made(argument).unwrap_err(), message);
        }
    }
}
