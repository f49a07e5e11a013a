//! What every provider's channel is connected with is found nowhere in the clear: in no log line, error, address or item of the
//! table. One test alone in its process, since it listens to all that the process logs.

use local::simulators::{
    handset::{Deed, GivenFile},
    pipedrive::InboxFile,
    telegram,
};
use pigeonpost_tests::{log::Log, table, world::World};
use serde_json::{Value, json};

const PICTURE: &[u8] = include_bytes!("../../local/src/demo/media/desk.jpg");
const TYPED: &str = "CANARYTYPED0123456789";
/// Fields of credentials that are secret.
const SECRETS: [&str; 5] = ["access_token", "page_access_token", "bot_token", "auth_token", "signing_secret"];

fn picture() -> Deed {
    Deed::File(GivenFile {
        name: "desk.jpg".to_owned(),
        mime: "image/jpeg".to_owned(),
        voice: false,
        bytes: PICTURE.into(),
        caption: "Look".to_owned(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_found_nowhere() {
    let log = Log::listen();
    let world = World::start().await;
    let simulators = world.bundle.simulators().unwrap();
    let (mut canaries, mut told) = (vec![TYPED.to_owned()], Vec::new());
    for (provider, name, credentials) in simulators.accounts() {
        let secret = SECRETS.into_iter().find(|field| credentials.get(field).is_some()).expect("a secret for each provider");
        canaries.extend(credentials[secret].as_str().map(str::to_owned));
        let mut wrong = credentials.clone();
        wrong[secret] = json!(if secret == "bot_token" { format!("123456:{TYPED}") } else { TYPED.to_owned() });
        let refused = world.bundle.connect(&world.session, provider.as_str(), name, &wrong).await.unwrap_err();
        told.push(format!("{refused} {refused:?}"));
        world.bundle.connect_demo(&world.session, provider).await.unwrap();
    }
    world.settle().await;
    simulators.telegram.fail_next_fetch(telegram::Fault::LostAnswer);
    for handset in simulators.handsets() {
        let customer = ["15550100009", "visitor-9"].iter().find_map(|typed| handset.customer(typed)).unwrap();
        handset.does(&customer, "Ada", &Deed::Text("Hello".to_owned())).unwrap();
        handset.does(&customer, "Ada", &picture()).unwrap();
    }
    world.settle().await;
    simulators.telegram.fail_next(telegram::Fault::LostAnswer);
    for channel in world.bundle.pipedrive().channels() {
        for conversation in channel.conversations.values() {
            let file = InboxFile { name: "desk.jpg".to_owned(), mime: "image/jpeg".to_owned(), bytes: PICTURE.to_vec() };
            let sent = world.bundle.pipedrive().send_from_inbox(&channel.id, &conversation.id, "Hi", vec![file]).await;
            told.push(format!("{sent:?}"));
            told.push(format!("{conversation:?}"));
        }
    }
    world.settle().await;
    assert_eq!(canaries.len(), 6, "the typed one, and one of each provider");

    let log = log.text();
    assert!(log.contains("webhook") && log.contains("fetched"), "the log is listened to");
    let raw = table::raw(&world.bundle).await;
    for canary in &canaries {
        assert!(canary.len() > 12, "long enough to be told from other text");
        assert!(log.lines().all(|line| !line.contains(canary.as_str())), "a log line holds {canary}");
        assert!(told.iter().all(|text| !text.contains(canary.as_str())), "an answer or address holds {canary}: {told:?}");
        assert!(!table::holds(&raw, canary), "the table holds {canary}");
    }
    let listed: Vec<Value> = simulators.accounts().into_iter().map(|(_, _, credentials)| credentials).collect();
    assert_eq!(listed.len(), 5);
}
