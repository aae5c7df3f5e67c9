//! Topic names as tools take them: lists, and patterns in the syntax of regular expressions.

use regex_automata::nfa::thompson::pikevm::PikeVM;

use super::ToolError;

/// Kafka's own topics.
const INTERNAL: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

pub fn is_internal(topic: &str) -> bool {
    INTERNAL.contains(&topic)
}

/// Which topics are meant: a regular expression that matches the whole name; commas mean "or".
#[derive(Clone, Debug)]
pub struct TopicFilter(PikeVM);

impl TopicFilter {
    /// Parses a list of expressions, with white space and quotes around them let pass.
    pub fn parse(text: &str) -> Result<Self, ToolError> {
        let unquoted = text.trim().trim_matches(['"', '\'']);
        let either = unquoted.replace(',', "|").replace(' ', "");
        let whole = format!("^(?:{either})$");
        let wrong = |_| ToolError::Failed(format!("{text} is an invalid regex."));
        PikeVM::new(&whole).map(Self).map_err(wrong)
    }

    pub fn matches(&self, topic: &str) -> bool {
        self.0.is_match(&mut self.0.create_cache(), topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_whole_names() {
        for (filter, topic, matches) in [
            ("t1", "t1", true),
            ("t1", "t10", false),
            ("t.*", "t10", true),
            ("a,b", "b", true),
            ("\"a|b\"", "a", true),
            (".*", "anything", true),
        ] {
            let parsed = TopicFilter::parse(filter).expect(filter);
            assert_eq!(parsed.matches(topic), matches, "{filter} {topic}");
        }
        assert!(TopicFilter::parse("(").is_err());
    }
}
