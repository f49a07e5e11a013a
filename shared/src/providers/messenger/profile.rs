//! Who a customer is (Meta, Messenger Platform, "User Profile API"). Meta tells it to apps with the permission for it and of
//! customers who allow it; of the others it tells nothing, which is no error.

use secrecy::SecretSlice;

use super::{connect::Credentials, people::psid};
use crate::{
    model::ids::ContactKey,
    providers::{
        Fetched, Profile,
        download::Downloads,
        error::{ProviderError, Refusal},
        lenient::text,
        meta::Graph,
    },
};

const FIELDS: &str = "first_name,last_name,name,profile_pic";
/// Largest picture, in bytes. Meta's are a few dozen kilobytes.
const MAX_PICTURE: usize = 2 * 1024 * 1024;

/// A customer's name and picture, as far as Meta tells them.
pub(super) async fn profile(
    graph: &Graph,
    downloads: &Downloads,
    credentials: &SecretSlice<u8>,
    customer: &ContactKey,
) -> Result<Profile, ProviderError> {
    let credentials = Credentials::stored(credentials)?;
    let profile = match graph.get(&credentials.token, psid(customer)?, FIELDS).await {
        Ok(profile) => profile,
        Err(error) if tells_nothing(&error) => return Ok(Profile::default()),
        Err(error) => return Err(error.nothing_at_stake()),
    };
    let parts = ["/first_name", "/last_name"].into_iter().filter_map(|part| text(&profile, part));
    let parts = parts.map(str::trim).collect::<Vec<_>>().join(" ");
    let name = text(&profile, "/name").map_or(parts, |name| name.trim().to_owned());
    // A name without a picture is better than neither.
    let avatar: Option<Fetched> = match text(&profile, "/profile_pic") {
        Some(link) => downloads.get(link, None, MAX_PICTURE).await.ok(),
        None => None,
    };
    Ok(Profile { name: Some(name).filter(|name| !name.is_empty()), avatar })
}

/// Whether an answer says that there is nothing to tell, to this app or of this customer.
fn tells_nothing(error: &ProviderError) -> bool {
    match error {
        ProviderError::Refused { refusal: Refusal::NotFound | Refusal::Forbidden | Refusal::Invalid, .. } => true,
        // A permission that an app can do without. The token's own codes are another matter.
        ProviderError::Refused { refusal: Refusal::Unauthorized, code, .. } => {
            !code.starts_with("190") && !code.starts_with("102")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::providers::{
        messenger::TRUSTED_HOSTS,
        stub::{self, Reply, Stub},
    };

    async fn ask(graph: &Stub) -> Result<Profile, ProviderError> {
        let base = format!("{}/v25.0", graph.url);
        let downloads = Downloads::new(&stub::outside(&graph.url), &base, TRUSTED_HOSTS);
        let graph = Graph::new(stub::client(), base, super::super::errors::of_answer);
        let credentials = json!({"page_id": "400", "page_access_token": "EAACANARY"}).to_string();
        let ada = ContactKey::parse("psid:7001").unwrap();
        profile(&graph, &downloads, &SecretSlice::from(credentials.into_bytes()), &ada).await
    }

    #[tokio::test]
    async fn name_and_picture_are_fetched() {
        let cdn = Stub::start([Reply::Answer(200, vec![("content-type", "image/jpeg")], "jpeg".to_owned())]).await;
        let told = json!({"first_name": "Ada", "last_name": "L", "name": "Ada L", "profile_pic": cdn.url, "id": "7001"});
        let graph = Stub::start([Reply::json(200, &told)]).await;
        let profile = ask(&graph).await.unwrap();
        assert_eq!(profile.name.as_deref(), Some("Ada L"));
        let avatar = profile.avatar.unwrap();
        assert_eq!((&avatar.bytes[..], avatar.mime.as_deref()), (&b"jpeg"[..], Some("image/jpeg")));
        let asked = &graph.seen()[0];
        assert_eq!(asked.line, "GET /v25.0/7001?fields=first_name%2Clast_name%2Cname%2Cprofile_pic");
        assert_eq!(asked.headers["authorization"], "Bearer EAACANARY");
        assert!(!cdn.seen()[0].headers.contains_key("authorization"));
    }

    #[tokio::test]
    async fn what_is_missing_is_no_error() {
        let gone = Stub::start([Reply::text(404, "")]).await;
        let cases = [
            (json!({"first_name": "Ada", "last_name": "L"}), Some("Ada L")),
            (json!({"first_name": "Ada", "name": ""}), Some("Ada")),
            (json!({"name": "Ada L", "profile_pic": gone.url}), Some("Ada L")),
            (json!({"name": null, "profile_pic": 5}), None),
            (json!({"id": "7001"}), None),
            (json!({}), None),
        ];
        for (told, name) in cases {
            let graph = Stub::start([Reply::json(200, &told)]).await;
            let profile = ask(&graph).await.unwrap();
            assert_eq!((profile.name.as_deref(), profile.avatar.is_none()), (name, true), "{told}");
        }
    }

    #[tokio::test]
    async fn refusals_to_tell_are_empty_profiles_and_faults_are_not() {
        let answer = |code: i64, subcode: i64| Reply::json(400, &json!({"error": {"code": code, "error_subcode": subcode}}));
        for reply in
            [answer(100, 2_018_218), answer(100, 33), answer(100, 2_018_001), answer(100, 0), answer(10, 0), answer(200, 0)]
        {
            let profile = ask(&Stub::start([reply]).await).await.unwrap();
            assert!(profile.name.is_none() && profile.avatar.is_none());
        }
        for (reply, expected) in [
            (answer(190, 463), "refused (190.463)"),
            (answer(102, 0), "refused (102)"),
            (answer(368, 0), "refused (368)"),
            (answer(4, 0), "rate limited (4)"),
            (Reply::json(500, &json!({"error": {"code": 2}})), "failed (2)"),
            (Reply::Never, "failed (timeout)"),
            (Reply::json(200, &Value::Null), ""),
        ] {
            let result = ask(&Stub::start([reply]).await).await.map_err(|error| error.to_string());
            let error = result.err().unwrap_or_default();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("CANARY"));
        }
    }
}
