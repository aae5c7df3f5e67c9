//! JSON objects whose fields stay in the order in which Kafka's tools print them.

use std::fmt;

use serde_json::Value;

/// An object under construction.
#[derive(Default)]
pub struct Object(String);

impl Object {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a scalar.
    pub fn with(self, name: &str, value: impl Into<Value>) -> Self {
        self.raw(name, &value.into().to_string())
    }

    /// Adds a list of objects.
    pub fn with_all(self, name: &str, objects: impl IntoIterator<Item = Self>) -> Self {
        let objects: Vec<String> = objects.into_iter().map(|object| object.to_string()).collect();
        self.raw(name, &format!("[{}]", objects.join(",")))
    }

    fn raw(mut self, name: &str, json: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&Value::from(name).to_string());
        self.0.push(':');
        self.0.push_str(json);
        self
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order() {
        let inner = || Object::new().with("z", 1).with("a", None::<String>);
        let object = Object::new().with("name", "x\"y").with_all("list", [inner(), inner()]);
        assert_eq!(
            object.to_string(),
            r#"{"name":"x\"y","list":[{"z":1,"a":null},{"z":1,"a":null}]}"#
        );
        assert_eq!(Object::new().with_all("none", []).to_string(), r#"{"none":[]}"#);
    }
}
