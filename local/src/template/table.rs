//! The table as template.yaml describes it: keys, indexes, stream and time to live. Nothing else says how it looks, so the
//! embedded table cannot differ from the deployed one.

use serde_json::{Map, Value, json};

const TYPE: &str = "AWS::DynamoDB::Table";

/// Properties that `CloudFormation` and DynamoDB's `CreateTable` have in common and that the embedded table knows.
const SHARED: [&str; 4] = ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"];

/// The template does not describe a table that can be made.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It is not YAML.
    #[error("the template is not valid YAML")]
    Yaml(#[source] serde_saphyr::Error),
    /// It has no table, or more than one.
    #[error("the template has {0} tables, not one")]
    NotOne(usize),
    /// A property is missing.
    #[error("the table has no {0}")]
    Missing(&'static str),
}

/// A table's description.
#[derive(Debug, Clone)]
pub struct TableDefinition {
    properties: Map<String, Value>,
    expires: Option<String>,
}

impl TableDefinition {
    /// Reads the only table of a `CloudFormation` or SAM template. Functions such as `!Ref` are taken for their argument;
    /// nothing in a table's keys needs them.
    pub fn from_template(yaml: &str) -> Result<Self, TableError> {
        // Otherwise the `N` of a numeric attribute reads as YAML 1.1's "no".
        let options = serde_saphyr::options! { strict_booleans: true };
        let template: Value = serde_saphyr::from_str_with_options(yaml, options).map_err(TableError::Yaml)?;
        let resources = template["Resources"].as_object();
        let mut tables = resources.into_iter().flat_map(Map::values).filter(|resource| resource["Type"] == TYPE);
        let (Some(table), 0) = (tables.next(), tables.count()) else {
            let count = resources.into_iter().flat_map(Map::values).filter(|resource| resource["Type"] == TYPE).count();
            return Err(TableError::NotOne(count));
        };
        let mut properties = Map::new();
        for name in SHARED {
            let value = table["Properties"].get(name).ok_or(TableError::Missing(name))?;
            properties.insert(name.to_owned(), value.clone());
        }
        let view = table["Properties"]["StreamSpecification"]["StreamViewType"].as_str();
        let view = view.ok_or(TableError::Missing("StreamSpecification"))?;
        properties.insert("StreamSpecification".to_owned(), json!({"StreamEnabled": true, "StreamViewType": view}));
        let ttl = &table["Properties"]["TimeToLiveSpecification"];
        let expires = ttl["AttributeName"].as_str().filter(|_| ttl["Enabled"] == true).map(str::to_owned);
        Ok(Self { properties, expires })
    }

    /// The body of a `CreateTable` request for a table of that name.
    pub fn create_table(&self, name: &str) -> Value {
        let mut request = self.properties.clone();
        request.insert("TableName".to_owned(), name.into());
        Value::Object(request)
    }

    /// The body of the `UpdateTimeToLive` request that belongs to it, if its items expire.
    pub fn update_time_to_live(&self, name: &str) -> Option<Value> {
        let attribute = self.expires.as_ref()?;
        Some(json!({"TableName": name, "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true}}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "
Parameters: {Stage: {Type: String}}
Resources:
  Other:
    Type: AWS::Serverless::Function
    Properties:
      Name: !Sub '${AWS::StackName}-x'
      Arn: !GetAtt Table.Arn
      Policies: [!Ref Table, {Fn::If: [A, !Ref B, !Ref AWS::NoValue]}]
      List: !If [A, b, !Join ['-', [a, b]]]
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub '${AWS::StackName}-table'
      BillingMode: PAY_PER_REQUEST
      StreamSpecification: {StreamViewType: NEW_IMAGE}
      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
      AttributeDefinitions: [{AttributeName: PK, AttributeType: N}]
      KeySchema: [{AttributeName: PK, KeyType: HASH}]
      GlobalSecondaryIndexes: []
";

    #[test]
    fn reads_a_table_among_cloudformation_functions() {
        let table = TableDefinition::from_template(TABLE).unwrap();
        let request = table.create_table("t");
        assert_eq!(request["TableName"], "t");
        assert_eq!(request["KeySchema"][0]["KeyType"], "HASH");
        assert_eq!(request["AttributeDefinitions"][0]["AttributeType"], "N", "a letter, not a boolean");
        assert_eq!(request["StreamSpecification"], json!({"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"}));
        assert_eq!(table.update_time_to_live("t").unwrap()["TimeToLiveSpecification"]["AttributeName"], "expires");
    }

    #[test]
    fn a_template_without_a_table_is_refused() {
        assert!(matches!(TableDefinition::from_template("Resources: {}"), Err(TableError::NotOne(0))));
        assert!(matches!(
            TableDefinition::from_template("Resources: {T: {Type: 'AWS::DynamoDB::Table', Properties: {}}}"),
            Err(TableError::Missing("AttributeDefinitions"))
        ));
        assert!(matches!(TableDefinition::from_template("a: [b"), Err(TableError::Yaml(_))));
    }
}
