//! Invariants 1 and 6 for what is removed: a channel by Pipedrive or by its owner, one conversation, with a fault at every step
//! and once more. Nothing of it is left in the end, and nobody else's is touched.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use lambda_http::Body;
use local::{
    host::{self, Hosted},
    simulators::pipedrive::{DEMO_COMPANY, DEMO_USER},
};
use pigeonpost_tests::{
    call::{as_pipedrive, request},
    table,
    wire::{Fault, Wire},
    world::{World, phone},
};
use shared::{http::Request, inbox::ports::InboxReader, model::ids::ChannelId};

/// What goes wrong at a step. To die before the next one is to die after this one.
const FAULTS: [Fault; 2] = [Fault::DieAfter, Fault::Repeat];

/// Calls a function over `wire`; the answer's status.
async fn call(world: &World, wire: &Wire, function: &str, request: Request) -> u16 {
    let Some(Hosted::Http(hosted)) = host::build(function, &wire.environment(world.bundle.environment())) else {
        panic!("{function} is no HTTP function")
    };
    hosted.call(request).await.status().as_u16()
}

fn bearer(session: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {session}")).unwrap())])
}

/// What is removed, by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Removal {
    ChannelByPipedrive,
    ChannelByOwner,
    Conversation,
}

impl Removal {
    fn request(self, session: &str, channel: &str, conversation: &str) -> (&'static str, Request) {
        let delete =
            |path: String, name: &str, id: &str, headers| request(Method::DELETE, &path, &[(name, id)], headers, Body::Empty);
        match self {
            Self::ChannelByPipedrive => {
                ("delete-channel-by-id", delete(format!("/api/channels/{channel}"), "providerChannelId", channel, as_pipedrive()))
            }
            Self::ChannelByOwner => {
                ("channels", delete(format!("/setup/channels/{channel}"), "channel", channel, bearer(session)))
            }
            Self::Conversation => {
                let path = format!("/inbox/api/conversations/{conversation}");
                ("inbox", delete(path, "conversation", conversation, bearer(session)))
            }
        }
    }
}

async fn removed_with_a_fault_at_any_step(removal: Removal) {
    let (world, wire) = (World::start().await, Wire::default());
    let chat = world.bundle.connect_chat(&world.session).await.unwrap();
    world.bundle.chat().customer_writes("visitor", "Vera", "kept words");
    world.settle().await;
    let mut channel = world.whatsapp.provider_channel_id.clone();
    let mut count = 1;
    let mut case = 0;
    // The first case has no fault, and tells how many there are.
    while case <= count * FAULTS.len() {
        let fault = (case > 0).then(|| ((case - 1) / FAULTS.len(), FAULTS[(case - 1) % FAULTS.len()]));
        case += 1;
        // A session lasts for a quarter of an hour.
        let session = world.bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
        let words = format!("words number {case}");
        world.bundle.graph().customer_writes(&phone(case), &format!("Customer {case}"), &words);
        world.settle().await;
        let (table, owner) = (world.bundle.environment().table(), ChannelId::parse(&channel).unwrap());
        let conversation = table.conversations(&owner, None, 1).await.unwrap().items.remove(0).id;
        world.clock.advance(Duration::from_secs(1));

        wire.reset(fault);
        let (function, request) = removal.request(&session, &channel, conversation.as_str());
        let status = call(&world, &wire, function, request).await;
        if fault.is_none() {
            count = wire.traffic().operations.len();
            assert!(count >= 5, "removing makes several requests: {:?}", wire.traffic());
        }
        if fault.is_none_or(|(_, fault)| fault == Fault::Repeat) {
            assert_eq!(status, 200, "{removal:?}: {fault:?}");
        }
        wire.reset(None);
        let (function, request) = removal.request(&session, &channel, conversation.as_str());
        let again = call(&world, &wire, function, request).await;
        assert!(matches!(again, 200 | 404), "{removal:?}: {fault:?}: {again}");
        world.pass(Duration::from_mins(16)).await;
        let raw = table::raw(&world.bundle).await;
        for gone in [words.as_str(), &phone(case), conversation.as_str()] {
            assert!(!table::holds(&raw, gone), "{removal:?}: {gone} is left after {fault:?}");
        }
        assert!(table::holds(&raw, "kept words"), "{removal:?}: {fault:?}: another's is kept");
        let session = world.bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
        if removal != Removal::Conversation {
            channel = world.bundle.connect_whatsapp(&session).await.unwrap().provider_channel_id;
            world.settle().await;
        }
        assert!(world.bundle.pipedrive().channels().iter().any(|known| known.id == chat.provider_channel_id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_pipedrive_deletes() {
    removed_with_a_fault_at_any_step(Removal::ChannelByPipedrive).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_its_owner_removes() {
    removed_with_a_fault_at_any_step(Removal::ChannelByOwner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_its_owner_deletes() {
    removed_with_a_fault_at_any_step(Removal::Conversation).await;
}
