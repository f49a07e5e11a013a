//! What each function's role allows, as the template says: in its own `Policies`, or in the role that it names.
//!
//! Functions such as `!GetAtt` have lost their tags here, so a resource reads as in `Table.Arn` or `Table.Arn/index/due`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Resource;

/// An action of AWS's on a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// For example `dynamodb:Query`.
    pub action: String,
    /// For example `Table.Arn/index/due`.
    pub resource: String,
}

impl Permission {
    /// This action on that resource.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into() }
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {}", self.action, self.resource)
    }
}

/// A function's role.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Role {
    /// What its own statements allow.
    pub permissions: BTreeSet<Permission>,
    /// Policies of AWS's or SAM's that it has besides, by name or ARN.
    pub managed: Vec<String>,
}

/// Reads a function's role.
pub(super) fn role(properties: &Value, resources: &BTreeMap<String, Resource>) -> Result<Role, String> {
    let mut role = Role::default();
    let Some(named) = properties["Role"].as_str() else {
        for policy in list(&properties["Policies"]) {
            add(&mut role, policy)?;
        }
        return Ok(role);
    };
    let name = named.trim_end_matches(".Arn");
    let resource = resources.get(name).ok_or_else(|| format!("its role {name} is not in the template"))?;
    for arn in list(&resource.properties["ManagedPolicyArns"]) {
        role.managed.push(plain(arn)?);
    }
    for policy in list(&resource.properties["Policies"]) {
        add(&mut role, &policy["PolicyDocument"])?;
    }
    Ok(role)
}

/// Adds the statements of a policy, or the name of one that is not written here.
fn add(role: &mut Role, policy: &Value) -> Result<(), String> {
    if policy["Statement"].is_null() {
        role.managed.push(policy.as_str().map_or_else(|| policy.to_string(), str::to_owned));
        return Ok(());
    }
    for statement in list(&policy["Statement"]) {
        let known = ["Sid", "Effect", "Action", "Resource"];
        let fields = statement.as_object().into_iter().flat_map(|fields| fields.keys());
        if statement["Effect"] != "Allow" || !fields.clone().all(|name| known.contains(&name.as_str())) {
            return Err(format!("a statement is not read here: {statement}"));
        }
        for action in list(&statement["Action"]) {
            for resource in list(&statement["Resource"]) {
                role.permissions.insert(Permission::new(plain(action)?, plain(resource)?));
            }
        }
    }
    Ok(())
}

/// One or many.
fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}

/// A text without the marks of `!Sub`.
fn plain(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| format!("{value} is neither an action nor a resource"))?;
    Ok(text.replace("${", "").replace('}', ""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn own_policies_and_named_roles() {
        let statement = json!({"Effect": "Allow", "Action": ["a:B", "a:C"], "Resource": ["T.Arn", "${T.Arn}/index/x"]});
        let own = json!({"Policies": [{"Statement": [statement]}, "AmazonS3FullAccess"]});
        let read = role(&own, &BTreeMap::new()).unwrap();
        let expected = [("a:B", "T.Arn"), ("a:B", "T.Arn/index/x"), ("a:C", "T.Arn"), ("a:C", "T.Arn/index/x")];
        assert_eq!(read.permissions, expected.map(|(action, resource)| Permission::new(action, resource)).into());
        assert_eq!(read.managed, ["AmazonS3FullAccess"]);

        let properties =
            json!({"ManagedPolicyArns": ["arn:${P}:x"], "Policies": [{"PolicyDocument": {"Statement": [statement]}}]});
        let named = Resource { r#type: "AWS::IAM::Role".to_owned(), properties, metadata: Value::Null };
        let resources = BTreeMap::from([("R".to_owned(), named)]);
        let same = role(&json!({"Role": "R.Arn"}), &resources).unwrap();
        assert_eq!((same.permissions, same.managed), (read.permissions, vec!["arn:P:x".to_owned()]));
        assert!(role(&json!({"Role": "Other.Arn"}), &resources).unwrap_err().contains("Other"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for statement in [
            json!({"Effect": "Deny", "Action": "a:B", "Resource": "x"}),
            json!({"Effect": "Allow", "NotAction": "a:B", "Resource": "x"}),
            json!({"Effect": "Allow", "Action": "a:B", "Resource": "x", "Condition": {}}),
            json!({"Effect": "Allow", "Action": "a:B", "Resource": {"Fn::Join": []}}),
        ] {
            assert!(role(&json!({"Policies": [{"Statement": [statement]}]}), &BTreeMap::new()).is_err(), "{statement}");
        }
    }
}
