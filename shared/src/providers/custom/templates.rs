//! The templates that a chat offers: texts with gaps for answers after the reply window. A chat from before there were any
//! answers the question with something else, and has none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    fields::is_id,
    outbound::{Chat, of_answer, refused},
    send::MAX_TEXT_CHARS,
};
use crate::{
    model::{template::Template, time::Timestamp},
    providers::{
        error::{ProviderError, Refusal},
        lenient, transport,
    },
};

/// Longest answer that is read.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Most templates of a chat.
const MAX_TEMPLATES: usize = 200;
/// Longest name and language, in characters.
const MAX_NAME_CHARS: usize = 120;

impl Chat {
    /// Asks for them.
    pub(super) async fn templates(&self, http: &reqwest::Client, now: Timestamp) -> Result<Vec<Template>, ProviderError> {
        let id = format!("templates_{}", uuid::Uuid::new_v4().simple());
        let asked = self.post(http, now, &id, &json!({"version": 1, "type": "templates"})).await;
        let response = asked.map_err(ProviderError::nothing_at_stake)?;
        match response.status().as_u16() {
            200..=299 => {}
            403 => return Err(refused(Refusal::Unauthorized, "http_403", "The chat does not tell its templates.")),
            401 | 408 | 429 | 500 | 502..=599 => return Err(of_answer(&response).nothing_at_stake()),
            // It does not know the question.
            _ => return Ok(Vec::new()),
        }
        let body =
            transport::body(response, MAX_ANSWER_BYTES).await.map_err(|error| transport::failure(&error).nothing_at_stake())?;
        let too_long = || refused(Refusal::Invalid, "templates_too_long", "The chat's list of templates is too long.");
        Ok(read(&lenient::body(&body.ok_or_else(too_long)?).unwrap_or_default()))
    }
}

/// Those that are as documented, each id once.
fn read(answer: &Value) -> Vec<Template> {
    let mut seen = BTreeSet::new();
    let listed = lenient::items(answer, "templates");
    let templates: Vec<Template> =
        listed.iter().filter_map(template).filter(|template| seen.insert(template.id.clone())).take(MAX_TEMPLATES).collect();
    if templates.len() < listed.len() {
        tracing::warn!(left_out = listed.len() - templates.len(), "a chat has templates that are not as documented");
    }
    templates
}

fn template(item: &Value) -> Option<Template> {
    let field = |name: &str, max: usize| {
        item.get(name)?.as_str().filter(|text| !text.trim().is_empty() && text.chars().count() <= max).map(str::to_owned)
    };
    Some(Template {
        id: field("id", usize::MAX).filter(|id| is_id(id))?,
        name: field("name", MAX_NAME_CHARS)?,
        language: field("language", MAX_NAME_CHARS)?,
        content: field("content", MAX_TEXT_CHARS)?,
        data: Value::Null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::{
        custom::schema,
        stub::{self, Reply, Stub},
    };

    async fn templates(reply: Reply) -> Result<Vec<Template>, ProviderError> {
        let stub = Stub::start([reply]).await;
        let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let chat = Chat::read(&json!({"send_url": stub.url, "signing_secret": secret}), true).unwrap();
        let templates = chat.templates(&stub::client(), Timestamp::EPOCH).await;
        assert_eq!(stub.seen().len(), 1);
        assert_eq!(stub.seen()[0].json(), json!({"version": 1, "type": "templates"}));
        schema::check("toChat", &stub.seen()[0].json());
        templates
    }

    fn offered(id: &str) -> Value {
        json!({"id": id, "name": "order_ready", "language": "en", "content": "Order {{1}} is ready."})
    }

    #[tokio::test]
    async fn each_is_listed_once() {
        let answer = json!({"templates": [offered("1"), offered("2"), offered("1")]});
        let read = templates(Reply::json(200, &answer)).await.unwrap();
        let expected = |id: &str| Template {
            id: id.to_owned(),
            name: "order_ready".to_owned(),
            language: "en".to_owned(),
            content: "Order {{1}} is ready.".to_owned(),
            data: Value::Null,
        };
        assert_eq!(read, [expected("1"), expected("2")]);
        let many: Vec<Value> = (0..=MAX_TEMPLATES).map(|n| offered(&n.to_string())).collect();
        assert_eq!(templates(Reply::json(200, &json!({"templates": many}))).await.unwrap().len(), MAX_TEMPLATES);
    }

    #[tokio::test]
    async fn a_broken_one_does_not_lose_the_others() {
        let mut listed = vec![json!(1), json!({}), json!([])];
        for (field, wrong) in [
            ("id", json!(7)),
            ("id", json!("with space")),
            ("name", Value::Null),
            ("language", json!("")),
            ("content", json!(" ")),
            ("content", json!("x".repeat(MAX_TEXT_CHARS + 1))),
        ] {
            let mut broken = offered("broken");
            broken[field] = wrong;
            assert!(!schema::accepts("answerToTemplates", &json!({"templates": [broken]})), "{broken}");
            listed.push(broken);
        }
        listed.push(offered("good"));
        let read = templates(Reply::json(200, &json!({ "templates": listed }))).await.unwrap();
        assert_eq!(read.iter().map(|template| template.id.as_str()).collect::<Vec<_>>(), ["good"]);
    }

    #[tokio::test]
    async fn a_chat_that_knows_no_templates_has_none() {
        for reply in [
            Reply::text(204, ""),
            Reply::text(200, "ok"),
            Reply::json(200, &json!({"id": "out-1"})),
            Reply::json(200, &json!({"templates": null})),
            Reply::text(400, ""),
            Reply::text(404, ""),
            Reply::text(422, ""),
            Reply::text(501, ""),
        ] {
            assert_eq!(templates(reply).await.unwrap(), []);
        }
    }

    #[tokio::test]
    async fn what_may_pass_is_no_empty_list() {
        for (reply, expected) in [
            (Reply::text(401, ""), "refused (http_401): The chat does not accept our signature. Reconnect the channel."),
            (Reply::text(403, ""), "refused (http_403): The chat does not tell its templates."),
            (Reply::text(408, ""), "failed (http_408), nothing was sent"),
            (Reply::text(429, ""), "rate limited (http_429)"),
            (Reply::text(500, ""), "failed (http_500), nothing was sent"),
            (Reply::text(503, ""), "failed (http_503), nothing was sent"),
            (Reply::Never, "failed (timeout), nothing was sent"),
            (
                Reply::text(200, &"x".repeat(MAX_ANSWER_BYTES + 1)),
                "refused (templates_too_long): The chat's list of templates is too long.",
            ),
        ] {
            assert_eq!(templates(reply).await.unwrap_err().to_string(), expected);
        }
    }
}
