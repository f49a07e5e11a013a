//! Connecting a number: reading its credentials, asking Twilio whether they work, and having the number's messages sent to
//! us (Twilio, "Account resource", "Incoming phone numbers").
//!
//! A messaging service and a WhatsApp sender live in APIs of other hosts. Their ids are judged by their shape, and their
//! webhook is set by the owner.

use secrecy::SecretSlice;
use serde_json::Value;

use super::{
    account::{Credentials, is_word},
    api::Api,
};
use crate::providers::{
    Account, credentials,
    error::{ProviderError, Refusal},
    lenient,
};

/// What is appended to the addresses that Twilio is given: it tries up to three more times when we fail in any way (Twilio,
/// "Webhooks: Connection Overrides"). Neither sent nor signed.
pub(super) const OVERRIDES: &str = "#rc=3&rp=4xx,5xx,ct,rt";
/// By what our addresses are known at Twilio.
const OUR_PATH: &str = "/webhooks/twilio/";

/// Reads the account, and the number in it.
pub(super) async fn check(api: &Api, value: &Value) -> Result<Account, ProviderError> {
    let credentials = Credentials::read(value)?;
    let account = api.get(&credentials, &credentials.path(".json"), &[]).await.map_err(at_fault)?;
    match lenient::text(&account, "/status") {
        Some("suspended") => return Err(credentials::invalid("account_sid", "is of an account that Twilio has suspended")),
        Some("closed") => return Err(credentials::invalid("account_sid", "is of an account that is closed")),
        _ => {}
    }
    if let Some(number) = credentials.own_number() {
        let found = find_number(api, &credentials, &number).await?;
        let found = found.ok_or_else(|| credentials::invalid("from", "is not a number of this Twilio account"))?;
        if found.pointer("/capabilities/sms") == Some(&Value::Bool(false)) {
            return Err(credentials::invalid("from", "is a number that can't send text messages"));
        }
    }
    credentials.account()
}

/// The account's record of a number.
async fn find_number(api: &Api, credentials: &Credentials, number: &str) -> Result<Option<Value>, ProviderError> {
    let path = credentials.path("/IncomingPhoneNumbers.json");
    let list = api.get(credentials, &path, &[("PhoneNumber", number)]).await.map_err(at_fault)?;
    // Twilio finds numbers that begin or end so, too.
    let same = |item: &&Value| lenient::text(item, "/phone_number") == Some(number);
    Ok(lenient::items(&list, "incoming_phone_numbers").iter().find(same).cloned())
}

/// A refusal, at the field that it is about.
fn at_fault(error: ProviderError) -> ProviderError {
    match error {
        ProviderError::Refused { refusal: Refusal::Unauthorized, .. } => {
            credentials::invalid("auth_token", "is not accepted by Twilio for this account SID")
        }
        ProviderError::Refused { refusal: Refusal::NotFound, .. } => credentials::invalid("account_sid", "is unknown to Twilio"),
        ProviderError::Refused { refusal: Refusal::Suspended, .. } => {
            credentials::invalid("account_sid", "is of an account that Twilio has suspended or that is not active")
        }
        ProviderError::Refused { code, .. } => {
            credentials::invalid("account_sid", format!("is refused by Twilio (error {code})"))
        }
        error => error.nothing_at_stake(),
    }
}

/// Has Twilio send the number's messages to us. An application that is set on the number would be asked first, so it is
/// taken off. Repeatable.
pub(super) async fn subscribe(api: &Api, credentials: &SecretSlice<u8>, webhook_url: &str) -> Result<(), ProviderError> {
    let credentials = Credentials::stored(credentials)?;
    let Some(number) = credentials.own_number() else { return Ok(()) };
    let found = find_number(api, &credentials, &number).await?;
    let found = found.ok_or_else(|| credentials::invalid("from", "is not a number of this Twilio account"))?;
    set_webhook(api, &credentials, &found, &format!("{webhook_url}{OVERRIDES}")).await
}

/// Has Twilio send the number's messages nowhere, if they still come to us and no other channel wants them.
pub(super) async fn unsubscribe(
    api: &Api,
    credentials: &SecretSlice<u8>,
    others: &[SecretSlice<u8>],
) -> Result<(), ProviderError> {
    let credentials = Credentials::stored(credentials)?;
    let Some(number) = credentials.own_number() else { return Ok(()) };
    let wanted = |other: &SecretSlice<u8>| Credentials::stored(other).is_ok_and(|other| other.is_same_account(&credentials));
    if others.iter().any(wanted) {
        return Ok(());
    }
    let Some(found) = find_number(api, &credentials, &number).await? else { return Ok(()) };
    if !lenient::text(&found, "/sms_url").is_some_and(|url| url.contains(OUR_PATH)) {
        return Ok(());
    }
    set_webhook(api, &credentials, &found, "").await
}

async fn set_webhook(api: &Api, credentials: &Credentials, number: &Value, url: &str) -> Result<(), ProviderError> {
    let unreadable = || ProviderError::Transient { code: "unreadable_answer".to_owned() };
    let sid = lenient::id(number, "/sid").filter(|sid| is_word(sid)).ok_or_else(unreadable)?;
    let mut form = vec![("SmsUrl", url.to_owned()), ("SmsMethod", "POST".to_owned())];
    if !url.is_empty() {
        form.push(("SmsApplicationSid", String::new()));
    }
    let path = credentials.path(&format!("/IncomingPhoneNumbers/{sid}.json"));
    match api.post(credentials, &path, &form).await {
        Ok(_) => Ok(()),
        Err(ProviderError::Refused { refusal: Refusal::Invalid, code, .. }) => {
            Err(credentials::invalid("from", format!("could not be given the channel's webhook address (Twilio's error {code})")))
        }
        Err(error) => Err(at_fault(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{
        clock::SystemClock,
        providers::stub::{self, Reply, Seen, Stub},
    };

    const ACCOUNT: &str = "AC00000000000000000000000000000001";
    const TOKEN: &str = "0123456789abcdef0123456789abcdef";
    const SERVICE: &str = "MG00000000000000000000000000000001";
    const NUMBER: &str = "PN00000000000000000000000000000001";
    const WEBHOOK: &str = "https://bundle.example/webhooks/twilio/ch_1";

    fn api(stub: &Stub) -> Api {
        Api::new(stub::client(), stub.url.clone(), Arc::new(SystemClock))
    }

    fn given(sender: &Value) -> Value {
        let mut credentials = json!({"account_sid": ACCOUNT, "auth_token": TOKEN, "extra": 1});
        let sender = sender.as_object().unwrap().clone();
        credentials.as_object_mut().unwrap().extend(sender);
        credentials
    }

    fn sealed(sender: &Value) -> SecretSlice<u8> {
        SecretSlice::from(given(sender).to_string().into_bytes())
    }

    fn account(status: &str) -> Reply {
        Reply::json(200, &json!({"sid": ACCOUNT, "status": status, "type": "Full"}))
    }

    fn numbers(sms_url: &str) -> Reply {
        let like = json!({"sid": "PN00000000000000000000000000000002", "phone_number": "+150055500011"});
        let own = json!({
            "sid": NUMBER, "phone_number": "+15005550001", "sms_url": sms_url, "capabilities": {"sms": true, "mms": true},
        });
        Reply::json(200, &json!({"incoming_phone_numbers": [like, own], "next_page_uri": null}))
    }

    fn error(status: u16, code: u32) -> Reply {
        Reply::json(status, &json!({"code": code, "message": "secret words", "status": status}))
    }

    fn form(seen: &Seen) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&seen.body).into_owned().collect()
    }

    #[tokio::test]
    async fn account_and_number_are_read() {
        let stub = Stub::start([account("active"), numbers("")]).await;
        let found =
            check(&api(&stub), &given(&json!({"from": " +1 (500) 555-0001", "messaging_service_sid": ""}))).await.unwrap();
        assert_eq!(found.id.as_str(), format!("{ACCOUNT}:+15005550001"));
        assert_eq!(found.credentials, json!({"account_sid": ACCOUNT, "auth_token": TOKEN, "from": "+15005550001"}));
        assert!(!format!("{found:?}").contains(TOKEN));
        let seen = stub.seen();
        assert_eq!(seen[0].line, format!("GET /2010-04-01/Accounts/{ACCOUNT}.json"));
        assert_eq!(
            seen[1].line,
            format!("GET /2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json?PhoneNumber=%2B15005550001")
        );
        let basic = "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==";
        assert!(seen.iter().all(|request| request.headers["authorization"] == basic));
    }

    #[tokio::test]
    async fn services_and_senders_on_whatsapp_are_judged_by_their_shape() {
        for (sender, id) in [
            (json!({"messaging_service_sid": SERVICE, "from": null}), format!("{ACCOUNT}:{SERVICE}")),
            (json!({"from": "whatsapp:+1 500 555 0001"}), format!("{ACCOUNT}:whatsapp:+15005550001")),
        ] {
            let stub = Stub::start([account("active")]).await;
            let found = check(&api(&stub), &given(&sender)).await.unwrap();
            assert_eq!(found.id.as_str(), id);
            let again = SecretSlice::from(found.credentials.to_string().into_bytes());
            assert_eq!(Credentials::stored(&again).ok().unwrap().account().unwrap().id, found.id, "as it is stored");
            subscribe(&api(&stub), &again, WEBHOOK).await.unwrap();
            unsubscribe(&api(&stub), &again, &[]).await.unwrap();
            assert_eq!(stub.seen().len(), 1, "their webhook is the owner's to set");
        }
    }

    #[tokio::test]
    async fn each_failure_names_its_field_in_words() {
        let deaf = json!({"sid": NUMBER, "phone_number": "+15005550001", "capabilities": {"sms": false}});
        let cases = [
            (vec![error(401, 20_003)], "credentials.auth_token is not accepted by Twilio for this account SID"),
            (vec![error(404, 20_404)], "credentials.account_sid is unknown to Twilio"),
            (
                vec![error(403, 20_005)],
                "credentials.account_sid is of an account that Twilio has suspended or that is not active",
            ),
            (vec![error(400, 21_999)], "credentials.account_sid is refused by Twilio (error 21999)"),
            (vec![account("suspended")], "credentials.account_sid is of an account that Twilio has suspended"),
            (vec![account("closed")], "credentials.account_sid is of an account that is closed"),
            (
                vec![account("active"), Reply::json(200, &json!({"incoming_phone_numbers": []}))],
                "credentials.from is not a number of this Twilio account",
            ),
            (
                vec![account("active"), Reply::json(200, &json!({"incoming_phone_numbers": [deaf]}))],
                "credentials.from is a number that can't send text messages",
            ),
        ];
        for (replies, expected) in cases {
            let stub = Stub::start(replies).await;
            let error = check(&api(&stub), &given(&json!({"from": "+15005550001"}))).await.unwrap_err();
            assert_eq!(error.for_people(), expected);
        }
        for reply in [Reply::text(502, "<html>"), Reply::text(200, "no json"), Reply::Never, error(500, 20_500)] {
            let stub = Stub::start([reply]).await;
            let error = check(&api(&stub), &given(&json!({"from": "+15005550001"}))).await.unwrap_err();
            assert!(matches!(error, ProviderError::Transient { .. }), "a read leaves nothing uncertain: {error}");
        }
    }

    #[tokio::test]
    async fn the_numbers_messages_come_to_us() {
        let stub = Stub::start([numbers("https://demo.twilio.com/welcome"), Reply::json(200, &json!({"sid": NUMBER}))]).await;
        subscribe(&api(&stub), &sealed(&json!({"from": "+15005550001"})), WEBHOOK).await.unwrap();
        let seen = &stub.seen()[1];
        assert_eq!(seen.line, format!("POST /2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/{NUMBER}.json"));
        let expected = [
            ("SmsUrl", "https://bundle.example/webhooks/twilio/ch_1#rc=3&rp=4xx,5xx,ct,rt"),
            ("SmsMethod", "POST"),
            ("SmsApplicationSid", ""),
        ];
        assert_eq!(form(seen), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[tokio::test]
    async fn a_webhook_that_can_not_be_set_is_told() {
        for (replies, expected) in [
            (vec![Reply::json(200, &json!({}))], "credentials.from is not a number of this Twilio account"),
            (
                vec![numbers(""), error(400, 21_502)],
                "credentials.from could not be given the channel's webhook address (Twilio's error 21502)",
            ),
            (vec![numbers(""), error(401, 20_003)], "credentials.auth_token is not accepted by Twilio for this account SID"),
            (vec![numbers(""), Reply::text(502, "")], "The provider could not be reached. Nothing was sent."),
        ] {
            let stub = Stub::start(replies).await;
            let error = subscribe(&api(&stub), &sealed(&json!({"from": "+15005550001"})), WEBHOOK).await.unwrap_err();
            assert_eq!(error.for_people(), expected);
        }
        let odd = json!({"incoming_phone_numbers": [{"sid": "../x", "phone_number": "+15005550001"}]});
        let stub = Stub::start([Reply::json(200, &odd)]).await;
        subscribe(&api(&stub), &sealed(&json!({"from": "+15005550001"})), WEBHOOK).await.unwrap_err();
        assert_eq!(stub.seen().len(), 1);
    }

    #[tokio::test]
    async fn the_webhook_is_taken_back_if_it_is_ours_and_nobody_elses() {
        let own = json!({"from": "+15005550001"});
        let ours = format!("{WEBHOOK}{OVERRIDES}");
        let other_account = given(&own).to_string().replace(ACCOUNT, &ACCOUNT.replace('1', "2"));
        let others = [sealed(&json!({"from": "+15005550002"})), SecretSlice::from(other_account.into_bytes())];
        let stub = Stub::start([numbers(&ours), Reply::json(200, &json!({}))]).await;
        unsubscribe(&api(&stub), &sealed(&own), &others).await.unwrap();
        let expected = [("SmsUrl", ""), ("SmsMethod", "POST")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(form(&stub.seen()[1]), expected);

        let stub = Stub::start([numbers("https://elsewhere.example/sms"), numbers("")]).await;
        for _ in 0..2 {
            unsubscribe(&api(&stub), &sealed(&own), &[]).await.unwrap();
        }
        let stub = Stub::start([Reply::json(200, &json!({"incoming_phone_numbers": []}))]).await;
        unsubscribe(&api(&stub), &sealed(&own), &[]).await.unwrap();
        let stub = Stub::start([]).await;
        unsubscribe(&api(&stub), &sealed(&own), &[sealed(&own)]).await.unwrap();
        assert_eq!(stub.seen().len(), 0);
    }
}
