//! Single messages and senders, templates, and that nothing is read through another channel.

use local::{
    owner::Connected,
    simulators::pipedrive::{Company, DEMO_USER, User},
};
use pigeonpost_tests::world::{World, phone};
use shared::model::ids::{CompanyId, UserId};

use crate::manifest::caller::{Caller, Chat, check_conversation, check_message};

/// A company beside the demo company.
const OTHER: CompanyId = CompanyId(2002);

/// A chat on the company's website as another channel, with a conversation.
async fn website_chat(world: &World, session: &str, customer: &str) -> (Connected, Chat) {
    let connected = world.bundle.connect_chat(session).await.unwrap();
    world.bundle.chat().customer_writes(customer, customer, "hello from the website");
    world.settle().await;
    let channels = world.bundle.pipedrive().channels();
    let channel = channels.iter().find(|channel| channel.id == connected.provider_channel_id).unwrap();
    let known = channel.conversations.values().next().unwrap();
    let chat = Chat::of(&channel.id, known);
    (connected, chat)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_comes_bare_by_both_paths() {
    let world = World::start().await;
    let (ada, bob) = (Chat::begin(&world, &phone(1), "Ada").await, Chat::begin(&world, &phone(2), "Bob").await);
    let (_, website) = website_chat(&world, &world.session, "visitor").await;
    let caller = Caller::new(&world);
    let (channel, conversation, message) = (&ada.channel, &ada.conversation, &ada.message);

    let long = caller.get(&format!("{channel}/conversations/{conversation}/messages/{message}")).await.done();
    let short = caller.get(&format!("{channel}/messages/{message}")).await.done();
    assert_eq!(long, short);
    check_message(&long);
    assert_eq!(long["id"], message.as_str());
    assert_eq!((&long["message"], &long["sender_id"]), (&"hello".into(), &ada.customer.as_str().into()));
    let listed = caller.get(&format!("{channel}/conversations/{conversation}")).await.done();
    check_conversation(&listed["data"]);
    assert_eq!(listed["data"]["messages"][0], long);
    assert_eq!(listed["additional_data"]["after"], "");

    let unknown = format!("{}{}", &message[..message.len() - 8], "00000000");
    for path in [
        format!("{channel}/conversations/{}/messages/{message}", bob.conversation),
        format!("{channel}/conversations/cv_0000000000000000/messages/{message}"),
        format!("{channel}/conversations/nonsense/messages/{message}"),
        format!("{channel}/messages/{}", website.message),
        format!("{channel}/conversations/{}/messages/{}", website.conversation, website.message),
        format!("{channel}/conversations/{conversation}/messages/{}", website.message),
        format!("{channel}/messages/{unknown}"),
        format!("{channel}/messages/nonsense"),
        format!("{channel}/messages/%F0%9F%98%80"),
        format!("{channel}/conversations/{}", website.conversation),
        format!("{channel}/conversations/nonsense"),
    ] {
        caller.get(&path).await.refused(404, "NOT_FOUND");
    }
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn senders_of_both_sides_and_templates() {
    let world = World::start().await;
    let ada = Chat::begin(&world, &phone(1), "Ada").await;
    let (connected, website) = website_chat(&world, &world.session, "visitor").await;
    let caller = Caller::new(&world);
    for (chat, company, customer) in [(&ada, "WhatsApp", "Ada"), (&website, connected.name.as_str(), "visitor")] {
        for (id, name) in [(&chat.company_side, company), (&chat.customer, customer)] {
            let body = caller.get(&format!("{}/senders/{id}", chat.channel)).await.done();
            assert_eq!(body["success"], true);
            assert_eq!(body["data"], serde_json::json!({"id": id, "name": name, "avatar_url": ""}));
        }
        let body = caller.get(&format!("{}/templates", chat.channel)).await.done();
        assert_eq!(body, serde_json::json!({"success": true, "data": {"templates": []}}));
    }
    for id in [&website.company_side, &website.customer, "pt_0000000000000000", "pt_00000000000000000000", "Ada", "%00"] {
        caller.get(&format!("{}/senders/{id}", ada.channel)).await.refused(404, "NOT_FOUND");
    }
    for channel in ["ch_1001_00000000000000000000", "ch_9_00000000000000000000", "ch_1001", "nonsense", "%F0%9F%98%80", "%2F"] {
        for path in ["templates", "conversations", "senders/pt_0000000000000000"] {
            caller.get(&format!("{channel}/{path}")).await.refused(404, "NOT_FOUND");
        }
    }
}

/// What somebody might put where an id belongs.
fn odd_ids(chat: &Chat) -> Vec<String> {
    let random = chat.channel.rsplit('_').next().unwrap();
    let mut ids: Vec<String> =
        ["%FF", "%00", "%2F", "%2e%2e%2f", "%25", "%F0%9F%98%80", "%20", "null", "*"].map(str::to_owned).into();
    ids.push("x".repeat(3000));
    // Its own, but said to be of another company, with a tail, and in capitals.
    ids.extend([format!("ch_1002_{random}"), format!("{}0", chat.channel), chat.channel.to_uppercase()]);
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_decoded_and_what_is_none_is_unknown() {
    let world = World::start().await;
    let ada = Chat::begin(&world, &phone(1), "Ada").await;
    let caller = Caller::new(&world);
    let Chat { channel, conversation, message, .. } = &ada;
    let encoded = |id: &str| id.replace('_', "%5F");
    let path = format!("{}/conversations/{}/messages/{}", encoded(channel), encoded(conversation), encoded(message));
    assert_eq!(caller.get(&path).await.done()["id"], message.as_str());

    for id in odd_ids(&ada) {
        for path in [
            format!("{id}/conversations"),
            format!("{id}/conversations/{conversation}"),
            format!("{id}/conversations/{conversation}/messages/{message}"),
            format!("{id}/messages/{message}"),
            format!("{id}/senders/{}", ada.customer),
            format!("{id}/templates"),
            format!("{channel}/conversations/{id}"),
            format!("{channel}/conversations/{id}/messages/{message}"),
            format!("{channel}/conversations/{conversation}/messages/{id}"),
            format!("{channel}/messages/{id}"),
            format!("{channel}/senders/{id}"),
        ] {
            caller.get(&path).await.refused(404, "NOT_FOUND");
        }
        caller.post(&id, &ada.fields("hello")).await.refused(404, "NOT_FOUND");
        caller.delete(&id).await.done();
    }
    caller.get(&format!("{channel}/conversations")).await.done();
    assert!(world.bundle.graph().sent().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_another_companys_is_unknown() {
    let world = World::start().await;
    let ada = Chat::begin(&world, &phone(1), "Ada").await;
    let user = User { id: UserId(DEMO_USER.0 + 500), name: "Olga Other".to_owned(), admin: true };
    let (id, users) = (user.id, vec![user]);
    let other = Company { id: OTHER, name: "Other".to_owned(), domain: "other".to_owned(), suspended: false, users };
    world.bundle.pipedrive().add_company(other);
    world.bundle.install(OTHER, id).await.unwrap();
    let session = world.bundle.session(OTHER, id).await.unwrap();
    let (_, theirs) = website_chat(&world, &session, "visitor").await;
    assert_ne!(ada.channel, theirs.channel);

    let caller = Caller::new(&world);
    for (own, foreign) in [(&ada, &theirs), (&theirs, &ada)] {
        let Chat { channel, conversation, customer, company_side, message } = own;
        let paths = [
            format!("conversations/{conversation}"),
            format!("conversations/{conversation}/messages/{message}"),
            format!("messages/{message}"),
            format!("senders/{customer}"),
            format!("senders/{company_side}"),
        ];
        for path in &paths {
            caller.get(&format!("{channel}/{path}")).await.done();
            caller.get(&format!("{}/{path}", foreign.channel)).await.refused(404, "NOT_FOUND");
        }
        // Neither does a path of one's own conversation lead to another's message.
        let path = format!("{}/conversations/{}/messages/{message}", foreign.channel, foreign.conversation);
        caller.get(&path).await.refused(404, "NOT_FOUND");

        let list = caller.get(&format!("{channel}/conversations")).await.done();
        let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|found| found["id"].as_str().unwrap()).collect();
        assert_eq!(ids, [conversation]);
        let mut fields = own.fields("to a stranger");
        fields[1].1 = &foreign.company_side;
        caller.post(&foreign.channel, &fields).await.refused(404, "NOT_FOUND");
    }
    assert!(world.bundle.graph().sent().is_empty() && world.bundle.chat().sent().is_empty(), "nobody was written to");
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}
