//! Connecting channels over the real router: what is answered, what is refused and leaves nothing behind, whose an account
//! is, and where messages end when Pipedrive has no Channels API.

use std::sync::Arc;

use http::Method;
use local::{
    bundle::{Bundle, BundleOptions},
    clock::AdjustableClock,
    simulators::{
        chat,
        pipedrive::{Call, Company, DEMO_COMPANY, DEMO_USER, Fault, Gone, User},
        whatsapp_number,
    },
};
use pigeonpost_tests::{
    table,
    web::{Answer, api},
    world::{World, phone},
};
use serde_json::{Value, json};
use shared::{
    config::DeliveryChoice,
    inbox::ports::InstallationStore,
    model::{
        channel::Delivery,
        ids::{CompanyId, UserId},
    },
};

/// A user of the demo company who is no admin.
const REGULAR: UserId = UserId(12);
/// Another company, and its admin.
const OTHERS: (CompanyId, UserId) = (CompanyId(2002), UserId(21));

fn whatsapp() -> Value {
    let number = whatsapp_number();
    json!({"phone_number_id": number.id, "waba_id": number.waba_id, "access_token": number.token})
}

fn body(provider: &str, name: &str, credentials: &Value) -> Value {
    json!({"provider": provider, "name": name, "credentials": credentials})
}

async fn connect(bundle: &Bundle, session: &str, body: &Value) -> Answer {
    api(bundle, session, Method::POST, "/setup/channels", Some(body)).await
}

async fn list(bundle: &Bundle, session: &str) -> Vec<Value> {
    let answer = api(bundle, session, Method::GET, "/setup/channels", None).await;
    assert_eq!((answer.status, &answer.json()["success"]), (200, &json!(true)));
    answer.json()["data"].as_array().unwrap().clone()
}

/// A session of a user who has just installed the app.
async fn newcomer(bundle: &Bundle, company: CompanyId, user: UserId) -> String {
    if company == OTHERS.0 {
        bundle.pipedrive().add_company(Company {
            id: company,
            name: "Others".to_owned(),
            domain: "others".to_owned(),
            suspended: false,
            users: vec![User { id: user, name: "Otto Other".to_owned(), admin: true }],
        });
    }
    bundle.install(company, user).await.unwrap();
    bundle.session(company, user).await.unwrap()
}

/// A bundle with an installed app and nothing connected.
async fn installed(delivery: DeliveryChoice) -> (Bundle, String) {
    let clock = Arc::new(AdjustableClock::default());
    let options = BundleOptions { clock, pump: false, delivery, ..BundleOptions::default() };
    let bundle = Bundle::start(options).await.unwrap();
    let session = newcomer(&bundle, DEMO_COMPANY, DEMO_USER).await;
    (bundle, session)
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_connected_listed_and_connected_anew() {
    let (bundle, session) = installed(DeliveryChoice::Auto).await;
    assert_eq!(list(&bundle, &session).await, Vec::<Value>::new());
    let mut ids = Vec::new();
    let chat = bundle.chat().credentials();
    for (provider, credentials, provider_type) in [("whatsapp", &whatsapp(), "whatsapp"), ("custom", &chat, "other")] {
        let answer = connect(&bundle, &session, &body(provider, "  Sales ", credentials)).await;
        let data = answer.json()["data"].clone();
        assert_eq!((answer.status, &answer.json()["success"]), (200, &json!(true)), "{answer:?}");
        let id = data["provider_channel_id"].as_str().unwrap().to_owned();
        let is_ours = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        assert!(id.starts_with("ch_") && id.chars().all(is_ours), "{id}");
        let path = if provider == "custom" { format!("/webhooks/custom/{id}") } else { "/webhooks/whatsapp".to_owned() };
        for (field, expected) in [
            ("name", "Sales"),
            ("provider", provider),
            ("provider_type", provider_type),
            ("delivery", "channels"),
            ("webhook_url", &format!("{}{path}", bundle.url())),
        ] {
            assert_eq!(data[field], expected, "{field}");
        }
        assert!(!answer.body.contains(credentials["access_token"].as_str().unwrap_or(chat::SIGNING_SECRET)));

        let again = connect(&bundle, &session, &body(provider, "Support", credentials)).await.json()["data"].clone();
        assert_eq!((again["provider_channel_id"].as_str(), again["name"].as_str()), (Some(id.as_str()), Some("Support")));
        ids.push(id);
    }
    bundle.settle().await.unwrap();
    let listed = list(&bundle, &session).await;
    assert_eq!(listed.iter().map(|channel| channel["provider_channel_id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    assert!(listed.iter().all(|channel| channel["name"] == "Support" && channel["delivery"] == "channels"), "{listed:?}");
    let registered = bundle.pipedrive().channels();
    assert_eq!(registered.len(), 2);
    assert!(registered.iter().all(|channel| ids.contains(&channel.id)));
    assert_eq!(registered.iter().filter(|channel| channel.template_support).count(), 1, "WhatsApp alone has templates");
    assert_eq!(bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_names_the_field_and_stores_nothing() {
    let (bundle, session) = installed(DeliveryChoice::Auto).await;
    let before = table::keys(&bundle).await;
    let chat = bundle.chat().credentials();
    let with = |credentials: &Value, field: &str, value: Value| {
        let mut credentials = credentials.clone();
        credentials[field] = value;
        credentials
    };
    let other_secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let http = chat["send_url"].as_str().unwrap().replace("127.0.0.1", "192.168.0.1");
    for (provider, credentials, field) in [
        ("whatsapp", json!({}), "credentials.phone_number_id"),
        ("whatsapp", with(&whatsapp(), "phone_number_id", json!(null)), "credentials.phone_number_id"),
        ("whatsapp", with(&whatsapp(), "phone_number_id", json!("../me")), "credentials.phone_number_id"),
        ("whatsapp", with(&whatsapp(), "phone_number_id", json!("3999999999")), "credentials.phone_number_id"),
        ("whatsapp", with(&whatsapp(), "waba_id", json!("")), "credentials.waba_id"),
        ("whatsapp", with(&whatsapp(), "waba_id", json!("2999999999")), "credentials.waba_id"),
        ("whatsapp", with(&whatsapp(), "access_token", json!(17)), "credentials.access_token"),
        ("whatsapp", with(&whatsapp(), "access_token", json!("EAAWRONGTOKEN")), "credentials"),
        ("custom", json!([]), "credentials.send_url"),
        ("custom", with(&chat, "signing_secret", json!("whsec_short")), "credentials.signing_secret"),
        ("custom", with(&chat, "signing_secret", json!(other_secret)), "credentials.signing_secret"),
        ("custom", with(&chat, "send_url", json!("nowhere")), "credentials.send_url"),
        // This bundle may call its own machine, and nothing else inside.
        ("custom", with(&chat, "send_url", json!(http)), "credentials.send_url"),
        ("custom", with(&chat, "send_url", json!("http://chat.example.com/")), "credentials.send_url"),
        ("custom", with(&chat, "send_url", json!("https://10.0.0.1/")), "credentials.send_url"),
        ("custom", with(&chat, "send_url", json!("https://[fd00::1]/")), "credentials.send_url"),
        ("custom", with(&chat, "send_url", json!("https://169.254.169.254/latest/meta-data")), "credentials.send_url"),
        ("custom", with(&chat, "send_url", json!("https://chat.internal/")), "credentials.send_url"),
        ("custom", with(&chat, "send_url", json!("https://user:pw@chat.example.com/")), "credentials.send_url"),
        ("custom", with(&chat, "send_url", json!("http://127.0.0.1:9/send")), "credentials.send_url"),
    ] {
        let message = connect(&bundle, &session, &body(provider, "Sales", &credentials)).await.refused(400, "INVALID_BODY");
        assert!(message.starts_with(field), "{credentials}: {message}");
        assert!(!message.contains("EAAWRONG") && !message.contains("whsec_AA"), "{message}");
    }
    for (wrong, field) in [
        (body("fax", "Sales", &whatsapp()), "provider"),
        (body("whatsapp", "  ", &whatsapp()), "name"),
        (body("whatsapp", &"x".repeat(101), &whatsapp()), "name"),
        (json!({"name": "Sales", "credentials": {}}), "provider"),
        (json!({"provider": "whatsapp", "credentials": {}}), "name"),
        (json!({"provider": "whatsapp", "name": "Sales"}), "credentials"),
        (json!({"provider": "whatsapp", "name": 5, "credentials": {}}), "name"),
    ] {
        let message = connect(&bundle, &session, &wrong).await.refused(400, "INVALID_BODY");
        assert!(message.contains(field), "{wrong}: {message}");
    }
    connect(&bundle, &session, &json!("no object")).await.refused(400, "INVALID_BODY");
    assert_eq!(table::keys(&bundle).await, before);
    assert_eq!(bundle.pipedrive().count(Call::Register), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_admin_leaves_nothing_behind() {
    let (bundle, admin) = installed(DeliveryChoice::Auto).await;
    let session = newcomer(&bundle, DEMO_COMPANY, REGULAR).await;
    for (provider, credentials) in [("whatsapp", whatsapp()), ("custom", bundle.chat().credentials())] {
        let answer = connect(&bundle, &session, &body(provider, "Sales", &credentials)).await;
        let message = answer.refused(403, "FORBIDDEN");
        assert!(message.contains("admin"), "{message}");
    }
    assert_eq!(list(&bundle, &session).await, Vec::<Value>::new());
    assert!(bundle.pipedrive().channels().is_empty());
    let accounts = |keys: Vec<String>| keys.into_iter().filter(|key| key.starts_with("ACCT#")).collect::<Vec<_>>();
    assert_eq!(accounts(table::keys(&bundle).await), Vec::<String>::new());
    let sealed = async || table::items(&bundle).await.iter().filter(|item| item.contains_key("credentials")).count();
    assert_eq!(sealed().await, 0);
    // The account is free for who may connect it.
    assert_eq!(connect(&bundle, &admin, &body("whatsapp", "Sales", &whatsapp())).await.status, 200);
    assert_eq!(sealed().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_belongs_to_who_connected_it() {
    let world = World::start().await;
    let bundle = &world.bundle;
    for (company, user) in [(DEMO_COMPANY, REGULAR), OTHERS] {
        let session = newcomer(bundle, company, user).await;
        connect(bundle, &session, &body("whatsapp", "Mine", &whatsapp())).await.refused(403, "FORBIDDEN");
    }
    let own = list(bundle, &world.session).await;
    assert_eq!((own.len(), own[0]["name"].as_str()), (1, Some("WhatsApp")), "it is as it was");

    // A chat's address is just what somebody typed: each company has its own.
    let ours = bundle.connect_chat(&world.session).await.unwrap();
    let session = bundle.session(OTHERS.0, OTHERS.1).await.unwrap();
    let theirs = bundle.connect_chat(&session).await.unwrap();
    assert_ne!(ours.provider_channel_id, theirs.provider_channel_id);
    assert_eq!((list(bundle, &world.session).await.len(), list(bundle, &session).await.len()), (2, 1), "and sees its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_icon_that_pipedrive_refuses_falls_back_to_other() {
    let (bundle, session) = installed(DeliveryChoice::Auto).await;
    bundle.pipedrive().inject(Call::Register, Fault::Answer(400), 1);
    let answer = connect(&bundle, &session, &body("whatsapp", "Sales", &whatsapp())).await;
    assert_eq!((answer.status, answer.json()["data"]["provider_type"].as_str()), (200, Some("other")), "{answer:?}");
    assert_eq!(bundle.pipedrive().channels()[0].provider_type, "other");
    assert_eq!(list(&bundle, &session).await[0]["provider_type"], "other");
    assert_eq!(bundle.pipedrive().count(Call::Register), 2);

    // Refused both times: that is an answer, and nothing is left.
    bundle.pipedrive().inject(Call::Register, Fault::Answer(400), 2);
    let answer = connect(&bundle, &session, &body("custom", "Chat", &bundle.chat().credentials())).await;
    assert!(answer.status >= 400, "{answer:?}");
    assert_eq!(list(&bundle, &session).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_whose_answer_is_lost_is_completed_by_the_same_try() {
    let (bundle, session) = installed(DeliveryChoice::Auto).await;
    bundle.pipedrive().inject(Call::Register, Fault::DropAfter, 1);
    let wanted = body("whatsapp", "Sales", &whatsapp());
    connect(&bundle, &session, &wanted).await.refused(500, "INTERNAL_ERROR");
    let answer = connect(&bundle, &session, &wanted).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let served = list(&bundle, &session).await;
    assert_eq!(served.len(), 1);
    assert_eq!(bundle.pipedrive().channels().len(), 1, "no second one, and none that leads nowhere");
    bundle.graph().customer_writes(&phone(1), "Dora", "hello");
    bundle.settle().await.unwrap();
    let texts: Vec<String> =
        bundle.pipedrive().conversations().into_iter().flat_map(|c| c.messages).map(|message| message.text).collect();
    assert_eq!(texts, ["hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_channels_api_messages_go_to_records() {
    for gone in [Gone::NotFound, Gone::NotAllowed, Gone::Gone, Gone::NotImplemented, Gone::Scope] {
        let (bundle, session) = installed(DeliveryChoice::Auto).await;
        bundle.pipedrive().change(|settings| settings.gone = Some(gone));
        let answer = connect(&bundle, &session, &body("whatsapp", "Sales", &whatsapp())).await;
        assert_eq!((answer.status, answer.json()["data"]["delivery"].as_str()), (200, Some("records")), "{gone:?}: {answer:?}");
        let stored = bundle.environment().table().installation(DEMO_COMPANY, DEMO_USER).await.unwrap().unwrap();
        assert_eq!(stored.delivery, Some(Delivery::Records), "{gone:?} is remembered");
        let calls = bundle.pipedrive().count(Call::Register);
        let answer = connect(&bundle, &session, &body("custom", "Chat", &bundle.chat().credentials())).await;
        assert_eq!(answer.json()["data"]["delivery"], "records", "{gone:?}");
        assert_eq!(bundle.pipedrive().count(Call::Register), calls, "{gone:?}: not asked again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forced_deliveries_are_what_they_say() {
    let (bundle, session) = installed(DeliveryChoice::Channels).await;
    bundle.pipedrive().change(|settings| settings.gone = Some(Gone::Gone));
    let wanted = body("whatsapp", "Sales", &whatsapp());
    let message = connect(&bundle, &session, &wanted).await.refused(403, "FORBIDDEN");
    assert!(message.contains("Channels API"), "{message}");
    assert_eq!(list(&bundle, &session).await, Vec::<Value>::new());
    bundle.pipedrive().change(|settings| settings.gone = None);
    assert_eq!(connect(&bundle, &session, &wanted).await.json()["data"]["delivery"], "channels");

    let (bundle, session) = installed(DeliveryChoice::Records).await;
    assert_eq!(connect(&bundle, &session, &wanted).await.json()["data"]["delivery"], "records");
    assert_eq!(bundle.pipedrive().count(Call::Register), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_pipedrive_refuses_early_is_renewed_here_too() {
    let (bundle, session) = installed(DeliveryChoice::Auto).await;
    bundle.pipedrive().inject(Call::Register, Fault::Answer(401), 1);
    let answer = connect(&bundle, &session, &body("whatsapp", "Sales", &whatsapp())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((bundle.pipedrive().channels().len(), list(&bundle, &session).await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_pressed_twice_connects_one_channel() {
    let (bundle, session) = installed(DeliveryChoice::Auto).await;
    let wanted = body("whatsapp", "Sales", &whatsapp());
    let (one, two) = tokio::join!(connect(&bundle, &session, &wanted), connect(&bundle, &session, &wanted));
    assert_eq!((one.status, two.status), (200, 200), "{one:?} {two:?}");
    let id = |answer: &Answer| answer.json()["data"]["provider_channel_id"].clone();
    assert_eq!(id(&one), id(&two));
    assert_eq!((bundle.pipedrive().channels().len(), list(&bundle, &session).await.len()), (1, 1));
}
