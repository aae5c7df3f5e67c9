//! The config APIs of one broker over a bare connection, their answers as text.

use super::cases::{Api, Case};
use e2e::raw::{CREATE_VERSION, Connection, create_request};
use e2e::wait;
use std::collections::BTreeMap;
use std::path::Path;
use wire::describe_configs_request::DescribeConfigsResource;
use wire::describe_configs_response::DescribeConfigsResourceResult;
use wire::{
    AlterConfigsRequest, CreateTopicsRequest, DescribeConfigsRequest,
    IncrementalAlterConfigsRequest, alter_configs_request, incremental_alter_configs_request,
};

const DESCRIBE_VERSION: i16 = 4;
const ALTER_VERSION: i16 = 2;
const INCREMENTAL_VERSION: i16 = 1;

pub struct Broker {
    connection: Connection,
    /// What is different for each process, and the word that stands for it.
    own: Vec<(String, &'static str)>,
}

impl Broker {
    /// Of the broker on `port` that was started from the file `properties`.
    pub fn connect(port: u16, properties: &Path) -> Self {
        let connection = Connection::open(port).expect("the broker listens");
        let text = std::fs::read_to_string(properties).expect("its properties");
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)).expect(key);
            line.trim_start_matches('=').to_owned()
        };
        let controller = value("controller.quorum.bootstrap.servers");
        let own = vec![
            (controller, "CONTROLLER"),
            (format!("127.0.0.1:{port}"), "BROKER"),
            (value("log.dirs"), "DATA"),
        ];
        Self { connection, own }
    }

    pub fn create_topic(&mut self, name: &str) {
        self.connection.send(&create_request(name, 1), CREATE_VERSION).expect("sent");
        let created =
            self.connection.receive::<CreateTopicsRequest<'_>, _>(CREATE_VERSION, |answer| {
                answer.topics[0].error_code
            });
        assert_eq!(created.expect("answered"), 0);
        wait::until("the broker knows the topic", || {
            (!self.describe(2, name).is_empty()).then_some(())
        });
    }

    /// A line a key: its value, source, type, flags and synonyms, and whether it is explained.
    pub fn describe(&mut self, kind: i8, name: &str) -> BTreeMap<String, String> {
        let resource = DescribeConfigsResource {
            resource_type: kind,
            resource_name: name.into(),
            configuration_keys: None,
        };
        let request = DescribeConfigsRequest {
            resources: vec![resource],
            include_synonyms: true,
            include_documentation: true,
        };
        self.connection.send(&request, DESCRIBE_VERSION).expect("sent");
        let mut lines = BTreeMap::new();
        let own = &self.own;
        self.connection
            .receive::<DescribeConfigsRequest<'_>, _>(DESCRIBE_VERSION, |answer| {
                let result = &answer.results[0];
                if result.error_code != 0 {
                    let message = result.error_message.as_deref().unwrap_or("null");
                    let line = format!("{} {message}", result.error_code);
                    lines.insert(format!("{kind} {name:?}"), line);
                }
                for config in &result.configs {
                    let mut line = line(config);
                    for (text, word) in own {
                        line = line.replace(text, word);
                    }
                    lines.insert(format!("{kind} {name:?} {}", config.name), line);
                }
            })
            .expect("answered");
        lines
    }

    /// The code and the message that a change is answered with.
    pub fn alter(&mut self, case: &Case) -> String {
        let (code, message) = match case.api {
            Api::Set | Api::Delete | Api::Append | Api::Subtract | Api::Other(_) => {
                self.incremental(case)
            }
            Api::Replace => self.replace(case),
        };
        let mut answer = code.to_string();
        if let Some(line) = message {
            answer.push(' ');
            answer.push_str(&line);
        }
        for (text, word) in &self.own {
            answer = answer.replace(text, word);
        }
        answer
    }

    fn incremental(&mut self, case: &Case) -> (i16, Option<String>) {
        let config = |(name, value): &(&'static str, Option<&'static str>)| {
            incremental_alter_configs_request::AlterableConfig {
                name: (*name).into(),
                config_operation: case.api.operation(),
                value: value.map(Into::into),
            }
        };
        let resource = incremental_alter_configs_request::AlterConfigsResource {
            resource_type: case.kind,
            resource_name: case.resource.into(),
            configs: case.configs.iter().map(config).collect(),
        };
        let request = IncrementalAlterConfigsRequest {
            resources: vec![resource],
            validate_only: case.validate_only,
        };
        self.connection.send(&request, INCREMENTAL_VERSION).expect("sent");
        let answered = self.connection.receive::<IncrementalAlterConfigsRequest<'_>, _>(
            INCREMENTAL_VERSION,
            |answer| {
                let answer = &answer.responses[0];
                (answer.error_code, answer.error_message.as_ref().map(ToString::to_string))
            },
        );
        answered.expect("answered")
    }

    fn replace(&mut self, case: &Case) -> (i16, Option<String>) {
        let config = |(name, value): &(&'static str, Option<&'static str>)| {
            alter_configs_request::AlterableConfig {
                name: (*name).into(),
                value: value.map(Into::into),
            }
        };
        let resource = alter_configs_request::AlterConfigsResource {
            resource_type: case.kind,
            resource_name: case.resource.into(),
            configs: case.configs.iter().map(config).collect(),
        };
        let request =
            AlterConfigsRequest { resources: vec![resource], validate_only: case.validate_only };
        self.connection.send(&request, ALTER_VERSION).expect("sent");
        let answered =
            self.connection.receive::<AlterConfigsRequest<'_>, _>(ALTER_VERSION, |answer| {
                let answer = &answer.responses[0];
                (answer.error_code, answer.error_message.as_ref().map(ToString::to_string))
            });
        answered.expect("answered")
    }

    /// Waits until every key shows that it is set.
    pub fn await_set(&mut self, cases: &[Case]) {
        const DEFAULT: &str = "source=5";
        for case in cases {
            let (key, _) = case.configs[0];
            let name = format!("{} {:?} {key}", case.kind, case.resource);
            wait::until(&name, || {
                let lines = self.describe(case.kind, case.resource);
                lines.get(&name).filter(|line| !line.contains(DEFAULT)).map(drop)
            });
        }
    }
}

fn line(config: &DescribeConfigsResourceResult<'_>) -> String {
    let value = config.value.as_deref().map_or("null".to_owned(), |text| format!("{text:?}"));
    let synonyms: Vec<String> = config
        .synonyms
        .iter()
        .map(|s| format!("{}={}@{}", s.name, s.value.as_deref().unwrap_or("null"), s.source))
        .collect();
    format!(
        "{value} source={} type={}{}{} explained={} [{}]",
        config.config_source,
        config.config_type,
        if config.read_only { " read-only" } else { "" },
        if config.is_sensitive { " sensitive" } else { "" },
        config.documentation.is_some(),
        synonyms.join(", ")
    )
}
