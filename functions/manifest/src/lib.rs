//! `GET /manifest.json`: tells Pipedrive where the seven endpoints are (Pipedrive, "Messaging app extension", app
//! extension manifest). Downloaded once and uploaded in Developer Hub.

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderValue, header::CACHE_CONTROL};
use serde::Serialize;
use shared::{
    config::Config,
    environment::Environment,
    http::{HttpFunction, Request, Response, error, public_url::public_url, response},
    inbox::error::InboxError,
};

/// The function.
pub struct Function {
    config: Arc<Config>,
}

/// The manifest. The variables in its addresses are Pipedrive's own names.
#[derive(Serialize)]
struct Manifest {
    version: &'static str,
    endpoints: Endpoints,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoints {
    get_conversations: String,
    get_conversation_by_id: String,
    post_message: String,
    get_message_by_id: String,
    get_sender_by_id: String,
    get_templates: String,
    delete_channel_by_id: String,
}

impl Manifest {
    fn of(public_url: &str) -> Self {
        let channel = format!("{public_url}/api/channels/:providerChannelId");
        let endpoints = Endpoints {
            get_conversations: format!("{channel}/conversations"),
            get_conversation_by_id: format!("{channel}/conversations/:sourceConversationId"),
            post_message: format!("{channel}/messages"),
            get_message_by_id: format!("{channel}/conversations/:sourceConversationId/messages/:sourceMessageId"),
            get_sender_by_id: format!("{channel}/senders/:senderId"),
            get_templates: format!("{channel}/templates"),
            delete_channel_by_id: channel,
        };
        Self { version: "v202101", endpoints }
    }
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        Self { config: environment.config.clone() }
    }

    fn answer(&self, request: &Request) -> Result<Response, InboxError> {
        let mut response = response::ok(&Manifest::of(&public_url(&self.config, request)?));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        Ok(response)
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(&request).unwrap_or_else(error::respond)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_seven_endpoints_with_their_variables() {
        let manifest = serde_json::to_value(Manifest::of("https://x.example")).unwrap();
        let channel = "https://x.example/api/channels/:providerChannelId";
        assert_eq!(
            manifest,
            serde_json::json!({
                "version": "v202101",
                "endpoints": {
                    "getConversations": format!("{channel}/conversations"),
                    "getConversationById": format!("{channel}/conversations/:sourceConversationId"),
                    "postMessage": format!("{channel}/messages"),
                    "getMessageById": format!("{channel}/conversations/:sourceConversationId/messages/:sourceMessageId"),
                    "getSenderById": format!("{channel}/senders/:senderId"),
                    "getTemplates": format!("{channel}/templates"),
                    "deleteChannelById": channel,
                },
            })
        );
    }
}
