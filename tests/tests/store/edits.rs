//! What writers and customers change afterwards, and what is kept beside a channel.

use shared::{
    inbox::ports::{Change, ChannelStore, InboxReader, ReceiveStore, TemplateStore},
    model::{
        channel::ProviderKind,
        content::{Attachment, Content, FileKind, FileSource, FileState},
        conversation::Conversation,
        ids::{AccountId, ChannelId},
        message::Message,
        template::Template,
    },
};

use crate::store::fixture::*;

async fn received(f: &Fixture) -> (Conversation, Message) {
    let conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    let mut message = incoming(&conversation, "1", 0);
    message.attachments = vec![Attachment {
        kind: FileKind::Image,
        mime: "image/jpeg".to_owned(),
        name: None,
        size: None,
        file: FileState::Awaited { source: FileSource("9".to_owned()), attempts: 0 },
    }];
    f.table.store_message(&new_message(&conversation, false, message.clone())).await.unwrap();
    (conversation, message)
}

fn edited(text: &str, secs: i64) -> Change {
    Change::Edited { text: text.to_owned(), content: None, at: at(secs) }
}

async fn stamp(f: &Fixture, conversation: &Conversation, message: &Message) -> u32 {
    InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap().outbox[&message.id.place()].0
}

#[tokio::test]
async fn an_edit_changes_the_words_once_and_is_owed() {
    let f = fixture();
    let (conversation, message) = received(&f).await;
    let before = stamp(&f, &conversation, &message).await;
    assert!(f.table.change_message(&message.id, &edited("new", 5), at(90)).await.unwrap());
    let after = stamp(&f, &conversation, &message).await;
    assert_ne!(before, after);
    assert!(!f.table.change_message(&message.id, &edited("new", 5), at(90)).await.unwrap(), "it came twice");
    assert!(!f.table.change_message(&message.id, &edited("older", 4), at(90)).await.unwrap(), "it came late");
    assert_eq!(stamp(&f, &conversation, &message).await, after);
    let stored = f.table.message(&message.id).await.unwrap().unwrap();
    assert_eq!((stored.text.as_str(), stored.edited_at, stored.attachments.len()), ("new", Some(at(5)), 1));

    let place = Content::Location { latitude: 59.437, longitude: 24.7536, name: None, address: None };
    let moved = Change::Edited { text: "there".to_owned(), content: Some(place.clone()), at: at(6) };
    assert!(f.table.change_message(&message.id, &moved, at(90)).await.unwrap());
    assert_eq!(f.table.message(&message.id).await.unwrap().unwrap().content, Some(place));
}

#[tokio::test]
async fn what_is_taken_back_is_gone_and_stays_so() {
    let f = fixture();
    let (_, message) = received(&f).await;
    assert!(f.table.change_message(&message.id, &Change::Deleted { at: at(5) }, at(90)).await.unwrap());
    assert!(!f.table.change_message(&message.id, &Change::Deleted { at: at(6) }, at(90)).await.unwrap());
    assert!(!f.table.change_message(&message.id, &edited("back", 7), at(90)).await.unwrap());
    let stored = f.table.message(&message.id).await.unwrap().unwrap();
    assert_eq!((stored.text.as_str(), stored.attachments.len(), stored.deleted_at), ("", 0, Some(at(5))));
    let unknown = incoming(&conversation(&ChannelId::new(COMPANY), &[]), "x", 0);
    assert!(!f.table.change_message(&unknown.id, &edited("x", 5), at(90)).await.unwrap());
}

#[tokio::test]
async fn lists_show_the_newest_message_as_it_is_now() {
    let f = fixture();
    let (conversation, message) = received(&f).await;
    let glimpse = async || InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap().last.unwrap();
    assert_eq!((glimpse().await.place, glimpse().await.file), (message.id.place(), Some(FileKind::Image)));
    assert!(f.table.change_message(&message.id, &edited("new words", 5), at(90)).await.unwrap());
    assert_eq!(glimpse().await.text, "new words");

    let later = incoming(&conversation, "2", 30);
    f.table.store_message(&new_message(&conversation, true, later.clone())).await.unwrap();
    assert!(f.table.change_message(&message.id, &edited("newer words", 40), at(90)).await.unwrap(), "of an earlier message");
    assert_eq!((glimpse().await.place, glimpse().await.text), (later.id.place(), later.text.clone()));
    assert!(f.table.change_message(&later.id, &Change::Deleted { at: at(50) }, at(90)).await.unwrap());
    let gone = glimpse().await;
    assert_eq!((gone.text.as_str(), gone.file, gone.deleted), ("", None, true), "nothing of it is left here either");
}

#[tokio::test]
async fn a_customers_new_name_leads_to_the_same_conversation() {
    let f = fixture();
    let (conversation, _) = received(&f).await;
    let channel = &conversation.channel;
    let names = [contact("phone:2"), contact("user:US.1")];
    for _ in 0..2 {
        assert!(f.table.rename_customer(channel, &conversation.id, &names, Some("+2")).await.unwrap());
    }
    for name in ["phone:1", "phone:2", "user:US.1"] {
        let found = f.table.conversation_of(channel, &[contact(name)], &[]).await.unwrap();
        assert_eq!(found.map(|(_, id)| id), Some(conversation.id.clone()), "{name}");
    }
    let customer = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap().customer;
    assert_eq!(customer.keys, [contact("phone:2"), contact("user:US.1"), contact("phone:1")]);
    assert_eq!(customer.phone.as_deref(), Some("+2"));
    let other = ChannelId::new(COMPANY);
    assert!(!f.table.rename_customer(&other, &conversation.id, &names, None).await.unwrap(), "another channel's");
}

#[tokio::test]
async fn a_name_that_is_another_customers_stays_theirs() {
    let f = fixture();
    let (one, _) = received(&f).await;
    let two = Conversation { channel: one.channel.clone(), ..conversation(&one.channel, &["phone:2"]) };
    f.table.store_message(&new_message(&two, false, incoming(&two, "2", 0))).await.unwrap();
    let names = [contact("phone:2"), contact("phone:3")];
    assert!(f.table.rename_customer(&one.channel, &one.id, &names, None).await.unwrap());
    let leads_to = async |name| f.table.conversation_of(&one.channel, &[contact(name)], &[]).await.unwrap().map(|(_, id)| id);
    assert_eq!(leads_to("phone:2").await, Some(two.id));
    assert_eq!(leads_to("phone:3").await, Some(one.id.clone()));
}

#[tokio::test]
async fn a_groups_channels_are_found_until_they_are_removed() {
    let f = fixture();
    let group = AccountId::parse("waba:1").unwrap();
    let mut channels = Vec::new();
    for account in ["1", "2"] {
        let account = AccountId::parse(account).unwrap();
        let channel = shared::model::channel::Channel { group: Some(group.clone()), account, ..channel() };
        f.table.save_channel(&channel).await.unwrap();
        channels.push(channel);
    }
    let owners = async || f.table.group_owners(ProviderKind::Whatsapp, &group).await.unwrap().len();
    assert_eq!(owners().await, 2);
    let removed = shared::model::channel::ChannelState::Removed;
    assert!(f.table.set_channel_state(&channels[0], removed, at(1)).await.unwrap());
    assert_eq!(owners().await, 1);
    assert_eq!(f.table.group_owners(ProviderKind::Custom, &group).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_problem_is_noted_and_forgotten() {
    let f = fixture();
    let channel = channel();
    f.table.save_channel(&channel).await.unwrap();
    f.table.set_problem(&channel.id, Some(&reason("account_suspended"))).await.unwrap();
    let problem = async || ChannelStore::channel(&f.table, &channel.id).await.unwrap().unwrap().problem;
    assert_eq!(problem().await, Some(reason("account_suspended")));
    f.table.set_problem(&channel.id, None).await.unwrap();
    assert_eq!(problem().await, None);
    f.table.set_problem(&ChannelId::new(COMPANY), None).await.unwrap();
    assert_eq!(ChannelStore::channel(&f.table, &ChannelId::new(COMPANY)).await.unwrap(), None);
}

#[tokio::test]
async fn templates_are_kept_until_they_are_old_or_forgotten() {
    let f = fixture();
    let channel = channel();
    f.table.save_channel(&channel).await.unwrap();
    let template = Template {
        id: "1".to_owned(),
        name: "order".to_owned(),
        language: "en".to_owned(),
        content: "Hi {{1}}".to_owned(),
        data: serde_json::json!({"components": [{"type": "BODY"}], "n": 1.5}),
    };
    let kept = async |not_before| {
        let (found, templates) = f.table.kept_templates(&channel.id, at(not_before)).await.unwrap();
        assert_eq!(found.map(|found| found.id), Some(channel.id.clone()));
        templates
    };
    assert_eq!(kept(0).await, None);
    f.table.keep_templates(&channel.id, std::slice::from_ref(&template), at(10)).await.unwrap();
    assert_eq!(kept(10).await, Some(vec![template.clone()]));
    assert_eq!(kept(11).await, None);
    f.table.forget_templates(&channel.id).await.unwrap();
    assert_eq!(kept(0).await, None);
    let huge = Template { content: "x".repeat(400_000), ..template };
    f.table.keep_templates(&channel.id, &[huge], at(10)).await.unwrap();
    assert_eq!(kept(0).await, None, "too large to be kept is no error");
}
