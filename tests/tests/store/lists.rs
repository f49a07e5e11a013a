//! Lists: complete, newest first, without gaps or repeats, whatever happens between two pages.

use shared::{
    inbox::ports::{ChannelStore, InboxReader, InboxWriter, ReceiveStore},
    model::{
        content::FileKind,
        conversation::{Conversation, ConversationState, Glimpse, Outbox, Pause, Stamp},
        cursor::{ConversationCursor, MessageCursor},
        ids::{ChannelId, CompanyId, ConversationId, DealId, PersonId},
        message::Direction,
        record::{Link, Records},
    },
};

use crate::store::fixture::*;

#[tokio::test]
async fn lists_have_all_of_a_conversation_but_what_is_owed() {
    let f = fixture();
    let empty = conversation(&ChannelId::new(COMPANY), &["phone:1", "user:A"]);
    let place = incoming(&empty, "1", 5).id.place();
    let records = Records { person: Some(PersonId(1)), deal: Some(DealId(2)), lead: None };
    // With nothing left out that a conversation can have: a list without it would show less than there is.
    let full = Conversation {
        state: ConversationState::Closed,
        link: "https://chat.example/1".to_owned(),
        last_at: at(5),
        unread: 3,
        reply_by: Some(at(86_400)),
        outbox: Outbox::from([(place.clone(), Stamp(7))]),
        pause: Some(Pause::Held { since: at(6), reason: reason("needs_reconnect") }),
        record: Link { records, owner: Some(USER), looked_at: Some(at(4)), revision: 2, ..Link::default() },
        last: Some(Glimpse {
            place,
            direction: Direction::In,
            text: "text of 1".to_owned(),
            file: Some(FileKind::Image),
            deleted: false,
        }),
        changed_at: Some(at(6)),
        answered_by: Some(USER),
        ..empty
    };
    assert!(f.table.begin_conversation(&full, None).await.unwrap());
    let stored = InboxReader::conversation(&f.table, &full.id).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&full));
    let listed = Conversation { outbox: Outbox::new(), pause: None, ..full };
    let of_channel = f.table.conversations(&listed.channel, None, 10).await.unwrap().items;
    let of_company = f.table.conversations_of_company(COMPANY, None, 10).await.unwrap().items;
    let changed = f.table.changed_conversations(COMPANY, at(0), 10).await.unwrap();
    for list in [of_channel, of_company, changed] {
        assert_eq!(list, std::slice::from_ref(&listed));
    }
}

#[tokio::test]
async fn two_hundred_and_fifty_conversations_in_pages() {
    let f = fixture();
    let channels = [ChannelId::new(COMPANY), ChannelId::new(COMPANY)];
    let mut expected: Vec<(i64, ConversationId)> = Vec::new();
    for n in 0..250_i64 {
        let conversation = conversation(&channels[usize::from(n % 5 == 0)], &[&format!("user:{n}")]);
        // Pairs of the same moment.
        let message = incoming(&conversation, &n.to_string(), n / 2);
        f.table.store_message(&new_message(&conversation, false, message)).await.unwrap();
        expected.push((n / 2, conversation.id));
    }
    expected.sort();
    expected.reverse();
    let expected: Vec<ConversationId> = expected.into_iter().map(|(_, id)| id).collect();

    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = f.table.conversations_of_company(COMPANY, after.as_ref(), 30).await.unwrap();
        all.extend(page.items.into_iter().map(|conversation| conversation.id));
        let Some(next) = page.next else { break };
        after = Some(ConversationCursor::decode(&next.encode()).unwrap());
    }
    assert_eq!(all, expected);
    let first = f.table.conversations(&channels[1], None, 50).await.unwrap();
    assert_eq!((first.items.len(), first.next), (50, None), "exactly one page");
    let first = f.table.conversations(&channels[0], None, 100).await.unwrap();
    assert!(first.next.is_some());
    assert_eq!(f.table.conversations(&channels[0], first.next.as_ref(), 100).await.unwrap().items.len(), 100);
    assert_eq!(f.table.conversations_of_company(CompanyId(43), None, 100).await.unwrap().items.len(), 0);
}

#[tokio::test]
async fn a_thousand_messages_in_pages_even_when_rows_go_between_them() {
    let f = fixture();
    let conversation = conversation(&ChannelId::new(COMPANY), &["user:A"]);
    let mut expected = Vec::new();
    for n in 0..1000_i64 {
        let message = incoming(&conversation, &n.to_string(), n);
        expected.insert(0, message.id.clone());
        f.table.store_message(&new_message(&conversation, n > 0, message)).await.unwrap();
    }
    let mut all = Vec::new();
    let mut after: Option<MessageCursor> = None;
    loop {
        let page = f.table.messages(&conversation.id, after.as_ref(), 100).await.unwrap();
        all.extend(page.items.into_iter().map(|message| message.id));
        let Some(next) = page.next else { break };
        after = Some(MessageCursor::decode(&next.encode()).unwrap());
    }
    assert_eq!(all, expected);

    let page = f.table.messages(&conversation.id, None, 10).await.unwrap();
    for gone in &expected[5..15] {
        f.client
            .delete_item()
            .table_name("pigeonpost")
            .key("PK", aws_sdk_dynamodb::types::AttributeValue::S(format!("CV#{}", conversation.id)))
            .key("SK", aws_sdk_dynamodb::types::AttributeValue::S(format!("M#{}", gone.place())))
            .send()
            .await
            .unwrap();
    }
    let next = f.table.messages(&conversation.id, page.next.as_ref(), 10).await.unwrap();
    let ids: Vec<_> = next.items.into_iter().map(|message| message.id).collect();
    assert_eq!(ids, expected[15..25]);

    let last = MessageCursor { place: expected[1].place() };
    assert_eq!(f.table.messages(&conversation.id, Some(&last), 984).await.unwrap().items.len(), 984);
    let end = f.table.messages(&conversation.id, Some(&MessageCursor { place: expected[999].place() }), 10).await.unwrap();
    assert!(end.items.is_empty() && end.next.is_none());
}

#[tokio::test]
async fn the_last_page_of_messages_has_no_cursor() {
    let f = fixture();
    let conversation = conversation(&ChannelId::new(COMPANY), &["user:A"]);
    for n in 0..3 {
        let message = incoming(&conversation, &n.to_string(), n);
        f.table.store_message(&new_message(&conversation, n > 0, message)).await.unwrap();
    }
    for (limit, more) in [(1, true), (2, true), (3, false), (4, false)] {
        let page = f.table.messages(&conversation.id, None, limit).await.unwrap();
        assert_eq!((page.items.len(), page.next.is_some()), (limit.min(3), more), "{limit}");
    }
    let nothing = f.table.messages(&ConversationId::new(), None, 3).await.unwrap();
    assert!(nothing.items.is_empty() && nothing.next.is_none());
}

#[tokio::test]
async fn a_page_too_large_for_one_answer_ends_sooner_with_a_cursor() {
    let f = fixture();
    let conversation = conversation(&ChannelId::new(COMPANY), &["user:A"]);
    let mut stored = 0;
    for n in 0..50 {
        let mut message = incoming(&conversation, &n.to_string(), n);
        message.text = "x".repeat(32 * 1024);
        f.table.store_message(&new_message(&conversation, n > 0, message)).await.unwrap();
        stored += 1;
    }
    let page = f.table.messages(&conversation.id, None, 50).await.unwrap();
    assert!(page.items.len() < 50 && page.next.is_some(), "{}", page.items.len());
    let rest = f.table.messages(&conversation.id, page.next.as_ref(), 50).await.unwrap();
    assert_eq!((page.items.len() + rest.items.len(), rest.next), (stored, None));
}

#[tokio::test]
async fn unknown_ids_find_nothing() {
    let f = fixture();
    let channel = channel();
    assert_eq!(InboxReader::channel(&f.table, &channel.id).await.unwrap(), None);
    f.table.save_channel(&channel).await.unwrap();
    assert_eq!(InboxReader::channel(&f.table, &channel.id).await.unwrap(), Some(channel));
    let conversation = conversation(&ChannelId::new(COMPANY), &["user:A"]);
    assert_eq!(InboxReader::conversation(&f.table, &conversation.id).await.unwrap(), None);
    assert_eq!(f.table.message(&incoming(&conversation, "1", 0).id).await.unwrap(), None);
}
