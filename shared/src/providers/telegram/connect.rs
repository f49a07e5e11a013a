//! Connecting a bot: reading its token, asking Telegram whose it is, and having its updates sent to us with a secret that is
//! made here and known to Telegram and us alone (Telegram Bot API, "Getting updates").

use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::{Value, json};

use super::api::Api;
use crate::{
    model::ids::AccountId,
    providers::{
        Account, credentials,
        error::{ProviderError, Refusal},
        lenient,
    },
};

/// Longest token. Real ones have about 46 characters.
const MAX_TOKEN: usize = 256;
/// What we want to hear of. Reactions come only when they are asked for by name.
const UPDATES: [&str; 9] = [
    "message",
    "edited_message",
    "callback_query",
    "my_chat_member",
    "message_reaction",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
];

/// What a channel is connected with.
pub(super) struct Bot {
    /// Its id at Telegram.
    pub(super) id: String,
    pub(super) token: SecretString,
    /// What Telegram shows us with each webhook.
    pub(super) webhook_secret: SecretString,
}

impl Bot {
    /// From the table.
    pub(super) fn stored(credentials: &SecretSlice<u8>) -> Result<Self, ProviderError> {
        let value = credentials::stored(credentials)?;
        Ok(Self {
            id: credentials::required(&value, "bot_id")?.to_owned(),
            token: token(&value)?,
            webhook_secret: SecretString::from(credentials::required(&value, "webhook_secret")?),
        })
    }
}

/// The token, safe to stand in a path.
fn token(value: &Value) -> Result<SecretString, ProviderError> {
    let token = credentials::required(value, "bot_token")?;
    let safe = token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'-'));
    if token.len() > MAX_TOKEN || !safe {
        return Err(credentials::invalid("bot_token", "must be the token as @BotFather shows it: digits, a colon, letters"));
    }
    Ok(SecretString::from(token))
}

/// Asks whose the token is, and makes the webhooks' secret.
pub(super) async fn check(api: &Api, value: &Value) -> Result<Account, ProviderError> {
    let token = token(value)?;
    let bot = api.call(&token, "getMe", &json!({})).await.map_err(|failure| named(failure.error))?;
    let id = lenient::id(&bot, "/id").filter(|_| bot.get("is_bot") != Some(&Value::Bool(false)));
    let id = id.and_then(|id| AccountId::parse(&id).ok());
    let id = id.ok_or_else(|| credentials::invalid("bot_token", "does not belong to a bot"))?;
    Ok(Account {
        group: None,
        credentials: json!({
            "bot_token": token.expose_secret(),
            "bot_id": id.as_str(),
            "webhook_secret": webhook_secret(),
        }),
        id,
    })
}

/// 244 random bits, in characters that Telegram takes: letters, digits, `_` and `-`.
fn webhook_secret() -> String {
    format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple())
}

/// A refusal of the token, at its field.
fn named(error: ProviderError) -> ProviderError {
    match error {
        ProviderError::Refused { refusal: Refusal::Unauthorized, .. } => {
            credentials::invalid("bot_token", "is not accepted by Telegram; copy it anew from @BotFather")
        }
        error => error.nothing_at_stake(),
    }
}

/// Has Telegram send the bot's updates to `webhook_url`, and looks whether it does. Repeatable: the last address counts.
pub(super) async fn subscribe(api: &Api, credentials: &SecretSlice<u8>, webhook_url: &str) -> Result<(), ProviderError> {
    let bot = Bot::stored(credentials)?;
    let wanted = json!({
        "url": webhook_url,
        "secret_token": bot.webhook_secret.expose_secret(),
        "allowed_updates": UPDATES,
        "drop_pending_updates": false,
    });
    api.call(&bot.token, "setWebhook", &wanted).await.map_err(|failure| named(failure.error))?;
    let info = api.call(&bot.token, "getWebhookInfo", &json!({})).await.map_err(|failure| named(failure.error))?;
    if lenient::text(&info, "/url") == Some(webhook_url) {
        Ok(())
    } else {
        Err(credentials::invalid("bot_token", "belongs to a bot that another program claims; stop it there and try again"))
    }
}

/// Has Telegram send the bot's updates nowhere, unless another channel lives by them. What a token that is not valid any
/// more leads to, ends by itself.
pub(super) async fn unsubscribe(
    api: &Api,
    credentials: &SecretSlice<u8>,
    others: &[SecretSlice<u8>],
) -> Result<(), ProviderError> {
    let bot = Bot::stored(credentials)?;
    if others.iter().filter_map(|other| Bot::stored(other).ok()).any(|other| other.id == bot.id) {
        return Ok(());
    }
    match api.call(&bot.token, "deleteWebhook", &json!({"drop_pending_updates": false})).await.map_err(ProviderError::from) {
        Ok(_) | Err(ProviderError::Refused { refusal: Refusal::Unauthorized, .. }) => Ok(()),
        Err(error) => Err(error.nothing_at_stake()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::stub::{self, Reply, Stub};

    const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";

    fn api(url: &str) -> Api {
        Api::new(stub::client(), url.to_owned())
    }

    fn ok(result: &Value) -> Reply {
        Reply::json(200, &json!({"ok": true, "result": result}))
    }

    fn refused(number: u16, description: &str) -> Reply {
        Reply::json(number, &json!({"ok": false, "error_code": number, "description": description}))
    }

    fn stored() -> SecretSlice<u8> {
        of_bot("110201543")
    }

    fn of_bot(id: &str) -> SecretSlice<u8> {
        let json = json!({"bot_token": TOKEN, "bot_id": id, "webhook_secret": "s3cret_A-1"});
        SecretSlice::from(json.to_string().into_bytes())
    }

    #[tokio::test]
    async fn the_bot_is_asked_who_it_is() {
        let me = json!({"id": 110_201_543, "is_bot": true, "first_name": "Acme", "username": "acme_bot"});
        let stub = Stub::start([ok(&me), ok(&me)]).await;
        let given = json!({"bot_token": format!(" {TOKEN}\n"), "extra": 1});
        let first = check(&api(&stub.url), &given).await.unwrap();
        assert_eq!(first.id.as_str(), "110201543");
        assert_eq!(stub.seen()[0].line, format!("POST /bot{TOKEN}/getMe"));
        let kept = first.credentials.as_object().unwrap();
        assert_eq!((kept.len(), &kept["bot_token"], &kept["bot_id"]), (3, &json!(TOKEN), &json!("110201543")));
        let secret = kept["webhook_secret"].as_str().unwrap();
        assert!((32..=256).contains(&secret.len()));
        assert!(secret.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')), "{secret}");
        let second = check(&api(&stub.url), &given).await.unwrap();
        assert_ne!(second.credentials["webhook_secret"], *secret, "random");
    }

    #[tokio::test]
    async fn a_wrong_token_is_named_at_its_field() {
        let not_accepted = "credentials.bot_token is not accepted by Telegram";
        let cases = [
            (refused(401, "Unauthorized"), not_accepted),
            (refused(404, "Not Found"), not_accepted),
            (ok(&json!({"id": 5, "is_bot": false})), "credentials.bot_token does not belong to a bot"),
            (ok(&json!({})), "credentials.bot_token does not belong to a bot"),
            (Reply::text(502, "<html>"), "failed (http_502), nothing was sent"),
            (refused(429, "Too Many Requests: retry after 3"), "rate limited (429)"),
        ];
        for (reply, expected) in cases {
            let stub = Stub::start([reply]).await;
            let error = check(&api(&stub.url), &json!({"bot_token": TOKEN})).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        for (given, expected) in [
            (json!({}), "credentials.bot_token is required"),
            (json!({"bot_token": 5}), "credentials.bot_token must be a string"),
            (json!({"bot_token": "1:a/../getMe?"}), "credentials.bot_token must be the token"),
            (json!({"bot_token": "1:é"}), "credentials.bot_token must be the token"),
            (json!({"bot_token": "1".repeat(257)}), "credentials.bot_token must be the token"),
        ] {
            let error = check(&api("http://127.0.0.1:9"), &given).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[tokio::test]
    async fn updates_are_asked_for_and_verified() {
        let url = "https://bundle.example/webhooks/telegram/ch_1";
        let info = json!({"url": url, "has_custom_certificate": false, "pending_update_count": 0});
        let stub = Stub::start([ok(&json!(true)), ok(&info)]).await;
        subscribe(&api(&stub.url), &stored(), url).await.unwrap();
        let seen = stub.seen();
        assert_eq!(seen[0].line, format!("POST /bot{TOKEN}/setWebhook"));
        assert_eq!(
            seen[0].json(),
            json!({"url": url, "secret_token": "s3cret_A-1", "drop_pending_updates": false, "allowed_updates": [
                "message", "edited_message", "callback_query", "my_chat_member", "message_reaction", "business_connection",
                "business_message", "edited_business_message", "deleted_business_messages"]})
        );
        assert_eq!(seen[1].line, format!("POST /bot{TOKEN}/getWebhookInfo"));

        let stub = Stub::start([ok(&json!(true)), ok(&json!({"url": "https://elsewhere.example/"}))]).await;
        let error = subscribe(&api(&stub.url), &stored(), url).await.unwrap_err().to_string();
        assert!(error.contains("credentials.bot_token belongs to a bot that another program claims"), "{error}");
        let bad = refused(400, "Bad Request: bad webhook: HTTPS URL must be provided for webhook");
        let stub = Stub::start([bad]).await;
        let error = subscribe(&api(&stub.url), &stored(), "http://x").await.unwrap_err().to_string();
        assert!(error.contains("credentials can't be connected: Telegram sends webhooks only to"), "{error}");
        let stub = Stub::start([refused(401, "Unauthorized")]).await;
        let error = subscribe(&api(&stub.url), &stored(), url).await.unwrap_err().to_string();
        assert!(error.contains("credentials.bot_token is not accepted"), "{error}");
    }

    #[tokio::test]
    async fn a_removed_channel_hears_nothing_more() {
        let stub = Stub::start([ok(&json!(true)), refused(401, "Unauthorized"), Reply::text(502, "")]).await;
        unsubscribe(&api(&stub.url), &stored(), &[of_bot("7")]).await.unwrap();
        assert_eq!(stub.seen()[0].line, format!("POST /bot{TOKEN}/deleteWebhook"));
        unsubscribe(&api(&stub.url), &stored(), &[]).await.unwrap();
        let error = unsubscribe(&api(&stub.url), &stored(), &[]).await.unwrap_err();
        assert!(matches!(error, ProviderError::Transient { .. }), "{error}");
        unsubscribe(&api(&stub.url), &stored(), &[of_bot("110201543")]).await.unwrap();
        assert_eq!(stub.seen().len(), 3, "another channel lives by the same bot");
    }
}
