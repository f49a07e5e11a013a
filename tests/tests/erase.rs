//! Erasing: of a company nothing is left, no record, no file, no secret; of a person nothing but what others wrote. Others keep theirs.

use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use http::Method;
use local::{
    demo,
    simulators::{
        handset::GivenFile,
        pipedrive::{Company, DEMO_COMPANY, DEMO_USER, User},
    },
};
use ops::terminal::Terminal;
use pigeonpost_tests::{
    table,
    web::{api, client},
    world::{World, phone},
};
use serde_json::{Value, json};
use shared::{
    config::DeliveryChoice,
    media::bucket::{Bucket, ObjectHeaders, upload_key},
    model::ids::{CompanyId, UploadId, UserId},
};

/// A second company.
const OTHERS: (CompanyId, UserId) = (CompanyId(900_001), UserId(900_002));

async fn ops(world: &World, arguments: &[&str]) -> String {
    let arguments = ops::Arguments::try_parse_from([&["ops"], arguments].concat()).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    ops::run(arguments, world.bundle.environment(), &mut Terminal::new(&mut out, &mut err)).await.unwrap();
    String::from_utf8(err).unwrap()
}

/// A second company with all that this test gives a company, so that there is something to keep.
async fn others(world: &World) {
    let user = User { id: OTHERS.1, name: "Otto".to_owned(), admin: true };
    let company =
        Company { id: OTHERS.0, name: "Others".to_owned(), domain: "others".to_owned(), suspended: false, users: vec![user] };
    world.bundle.pipedrive().add_company(company);
    world.bundle.install(OTHERS.0, OTHERS.1).await.unwrap();
    let session = world.bundle.session(OTHERS.0, OTHERS.1).await.unwrap();
    contacts(world, &session, "theirs@example.com", "+15550209999").await;
}

/// A contact made by API key, on a list, with a call that may be repeated.
async fn contacts(world: &World, session: &str, email: &str, number: &str) -> String {
    let key = world.bundle.api_key(session, "tests").await.unwrap();
    let post = async |path: &str, body: Value| -> Value {
        let request = client().request(Method::POST, format!("{}{path}", world.bundle.url()));
        let request = request.header("x-api-key", &key).header("idempotency-key", format!("{path}{email}")).json(&body);
        request.send().await.unwrap().json().await.unwrap()
    };
    let contact = post("/v2/contacts", json!({"email": email, "attributes": {"phone": number}})).await;
    let contact = contact["data"]["id"].as_str().unwrap_or_else(|| panic!("{contact}")).to_owned();
    let list = post("/v2/segmentation-lists", json!({"name": "Spring"})).await;
    let list = list["data"]["id"].as_str().unwrap_or_else(|| panic!("{list}")).to_owned();
    post(&format!("/v2/segmentation-lists/{list}/contacts/{contact}"), json!({})).await;
    contact
}

/// Every record as it is printed.
async fn items_as_text(world: &World) -> Vec<String> {
    // In the order of attributes, so that the same record is the same text.
    let text = |item| serde_dynamo::from_item::<_, Value>(item).unwrap().to_string();
    let mut items: Vec<String> = table::items(&world.bundle).await.into_iter().map(text).collect();
    items.sort();
    items
}

/// Records in which a company is named.
async fn traces(world: &World, company: CompanyId) -> Vec<String> {
    let named = company.to_string();
    items_as_text(world).await.into_iter().filter(|item| item.contains(&named)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_company_nothing_is_left_and_others_keep_theirs() {
    let world = World::start().await;
    demo::set_up(&world.bundle, |_| ()).await.unwrap();
    contacts(&world, &world.session, "ada@example.com", &phone(1)).await;
    others(&world).await;
    world.bundle.graph().customer_writes(&phone(1), "Ada", "Hello");
    world.settle().await;
    let kept = traces(&world, OTHERS.0).await;
    assert!(!traces(&world, DEMO_COMPANY).await.is_empty() && !kept.is_empty());
    let tokens = table::keys(&world.bundle).await;
    assert!(tokens.contains(&format!("CO#{DEMO_COMPANY} US#{DEMO_USER}")), "{tokens:?}");

    let said = ops(&world, &["erase", "company", &DEMO_COMPANY.to_string(), "--yes"]).await;
    assert!(said.starts_with("erased ") && !said.contains(" 0 conversations"), "{said}");
    assert_eq!(traces(&world, DEMO_COMPANY).await, [] as [String; 0]);
    assert_eq!(traces(&world, OTHERS.0).await, kept, "others keep theirs, to the letter");
    // All that is left is others'.
    assert_eq!(table::items(&world.bundle).await.len(), kept.len());
    assert_eq!(world.bundle.objects().unwrap(), [] as [String; 0]);
    // Nothing comes back.
    world.bundle.graph().customer_writes(&phone(1), "Ada", "Are you there?");
    world.settle().await;
    assert_eq!(traces(&world, DEMO_COMPANY).await, [] as [String; 0]);
    assert_eq!(
        ops(&world, &["erase", "company", &DEMO_COMPANY.to_string(), "--yes"]).await,
        "erased 0 conversations and 0 records\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_person_nothing_is_left_and_the_next_one_keeps_theirs() {
    let world = World::start().await;
    for (n, name) in [(1, "Ada"), (2, "Emil")] {
        world.bundle.graph().customer_writes(&phone(n), name, &format!("I am {name}"));
    }
    world.settle().await;
    contacts(&world, &world.session, "ada@example.com", &format!("+{}", phone(1))).await;
    let before = String::from_utf8_lossy(&table::raw(&world.bundle).await).into_owned();
    for trace in ["I am Ada", "ada@example.com", &phone(1), "I am Emil"] {
        assert!(before.contains(trace), "{trace}");
    }
    let company = DEMO_COMPANY.to_string();
    let said = ops(&world, &["erase", "person", "--company", &company, "--phone", &format!("+{}", phone(1)), "--yes"]).await;
    assert!(said.starts_with("erased 1 conversations"), "{said}");
    let keys = table::keys(&world.bundle).await;
    assert!(!keys.iter().any(|key| key.contains("#EMAIL#") || key.contains("#PHONE#") || key.contains("#PERSON#")), "{keys:?}");
    // Answers to calls that may be repeated end by themselves within a day.
    let rest: Vec<String> = items_as_text(&world).await.into_iter().filter(|item| !item.contains("IDEM#")).collect();
    for trace in ["I am Ada", "ada@example.com", &phone(1)] {
        assert!(!rest.iter().any(|item| item.contains(trace)), "{trace}: {rest:#?}");
    }
    assert!(rest.iter().any(|item| item.contains("I am Emil")));
    let lists = api(&world.bundle, &world.session, Method::GET, "/setup/channels", None).await;
    assert_eq!(lists.status, 200, "the company works on");
}

/// A customer whose conversation ends on records, with a file, so that there is one of each kind of record about it.
async fn on_records(world: &World, n: usize, name: &str) {
    let file = GivenFile {
        name: "offer.txt".to_owned(),
        mime: "text/plain".to_owned(),
        voice: false,
        bytes: Bytes::from(format!("for {name}")),
        caption: String::new(),
    };
    world.bundle.graph().customer_sends(&phone(n), name, &file);
    world.settle().await;
    world.clock.advance(Duration::from_secs(1));
    world.bundle.graph().customer_writes(&phone(n), name, &format!("I am {name}"));
    world.settle().await;
    world.pass(Duration::from_hours(1)).await;
}

/// How keys of records about conversations that end on records begin.
const OF_RECORDS: [&str; 5] = ["LINK#", "KNOWN#", "WATCH#", "BUDGET#", "CO#"];
/// How such records in a conversation's partition are sorted.
const IN_CONVERSATIONS: [&str; 4] = [" M#", " NOTE#", " TRAIL#", " UPLOAD#"];

#[tokio::test(flavor = "multi_thread")]
async fn records_of_what_was_written_to_pipedrive_go_too() {
    let world = World::delivering(DeliveryChoice::Records).await;
    on_records(&world, 1, "Ada").await;
    let keys = table::keys(&world.bundle).await;
    for begins in OF_RECORDS {
        assert!(keys.iter().any(|key| key.starts_with(begins)), "{begins}: {keys:#?}");
    }
    for sorted in IN_CONVERSATIONS {
        assert!(keys.iter().any(|key| key.contains(sorted)), "{sorted}: {keys:#?}");
    }
    // A file on its way into a message.
    let (bucket, upload) = (world.bundle.environment().bucket(), upload_key(DEMO_COMPANY, DEMO_USER, &UploadId::new()));
    let headers = ObjectHeaders { mime: "text/plain".to_owned(), disposition: String::new() };
    bucket.put(&upload, Bytes::from_static(b"draft"), &headers).await.unwrap();
    assert!(world.bundle.objects().unwrap().len() > 1);

    ops(&world, &["erase", "company", &DEMO_COMPANY.to_string(), "--yes"]).await;
    assert_eq!(table::keys(&world.bundle).await, [] as [String; 0]);
    assert_eq!(world.bundle.objects().unwrap(), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_person_on_records_nothing_is_left_either() {
    let world = World::delivering(DeliveryChoice::Records).await;
    for (n, name) in [(1, "Zoe"), (2, "Emil")] {
        on_records(&world, n, name).await;
    }
    let before = items_as_text(&world).await;
    assert!(["LINK#", "KNOWN#"].iter().all(|kind| before.iter().any(|item| item.contains(kind))));
    let person = world.bundle.pipedrive().persons(DEMO_COMPANY).into_iter().find(|person| person.name == "Zoe").unwrap().id;
    let company = DEMO_COMPANY.to_string();
    let said = ops(&world, &["erase", "person", "--company", &company, "--person", &person.to_string(), "--yes"]).await;
    assert!(said.starts_with("erased 1 conversations"), "{said}");
    let rest = items_as_text(&world).await;
    for trace in ["Zoe", &phone(1), &format!("person#{person}\"")] {
        assert!(!rest.iter().any(|item| item.contains(trace)), "{trace}: {rest:#?}");
    }
    for kept in ["I am Emil", &phone(2), "KNOWN#"] {
        assert!(rest.iter().any(|item| item.contains(kept)), "{kept}: {rest:#?}");
    }
    assert!(world.bundle.objects().unwrap().iter().any(|name| name.starts_with("files/")), "Emil's file");
}

#[test]
fn it_has_to_be_meant() {
    for wrong in [
        &["erase", "company", "7"][..],
        &["erase", "company", "--yes"],
        &["erase", "person", "--company", "7", "--yes"],
        &["erase", "person", "--company", "7", "--phone", "+15550100001"],
        &["erase", "person", "--company", "7", "--phone", "x", "--yes"],
    ] {
        assert!(ops::Arguments::try_parse_from([&["ops"], wrong].concat()).is_err(), "{wrong:?}");
    }
}
