//! The metadata as a tree of directories and files, with the names and words of Kafka's shell.

mod words;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use metadata::MetadataVersion;
use metadata::image::{Image, PartitionState, ResourceKind};

use super::load::Loaded;

/// A place in the tree.
#[derive(Debug)]
pub enum Node {
    /// In the order of names.
    Directory(BTreeMap<String, Rc<Node>>),
    File(Content),
}

/// What a file says. Partitions are many and seldom looked at: they are put into words on demand.
#[derive(Debug)]
pub enum Content {
    Text(String),
    Partition(Arc<PartitionState>),
}

impl Node {
    /// The whole tree: the image, and what this program is.
    pub fn root(loaded: &Loaded) -> Rc<Self> {
        let image = &loaded.image;
        directory([
            (
                "image",
                directory([
                    ("acls", directory([("byId", acls(image))])),
                    ("clientQuotas", quotas(image)),
                    ("cluster", cluster(image)),
                    ("configs", configs(image)),
                    ("delegationToken", tokens(image)),
                    ("features", features(image)),
                    ("producerIds", producer_ids(image)),
                    ("provenance", file(words::provenance(image.provenance, loaded.written))),
                    ("scram", scram(image)),
                    ("topics", topics(image)),
                ]),
            ),
            ("local", directory([("commitId", file("unknown")), ("version", file(VERSION))])),
        ])
    }

    pub fn children(&self) -> Option<&BTreeMap<String, Rc<Self>>> {
        match self {
            Self::Directory(children) => Some(children),
            Self::File(_) => None,
        }
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Content {
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Partition(state) => words::partition(state),
        }
    }
}

fn directory<N: Into<String>>(children: impl IntoIterator<Item = (N, Rc<Node>)>) -> Rc<Node> {
    let children = children.into_iter().map(|(name, node)| (name.into(), node));
    Rc::new(Node::Directory(children.collect()))
}

fn file(text: impl Into<String>) -> Rc<Node> {
    Rc::new(Node::File(Content::Text(text.into())))
}

fn acls(image: &Image) -> Rc<Node> {
    let acls = image.security().acls.iter();
    directory(acls.map(|(id, acl)| (id.to_string(), file(words::acl(acl)))))
}

fn quotas(image: &Image) -> Rc<Node> {
    let entities = image.quotas().0.iter().map(|(entity, values)| {
        let values = values.iter().map(|(key, value)| (&**key, file(words::java_double(*value))));
        (words::quota_entity(entity), directory(values))
    });
    directory(entities)
}

fn cluster(image: &Image) -> Rc<Node> {
    let cluster = image.cluster();
    let brokers = cluster.brokers.iter().map(|(id, b)| (id.0.to_string(), file(words::broker(b))));
    let controllers = cluster.controllers.iter();
    let controllers = controllers.map(|(id, c)| (id.0.to_string(), file(words::controller(c))));
    directory([("brokers", directory(brokers)), ("controllers", directory(controllers))])
}

fn configs(image: &Image) -> Rc<Node> {
    let resources = image.configs().iter().map(|(resource, values)| {
        let kind = match resource.kind {
            ResourceKind::Topic => "TOPIC",
            ResourceKind::Broker => "BROKER",
            ResourceKind::ClientMetrics => "CLIENT_METRICS",
            ResourceKind::Group => "GROUP",
            ResourceKind::Other(_) => "UNKNOWN",
        };
        let name = match &*resource.name {
            "" => kind.to_owned(),
            name => format!("{kind}:{name}"),
        };
        let values = values.iter().map(|(key, value)| (&**key, file(&**value)));
        (name, directory(values))
    });
    directory(resources)
}

fn tokens(image: &Image) -> Rc<Node> {
    let tokens = image.security().tokens.iter();
    directory(tokens.map(|(id, token)| (&**id, file(words::token(token)))))
}

fn features(image: &Image) -> Rc<Node> {
    let features = image.features();
    let version = match features.has_metadata_version() {
        true => format!("Optional[{}]", features.metadata_version()),
        false => "Optional.empty".to_owned(),
    };
    let levels = features.levels().into_iter();
    let others = levels.filter(|(name, _)| *name != MetadataVersion::FEATURE);
    let finalized =
        others.map(|(name, level)| (format!("finalized_{name}"), file(level.to_string())));
    directory(finalized.chain([("metadataVersion".to_owned(), file(version))]))
}

fn producer_ids(image: &Image) -> Rc<Node> {
    let next = image.next_producer_id().map_or(-1, |id| id.0);
    directory([("nextProducerId", file(next.to_string()))])
}

fn scram(image: &Image) -> Rc<Node> {
    let users_of = |mechanism: i8| {
        let all = image.security().scram.iter();
        let own = all.filter(move |((own, _), _)| *own == mechanism);
        directory(own.map(|((_, user), credential)| (&**user, file(words::credential(credential)))))
    };
    directory([("SCRAM-SHA-256", users_of(1)), ("SCRAM-SHA-512", users_of(2))])
}

fn topics(image: &Image) -> Rc<Node> {
    let topics: Vec<_> = image
        .topics()
        .iter()
        .map(|topic| {
            let partitions = topic.partitions.iter().map(|(index, state)| {
                let state = Node::File(Content::Partition(Arc::clone(state)));
                (index.to_string(), Rc::new(state))
            });
            let own = [("id", file(topic.id.to_string())), ("name", file(&*topic.name))];
            let own = own.map(|(name, node)| (name.to_owned(), node));
            (topic, directory(partitions.chain(own)))
        })
        .collect();
    let by_id = topics.iter().map(|(topic, node)| (topic.id.to_string(), Rc::clone(node)));
    let by_name = topics.iter().map(|(topic, node)| (topic.name.to_string(), Rc::clone(node)));
    directory([("byId", directory(by_id)), ("byName", directory(by_name))])
}
