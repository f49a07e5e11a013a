//! Webhooks: what apps register (Pipedrive's API reference, Webhooks, version 1).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::model::{ids::UserId, time::Timestamp};

use super::{
    Ask, Records,
    answer::{Refusal, one},
    body::{Given, Name, read},
    events::Event,
    query::Query,
    time,
};

/// Most webhooks of an app and a user.
const MAX_WEBHOOKS: usize = 40;
/// What a webhook can be told of.
const OBJECTS: [&str; 11] =
    ["activity", "deal", "lead", "note", "organization", "person", "pipeline", "product", "stage", "user", "*"];
/// After so many events in a row whose first attempt failed, a webhook is banned.
const FAILURES: u32 = 10;
/// For how long it is. What happens meanwhile is lost.
const BAN: Duration = Duration::from_mins(30);
/// After so long without a success, it is deleted.
const PATIENCE: Duration = Duration::from_hours(72);

/// A webhook.
#[derive(Clone, Debug, Serialize)]
pub struct Webhook {
    /// Its id.
    pub id: u64,
    /// What it is called.
    pub name: String,
    /// Where events are posted to.
    #[serde(rename = "subscription_url")]
    pub url: String,
    /// Of which actions it is told.
    pub event_action: String,
    /// Of which objects it is told.
    pub event_object: String,
    /// The version of what it is told.
    pub version: String,
    http_auth_user: Option<String>,
    http_auth_password: Option<String>,
    /// Whose permissions it has.
    pub user_id: UserId,
    #[serde(serialize_with = "time::write_millis")]
    add_time: Timestamp,
    #[serde(serialize_with = "time::write_option")]
    last_delivery_time: Option<Timestamp>,
    last_http_status: Option<u16>,
    #[serde(skip)]
    last_success: Timestamp,
    #[serde(skip)]
    failures: u32,
    #[serde(skip)]
    banned_until: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct New {
    subscription_url: Given<Name>,
    event_action: Given<String>,
    event_object: Given<String>,
    name: Given<Name>,
    user_id: Given<UserId>,
    http_auth_user: Given<Option<String>>,
    http_auth_password: Given<Option<String>>,
    version: Given<String>,
}

impl Webhook {
    /// Whether it is told of such an event now.
    pub(super) fn wants(&self, event: &Event, now: Timestamp) -> bool {
        let fits = |wanted: &str, given: &str| wanted == "*" || wanted == given;
        let is_banned = self.banned_until.is_some_and(|until| now < until);
        !is_banned && fits(&self.event_action, event.action()) && fits(&self.event_object, event.entity())
    }

    /// The name and the password that come with what it is told.
    pub(super) fn credentials(&self) -> Option<(&str, &str)> {
        Some((self.http_auth_user.as_deref()?, self.http_auth_password.as_deref()?))
    }

    /// Takes what came of an attempt to tell it something. Says whether it lives on.
    pub(super) fn came_of(&mut self, attempt: u32, status: Option<u16>, now: Timestamp) -> bool {
        (self.last_delivery_time, self.last_http_status) = (Some(now), status);
        if status.is_some_and(|status| (200..300).contains(&status)) {
            (self.last_success, self.failures) = (now, 0);
            return true;
        }
        if attempt == 1 {
            self.failures += 1;
        }
        if self.failures >= FAILURES {
            (self.failures, self.banned_until) = (0, Some(now.plus(BAN)));
        }
        now.since(self.last_success) < PATIENCE
    }

    fn shown(&self, ask: &Ask<'_>) -> Value {
        let mut shown = json!(self);
        let rest = json!({
            "company_id": ask.company, "owner_id": self.user_id, "admin_id": self.user_id, "is_active": 1, "type": "application",
            "remove_time": null, "remove_reason": null,
        });
        if let (Some(shown), Value::Object(rest)) = (shown.as_object_mut(), rest) {
            shown.extend(rest);
        }
        shown
    }
}

impl Records {
    /// The app leaves a user: its webhooks go with it.
    pub(in super::super) fn forget_webhooks_of(&mut self, user: UserId) {
        self.webhooks.retain(|webhook| webhook.user_id != user);
    }
}

fn word(given: Option<String>, name: &str, words: &[&str]) -> Result<String, Refusal> {
    let given = given.ok_or_else(|| Refusal::webhook(name, "is required"))?;
    if words.contains(&given.as_str()) { Ok(given) } else { Err(Refusal::webhook(name, "is not a valid choice")) }
}

/// Whether Pipedrive would post there: to the web, and not to itself.
fn is_reachable(text: &str) -> bool {
    let own = |host: &str| host == "pipedrive.com" || host.ends_with(".pipedrive.com");
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && !url.host_str().is_none_or(own))
}

pub(super) fn list(records: &Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    Query::read(ask.query, &[])?;
    let shown: Vec<Value> = records.webhooks.iter().map(|webhook| webhook.shown(ask)).collect();
    Ok(json!({"status": "ok", "success": true, "data": shown}))
}

pub(super) fn create(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let new: New = read(ask.body)?;
    let url = new.subscription_url.0.map(|Name(url)| url).filter(|url| is_reachable(url));
    let url = url.ok_or_else(|| Refusal::webhook("subscription_url", "invalid or non-reachable URL"))?;
    let name = new.name.0.map(|Name(name)| name).filter(|name| name.chars().count() <= 255);
    let webhook = Webhook {
        id: records.last_webhook + 1,
        name: name.ok_or_else(|| Refusal::webhook("name", "is required, with up to 255 characters"))?,
        url,
        event_action: word(new.event_action.0, "event_action", &["create", "change", "delete", "*"])?,
        event_object: word(new.event_object.0, "event_object", &OBJECTS)?,
        version: word(Some(new.version.0.unwrap_or_else(|| "2.0".to_owned())), "version", &["2.0"])?,
        http_auth_user: new.http_auth_user.0.flatten(),
        http_auth_password: new.http_auth_password.0.flatten(),
        user_id: ask.owner(new.user_id.0.unwrap_or(ask.user))?,
        add_time: ask.now,
        last_delivery_time: None,
        last_http_status: None,
        last_success: ask.now,
        failures: 0,
        banned_until: None,
    };
    if records.webhooks.iter().filter(|other| other.user_id == webhook.user_id).count() >= MAX_WEBHOOKS {
        return Err(Refusal::too_many_webhooks());
    }
    records.last_webhook = webhook.id;
    let shown = webhook.shown(ask);
    records.webhooks.push(webhook);
    Ok(json!({"status": "ok", "success": true, "data": shown}))
}

pub(super) fn delete(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let id = ask.number()?;
    let at = records.webhooks.iter().position(|webhook| webhook.id == id);
    let webhook = records.webhooks.remove(at.ok_or_else(|| Refusal::webhook("id", "not found"))?);
    Ok(one(json!({"id": webhook.id})))
}
