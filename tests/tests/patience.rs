//! How long a message waits for Pipedrive: three days for what is said of it, for as long as it takes for what is said of
//! the company; and what is held until there is somewhere to deliver to makes no work meanwhile.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use local::{
    bundle::{Bundle, BundleOptions},
    clock::AdjustableClock,
    dynamodb::StreamStart,
    simulators::{
        graph::Incoming,
        pipedrive::{Call, DEMO_COMPANY, DEMO_USER},
        whatsapp_number,
    },
};
use pigeonpost_tests::world::{World, phone};
use shared::{
    clock::Clock,
    config::DeliveryChoice,
    inbox::{
        deliver::{self, DeliverPorts, Delivered, End, Parcel, Report, Target},
        ports::{InboxReader, OutboxStore, StoreError},
        tokens::Tokens,
    },
    model::ids::ChannelId,
    pipedrive::error::PipedriveError,
};

/// Refuses everything, always for the same reason.
struct Refusing(PipedriveError);

#[async_trait]
impl Target for Refusing {
    async fn deliver(&self, parcel: &Parcel<'_>) -> Result<Report, StoreError> {
        let at = vec![parcel.messages[0].id.place()];
        Ok(Report { done: Vec::new(), end: End::Failed { error: self.0.clone(), at } })
    }
}

/// One round over the only conversation.
async fn round(world: &World, target: &dyn Target) -> Delivered {
    let environment = world.bundle.environment();
    let (table, pipedrive) = (environment.table(), environment.pipedrive());
    let (secrets, clock) = (&environment.secrets, &*environment.clock);
    let tokens = Tokens { store: &*table, oauth: &*pipedrive, secrets, clock };
    let id = world.newest_conversation().await.id;
    deliver::deliver(&DeliverPorts { outbox: &*table, halts: &*table, tokens, channels: target, clock }, &id).await.unwrap()
}

/// Whether a message that is always refused is given up within five days, tried as soon as it may be.
async fn is_given_up(world: &World, target: &dyn Target) -> bool {
    let number = whatsapp_number();
    let text = Incoming { number: &number.id, from: &phone(1), name: "Dora", text: "hello", at: world.clock.now() };
    world.store(&[text]).await;
    for _ in 0..50 {
        let delivered = round(world, target).await;
        assert_eq!(delivered.pushed, 0);
        if delivered.dead > 0 {
            return true;
        }
        assert!(delivered.waiting || delivered.held);
        // The longest wait of all: two hours and a fifth. What is held may ask again by then.
        world.clock.advance(Duration::from_mins(145));
        assert!(world.bundle.run_schedule("redeliver").await);
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_the_message_ends_after_three_days() {
    for error in [PipedriveError::Forbidden { code: String::new() }, PipedriveError::NotFound] {
        let world = World::start().await;
        let began = world.clock.now();
        let target = Refusing(error.clone());
        assert!(is_given_up(&world, &target).await, "{error:?} is given up");
        let after = world.clock.now().since(began);
        assert!(after >= Duration::from_hours(72) && after < Duration::from_hours(75), "{error:?}: {after:?}");
        let conversation = world.newest_conversation().await;
        assert!(conversation.outbox.is_empty() && conversation.pause.is_none(), "{error:?}: {conversation:?}");
        let messages = world.bundle.environment().table().messages(&conversation.id, None, 10).await.unwrap().items;
        assert_eq!(messages[0].dead.as_ref().map(|dead| dead.code.as_str()), Some(error.code()), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_the_company_ends_never() {
    for error in [PipedriveError::Gone { status: 415 }, PipedriveError::Gone { status: 403 }, PipedriveError::AccountClosed] {
        let world = World::start().await;
        assert!(!is_given_up(&world, &Refusing(error.clone())).await, "{error:?}");
        world.pass(Duration::from_hours(2)).await;
        assert_eq!(world.texts("Dora"), ["hello"], "{error:?}: it goes out when it may");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_for_want_of_an_inbox_makes_no_work() {
    let clock = Arc::new(AdjustableClock::default());
    let options =
        BundleOptions { clock: clock.clone(), pump: false, delivery: DeliveryChoice::Records, ..BundleOptions::default() };
    let bundle = Bundle::start(options).await.unwrap();
    bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let session = bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let channel = bundle.connect_whatsapp(&session).await.unwrap();
    bundle.graph().customer_writes(&phone(1), "Dora", "hello");
    bundle.settle().await.unwrap();
    for _ in 0..10 {
        clock.advance(Duration::from_mins(1));
        assert!(bundle.run_schedule("redeliver").await);
        bundle.settle().await.unwrap();
    }

    // By now the release that came with the consent has looked long enough.
    let (table, stream) = (bundle.environment().table(), bundle.dynamodb());
    assert_eq!(table.due(clock.now(), 100).await.unwrap(), [], "nothing is due");
    let place = last_place(&bundle).await;
    for _ in 0..10 {
        clock.advance(Duration::from_mins(1));
        assert!(bundle.run_schedule("redeliver").await);
    }
    assert_eq!(stream.records_after(&place).await.unwrap().0.len(), 0, "and nothing is written any more");

    let channel = ChannelId::parse(&channel.provider_channel_id).unwrap();
    let held = table.conversations(&channel, None, 1).await.unwrap().items.remove(0);
    assert_eq!(held.outbox.len(), 1, "the message is kept");
    assert_eq!(held.pause.map(|pause| pause.reason().code.clone()).as_deref(), Some("no_messaging_inbox"));
    assert_eq!(bundle.pipedrive().count(Call::Receive), 0);
}

/// The stream's end.
async fn last_place(bundle: &Bundle) -> local::dynamodb::StreamPosition {
    let mut place = bundle.dynamodb().stream_position(StreamStart::Oldest).unwrap();
    loop {
        let (records, next) = bundle.dynamodb().records_after(&place).await.unwrap();
        place = next;
        if records.is_empty() {
            return place;
        }
    }
}
