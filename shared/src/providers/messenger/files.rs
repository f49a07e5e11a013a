//! Files that came with a message. Their links are signed and expire (Meta, Messenger Platform, Webhooks, `messages`), so
//! each file is also known by its message and its place in it, by which Meta tells a new link. Links lead to hosts that get
//! no credentials.

use secrecy::SecretSlice;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::connect::Credentials;
use crate::{
    model::content::FileSource,
    providers::{
        Fetched,
        download::Downloads,
        error::{ProviderError, Refusal},
        lenient::{id, items, text},
        meta::Graph,
    },
};

/// Which of a message's files one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    /// The one at this place, from 0, in the order of its attachments.
    File(usize),
    /// Its sticker.
    Sticker,
}

/// What a file is fetched with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Source {
    /// The message's id, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mid: Option<String>,
    place: Place,
    /// Where the file was when the message came.
    link: String,
}

impl Source {
    pub(super) fn new(mid: Option<&str>, place: Place, link: String) -> Self {
        Self { mid: mid.map(str::to_owned), place, link }
    }

    pub(super) fn read(source: &FileSource) -> Option<Self> {
        serde_json::from_str(&source.0).ok()
    }
}

impl From<Source> for FileSource {
    fn from(source: Source) -> Self {
        Self(serde_json::json!(source).to_string())
    }
}

/// Gets a file by its link, or by a new link if that one leads nowhere any more.
pub(super) async fn fetch(
    graph: &Graph,
    downloads: &Downloads,
    credentials: &SecretSlice<u8>,
    source: &FileSource,
    max: usize,
) -> Result<Fetched, ProviderError> {
    let source = Source::read(source).ok_or_else(gone)?;
    let expired = match downloads.get(&source.link, None, max).await {
        Err(error) if is_expired(&error) => error,
        result => return result,
    };
    let Some(mid) = &source.mid else { return Err(expired) };
    let credentials = Credentials::stored(credentials)?;
    let message = match graph.get(&credentials.token, mid, "attachments,sticker").await {
        Ok(message) => message,
        Err(ProviderError::Refused { refusal: Refusal::NotFound | Refusal::Invalid, .. }) => return Err(gone()),
        Err(error) => return Err(error.nothing_at_stake()),
    };
    let renewed = renewed(&message, source.place).filter(|renewed| renewed.link != source.link).ok_or_else(gone)?;
    let file = downloads.get(&renewed.link, None, max).await?;
    Ok(Fetched { bytes: file.bytes, mime: file.mime.or(renewed.mime), name: renewed.name.or(file.name) })
}

/// Whether an error is how Meta's hosts answer to a link whose signature is too old, or to one that is gone.
fn is_expired(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Refused { refusal: Refusal::NotFound | Refusal::Unauthorized, .. })
}

fn gone() -> ProviderError {
    ProviderError::Refused {
        refusal: Refusal::NotFound,
        code: "file_gone".to_owned(),
        message: "Facebook does not have the file any more.".to_owned(),
    }
}

/// A file as the Graph API describes it.
pub(super) struct Described {
    pub(super) place: Place,
    pub(super) link: String,
    pub(super) mime: Option<String>,
    pub(super) name: Option<String>,
    pub(super) size: Option<u64>,
}

/// A message's files (Meta, Graph API, Message, `attachments` and `sticker`).
pub(super) fn described(message: &Value) -> Vec<Described> {
    let attachments = message.get("attachments").map_or(&[][..], |attachments| items(attachments, "data"));
    // Stickers have a member of their own.
    let files = attachments.iter().filter(|file| id(file, "/sticker_id").is_none()).enumerate();
    let files = files.filter_map(|(place, file)| {
        let links = ["/file_url", "/image_data/url", "/video_data/url", "/audio_data/url"];
        Some(Described {
            place: Place::File(place),
            link: links.into_iter().find_map(|link| text(file, link))?.to_owned(),
            mime: text(file, "/mime_type").map(str::to_owned),
            name: text(file, "/name").map(str::to_owned),
            size: id(file, "/size").and_then(|size| size.parse().ok()),
        })
    });
    let sticker = text(message, "/sticker").map(|link| Described {
        place: Place::Sticker,
        link: link.to_owned(),
        mime: None,
        name: None,
        size: None,
    });
    files.chain(sticker).collect()
}

fn renewed(message: &Value, place: Place) -> Option<Described> {
    described(message).into_iter().find(|file| file.place == place)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::providers::{
        messenger::TRUSTED_HOSTS,
        stub::{self, Reply, Stub},
    };

    const MAX: usize = 10;

    fn credentials() -> SecretSlice<u8> {
        SecretSlice::from(json!({"page_id": "400", "page_access_token": "EAACANARY"}).to_string().into_bytes())
    }

    fn source(link: &str, place: Place) -> FileSource {
        Source::new(Some("m_TEST-1"), place, link.to_owned()).into()
    }

    /// Fetches from `cdn`, with the Graph API at `graph`.
    async fn fetch_from(graph: &Stub, link: &str, place: Place) -> Result<Fetched, ProviderError> {
        let base = format!("{}/v25.0", graph.url);
        let downloads = Downloads::new(&stub::outside(&graph.url), &base, TRUSTED_HOSTS);
        let graph = Graph::new(stub::client(), base, super::super::errors::of_answer);
        fetch(&graph, &downloads, &credentials(), &source(link, place), MAX).await
    }

    fn attachments(files: &Value) -> Reply {
        Reply::json(200, &json!({"id": "m_TEST-1", "attachments": {"data": files}}))
    }

    #[tokio::test]
    async fn a_fresh_link_is_enough_and_gets_no_token() {
        let cdn = Stub::start([Reply::Answer(200, vec![("content-type", "image/jpeg")], "jpeg".to_owned())]).await;
        let graph = Stub::start([]).await;
        let file = fetch_from(&graph, &format!("{}/a.jpg?oe=1", cdn.url), Place::File(0)).await.unwrap();
        assert_eq!((&file.bytes[..], file.mime.as_deref()), (&b"jpeg"[..], Some("image/jpeg")));
        assert!(!cdn.seen()[0].headers.contains_key("authorization"));
        assert_eq!(graph.seen().len(), 0);
    }

    #[tokio::test]
    async fn an_expired_link_is_renewed_by_message_and_place() {
        for expired in [403, 404, 410] {
            let cdn = Stub::start([Reply::text(expired, "URL signature expired"), Reply::text(200, "pdf")]).await;
            let files = json!([
                {"id": "1", "mime_type": "image/jpeg", "image_data": {"url": "https://scontent.xx.fbcdn.net/no"}},
                {"id": "2", "mime_type": "application/pdf", "name": "offer.pdf", "size": 3, "file_url": format!("{}/new", cdn.url)},
            ]);
            let graph = Stub::start([attachments(&files)]).await;
            let file = fetch_from(&graph, &format!("{}/old", cdn.url), Place::File(1)).await.unwrap();
            assert_eq!((&file.bytes[..], file.name.as_deref()), (&b"pdf"[..], Some("offer.pdf")));
            assert_eq!(file.mime.as_deref(), Some("application/pdf"));
            let asked = &graph.seen()[0];
            assert_eq!(asked.line, "GET /v25.0/m_TEST-1?fields=attachments%2Csticker");
            assert_eq!(asked.headers["authorization"], "Bearer EAACANARY");
            let lines: Vec<String> = cdn.seen().into_iter().map(|seen| seen.line).collect();
            assert_eq!(lines, ["GET /old", "GET /new"]);
            assert!(cdn.seen().iter().all(|seen| !seen.headers.contains_key("authorization")));
        }
    }

    #[tokio::test]
    async fn a_sticker_is_renewed_by_its_own_member() {
        let cdn = Stub::start([Reply::text(403, ""), Reply::text(200, "png")]).await;
        let message = json!({"id": "m_TEST-1", "sticker": format!("{}/s.png", cdn.url)});
        let graph = Stub::start([Reply::json(200, &message)]).await;
        assert_eq!(&fetch_from(&graph, &format!("{}/old", cdn.url), Place::Sticker).await.unwrap().bytes[..], b"png");
    }

    #[tokio::test]
    async fn what_is_gone_is_refused_and_what_may_pass_is_not() {
        let unknown = || Reply::json(400, &json!({"error": {"code": 100, "error_subcode": 33}}));
        let cases = [
            (vec![unknown()], "refused (file_gone)"),
            (vec![attachments(&json!([]))], "refused (file_gone)"),
            (vec![Reply::json(401, &json!({"error": {"code": 190}}))], "refused (190)"),
            (vec![Reply::json(400, &json!({"error": {"code": 613}}))], "rate limited (613)"),
            (vec![Reply::text(502, "<html>")], "failed (http_502)"),
        ];
        for (replies, expected) in cases {
            let cdn = Stub::start([Reply::text(403, "")]).await;
            let graph = Stub::start(replies).await;
            let error = fetch_from(&graph, &cdn.url, Place::File(0)).await.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("CANARY"));
        }
        let cases =
            [(Reply::text(503, ""), "failed (http_503)"), (Reply::text(200, "much too large"), "refused (file_too_large)")];
        for (reply, expected) in cases {
            let cdn = Stub::start([reply]).await;
            let graph = Stub::start([]).await;
            let error = fetch_from(&graph, &cdn.url, Place::File(0)).await.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert_eq!(graph.seen().len(), 0, "a new link would not help");
        }
    }

    #[tokio::test]
    async fn redirects_get_no_token_either() {
        let other = Stub::start([Reply::text(200, "ok")]).await;
        let location: &'static str = Box::leak(format!("{}/cdn", other.url).into_boxed_str());
        let graph = Stub::start([Reply::Answer(302, vec![("location", location)], String::new())]).await;
        let file = fetch_from(&graph, &format!("{}/here", graph.url), Place::File(0)).await.unwrap();
        assert_eq!(&file.bytes[..], b"ok");
        assert!([&graph, &other].iter().all(|stub| !stub.seen()[0].headers.contains_key("authorization")));
    }

    #[tokio::test]
    async fn without_an_id_or_a_readable_source_nothing_is_renewed() {
        let graph = Stub::start([Reply::text(404, "")]).await;
        let base = format!("{}/v25.0", graph.url);
        let downloads = Downloads::new(&stub::outside(&graph.url), &base, TRUSTED_HOSTS);
        let api = Graph::new(stub::client(), base, super::super::errors::of_answer);
        let nameless: FileSource = Source::new(None, Place::File(0), graph.url.clone()).into();
        let error = fetch(&api, &downloads, &credentials(), &nameless, MAX).await.unwrap_err();
        assert_eq!((error.code(), graph.seen().len()), ("http_404", 1));
        let error = fetch(&api, &downloads, &credentials(), &FileSource("m_1".to_owned()), MAX).await.unwrap_err();
        assert_eq!((error.code(), graph.seen().len()), ("file_gone", 1));
    }
}
