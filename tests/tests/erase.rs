//! Erasing: of a company nothing is left, no record, no file, no secret; of a person nothing but what others wrote. Others keep theirs.

use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use http::Method;
use local::{
    demo,
    owner::Connected,
    simulators::{
        handset::GivenFile,
        pipedrive::{Company, DEMO_COMPANY, DEMO_USER, User},
    },
};
use ops::{OpsError, terminal::Terminal};
use pigeonpost_tests::{
    table,
    web::{api, client, send},
    wire::{Fault, Wire},
    world::{World, phone},
};
use serde_json::{Value, json};
use shared::{
    config::DeliveryChoice,
    crm::ports::ContactStore,
    environment::Environment,
    media::bucket::{Bucket, ObjectHeaders, upload_key},
    model::{
        contact::Phone,
        ids::{CompanyId, PersonId, UploadId, UserId},
    },
    records::watch::ports::KnownStore,
};

/// A second company.
const OTHERS: (CompanyId, UserId) = (CompanyId(900_001), UserId(900_002));

/// Runs the tool in an environment: what it lists, and what it says.
async fn run(environment: &Environment, arguments: &[&str]) -> Result<(String, String), OpsError> {
    let arguments = ops::Arguments::try_parse_from([&["ops"], arguments].concat()).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    ops::run(arguments, environment, &mut Terminal::new(&mut out, &mut err)).await?;
    Ok((String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap()))
}

async fn ops(world: &World, arguments: &[&str]) -> String {
    run(world.bundle.environment(), arguments).await.unwrap().1
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

/// A call by API key that may be repeated; the id in its answer.
async fn post(world: &World, key: &str, path: &str, body: Value) -> String {
    let request = client().request(Method::POST, format!("{}{path}", world.bundle.url()));
    let request = request.header("x-api-key", key).header("idempotency-key", format!("{path}{body}")).json(&body);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["data"]["id"].as_str().unwrap_or_else(|| panic!("{path}: {answer}")).to_owned()
}

async fn contact(world: &World, key: &str, email: &str, number: &str) -> String {
    post(world, key, "/v2/contacts", json!({"email": email, "attributes": {"phone": number}})).await
}

/// A contact on a list.
async fn contacts(world: &World, session: &str, email: &str, number: &str) -> String {
    let key = world.bundle.api_key(session, "tests").await.unwrap();
    let contact = contact(world, &key, email, number).await;
    let list = post(world, &key, "/v2/segmentation-lists", json!({"name": "Spring"})).await;
    post(world, &key, &format!("/v2/segmentation-lists/{list}/contacts/{contact}"), json!({})).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_leads_to_somebody_else_by_now_is_theirs() {
    let world = World::delivering(DeliveryChoice::Records).await;
    on_records(&world, 1, "Zoe").await;
    let table = world.bundle.environment().table();
    let person = world.bundle.pipedrive().persons(DEMO_COMPANY).into_iter().find(|person| person.name == "Zoe").unwrap().id;
    let (number, other) = (Phone::parse(&format!("+{}", phone(1))).unwrap(), PersonId(4711));
    table.end_way(DEMO_COMPANY, &number, PersonId(person)).await.unwrap();
    table.begin_way(DEMO_COMPANY, &number, other).await.unwrap();
    let company = DEMO_COMPANY.to_string();
    let said = ops(&world, &["erase", "person", "--company", &company, "--person", &person.to_string(), "--yes"]).await;
    assert!(said.starts_with("erased 1 conversations"), "{said}");
    assert_eq!(table.persons_of(DEMO_COMPANY, None, Some(&number)).await.unwrap(), [other]);
}

/// A customer who is known by number on WhatsApp, by number and address in the chat, and there by address alone as well; and who is a
/// contact under that address. Two conversations with somebody else.
struct Many {
    world: World,
    chat: Connected,
}

impl Many {
    async fn start() -> Self {
        let world = World::start().await;
        let chat = world.bundle.connect_chat(&world.session).await.unwrap();
        let many = Self { world, chat };
        many.writes(0, "kept words").await;
        many
    }

    /// The `n`th such customer writes in all of their conversations.
    async fn writes(&self, n: usize, text: &str) {
        let world = &self.world;
        world.bundle.graph().customer_writes(&phone(n), &format!("Customer {n}"), text);
        let (email, number) = (email(n), format!("+{}", phone(n)));
        for (id, from) in [
            ("both", json!({"id": format!("both-{n}"), "name": "C.", "email": email, "phone": number})),
            ("address", json!({"id": format!("address-{n}"), "name": "C.", "email": email.to_uppercase()})),
        ] {
            let event = json!({"type": "message", "id": format!("{id}-{n}"), "text": text, "from": from});
            let hook = world.bundle.chat().webhooks().compose(&[event]);
            assert_eq!(send(client().post(&self.chat.webhook_url).headers(hook.headers).body(hook.body)).await.status, 200);
        }
        world.settle().await;
        world.clock.advance(Duration::from_secs(1));
    }

    /// Records that hold one of these, but for answers to calls, which end by themselves.
    async fn holding(&self, traces: &[&str]) -> Vec<String> {
        let items = items_as_text(&self.world).await.into_iter().filter(|item| !item.contains("IDEM#"));
        items.filter(|item| traces.iter().any(|trace| item.contains(trace))).collect()
    }
}

fn email(n: usize) -> String {
    format!("customer-{n}@example.com")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_conversations_tell_leads_on_and_is_listed_before() {
    let many = Many::start().await;
    let kept = many.holding(&["kept words"]).await;
    many.writes(1, "secret words").await;
    let contact = contacts(&many.world, &many.world.session, &email(1), "+15550309999").await;
    let before = items_as_text(&many.world).await;
    let (company, number) = (DEMO_COMPANY.to_string(), format!("+{}", phone(1)));
    let arguments = ["erase", "person", "--company", &company, "--phone", &number, "--yes"];
    let environment = many.world.bundle.environment();
    let (listed, said) = run(environment, &arguments[..6]).await.unwrap();
    assert_eq!(items_as_text(&many.world).await, before, "nothing is erased yet");
    assert!(said.starts_with("nothing is erased yet: with --yes, 3 conversations and "), "{said}");
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines[0], format!("person {contact}"), "the contact of the address");
    assert!(lines.len() == 4 && lines[1..].iter().all(|line| line.starts_with("conversation cv_")), "{listed}");

    let (listed, said) = run(environment, &arguments).await.unwrap();
    assert!(listed.is_empty() && said.starts_with("erased 3 conversations"), "{listed}{said}");
    let traces = ["secret words", &phone(1)[2..], &email(1), "550309999"];
    assert_eq!(many.holding(&traces).await, [] as [String; 0]);
    assert!(kept.len() >= 3, "{kept:#?}");
    assert_eq!(many.holding(&["kept words"]).await, kept, "somebody else's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_a_fault_at_any_step_is_gone_after_the_next_try() {
    let (many, wire) = (Many::start().await, Wire::default());
    let company = DEMO_COMPANY.to_string();
    let kept = many.holding(&["kept words"]).await;
    let key = many.world.bundle.api_key(&many.world.session, "tests").await.unwrap();
    let (mut count, mut case) = (1, 0_usize);
    // The first case has no fault, and tells how many there are.
    while case <= count {
        let fault = case.checked_sub(1).map(|at| (at, Fault::DieAfter));
        case += 1;
        let number = format!("+{}", phone(case));
        many.writes(case, &format!("words of {case}.")).await;
        contact(&many.world, &key, &email(case), &format!("+1555040{case:04}")).await;
        let arguments = ["erase", "person", "--company", &company, "--phone", &number, "--yes"];
        wire.reset(fault);
        let ended = run(&wire.environment(many.world.bundle.environment()), &arguments).await;
        assert_eq!(ended.is_ok(), fault.is_none(), "{fault:?}");
        if fault.is_none() {
            count = wire.traffic().operations.len();
            assert!(count >= 20, "{:?}", wire.traffic());
        }
        run(many.world.bundle.environment(), &arguments).await.unwrap();
        let traces = [format!("words of {case}."), phone(case)[2..].to_owned(), email(case), format!("55040{case:04}")];
        let left = many.holding(&traces.each_ref().map(String::as_str)).await;
        assert_eq!(left, [] as [String; 0], "{fault:?}");
    }
    assert!(kept.len() >= 3, "{kept:#?}");
    assert_eq!(many.holding(&["kept words"]).await, kept, "somebody else's");
}

#[test]
fn it_has_to_be_meant() {
    for wrong in [
        &["erase", "company", "7"][..],
        &["erase", "company", "--yes"],
        &["erase", "person", "--company", "7", "--yes"],
        &["erase", "person", "--company", "7", "--phone", "x", "--yes"],
    ] {
        assert!(ops::Arguments::try_parse_from([&["ops"], wrong].concat()).is_err(), "{wrong:?}");
    }
}
