//! `/media/{token}`: who has an address gets the file and nothing else, and nothing that was sent runs in a browser.

use std::{sync::Arc, time::Duration};

use http::Method;
use local::host::{self, Hosted};
use pigeonpost_tests::{
    call,
    web::{Answer, client, send},
    wire::Wire,
};
use serde_json::json;
use shared::{
    http::HttpFunction,
    media::links::Target,
    model::{content::FileKind, ids::MessageId},
};

use crate::media::fixture::{World, awaited, get, photo, png};

async fn head(address: &str) -> Answer {
    send(client().head(address)).await
}

/// A message with one file, which has been fetched.
async fn fetched(world: &World, bytes: Vec<u8>, kind: FileKind, mime: &str, name: Option<&str>) -> MessageId {
    world.shelf.put("a", bytes, "");
    let id = world.store(&world.customer("Ada"), "", vec![awaited("a", kind, mime, name)]).await;
    world.settle().await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn head_tells_and_get_leads_on_whole_or_in_parts() {
    let world = World::start().await;
    let picture = png(40, 40);
    let id = fetched(&world, picture.clone(), FileKind::Image, "image/png", Some("Größe.png")).await;
    let address = world.file(&id).await;

    let told = head(&address).await;
    let header = |name: &str| told.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    assert_eq!((told.status, told.body.as_str()), (200, ""));
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("content-length"), picture.len().to_string());
    assert_eq!(header("accept-ranges"), "bytes");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("content-disposition"), "inline; filename=\"Gr__e.png\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.png");

    let led = send(client().get(&address)).await;
    assert_eq!((led.status, led.body.as_str()), (302, ""));
    assert!(led.header(http::header::CACHE_CONTROL).starts_with("private, max-age="), "{led:?}");
    let (status, headers, bytes) = get(&address).await;
    assert_eq!((status, bytes), (200, picture.clone().into()));
    assert_eq!(headers["content-disposition"], header("content-disposition"));

    let part = reqwest::Client::builder().build().unwrap().get(&address).header("range", "bytes=1-3").send().await.unwrap();
    assert_eq!(
        (part.status().as_u16(), part.headers()["content-range"].to_str().unwrap()),
        (206, &*format!("bytes 1-3/{}", picture.len()))
    );
    assert_eq!(part.bytes().await.unwrap(), &picture[1..4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_foreign_and_expired_addresses_lead_nowhere() {
    let world = World::start().await;
    let id = fetched(&world, b"just text".to_vec(), FileKind::Document, "text/plain", Some("a.txt")).await;
    let address = world.file(&id).await;
    let (base, token) = address.rsplit_once('/').unwrap();
    let other = world.store(&world.customer("Emil"), "", vec![photo("x")]).await;
    let swapped = token.replace(id.as_str(), other.as_str());
    for forged in [&swapped, &token[1..], "x", "%00", &"a".repeat(5000), &format!("{token}x"), &id.to_string()] {
        for method in [Method::GET, Method::HEAD] {
            let answer = send(client().request(method.clone(), format!("{base}/{forged}"))).await;
            assert_eq!(answer.status, 404, "{method} {forged}");
            if method == Method::GET && !answer.body.contains("Not Found") {
                answer.refused(404, "NOT_FOUND");
            } else if method == Method::HEAD {
                assert_eq!(answer.body, "");
            }
        }
    }
    let preview = Target::File { message: id.clone(), position: 0, preview: true };
    let nothing = Target::File { message: id.clone(), position: 7, preview: false };
    for target in [preview, nothing, Target::Avatar(id.conversation())] {
        assert_eq!(head(&world.address(&target).await).await.status, 404, "{target:?}");
    }

    world.clock.advance(Duration::from_hours(23));
    assert_eq!(head(&address).await.status, 200, "a day at least");
    world.clock.advance(Duration::from_hours(25));
    assert_eq!(head(&address).await.status, 410);
    send(client().get(&address)).await.refused(410, "GONE");
    // Which is when Pipedrive asks for a new one.
    assert_eq!(head(&world.file(&id).await).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_address_costs_no_read_and_a_good_one_costs_one() {
    let world = World::start().await;
    let id = fetched(&world, b"just text".to_vec(), FileKind::Document, "text/plain", None).await;
    let wire = Wire::default();
    let Some(Hosted::Http(media)) = host::build("media", &wire.environment(world.bundle.environment())) else { panic!() };
    let good = world.file(&id).await.rsplit_once('/').unwrap().1.to_owned();
    for (token, method, status, reads) in [
        (good.as_str(), Method::GET, 302, 1),
        (&good, Method::HEAD, 200, 1),
        ("x.1.y", Method::GET, 404, 0),
        (&good[1..], Method::HEAD, 404, 0),
        ("", Method::GET, 404, 0),
    ] {
        wire.reset(None);
        assert_eq!(answer(&media, &method, token).await, status, "{token}");
        assert_eq!(wire.traffic().operations.len(), reads, "{token}");
    }
}

async fn answer(media: &Arc<dyn HttpFunction>, method: &Method, token: &str) -> u16 {
    let request = call::request(method.clone(), "/media/x", &[("token", token)], http::HeaderMap::new(), "");
    media.call(request).await.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_here_yet_says_when_to_ask_again() {
    let world = World::start().await;
    let id = world.store(&world.customer("Ada"), "", vec![photo("a")]).await;
    let answer = head(&world.file(&id).await).await;
    assert_eq!((answer.status, answer.header(http::header::RETRY_AFTER)), (404, "30"));
    world.shelf.put("a", png(4, 4), "");
    world.settle().await;
    assert_eq!(head(&world.file(&id).await).await.status, 200);
    // Kept for a year, then gone: the bucket's rule, not the message's.
    std::fs::remove_dir_all(world.bucket().join("files")).unwrap();
    assert_eq!(head(&world.file(&id).await).await.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_sent_runs_in_a_browser() {
    let world = World::start().await;
    let page = b"<!DOCTYPE html><script>alert(document.cookie)</script>".to_vec();
    let image = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec();
    for (bytes, kind, mime, name, served) in [
        (page.clone(), FileKind::Image, "image/png", "photo.png", "application/octet-stream"),
        (page.clone(), FileKind::Document, "text/html", "page.html", "application/octet-stream"),
        (page, FileKind::Document, "application/pdf", "offer.pdf", "application/octet-stream"),
        (image.clone(), FileKind::Image, "image/svg+xml", "a.svg", "application/octet-stream"),
        (image, FileKind::Image, "image/jpeg", "a.jpg", "text/plain; charset=utf-8"),
        (b"alert(1)".to_vec(), FileKind::Document, "text/javascript", "a.js", "text/plain; charset=utf-8"),
    ] {
        let id = fetched(&world, bytes, kind, mime, Some(name)).await;
        let (status, headers, _) = get(&world.file(&id).await).await;
        assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, served), "{name}");
        assert!(headers["content-disposition"].to_str().unwrap().starts_with("attachment; "), "{name}");
        let shown = world.stored(&id).await.attachments.remove(0);
        assert_eq!((shown.kind, shown.mime.as_str()), (FileKind::Document, served), "{name}");
    }
    // And what its bytes say is shown, whatever it was called.
    let id = fetched(&world, png(4, 4), FileKind::Document, "text/html", Some("page.html")).await;
    let (_, headers, _) = get(&world.file(&id).await).await;
    assert_eq!(headers["content-type"], "image/png");
}

#[tokio::test(flavor = "multi_thread")]
async fn pipedrive_renews_an_address_by_get_message_by_id() {
    let world = World::start().await;
    let id = fetched(&world, png(4, 4), FileKind::Image, "image/png", None).await;
    let old = world.shown(&id.conversation())[0].attachments[0].url.clone();
    world.clock.advance(Duration::from_hours(49));
    assert_eq!(head(&old).await.status, 410);
    let path = format!("{}/api/channels/{}/messages/{id}", world.bundle.url(), world.channel);
    let message = send(client().get(path).headers(call::as_pipedrive())).await.json();
    assert_eq!(message["attachments"][0]["link_expires"], json!(true));
    assert_eq!(get(message["attachments"][0]["url"].as_str().unwrap()).await.0, 200);
}
