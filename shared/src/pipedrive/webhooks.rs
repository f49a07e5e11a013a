//! The registration of webhooks (Pipedrive's API reference, v1, Webhooks). What they tell comes in version 2.

use async_trait::async_trait;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Access, Subscription, Webhook, WebhooksApi,
    client::Client,
    error::PipedriveError,
    price::Call,
    records::{Many, One, or_default},
};
use crate::{http::number, model::ids::WebhookId};

#[derive(Deserialize)]
struct Record {
    #[serde(deserialize_with = "number::deserialize")]
    id: u64,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    subscription_url: String,
    #[serde(default, deserialize_with = "or_default")]
    event_action: String,
    #[serde(default, deserialize_with = "or_default")]
    event_object: String,
    #[serde(default, deserialize_with = "or_default")]
    version: String,
    #[serde(default)]
    is_active: Value,
    #[serde(default)]
    remove_time: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    name: &'a str,
    subscription_url: &'a str,
    event_action: &'a str,
    event_object: &'a str,
    http_auth_user: &'a str,
    http_auth_password: &'a str,
    version: &'static str,
}

impl From<Record> for Webhook {
    fn from(record: Record) -> Self {
        // A flag that is a number in the reference's example, and might be a boolean as elsewhere.
        let off = matches!(&record.is_active, Value::Bool(false)) || number::read(&record.is_active) == Some(0);
        Self {
            id: WebhookId(record.id),
            name: record.name,
            url: record.subscription_url,
            action: record.event_action,
            object: record.event_object,
            version: record.version,
            active: !off && record.remove_time.is_none(),
        }
    }
}

#[async_trait]
impl WebhooksApi for Client {
    async fn create_webhook(&self, access: &Access, webhook: &Subscription<'_>) -> Result<Webhook, PipedriveError> {
        let body = Body {
            name: webhook.name,
            subscription_url: webhook.url,
            event_action: webhook.action,
            event_object: webhook.object,
            http_auth_user: webhook.user,
            http_auth_password: webhook.password.expose_secret(),
            version: "2.0",
        };
        let request = self.http.post(self.v1(access, "/webhooks")).json(&body);
        Ok(Self::call(access, Call::CreateWebhook, request).await?.data::<One<Record>>()?.data.into())
    }

    async fn webhooks(&self, access: &Access) -> Result<Vec<Webhook>, PipedriveError> {
        let answer = Self::call(access, Call::Webhooks, self.http.get(self.v1(access, "/webhooks"))).await?;
        Ok(answer.data::<Many<Record>>()?.batch(|record| Some(record.into())).items)
    }

    async fn delete_webhook(&self, access: &Access, id: WebhookId) -> Result<(), PipedriveError> {
        let request = self.http.delete(self.v1(access, &format!("/webhooks/{id}")));
        Self::call(access, Call::DeleteWebhook, request).await?.accepted()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;
    use crate::pipedrive::testing::{access, stub};

    fn registered(is_active: &Value, remove_time: &Value) -> Value {
        json!({
            "id": 4, "company_id": 1001, "owner_id": 11, "user_id": 11, "event_action": "*", "event_object": "person",
            "subscription_url": "https://pigeonpost.example/webhooks/pipedrive/1001", "version": "2.0", "is_active": is_active,
            "add_time": "2026-11-20T09:15:00.000Z", "remove_time": remove_time, "type": "application", "name": "Pigeonpost",
            "http_auth_user": "u", "http_auth_password": "p", "remove_reason": null, "last_delivery_time": null,
        })
    }

    #[tokio::test]
    async fn a_webhook_is_registered_in_version_2_with_a_password() {
        let body = json!({"status": "ok", "success": true, "data": registered(&json!(1), &json!(null))});
        let stub = stub(201, &[], body.to_string()).await;
        let (access, password) = (access(&stub.url), SecretString::from("p"));
        let url = "https://pigeonpost.example/webhooks/pipedrive/1001";
        let wanted = Subscription { name: "Pigeonpost", url, action: "*", object: "person", user: "u", password: &password };
        let made = stub.client().create_webhook(&access, &wanted).await.unwrap();
        assert_eq!((made.id, made.url.as_str(), made.action.as_str(), made.object.as_str()), (WebhookId(4), url, "*", "person"));
        assert_eq!((made.name.as_str(), made.version.as_str(), made.active), ("Pigeonpost", "2.0", true));
        let asked = stub.only_request();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/api/v1/webhooks"));
        let expected = json!({
            "name": "Pigeonpost", "subscription_url": url, "event_action": "*", "event_object": "person",
            "http_auth_user": "u", "http_auth_password": "p", "version": "2.0",
        });
        assert_eq!(asked.json(), expected);
        assert_eq!(access.spend.tally().tokens(), 10);
    }

    #[tokio::test]
    async fn webhooks_that_are_not_in_force_are_told_apart() {
        let all = [
            registered(&json!(1), &json!(null)),
            registered(&json!(true), &json!(null)),
            registered(&json!(0), &json!(null)),
            registered(&json!(false), &json!(null)),
            registered(&json!(1), &json!("2026-11-20T09:15:00.000Z")),
        ];
        let stub = stub(200, &[], json!({"status": "ok", "success": true, "data": all}).to_string()).await;
        let webhooks = stub.client().webhooks(&access(&stub.url)).await.unwrap();
        assert_eq!(webhooks.iter().map(|webhook| webhook.active).collect::<Vec<_>>(), [true, true, false, false, false]);
        assert_eq!(stub.only_request().path, "/api/v1/webhooks");
    }

    #[tokio::test]
    async fn a_webhook_is_deleted_once() {
        let (yes, no) = (stub(200, &[], r#"{"status":"ok","success":true}"#).await, stub(404, &[], r#"{"success":false}"#).await);
        yes.client().delete_webhook(&access(&yes.url), WebhookId(4)).await.unwrap();
        let again = no.client().delete_webhook(&access(&no.url), WebhookId(4)).await;
        assert_eq!(again, Err(PipedriveError::NotFound));
        let asked = yes.only_request();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("DELETE", "/api/v1/webhooks/4"));
    }

    #[tokio::test]
    async fn refusals_of_a_registration_are_told_apart() {
        for (status, body) in [
            (400, r#"{"status":"error","success":false,"errors":{"subscription_url":["invalid or non-reachable URL"]}}"#),
            (422, r#"{"status":"error","success":false,"error":"webhooks limit reached"}"#),
        ] {
            let stub = stub(status, &[], body).await;
            let password = SecretString::from("p");
            let wanted = Subscription { name: "n", url: "u", action: "*", object: "*", user: "u", password: &password };
            let error = stub.client().create_webhook(&access(&stub.url), &wanted).await.unwrap_err();
            assert_eq!(error, PipedriveError::Invalid { status, code: String::new() });
        }
    }
}
