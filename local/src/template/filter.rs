//! The patterns by which Lambda picks records from a stream (AWS Lambda, "Control which events Lambda sends to your
//! function"). Those that this bundle may want are understood; another one is an error at start-up.

use serde_json::Value;

/// One filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// Every field must match.
    Fields(Vec<(String, Node)>),
    /// One of the conditions must match.
    Any(Vec<Condition>),
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    Equals(Value),
    Prefix(String),
    Suffix(String),
    Exists(bool),
    AnythingBut(Vec<Value>),
}

impl Filter {
    /// Reads a filter's `Pattern`.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        let pattern: Value = serde_json::from_str(pattern).map_err(|e| format!("filter pattern is not JSON: {e}"))?;
        node(&pattern).map(Self)
    }

    /// Whether Lambda would give `record` (as JSON, as the function sees it) to the function.
    pub fn passes(&self, record: &Value) -> bool {
        passes(&self.0, Some(record))
    }
}

fn node(pattern: &Value) -> Result<Node, String> {
    match pattern {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| Ok((name.clone(), node(value)?))).collect::<Result<_, String>>().map(Node::Fields)
        }
        Value::Array(conditions) => conditions.iter().map(condition).collect::<Result<_, _>>().map(Node::Any),
        other => Err(format!("filter pattern has {other} where a list or an object belongs")),
    }
}

fn condition(value: &Value) -> Result<Condition, String> {
    let Value::Object(rule) = value else { return Ok(Condition::Equals(value.clone())) };
    let unknown = || format!("filter rule {value} is not known on one machine");
    let mut rules = rule.iter();
    let (Some((name, argument)), None) = (rules.next(), rules.next()) else { return Err(unknown()) };
    match (name.as_str(), argument) {
        ("prefix", Value::String(text)) => Ok(Condition::Prefix(text.clone())),
        ("suffix", Value::String(text)) => Ok(Condition::Suffix(text.clone())),
        ("exists", Value::Bool(wanted)) => Ok(Condition::Exists(*wanted)),
        ("anything-but", Value::Array(values)) => Ok(Condition::AnythingBut(values.clone())),
        _ => Err(unknown()),
    }
}

fn passes(node: &Node, value: Option<&Value>) -> bool {
    match node {
        Node::Fields(fields) => fields.iter().all(|(name, node)| passes(node, value.and_then(|v| v.get(name)))),
        Node::Any(conditions) => conditions.iter().any(|condition| match (condition, value) {
            (Condition::Exists(wanted), value) => value.is_some() == *wanted,
            (_, None) => false,
            (Condition::Equals(wanted), Some(value)) => value == wanted,
            (Condition::Prefix(prefix), Some(value)) => value.as_str().is_some_and(|text| text.starts_with(prefix)),
            (Condition::Suffix(suffix), Some(value)) => value.as_str().is_some_and(|text| text.ends_with(suffix)),
            (Condition::AnythingBut(others), Some(value)) => !others.contains(value),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn passes(pattern: &Value, record: &Value) -> bool {
        Filter::parse(&pattern.to_string()).unwrap().passes(record)
    }

    #[test]
    fn every_field_and_any_condition() {
        let pattern = json!({"eventName": ["INSERT", "MODIFY"], "dynamodb": {"NewImage": {"s": {"S": [{"prefix": "outbox#"}]}}}});
        let record = |name: &str, shard: &str| json!({"eventName": name, "dynamodb": {"NewImage": {"s": {"S": shard}}}});
        assert!(passes(&pattern, &record("INSERT", "outbox#1")));
        assert!(!passes(&pattern, &record("REMOVE", "outbox#1")));
        assert!(!passes(&pattern, &record("INSERT", "tokens#1")));
        assert!(!passes(&pattern, &json!({"eventName": "INSERT"})));
    }

    #[test]
    fn rules() {
        assert!(passes(&json!({"a": [{"exists": false}]}), &json!({})));
        assert!(!passes(&json!({"a": [{"exists": true}]}), &json!({})));
        assert!(passes(&json!({"a": [{"anything-but": ["x"]}]}), &json!({"a": "y"})));
        assert!(!passes(&json!({"a": [{"anything-but": ["x"]}]}), &json!({"a": "x"})));
        assert!(passes(&json!({"a": [{"suffix": "z"}]}), &json!({"a": "xyz"})));
        for unknown in [r#"{"a":[{"numeric":[">",1]}]}"#, r#"{"a":"x"}"#, r#"{"a":[{"prefix":"x","suffix":"y"}]}"#, "x"] {
            assert!(Filter::parse(unknown).is_err(), "{unknown}");
        }
    }
}
