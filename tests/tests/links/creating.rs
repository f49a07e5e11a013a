//! Creating person, lead and deal: once each, also when the request comes twice, at the same time, or Pipedrive's answer is lost.

use http::Method;
use local::simulators::pipedrive::{Action, Call, DEMO_COMPANY, DEMO_USER, Fault, Kind};
use pigeonpost_tests::web::{Answer, client, send};
use serde_json::{Value, json};
use shared::{
    inbox::ports::InboxReader,
    model::ids::{ChannelId, ConversationId},
};

use crate::links::fixture::{Desk, number, stored};

/// Visitors of the company's own chat who wrote, and the conversations with them.
async fn in_chat<const N: usize>(desk: &Desk, visitors: [Value; N]) -> [ConversationId; N] {
    let chat = desk.world.bundle.connect_chat(&desk.world.session).await.unwrap();
    let table = desk.world.bundle.environment().table();
    let mut conversations = Vec::new();
    for from in visitors {
        desk.world.clock.advance(std::time::Duration::from_secs(1));
        let event = json!({"type": "message", "id": from["id"], "text": "in the chat", "from": from});
        let hook = desk.world.bundle.chat().webhooks().compose(&[event]);
        assert_eq!(send(client().post(&chat.webhook_url).headers(hook.headers).body(hook.body)).await.status, 200);
        let channel = ChannelId::parse(&chat.provider_channel_id).unwrap();
        conversations.push(table.conversations(&channel, None, 1).await.unwrap().items.remove(0).id);
    }
    conversations.try_into().unwrap()
}

/// A salesperson creates the person in that conversation.
async fn create_person(desk: &Desk, conversation: &ConversationId) -> Answer {
    let path = format!("/inbox/api/conversations/{conversation}/record/person");
    desk.call(Method::POST, &path, Some(&json!({}))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn person_lead_and_deal_are_created_once_each() {
    let desk = Desk::open().await;
    let shown = desk.does("person", &json!({})).await;
    assert_eq!(shown["person"]["name"], "Ada L.", "as the provider calls them");
    assert_eq!(desk.does("person", &json!({"name": "Other"})).await, shown, "there is one already");
    let persons = desk.pipedrive().persons(DEMO_COMPANY);
    assert_eq!(persons.len(), 1);
    let phone = &persons[0].phones[0];
    assert_eq!((phone.value.as_str(), phone.label.as_str(), persons[0].owner_id), (number(1).as_str(), "WhatsApp", DEMO_USER));

    let shown = desk.does("lead", &json!({"title": "Lamps"})).await;
    assert_eq!(desk.does("lead", &json!({"title": "Lamps"})).await, shown);
    let leads = desk.pipedrive().leads(DEMO_COMPANY);
    assert_eq!((leads.len(), &shown["lead"]["name"]), (1, &json!("Lamps")));
    assert_eq!(shown["lead"]["id"], json!(leads[0].id));

    let shown = desk.does("deal", &json!({})).await;
    assert_eq!(shown["deal"]["name"], "WhatsApp: Ada L.");
    let shown = desk.does("deal", &json!({"title": "More lamps"})).await;
    assert_eq!((&shown["deal"]["name"], &shown["pinned"]), (&json!("More lamps"), &json!(true)));
    assert_eq!(desk.does("deal", &json!({"title": "More lamps"})).await, shown);
    assert_eq!(desk.pipedrive().deals(DEMO_COMPANY).len(), 2, "another one is another one");
    let told = desk.told().await;
    assert_eq!(told.iter().filter(|(what, why)| what == "created" && why == "hand").count(), 4, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_create_one() {
    let desk = Desk::open().await;
    let body = json!({"name": "Ada"});
    let (one, other) = tokio::join!(desk.tries("person", &body), desk.tries("person", &body));
    assert_eq!((one.status, other.status), (200, 200), "{one:?} {other:?}");
    assert_eq!(desk.pipedrive().persons(DEMO_COMPANY).len(), 1);
    assert_eq!(desk.told().await.len(), 1);
}

/// How many there are that are not deleted.
fn count(desk: &Desk, kind: Kind) -> usize {
    let pipedrive = desk.pipedrive();
    match kind {
        Kind::Persons => pipedrive.persons(DEMO_COMPANY).len(),
        Kind::Deals => pipedrive.deals(DEMO_COMPANY).len(),
        _ => pipedrive.leads(DEMO_COMPANY).len(),
    }
}

async fn answer_lost(deed: &str, kind: Kind) {
    let desk = Desk::open().await;
    if deed != "person" {
        desk.does("person", &json!({})).await;
    }
    let before = count(&desk, kind);
    // The call is repeated by nobody, so one lost answer is enough.
    desk.pipedrive().inject(Call::Records(kind, Action::Create), Fault::DropAfter, 1);
    let lost = desk.tries(deed, &json!({})).await;
    assert_eq!(lost.status, 500, "{deed}: what became of it is not known: {lost:?}");
    assert_eq!(count(&desk, kind), before + 1, "{deed}: Pipedrive has it");
    // Whoever comes next waits until the lock has ended by itself.
    desk.world.clock.advance(std::time::Duration::from_secs(31));
    let shown: Value = desk.does(deed, &json!({})).await;
    assert_eq!(count(&desk, kind), before + 1, "{deed}: it is found, and not created again");
    assert_ne!(shown[deed], Value::Null, "{deed}: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_created_without_an_answer_is_found_again() {
    answer_lost("person", Kind::Persons).await;
    answer_lost("lead", Kind::Leads).await;
    answer_lost("deal", Kind::Deals).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pipedrive_refuses_may_be_tried_again_at_once() {
    let desk = Desk::open().await;
    let create = Call::Records(Kind::Persons, Action::Create);
    desk.pipedrive().inject(create, Fault::Answer(402), 1);
    desk.tries("person", &json!({})).await.refused(403, "FORBIDDEN");
    desk.pipedrive().inject(create, Fault::RateLimited(3), 1);
    let limited = desk.tries("person", &json!({})).await;
    assert_eq!((limited.status, &limited.json()["data"]["code"]), (429, &json!("RATE_LIMIT_EXCEEDED")));
    desk.does("person", &json!({})).await;
    assert_eq!(count(&desk, Kind::Persons), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_bundle_may_have_created_by_itself_nobody_creates_again_by_hand() {
    let desk = Desk::open().await;
    desk.pipedrive().change(|settings| settings.search_lag = usize::MAX);
    desk.pipedrive().inject(Call::Records(Kind::Persons, Action::Create), Fault::DropAfter, 1);
    desk.world.settle().await;
    assert_eq!((count(&desk, Kind::Persons), desk.stored().await.record.person()), (1, None), "Pipedrive's answer was lost");
    desk.world.clock.advance(std::time::Duration::from_secs(31));
    let shown = desk.does("person", &json!({"name": "Whatever"})).await;
    assert_eq!((count(&desk, Kind::Persons), &shown["person"]["name"]), (1, &json!("Ada L.")), "it is found");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_in_two_conversations_with_one_customer_create_one() {
    let desk = Desk::open().await;
    let [other] = in_chat(&desk, [json!({"id": "visitor-1", "name": "Ada", "phone": number(1)})]).await;
    let (one, two) = tokio::join!(create_person(&desk, &desk.conversation), create_person(&desk, &other));
    assert_eq!((one.status, two.status), (200, 200), "{one:?} {two:?}");
    assert_eq!(count(&desk, Kind::Persons), 1);
    let (here, there) = (desk.stored().await.record.person(), stored(&desk.world, &other).await.record.person());
    assert!(here.is_some() && here == there, "{here:?} {there:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_said_to_be_nobody_is_somebody_new() {
    let desk = Desk::open().await;
    let [visitor] = in_chat(&desk, [json!({"id": "visitor-1", "name": "Ada", "email": "ada@example.com"})]).await;
    let unlink = format!("/inbox/api/conversations/{visitor}/record/unlink");
    assert_eq!(create_person(&desk, &visitor).await.status, 200);
    let first = stored(&desk.world, &visitor).await.record.person();
    assert_eq!(desk.call(Method::POST, &unlink, Some(&json!({}))).await.status, 200);
    assert_eq!(create_person(&desk, &visitor).await.status, 200);
    let second = stored(&desk.world, &visitor).await.record.person();
    assert!(second.is_some() && second != first, "{first:?} {second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_created_without_an_answer_is_found_by_each_of_their_ways() {
    let desk = Desk::open().await;
    desk.pipedrive().change(|settings| settings.search_lag = usize::MAX);
    let [both, address] = in_chat(
        &desk,
        [
            json!({"id": "visitor-1", "name": "Ada", "email": "ada@example.com", "phone": number(7)}),
            json!({"id": "visitor-2", "name": "A.", "email": "Ada@example.com"}),
        ],
    )
    .await;
    desk.pipedrive().inject(Call::Records(Kind::Persons, Action::Create), Fault::DropAfter, 1);
    let lost = create_person(&desk, &both).await;
    assert_eq!((lost.status, count(&desk, Kind::Persons)), (500, 1), "{lost:?}");
    desk.world.clock.advance(std::time::Duration::from_secs(31));
    let found = create_person(&desk, &address).await;
    assert_eq!((found.status, count(&desk, Kind::Persons)), (200, 1), "{found:?}");
    assert!(stored(&desk.world, &address).await.record.person().is_some());
}
