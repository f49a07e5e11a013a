//! `GET /api/v1/users/me`: for whom a grant is (Pipedrive's API reference, Users). The token answer doesn't say.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Access, Me, Users,
    client::{Client, unreadable},
    error::PipedriveError,
    price::Call,
    records::or_default,
};
use crate::model::ids::{CompanyId, UserId};

#[derive(Deserialize)]
struct Envelope {
    data: User,
}

#[derive(Deserialize)]
struct User {
    id: Value,
    company_id: Value,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    company_name: Option<String>,
    #[serde(default)]
    company_domain: Option<String>,
    #[serde(default)]
    timezone_name: Option<String>,
    #[serde(default)]
    locale: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    language: Language,
}

#[derive(Default, Deserialize)]
struct Language {
    #[serde(default)]
    language_code: Option<String>,
}

#[async_trait]
impl Users for Client {
    async fn me(&self, access: &Access) -> Result<Me, PipedriveError> {
        let answer = Self::call(access, Call::Me, self.http.get(self.v1(access, "/users/me"))).await?;
        if !answer.is_success() {
            return Err(answer.error());
        }
        let Envelope { data } = answer.json()?;
        Ok(Me {
            company: CompanyId(number(&data.company_id)?),
            user: UserId(number(&data.id)?),
            company_name: data.company_name.unwrap_or_default(),
            user_name: data.name.unwrap_or_default(),
            company_domain: given(data.company_domain),
            time_zone: given(data.timezone_name),
            locale: given(data.locale),
            language: given(data.language.language_code),
        })
    }
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// An id, which Pipedrive writes as a number, in some places as a string.
fn number(id: &Value) -> Result<u64, PipedriveError> {
    id.as_u64().or_else(|| id.as_str()?.parse().ok()).ok_or_else(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipedrive::testing::{access, stub};

    #[tokio::test]
    async fn company_and_user_are_read() {
        let me = r#"{"success":true,"data":{"id":11,"name":"Ada","company_id":"1001","company_name":"Acme","locale":"et_EE",
            "company_domain":"acme","timezone_name":"Europe/Berlin","language":{"language_code":"en","country_code":"US"}}}"#;
        let stub = stub(200, &[], me).await;
        let me = stub.client().me(&access(&stub.url)).await.unwrap();
        assert_eq!((me.company, me.user), (CompanyId(1001), UserId(11)));
        assert_eq!((me.company_name.as_str(), me.user_name.as_str()), ("Acme", "Ada"));
        assert_eq!((me.company_domain.as_deref(), me.time_zone.as_deref()), (Some("acme"), Some("Europe/Berlin")));
        assert_eq!((me.locale.as_deref(), me.language.as_deref()), (Some("et_EE"), Some("en")));
        let asked = stub.only_request();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/api/v1/users/me"));
        assert_eq!(asked.header("authorization"), "Bearer v1u:secret-token");
    }

    #[tokio::test]
    async fn settings_that_are_not_told_are_none() {
        let me = r#"{"success":true,"data":{"id":11,"company_id":1001,"timezone_name":"","language":null}}"#;
        let stub = stub(200, &[], me).await;
        let me = stub.client().me(&access(&stub.url)).await.unwrap();
        assert_eq!((me.time_zone, me.locale, me.language, me.company_domain), (None, None, None, None));
    }

    #[tokio::test]
    async fn a_revoked_token_and_nonsense_are_told_apart() {
        for (status, body, expected) in [
            (401, r#"{"success":false,"error":"unauthorized access","errorCode":401}"#, PipedriveError::Unauthorized),
            (200, r#"{"success":true,"data":{"id":11}}"#, unreadable()),
            (200, r#"{"success":true,"data":{"id":11,"company_id":"x"}}"#, unreadable()),
        ] {
            let stub = stub(status, &[], body).await;
            assert_eq!(stub.client().me(&access(&stub.url)).await.err(), Some(expected), "{status} {body}");
        }
    }
}
