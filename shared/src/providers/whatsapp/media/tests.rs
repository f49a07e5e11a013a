use serde_json::json;

use super::*;
use crate::providers::{
    stub::{self, Reply, Stub},
    whatsapp::{errors, tests::credentials},
};

/// Looks a file up at `graph`; `base` is where the configuration says that the API is.
async fn get_with_base(graph: &Stub, base: &str, max: usize) -> Result<Fetched, ProviderError> {
    let downloads = Downloads::new(&stub::outside(base), base, TRUSTED_HOSTS);
    let graph = Graph::new(stub::client(), format!("{}/v25.0", graph.url), errors::of_answer);
    fetch(&graph, &downloads, &credentials(), &FileSource("9000001".to_owned()), max).await
}

async fn get(graph: &Stub, max: usize) -> Result<Fetched, ProviderError> {
    get_with_base(graph, &graph.url, max).await
}

fn found(address: &str) -> Reply {
    let found =
        json!({"messaging_product": "whatsapp", "url": address, "mime_type": "image/jpeg", "file_size": "4", "id": "9000001"});
    Reply::json(200, &found)
}

fn file(body: &str) -> Reply {
    Reply::Answer(200, vec![("content-type", "application/octet-stream")], body.to_owned())
}

#[tokio::test]
async fn a_file_is_looked_up_and_fetched_with_the_token() {
    let files = Stub::start([file("JPEG")]).await;
    let graph = Stub::start([found(&format!("{}/f?mid=1", files.url))]).await;
    let fetched = get(&graph, 4).await.unwrap();
    assert_eq!((&fetched.bytes[..], fetched.mime.as_deref()), (&b"JPEG"[..], Some("image/jpeg")));
    assert_eq!(graph.seen()[0].line, "GET /v25.0/9000001?phone_number_id=3000000001");
    assert_eq!(graph.seen()[0].headers["authorization"], "Bearer EAATESTTOKEN");
    assert_eq!(files.seen()[0].line, "GET /f?mid=1");
    assert!(!files.seen()[0].headers.contains_key("authorization"), "a host that is not Meta's");
}

#[tokio::test]
async fn an_address_that_died_is_asked_for_once_more() {
    let dead = Stub::start([Reply::text(404, ""), file("JPEG")]).await;
    let address = format!("{}/f", dead.url);
    let graph = Stub::start([found(&address), found(&address)]).await;
    assert_eq!(&get(&graph, 9).await.unwrap().bytes[..], b"JPEG");
    let dead = Stub::start([Reply::text(404, ""), Reply::text(410, ""), file("JPEG")]).await;
    let address = format!("{}/f", dead.url);
    let graph = Stub::start([found(&address), found(&address), found(&address)]).await;
    assert_eq!(get(&graph, 9).await.unwrap_err().code(), "http_410");
    assert_eq!(graph.seen().len(), 2, "once");
}

#[tokio::test]
async fn what_can_not_be_had_says_whether_it_may_pass() {
    let error = |code: u32, subcode: u32| Reply::json(400, &json!({"error": {"code": code, "error_subcode": subcode}}));
    let cases = [
        (error(100, 33), "refused (100.33): WhatsApp does not have the file any more"),
        (error(190, 463), "refused (190.463): WhatsApp no longer accepts"),
        (error(80_007, 0), "rate limited"),
        (error(131_000, 0), "failed (131000)"),
        (Reply::text(502, "<html>"), "failed (http_502)"),
        (Reply::json(200, &json!({"id": "9000001"})), "failed (no_address)"),
        (Reply::json(200, &json!({"url": "http://169.254.169.254/f"})), "refused (address_refused)"),
    ];
    for (reply, expected) in cases {
        let graph = Stub::start([reply]).await;
        let error = get(&graph, 9).await.unwrap_err().to_string();
        assert!(error.starts_with(expected) && !error.contains("EAATESTTOKEN"), "{error}");
    }
    let graph = Stub::start([found("https://never.example")]).await;
    assert_eq!(get(&graph, 3).await.unwrap_err().code(), "file_too_large", "told before it is fetched");
}

#[tokio::test]
async fn a_page_is_not_taken_for_the_file() {
    let files = Stub::start([Reply::Answer(200, vec![("content-type", "text/html; charset=utf-8")], "<html>".to_owned())]).await;
    let graph = Stub::start([found(&format!("{}/f", files.url))]).await;
    assert_eq!(get(&graph, 9).await.unwrap_err().to_string(), "failed (page_for_a_file), nothing was sent");
}

#[tokio::test]
async fn the_token_goes_to_meta_and_not_along_with_a_redirect() {
    let stranger = Stub::start([file("JPEG")]).await;
    let location: &'static str = Box::leak(format!("{}/cdn", stranger.url).into_boxed_str());
    let own = Stub::start([Reply::Answer(302, vec![("location", location)], String::new())]).await;
    let graph = Stub::start([found(&format!("{}/f", own.url))]).await;
    assert_eq!(&get_with_base(&graph, &own.url, 9).await.unwrap().bytes[..], b"JPEG");
    assert_eq!(own.seen()[0].headers["authorization"], "Bearer EAATESTTOKEN");
    assert!(!stranger.seen()[0].headers.contains_key("authorization"));
    assert!(!format!("{:?}", bearer(&credentials().access_token).unwrap()).contains("EAATESTTOKEN"));
}

#[tokio::test]
async fn a_source_that_is_no_id_is_not_asked_for() {
    let graph_stub = Stub::start([]).await;
    let base = format!("{}/v25.0", graph_stub.url);
    let downloads = Downloads::new(&stub::outside(&graph_stub.url), &base, TRUSTED_HOSTS);
    let graph = Graph::new(stub::client(), base, errors::of_answer);
    for source in ["../me", "https://evil.example", ""] {
        let error = fetch(&graph, &downloads, &credentials(), &FileSource(source.to_owned()), 9).await.unwrap_err();
        assert!(matches!(error, ProviderError::Refused { refusal: Refusal::NotFound, .. }), "{source}: {error}");
    }
    assert_eq!(graph_stub.seen().len(), 0);
}
