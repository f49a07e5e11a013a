//! How long a message waits for Pipedrive: three days for what is said of it, for as long as it takes for what is said of
//! the company; and what is held until there is somewhere to deliver to makes no work meanwhile.

use std::time::Duration;

use async_trait::async_trait;
use local::simulators::{graph::Incoming, whatsapp_number};
use pigeonpost_tests::world::{World, phone};
use shared::{
    clock::Clock,
    config::DeliveryChoice,
    inbox::{
        deliver::{self, DeliverPorts, Delivered, End, Parcel, Report, Target},
        ports::{InboxReader, StoreError},
        tokens::Tokens,
    },
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
    let (secrets, clock) = (&environment.secrets(), &*environment.clock);
    let tokens = Tokens { store: &*table, oauth: &*pipedrive, secrets, clock };
    let id = world.newest_conversation().await.id;
    let (records, choice) = (target, DeliveryChoice::Channels);
    let ports = DeliverPorts { outbox: &*table, halts: &*table, tokens, channels: target, records, choice, clock };
    deliver::deliver(&ports, &id).await.unwrap()
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
