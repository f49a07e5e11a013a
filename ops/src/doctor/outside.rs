//! What the doctor sees from outside: whether the bundle is reached under its address, says it to others, and lets in whom it should
//! and nobody else.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Client, RequestBuilder, StatusCode, header};
use secrecy::ExposeSecret;
use serde_json::Value;
use shared::secrets::Secrets;
use url::{Host, Url};

use super::Report;

/// Longest wait for an answer: a cold start, and what the gateway allows.
const TIMEOUT: Duration = Duration::from_secs(30);
/// What Meta would be told in its handshake.
const CHALLENGE: &str = "1158201444";

/// Knocks at every door.
pub(super) async fn door(url: &str, secrets: Option<&Secrets>, report: &mut Report) {
    let client = Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
    let Ok(client) = client else {
        report.fault("There is no TLS on this machine.", "Run the doctor elsewhere.");
        return;
    };
    let (reached, ours) = manifest(&client, url, report).await;
    if !reached {
        return;
    }
    callback(&client, url, secrets, report).await;
    // Whoever else answers there must not learn them.
    if let Some(secrets) = secrets.filter(|_| ours && is_private(url)) {
        pipedrive(&client, url, secrets, report).await;
        webhooks(&client, url, secrets, report).await;
    }
}

async fn answer(request: RequestBuilder) -> Result<(StatusCode, header::HeaderMap, String), String> {
    // Without the address, which can have secrets in it.
    let answer = request.send().await.map_err(|error| error.without_url().to_string())?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    Ok((status, headers, answer.text().await.map_err(|error| error.without_url().to_string())?))
}

/// Whether nobody on the way can read what is sent there.
fn is_private(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || is_here
}

/// The manifest, which anybody may read. Whether something answers, and whether it is the bundle of this address.
async fn manifest(client: &Client, url: &str, report: &mut Report) -> (bool, bool) {
    let found = answer(client.get(format!("{url}/manifest.json"))).await;
    let (status, body) = match found {
        Ok((status, _, body)) => (status, body),
        Err(why) => {
            report.fault(
                format!("The bundle is not reached at {url}: {why}."),
                "Compare it with the stack's output BaseUrl. With a domain of your own, look at its DNS record, certificate and API mapping.",
            );
            return (false, false);
        }
    };
    let endpoints = serde_json::from_str::<Value>(&body).unwrap_or_default()["endpoints"].clone();
    let addresses: Vec<&str> = endpoints.as_object().into_iter().flatten().filter_map(|(_, address)| address.as_str()).collect();
    if status != StatusCode::OK || addresses.is_empty() {
        report.fault(
            format!("The manifest at {url}/manifest.json is none (status {}).", status.as_u16()),
            "Something else answers under this address, or the function manifest fails: look at its log.",
        );
        return (status.is_success(), false);
    }
    let ours = addresses.iter().all(|address| address.starts_with(&format!("{url}/")));
    if ours {
        report.fine(format!("the manifest is reached, and leads to {url}"));
    } else {
        report.fault(
            format!("The manifest leads to another address than {url}."),
            "Set the parameter PublicUrl to the address under which Pipedrive is to reach the bundle, deploy, and upload the manifest anew.",
        );
    }
    (true, ours)
}

/// The way over Pipedrive's consent page and back.
async fn callback(client: &Client, url: &str, secrets: Option<&Secrets>, report: &mut Report) {
    let before = report.faults.len();
    let location = match answer(client.get(format!("{url}/oauth/install"))).await {
        Ok((StatusCode::FOUND, headers, _)) => {
            headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).and_then(|location| Url::parse(location).ok())
        }
        _ => None,
    };
    let Some(location) = location else {
        report.fault(
            format!("{url}/oauth/install does not lead to Pipedrive."),
            "Look at the log of oauth-install; usually the secret cannot be read or is not filled in.",
        );
        return;
    };
    let said =
        |name: &str| location.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default();
    if said("redirect_uri") != format!("{url}/oauth/callback") {
        report.fault(
            format!("Users would come back to {} instead of {url}/oauth/callback.", said("redirect_uri")),
            "Set the parameter PublicUrl to the bundle's address and deploy. Developer Hub's Callback URL must be the same to the letter.",
        );
    }
    if secrets.is_some_and(|secrets| said("client_id") != secrets.pipedrive_client_id) {
        report.fault(
            "The functions use another client id than the secret has.",
            "They read it anew within five minutes. If it stays so, SECRET_ID here is not the stack's secret.",
        );
    }
    match answer(client.get(format!("{url}/oauth/callback"))).await {
        Ok((status, ..)) if status != StatusCode::NOT_FOUND && !status.is_server_error() => {}
        Ok((status, ..)) => report.fault(
            format!("The callback answers {}.", status.as_u16()),
            "Look at the log of oauth-callback, and whether the route is deployed.",
        ),
        Err(why) => report.fault(format!("The callback is not reached: {why}."), "Look at the log of oauth-callback."),
    }
    if report.faults.len() == before {
        report.fine("users are led to Pipedrive and back");
    }
}

/// A call as Pipedrive makes it, and as a stranger does.
async fn pipedrive(client: &Client, url: &str, secrets: &Secrets, report: &mut Report) {
    let address = format!("{url}/api/channels/doctor/conversations");
    let basic = format!("{}:{}", secrets.pipedrive_client_id, secrets.pipedrive_client_secret.expose_secret());
    let basic = format!("Basic {}", STANDARD.encode(basic));
    let as_pipedrive = answer(client.get(&address).header(header::AUTHORIZATION, basic)).await;
    let as_stranger = answer(client.get(&address)).await;
    match (as_pipedrive, as_stranger) {
        (Ok((StatusCode::NOT_FOUND, ..)), Ok((StatusCode::UNAUTHORIZED, ..))) => {
            report.fine("Pipedrive is let in by the app's credentials, strangers are not");
        }
        (Ok((StatusCode::UNAUTHORIZED, ..)), _) => report.fault(
            "The functions refuse the client id and client secret that the secret has.",
            "They read the secret anew within ten seconds. If it stays so, SECRET_ID here is not the stack's secret.",
        ),
        (Ok((status, ..)), Ok((stranger, ..))) => report.fault(
            format!(
                "A call as Pipedrive makes it is answered with {} and a stranger's with {}.",
                status.as_u16(),
                stranger.as_u16()
            ),
            "404 and 401 belong there. Look at the log of get-conversations.",
        ),
        (Err(why), _) | (_, Err(why)) => {
            report.fault(format!("get-conversations is not reached: {why}."), "Look at the log of get-conversations.");
        }
    }
}

/// Meta's handshake, and a webhook that proves nothing.
async fn webhooks(client: &Client, url: &str, secrets: &Secrets, report: &mut Report) {
    let address = format!("{url}/webhooks/whatsapp");
    let token = secrets.meta_verify_token.expose_secret();
    if !token.is_empty() {
        let handshake = [("hub.mode", "subscribe"), ("hub.challenge", CHALLENGE), ("hub.verify_token", token)];
        match answer(client.get(&address).query(&handshake)).await {
            Ok((StatusCode::OK, _, body)) if body == CHALLENGE => report.fine("Meta's handshake is answered"),
            _ => report.fault(
                "Meta's handshake with the secret's meta_verify_token fails.",
                "The functions have another secret than this one, or provider-webhook fails: look at its log. Then verify the callback anew in Meta's console.",
            ),
        }
    }
    let forged = client.post(address).header("x-hub-signature-256", format!("sha256={}", "0".repeat(64))).body("{}");
    match answer(forged).await {
        Ok((StatusCode::UNAUTHORIZED, ..)) => report.fine("a webhook with a forged signature is refused"),
        Ok((status, ..)) => report.fault(
            format!("A webhook with a forged signature is answered with {}.", status.as_u16()),
            "401 belongs there. Look at the log of provider-webhook.",
        ),
        Err(why) => report.fault(format!("provider-webhook is not reached: {why}."), "Look at its log."),
    }
}
