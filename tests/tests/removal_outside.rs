//! Invariants 1 and 6 for what is removed, with a fault at each call to Pipedrive and to the provider: until Pipedrive has done
//! it, it is served as before; once more, and nothing of it is left, here or there.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use lambda_http::Body;
use local::{
    host::{self, Hosted},
    simulators::pipedrive::{DEMO_COMPANY, DEMO_USER},
};
use pigeonpost_tests::{
    call::{as_pipedrive, request},
    outside::{Fault, Way},
    table,
    world::{World, phone},
};
use shared::{environment::Environment, http::Request};

/// More than an access token's life: it is renewed within the removal, which is one more call.
const EXPIRED: Duration = Duration::from_hours(2);

/// What is removed, by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Removal {
    ChannelByPipedrive,
    ChannelByOwner,
    Conversation,
}

impl Removal {
    fn request(self, session: &str, channel: &str, conversation: &str) -> (&'static str, Request) {
        let bearer = HeaderValue::from_str(&format!("Bearer {session}")).unwrap();
        let bearer = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
        let delete = |path: String, parameter, headers| request(Method::DELETE, &path, &[parameter], headers, Body::Empty);
        match self {
            Self::ChannelByPipedrive => {
                let parameter = ("providerChannelId", channel);
                ("delete-channel-by-id", delete(format!("/api/channels/{channel}"), parameter, as_pipedrive()))
            }
            Self::ChannelByOwner => ("channels", delete(format!("/setup/channels/{channel}"), ("channel", channel), bearer)),
            Self::Conversation => {
                let path = format!("/inbox/api/conversations/{conversation}");
                ("inbox", delete(path, ("conversation", conversation), bearer))
            }
        }
    }
}

/// Calls a function; the answer's status.
async fn call(environment: &Environment, (function, request): (&str, Request)) -> u16 {
    let Some(Hosted::Http(hosted)) = host::build(function, environment) else { panic!("{function} is no HTTP function") };
    hosted.call(request).await.status().as_u16()
}

/// With a fault at each call outside. `to_pipedrive` of them, the first ones, are Pipedrive's; without those it does not go on.
async fn removed_with_a_fault_at_any_call(removal: Removal, calls: &[&str], to_pipedrive: usize) {
    let world = World::start().await;
    let (way, environment) = Way::open(world.bundle.environment()).await;
    world.bundle.connect_chat(&world.session).await.unwrap();
    world.bundle.chat().customer_writes("visitor", "Vera", "kept words");
    let mut channel = world.whatsapp.provider_channel_id.clone();
    let faults = (0..calls.len()).flat_map(|at| Fault::ALL.map(|fault| Some((at, fault))));
    for (case, fault) in std::iter::once(None).chain(faults).enumerate() {
        let (customer, words) = (format!("Customer {case}"), format!("words number {case}"));
        world.bundle.graph().customer_writes(&phone(case), &customer, &words);
        world.settle().await;
        world.clock.advance(EXPIRED);
        let session = world.bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
        let there = || world.bundle.pipedrive().channels().into_iter().find(|known| known.id == channel);
        let conversation = there()
            .and_then(|there| there.conversations.into_values().find(|c| c.participants.iter().any(|p| p.name == customer)))
            .expect("Pipedrive has heard of it")
            .id;

        way.reset(fault);
        let status = call(&environment, removal.request(&session, &channel, &conversation)).await;
        if fault.is_none() {
            let made = way.requests();
            let fits = made.iter().zip(calls).all(|(made, call)| made.contains(call));
            assert!(fits && made.len() == calls.len(), "{removal:?} calls {made:?}");
        }
        let stopped = fault.is_some_and(|(at, _)| at < to_pipedrive);
        assert_eq!(status, if stopped { 500 } else { 200 }, "{removal:?}: {fault:?}");
        if stopped {
            assert!(table::holds(&table::raw(&world.bundle).await, &words), "{removal:?}: {fault:?}: it is here as before");
        }
        way.reset(None);
        let again = call(&environment, removal.request(&session, &channel, &conversation)).await;
        assert!(again == 200 || (again == 404 && !stopped), "{removal:?}: {fault:?}: {again}");
        world.pass(Duration::from_mins(16)).await;
        let raw = table::raw(&world.bundle).await;
        for gone in [words.as_str(), &phone(case), &conversation] {
            assert!(!table::holds(&raw, gone), "{removal:?}: {gone} is left after {fault:?}");
        }
        assert!(table::holds(&raw, "kept words"), "{removal:?}: {fault:?}: another's is kept");
        // Of a channel that Pipedrive deletes, it does its part itself.
        let left = there().filter(|_| removal != Removal::ChannelByPipedrive);
        let left = left.is_some_and(|there| there.conversations.contains_key(&conversation));
        assert!(!left, "{removal:?}: {fault:?}: it is gone from Pipedrive");
        if removal != Removal::Conversation {
            let session = world.bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
            channel = world.bundle.connect_whatsapp(&session).await.unwrap().provider_channel_id;
            world.settle().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_pipedrive_deletes_goes_whether_its_provider_hears_of_it_or_not() {
    removed_with_a_fault_at_any_call(Removal::ChannelByPipedrive, &["subscribed_apps"], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_its_owner_removes_goes_with_pipedrives() {
    let calls = ["/oauth/token", "DELETE /api/v1/channels/", "subscribed_apps"];
    removed_with_a_fault_at_any_call(Removal::ChannelByOwner, &calls, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_its_owner_deletes_goes_with_pipedrives() {
    let calls = ["/oauth/token", "DELETE /api/v1/channels/"];
    removed_with_a_fault_at_any_call(Removal::Conversation, &calls, 2).await;
}
