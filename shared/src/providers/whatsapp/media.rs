//! Files, both ways: Meta's media store gives each an id (Meta, WhatsApp Cloud API, "Media"). An id that came with a message
//! is good for 7 days; the address that it leads to, for 5 minutes and with the token alone.

use http::HeaderValue;
use reqwest::{
    Body,
    multipart::{Form, Part},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{connect::Credentials, content::is_file_id, plan::essence};
use crate::{
    model::content::FileSource,
    providers::{
        Fetched,
        download::{Downloads, too_large},
        error::{ProviderError, Refusal},
        lenient::{id, integer, text},
        meta::Graph,
        outgoing::OutgoingFile,
    },
};

/// Hosts that get the token.
pub(super) const TRUSTED_HOSTS: &[&str] = &["lookaside.fbsbx.com", "graph.facebook.com"];

/// Gets a file that came with a message. An address that died on the way is asked for once more.
pub(super) async fn fetch(
    graph: &Graph,
    downloads: &Downloads,
    credentials: &Credentials,
    source: &FileSource,
    max: usize,
) -> Result<Fetched, ProviderError> {
    if !is_file_id(&source.0) {
        return Err(gone("not_an_id"));
    }
    let first = fetch_once(graph, downloads, credentials, &source.0, max).await;
    match first {
        Err(ProviderError::Refused { code, .. }) if code == "http_404" || code == "http_410" => {
            fetch_once(graph, downloads, credentials, &source.0, max).await
        }
        other => other,
    }
}

async fn fetch_once(
    graph: &Graph,
    downloads: &Downloads,
    credentials: &Credentials,
    file: &str,
    max: usize,
) -> Result<Fetched, ProviderError> {
    let query = [("phone_number_id", credentials.phone_number_id.as_str())];
    let found = match graph.read(&credentials.access_token, &[file], &query).await {
        Ok(found) => found,
        Err(ProviderError::Refused { refusal: Refusal::NotFound, code, .. }) => return Err(gone(&code)),
        Err(error) => return Err(error.nothing_at_stake()),
    };
    if integer(&found, "/file_size").and_then(|size| usize::try_from(size).ok()).is_some_and(|size| size > max) {
        return Err(too_large(max));
    }
    let address = text(&found, "/url").ok_or_else(|| ProviderError::Transient { code: "no_address".to_owned() })?;
    let mut fetched = downloads.get(address, Some(bearer(&credentials.access_token)?), max).await?;
    let mime = text(&found, "/mime_type").map(|mime| mime.trim().to_owned());
    let is_page = |mime: &Option<String>| mime.as_deref().map(essence) == Some("text/html");
    if is_page(&fetched.mime) && mime.is_some() && !is_page(&mime) {
        // What Meta shows a browser that is not logged in.
        return Err(ProviderError::Transient { code: "page_for_a_file".to_owned() });
    }
    fetched.mime = mime.or(fetched.mime);
    Ok(fetched)
}

fn bearer(token: &SecretString) -> Result<HeaderValue, ProviderError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .map_err(|_| ProviderError::Transient { code: "unusable_token".to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

fn gone(code: &str) -> ProviderError {
    ProviderError::Refused {
        refusal: Refusal::NotFound,
        code: code.to_owned(),
        message: "WhatsApp does not have the file any more; it keeps files for 7 days.".to_owned(),
    }
}

/// Puts a file into the store and returns its id. Nobody hears of it before it is sent.
pub(super) async fn upload(graph: &Graph, credentials: &Credentials, file: &OutgoingFile) -> Result<String, ProviderError> {
    let mime = essence(&file.mime);
    let part = Part::stream_with_length(Body::from(file.bytes.clone()), file.bytes.len() as u64).file_name("file");
    let part = part.mime_str(mime).map_err(|_| ProviderError::Transient { code: "unusable_type".to_owned() })?;
    let form = Form::new().text("messaging_product", "whatsapp").text("type", mime.to_owned()).part("file", part);
    let answer: Result<Value, _> = graph.upload(&credentials.access_token, &credentials.phone_number_id, "media", form).await;
    let answer = answer.map_err(ProviderError::nothing_at_stake)?;
    id(&answer, "/id").ok_or_else(|| ProviderError::Transient { code: "no_media_id".to_owned() })
}

#[cfg(test)]
mod tests;
