//! What a role must allow for a request to AWS to be answered, read from the request itself as it leaves the SDK (AWS, Service
//! Authorization Reference, "Actions, resources, and condition keys" for DynamoDB, S3 and Secrets Manager).

use std::collections::BTreeSet;

use aws_sdk_dynamodb::config::http::HttpRequest;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::Url;

use crate::template::roles::Permission;

/// The table in the template.
const TABLE: &str = "Table.Arn";
/// The bucket.
const BUCKET: &str = "MediaBucket.Arn";
/// The secret.
const SECRET: &str = "Secret";

/// A request, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Whole address.
    pub url: &'a str,
    /// Header `x-amz-target`; S3 has none.
    pub target: Option<&'a str>,
    /// Body; none if it is a stream.
    pub body: Option<&'a [u8]>,
}

impl<'a> Asked<'a> {
    /// Of a request as it leaves the SDK.
    pub fn of(request: &'a HttpRequest) -> Self {
        Self {
            method: request.method(),
            url: request.uri(),
            target: request.headers().get("x-amz-target"),
            body: request.body().bytes(),
        }
    }
}

/// What `asked` needs.
pub fn needs(asked: &Asked<'_>) -> Result<BTreeSet<Permission>, String> {
    match asked.target.and_then(|target| target.rsplit_once('.')) {
        Some((service, action)) if service.starts_with("DynamoDB_") => dynamodb(action, asked.body.unwrap_or_default()),
        Some(("secretsmanager", action)) => Ok([Permission::new(format!("secretsmanager:{action}"), SECRET)].into()),
        Some((service, _)) => Err(format!("service {service} is not known here")),
        None => s3(asked),
    }
}

/// To see what is in the bucket, and that something is not.
pub fn list_bucket() -> Permission {
    Permission::new("s3:ListBucket", BUCKET)
}

fn dynamodb(action: &str, body: &[u8]) -> Result<BTreeSet<Permission>, String> {
    // Read only where it matters: bodies can be large.
    let body = || serde_json::from_slice::<Value>(body).map_err(|_| "the body is not JSON".to_owned());
    let of_table = |action: &str| Permission::new(format!("dynamodb:{action}"), TABLE);
    match action {
        "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem" | "BatchGetItem" | "BatchWriteItem" => Ok([of_table(action)].into()),
        "Query" | "Scan" => Ok([match body()?["IndexName"].as_str() {
            Some(index) => Permission::new(format!("dynamodb:{action}"), format!("{TABLE}/index/{index}")),
            None => of_table(action),
        }]
        .into()),
        // A transaction needs what each of its parts would.
        "TransactWriteItems" => {
            let body = body()?;
            let parts = body["TransactItems"].as_array().into_iter().flatten();
            let parts = parts.flat_map(|part| part.as_object().into_iter().flat_map(|part| part.keys()));
            parts
                .map(|part| match part.as_str() {
                    "ConditionCheck" => Ok(of_table("ConditionCheckItem")),
                    "Put" => Ok(of_table("PutItem")),
                    "Update" => Ok(of_table("UpdateItem")),
                    "Delete" => Ok(of_table("DeleteItem")),
                    other => Err(format!("{other} in a transaction is not known here")),
                })
                .collect()
        }
        "TransactGetItems" => Ok([of_table("GetItem")].into()),
        other => Err(format!("dynamodb:{other} is not known here")),
    }
}

fn s3(asked: &Asked<'_>) -> Result<BTreeSet<Permission>, String> {
    let url = Url::parse(asked.url).map_err(|_| "an address that is none".to_owned())?;
    let has = |name: &str| url.query_pairs().any(|(key, _)| key == name);
    // The bucket, then the object's key.
    let path = percent_decode_str(url.path().trim_start_matches('/')).decode_utf8_lossy().into_owned();
    let key = path.split_once('/').map(|(_, key)| key).filter(|key| !key.is_empty());
    match (asked.method, key) {
        ("GET", None) if has("list-type") => Ok([list_bucket()].into()),
        ("POST", None) if has("delete") => {
            let body = String::from_utf8_lossy(asked.body.ok_or("a deletion that cannot be read")?);
            let keys: Vec<&str> = body.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()).collect();
            if keys.is_empty() { Err("a deletion of nothing".to_owned()) } else { Ok(keys.into_iter().map(delete).collect()) }
        }
        ("GET" | "HEAD", Some(key)) => Ok([Permission::new("s3:GetObject", folder(key))].into()),
        // Whatever else is put beside an object has a name of its own in the query.
        ("PUT", Some(key)) if !["acl", "tagging", "retention", "legal-hold", "uploadId"].into_iter().any(has) => {
            Ok([Permission::new("s3:PutObject", folder(key))].into())
        }
        ("DELETE", Some(key)) => Ok([delete(key)].into()),
        (method, _) => {
            // Their values hold the signature.
            let names: Vec<_> = url.query_pairs().map(|(name, _)| name).collect();
            Err(format!("{method} of S3's is not known here: {}", names.join(", ")))
        }
    }
}

fn delete(key: &str) -> Permission {
    Permission::new("s3:DeleteObject", folder(key))
}

/// Objects are allowed by the folder that they lie in.
fn folder(key: &str) -> String {
    format!("{BUCKET}/{}/*", key.split('/').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(method: &str, url: &str, target: Option<&str>, body: &str) -> Result<Vec<String>, String> {
        let asked = Asked { method, url, target, body: Some(body.as_bytes()) };
        needs(&asked).map(|all| all.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_table() {
        let ask =
            |action: &str, body: &str| said("POST", "http://h/", Some(&format!("DynamoDB_20120810.{action}")), body).unwrap();
        assert_eq!(ask("GetItem", "{}"), ["dynamodb:GetItem on Table.Arn"]);
        assert_eq!(ask("Query", r#"{"IndexName":"due"}"#), ["dynamodb:Query on Table.Arn/index/due"]);
        let transaction = r#"{"TransactItems":[{"Put":{}},{"Update":{}},{"ConditionCheck":{}},{"Put":{}}]}"#;
        let expected =
            ["dynamodb:ConditionCheckItem on Table.Arn", "dynamodb:PutItem on Table.Arn", "dynamodb:UpdateItem on Table.Arn"];
        assert_eq!(ask("TransactWriteItems", transaction), expected);
        assert!(said("POST", "http://h/", Some("DynamoDB_20120810.DeleteTable"), "{}").is_err());
    }

    #[test]
    fn secret_and_bucket() {
        let secret = said("POST", "http://h/", Some("secretsmanager.GetSecretValue"), "{}").unwrap();
        assert_eq!(secret, ["secretsmanager:GetSecretValue on Secret"]);
        let s3 = |method: &str, path: &str, body: &str| said(method, &format!("http://h/bucket{path}"), None, body).unwrap();
        assert_eq!(s3("GET", "/?list-type=2&prefix=files%2F", ""), ["s3:ListBucket on MediaBucket.Arn"]);
        assert_eq!(s3("PUT", "/files/a/b/0?X-Amz-Expires=60", ""), ["s3:PutObject on MediaBucket.Arn/files/*"]);
        assert_eq!(s3("HEAD", "/avatars/a", ""), ["s3:GetObject on MediaBucket.Arn/avatars/*"]);
        let both = "<Delete><Object><Key>files/a</Key></Object><Object><Key>avatars/b</Key></Object></Delete>";
        let expected = ["s3:DeleteObject on MediaBucket.Arn/avatars/*", "s3:DeleteObject on MediaBucket.Arn/files/*"];
        assert_eq!(s3("POST", "/?delete=1&X-Amz-Expires=60", both), expected);
        assert!(said("PUT", "http://h/bucket/files/a?acl", None, "").is_err());
    }
}
