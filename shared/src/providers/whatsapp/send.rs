//! Sending one message (Meta, WhatsApp Cloud API, Messages). A file is put into Meta's store first, which nobody notices;
//! the message itself is one call, never repeated. Meta hands our message id back with every status of it, so that a status
//! finds its message even when the answer to the call was lost.

use serde_json::{Value, json};

use super::{
    connect::Credentials,
    media,
    plan::{Kind, is_stored},
    template,
};
use crate::{
    model::ids::ProviderMessageId,
    providers::{
        Accepted, Outgoing,
        error::{ProviderError, Refusal},
        lenient,
        meta::Graph,
        outgoing::{OutgoingFile, PartContent, unsendable},
    },
};

/// Sends one message. `Uncertain` when it may have gone out.
pub(super) async fn send(graph: &Graph, credentials: &Credentials, message: &Outgoing<'_>) -> Result<Accepted, ProviderError> {
    let mut body = envelope(message)?;
    let (kind, content) = match &message.content {
        PartContent::Text(text) => ("text", json!({"body": text, "preview_url": false})),
        PartContent::Template(filled) => ("template", template::body(filled)?),
        PartContent::Files { files, caption } => {
            let [file] = files.as_slice() else { return Err(unsendable("files", "go one by one")) };
            (Kind::of(file).word(), file_content(graph, credentials, file, *caption).await?)
        }
    };
    body["type"] = kind.into();
    body[kind] = content;
    let answer = graph.post(&credentials.access_token, &credentials.phone_number_id, "messages", &body).await?;
    lenient::id(&answer, "/messages/0/id")
        .and_then(|id| ProviderMessageId::parse(&id).ok())
        .map(Accepted::from)
        .ok_or_else(|| ProviderError::Uncertain { code: "no_message_id".to_owned() })
}

/// All but what the message says.
fn envelope(message: &Outgoing<'_>) -> Result<Value, ProviderError> {
    // A phone number goes into `to`, a business-scoped user id (customers without a number) into `recipient`.
    let (member, name) = match message.to.as_str().split_once(':') {
        Some(("phone", digits)) => ("to", digits),
        Some(("user", id)) => ("recipient", id),
        _ => {
            return Err(ProviderError::Refused {
                refusal: Refusal::NotFound,
                code: "unknown_recipient".to_owned(),
                message: "The customer has no name at WhatsApp to send to.".to_owned(),
            });
        }
    };
    let mut body = json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        member: name,
        "biz_opaque_callback_data": message.id.to_string(),
    });
    // A template quotes nothing.
    if let Some(target) = message.reply_to.filter(|_| !matches!(message.content, PartContent::Template(_))) {
        body["context"] = json!({"message_id": target});
    }
    Ok(body)
}

/// A file, in Meta's store by now or fetched by Meta from our link if the store does not take it.
async fn file_content(
    graph: &Graph,
    credentials: &Credentials,
    file: &OutgoingFile,
    caption: Option<&str>,
) -> Result<Value, ProviderError> {
    let kind = Kind::of(file);
    let mut content =
        if is_stored(file) { json!({"id": media::upload(graph, credentials, file).await?}) } else { json!({"link": file.link}) };
    if let Some(caption) = caption.filter(|_| kind.takes_caption()) {
        content["caption"] = caption.into();
    }
    match kind {
        Kind::Document => content["filename"] = file.name.clone().into(),
        Kind::Voice => content["voice"] = true.into(),
        Kind::Image | Kind::Video | Kind::Audio | Kind::Sticker => {}
    }
    Ok(content)
}

#[cfg(test)]
mod tests;
