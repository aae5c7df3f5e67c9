//! What a controller's own configuration says of it, for those that it joins.

use std::path::Path;

use client::Properties;
use client::admin::ControllerEndpoint;
use types::DirectoryId;

/// A controller that asks to become a voter.
#[derive(Debug, PartialEq, Eq)]
pub struct Joining {
    pub id: i32,
    pub directory: DirectoryId,
    pub endpoints: Vec<ControllerEndpoint>,
}

const INVALID: &str = "Is this a valid controller configuration file?";

impl Joining {
    /// From a `server.properties` and the `meta.properties` of the directory that it names; the
    /// refusal is a sentence.
    pub fn read(properties: &Properties) -> Result<Self, String> {
        Ok(Self {
            id: node_id(properties)?,
            directory: directory_id(&metadata_directory(properties)?)?,
            endpoints: endpoints(properties)?,
        })
    }
}

/// The endpoint as an address with its listener.
pub fn show(endpoint: &ControllerEndpoint) -> String {
    let ControllerEndpoint { listener, host, port } = endpoint;
    match host.contains(':') {
        true => format!("{listener}://[{host}]:{port}"),
        false => format!("{listener}://{host}:{port}"),
    }
}

/// The settings of a client that stand among those of the controller.
pub fn of_client(properties: &Properties) -> Properties {
    const CLIENT: [&str; 4] =
        ["client.id", "request.timeout.ms", "default.api.timeout.ms", "security.protocol"];
    let own = properties.iter().filter(|(key, _)| CLIENT.contains(key));
    own.collect()
}

fn node_id(properties: &Properties) -> Result<i32, String> {
    let text = properties.get("node.id");
    let text = text.ok_or_else(|| format!("node.id not found in configuration file. {INVALID}"))?;
    let id: i32 = text.trim().parse().map_err(|_| format!("For input string: \"{text}\""))?;
    if id < 0 {
        return Err(format!("node.id was negative in configuration file. {INVALID}"));
    }
    if !properties.get("process.roles").unwrap_or_default().contains("controller") {
        return Err(format!(
            "process.roles did not contain 'controller' in configuration file. {INVALID}"
        ));
    }
    Ok(id)
}

fn metadata_directory(properties: &Properties) -> Result<String, String> {
    let first = |text: &str| text.split(',').next().unwrap_or_default().trim().to_owned();
    let own = properties.get("metadata.log.dir").map(str::to_owned);
    own.or_else(|| properties.get("log.dirs").map(first))
        .ok_or_else(|| format!("Neither metadata.log.dir nor log.dirs were found. {INVALID}"))
}

fn directory_id(directory: &str) -> Result<DirectoryId, String> {
    let path = Path::new(directory).join("meta.properties");
    let unreadable = |_| format!("Unable to read meta.properties from {directory}");
    let properties = Properties::load(path).map_err(unreadable)?;
    let id = properties.get("directory.id").and_then(|text| text.parse().ok());
    id.ok_or_else(|| format!("No directory id found in {directory}"))
}

fn endpoints(properties: &Properties) -> Result<Vec<ControllerEndpoint>, String> {
    let mut known = listeners(properties.get("listeners").unwrap_or_default())?;
    // what is advertised is what others can reach
    for endpoint in listeners(properties.get("advertised.listeners").unwrap_or_default())? {
        known.retain(|other| other.listener != endpoint.listener);
        known.push(endpoint);
    }
    let names = properties.get("controller.listener.names");
    let names =
        names.ok_or_else(|| format!("controller.listener.names was not found. {INVALID}"))?;
    let of_name = |name: &str| {
        let name = name.trim().to_uppercase();
        let endpoint = known.iter().find(|endpoint| endpoint.listener == name).cloned();
        endpoint.ok_or_else(|| {
            format!("Cannot find information about controller listener name: {name}")
        })
    };
    names.split(',').map(of_name).collect()
}

/// `NAME://host:port` each; a host that is not there is this machine.
fn listeners(text: &str) -> Result<Vec<ControllerEndpoint>, String> {
    let listener = |entry: &str| {
        let (name, address) = entry.split_once("://")?;
        let (host, port) = address.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(ControllerEndpoint {
            listener: name.to_uppercase(),
            host: if host.is_empty() { "localhost" } else { host }.to_owned(),
            port: port.parse().ok()?,
        })
    };
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            listener(entry).ok_or_else(|| format!("Unable to parse {entry} to a broker endpoint"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(lines: &[(&str, &str)]) -> Properties {
        lines.iter().copied().collect()
    }

    #[test]
    fn a_controller_is_reached_where_it_is_advertised() {
        let advertised = properties(&[
            ("listeners", "PLAINTEXT://:9092,controller://:9093"),
            ("advertised.listeners", "CONTROLLER://[::1]:19093"),
            ("controller.listener.names", "CONTROLLER"),
        ]);
        let endpoints = endpoints(&advertised).expect("valid");
        assert_eq!(endpoints.iter().map(show).collect::<Vec<_>>(), ["CONTROLLER://[::1]:19093"]);
        let here = [("listeners", "C://:9093"), ("controller.listener.names", "C")];
        let here = super::endpoints(&properties(&here)).expect("valid");
        assert_eq!(show(&here[0]), "C://localhost:9093");
    }

    #[test]
    fn the_directory_id_is_that_of_the_metadata_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().display().to_string();
        let meta = "version=1\nnode.id=3\ndirectory.id=4L6g3nShT-eMCtK--X86sw\n";
        std::fs::write(folder.path().join("meta.properties"), meta).expect("write");
        let controller = properties(&[
            ("node.id", "3"),
            ("process.roles", "controller"),
            ("log.dirs", &format!("{path},/elsewhere")),
            ("listeners", "C://:9093"),
            ("controller.listener.names", "C"),
        ]);
        let joining = Joining::read(&controller).expect("valid");
        assert_eq!(
            (joining.id, joining.directory.to_string().as_str()),
            (3, "4L6g3nShT-eMCtK--X86sw")
        );
    }

    #[test]
    fn what_is_no_controller_is_refused() {
        for (lines, words) in [
            (&[][..], "node.id not found"),
            (&[("node.id", "-1")], "negative"),
            (&[("node.id", "1"), ("process.roles", "broker")], "did not contain 'controller'"),
            (&[("node.id", "1"), ("process.roles", "controller")], "Neither metadata.log.dir"),
        ] {
            let refusal = Joining::read(&properties(lines)).expect_err(words);
            assert!(refusal.contains(words), "{refusal}");
        }
    }
}
