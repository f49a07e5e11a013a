//! From the table to Pipedrive: in order within a conversation, none held up by another, tried again as agreed and not
//! doubled, and never ended silently (invariants 2, 3 and 6).

use std::time::Duration;

use local::{
    dynamodb::StreamStart,
    simulators::pipedrive::{Call, DEMO_COMPANY, Fault},
};
use pigeonpost_tests::{
    wait::until,
    world::{World, phone},
};
use serde_json::json;
use shared::{
    clock::Clock,
    inbox::ports::InboxReader,
    model::{ids::ConversationId, message::Message},
    start::StreamFunction,
};

/// A customer writes, and everything that follows at once has happened.
async fn writes(world: &World, customer: usize, text: &str) {
    world.bundle.graph().customer_writes(&phone(customer), &format!("Customer {customer}"), text);
    world.settle().await;
    // Of two messages in one second, the provider does not say which was first.
    world.clock.advance(Duration::from_secs(1));
}

fn texts(world: &World, customer: usize) -> Vec<String> {
    world.texts(&format!("Customer {customer}"))
}

fn pushes(world: &World) -> usize {
    world.bundle.pipedrive().count(Call::Receive)
}

/// Messages of a conversation, oldest first.
async fn stored(world: &World, conversation: &ConversationId) -> Vec<Message> {
    let mut page = world.bundle.environment().table().messages(conversation, None, 50).await.unwrap();
    page.items.reverse();
    page.items
}

#[tokio::test(flavor = "multi_thread")]
async fn new_and_known_conversations() {
    let world = World::start().await;
    writes(&world, 1, "hello").await;
    let conversation = world.conversation_with("Customer 1").unwrap();
    assert_eq!(conversation.participants.len(), 2);
    let (own, theirs) = (conversation.side(false).unwrap(), conversation.side(true).unwrap());
    assert_eq!((theirs.name.as_str(), own.name.as_str()), ("Customer 1", "WhatsApp"));
    assert!(conversation.id.starts_with("cv_") && conversation.messages[0].id.starts_with("m_"));
    assert!(conversation.messages[0].reply_by.unwrap() > world.clock.now().plus(Duration::from_hours(23)));
    writes(&world, 1, "are you there?").await;
    writes(&world, 2, "me too").await;
    assert_eq!(texts(&world, 1), ["hello", "are you there?"]);
    assert_eq!(texts(&world, 2), ["me too"]);
    assert!(world.shown("Customer 1").iter().all(|message| message.sender == theirs.id && message.pushes == 1));
    assert_eq!(pushes(&world), 3);
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_message_holds_back_its_own_conversation_alone() {
    let world = World::start().await;
    world.bundle.pipedrive().inject(Call::Receive, Fault::Answer(500), 1);
    writes(&world, 1, "first").await;
    writes(&world, 1, "second").await;
    writes(&world, 2, "elsewhere").await;
    writes(&world, 2, "and again").await;
    assert_eq!(world.conversation_with("Customer 1").map(|c| c.messages.len()), None, "held back in order");
    assert_eq!(texts(&world, 2), ["elsewhere", "and again"]);
    assert_eq!(pushes(&world), 3);
    world.pass(Duration::from_secs(7)).await;
    assert_eq!(texts(&world, 1), ["first", "second"]);
    assert_eq!(pushes(&world), 5);
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_obeyed() {
    let world = World::start().await;
    world.bundle.pipedrive().inject(Call::Receive, Fault::RateLimited(100), 1);
    writes(&world, 1, "hello").await;
    for _ in 0..9 {
        world.pass(Duration::from_secs(10)).await;
        assert_eq!(pushes(&world), 1, "too early");
    }
    world.pass(Duration::from_secs(10)).await;
    assert_eq!((texts(&world, 1), pushes(&world)), (vec!["hello".to_owned()], 2));

    // The firewall's page is a rate limit too.
    world.bundle.pipedrive().inject(Call::Receive, Fault::Answer(403), 1);
    writes(&world, 1, "again").await;
    assert_eq!(texts(&world, 1).len(), 1);
    world.pass(Duration::from_mins(61)).await;
    assert_eq!(texts(&world, 1), ["hello", "again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_follow_the_schedule_for_three_days_and_end_visibly() {
    let world = World::start().await;
    world.bundle.pipedrive().inject(Call::Receive, Fault::Answer(503), 1000);
    writes(&world, 1, "doomed").await;
    let began = world.clock.now();
    let mut tries = 1;
    for secs in [5, 30, 120, 600, 1_800, 7_200, 3_600, 3_600] {
        assert_eq!(pushes(&world), tries);
        let step = Duration::from_secs(secs);
        world.pass(step.mul_f64(0.8).saturating_sub(Duration::from_secs(2))).await;
        assert_eq!(pushes(&world), tries, "before {secs} s less a fifth");
        world.pass(step.mul_f64(0.4) + Duration::from_secs(3)).await;
        tries += 1;
        assert_eq!(pushes(&world), tries, "after {secs} s and a fifth");
    }
    while world.clock.now().since(began) < Duration::from_hours(70) {
        world.pass(Duration::from_hours(2)).await;
    }
    let conversation = world.newest_conversation().await;
    assert_eq!(stored(&world, &conversation.id).await[0].dead, None, "not yet");
    for _ in 0..3 {
        world.pass(Duration::from_hours(2)).await;
    }
    let dead = stored(&world, &conversation.id).await.remove(0).dead.unwrap();
    assert!(!dead.code.is_empty() && dead.text.starts_with("Pipedrive did not take the message"), "{dead:?}");
    let conversation = world.newest_conversation().await;
    assert!(conversation.outbox.is_empty() && conversation.pause.is_none(), "{conversation:?}");
    let ended = pushes(&world);
    world.pass(Duration::from_hours(24)).await;
    assert_eq!(pushes(&world), ended, "and not tried any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_doubles_nothing() {
    for fault in [Fault::Drop, Fault::DropAfter] {
        let world = World::start().await;
        world.bundle.pipedrive().inject(Call::Receive, fault, 1);
        writes(&world, 1, "first").await;
        writes(&world, 1, "second").await;
        world.pass(Duration::from_secs(7)).await;
        assert_eq!(texts(&world, 1), ["first", "second"], "{fault:?}");
        let counts: Vec<usize> = world.shown("Customer 1").iter().map(|message| message.pushes).collect();
        assert_eq!(counts, if fault == Fault::Drop { [1, 1] } else { [2, 1] }, "{fault:?}");
        assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pipedrive_refuses_for_good_is_dead_and_the_next_goes_on() {
    let world = World::start().await;
    writes(&world, 1, "before").await;
    // Once with times in full, once in minutes.
    world.bundle.pipedrive().inject(Call::Receive, Fault::Answer(400), 2);
    writes(&world, 1, "refused").await;
    writes(&world, 1, "after").await;
    assert_eq!(texts(&world, 1), ["before", "after"]);
    let conversation = world.newest_conversation().await;
    let messages = stored(&world, &conversation.id).await;
    let dead: Vec<bool> = messages.iter().map(|message| message.dead.is_some()).collect();
    assert_eq!(dead, [false, true, false]);
    assert!(messages[1].dead.as_ref().unwrap().text.contains("Pipedrive did not take the message"));
    let dead = pigeonpost_tests::table::items(&world.bundle).await.into_iter().filter_map(|item| item.get("due_shard").cloned());
    let dead = dead.filter(|shard| shard.as_s().is_ok_and(|shard| *shard == format!("dead#{DEMO_COMPANY}"))).count();
    assert_eq!(dead, 1, "it is found among the dead");
    world.pass(Duration::from_hours(24)).await;
    assert_eq!(pushes(&world), 4, "and not tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_account_waits_for_as_long_as_it_takes() {
    let world = World::start().await;
    world.bundle.pipedrive().set_suspended(DEMO_COMPANY, true);
    writes(&world, 1, "first").await;
    let tries = pushes(&world);
    world.pass(Duration::from_mins(50)).await;
    assert_eq!(pushes(&world), tries, "an hour at least");
    for _ in 0..50 {
        world.pass(Duration::from_hours(2)).await;
    }
    writes(&world, 1, "second").await;
    let conversation = world.newest_conversation().await;
    assert!(stored(&world, &conversation.id).await.iter().all(|message| message.dead.is_none()), "four days on");
    world.bundle.pipedrive().set_suspended(DEMO_COMPANY, false);
    world.pass(Duration::from_hours(2)).await;
    assert_eq!(texts(&world, 1), ["first", "second"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_stream_missed_is_found_after_a_while() {
    let world = World::start().await;
    // What installing left to do is done.
    world.pass(Duration::from_mins(1)).await;
    let dynamodb = world.bundle.dynamodb();
    world.bundle.graph().customer_writes(&phone(1), "Customer 1", "hello");
    until("the webhook is answered", || world.bundle.graph().webhooks().idle()).await;
    // All that the stream has so far is lost: nobody reads it before this place.
    let mut place = dynamodb.stream_position(StreamStart::Oldest).unwrap();
    let mut missed = 0;
    loop {
        let (records, next) = dynamodb.records_after(&place).await.unwrap();
        place = next;
        missed += records.len();
        if records.is_empty() {
            break;
        }
    }
    assert!(missed > 0 && pushes(&world) == 0);

    world.clock.advance(Duration::from_secs(80));
    assert!(world.bundle.run_schedule("redeliver").await);
    assert_eq!(dynamodb.records_after(&place).await.unwrap().0.len(), 0, "the stream may still be at it");
    world.clock.advance(Duration::from_secs(20));
    assert!(world.bundle.run_schedule("redeliver").await);
    let (records, _) = dynamodb.records_after(&place).await.unwrap();
    assert_eq!(records.len(), 1, "one touch wakes the stream");
    assert!(
        records[0].pointer("/dynamodb/NewImage/due_shard/S").is_some_and(|shard| shard.as_str().unwrap().starts_with("outbox#"))
    );
    let event = serde_json::from_value(json!({"Records": records})).unwrap();
    let answer = deliver::Function::new(world.bundle.environment()).handle(event).await;
    assert!(answer.batch_item_failures.is_empty());
    world.bundle.pipedrive().idle().await;
    assert_eq!(texts(&world, 1), ["hello"]);
    world.settle().await;
    assert_eq!(pushes(&world), 1, "the rest of the stream finds nothing to do");
}
