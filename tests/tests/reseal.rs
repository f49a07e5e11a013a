//! The sealing key is exchanged while everything goes on: a new one in front of the ring, everything sealed anew, the old one gone.

use std::time::Duration;

use clap::Parser;
use local::simulators::pipedrive::DEMO_COMPANY;
use ops::terminal::Terminal;
use pigeonpost_tests::world::{World, phone};
use shared::{config::DeliveryChoice, inbox::everyone::EveryoneStore, records::watch::keep, seal::Vault};

const NEW: &str = "2:fedcba9876543210fedcba9876543210fedcba98";

async fn reseal(world: &World) -> String {
    let arguments = ops::Arguments::try_parse_from(["ops", "reseal"]).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let environment = world.bundle.environment().as_one_function();
    ops::run(arguments, &environment, &mut Terminal::new(&mut out, &mut err)).await.unwrap();
    String::from_utf8(err).unwrap()
}

/// Puts another ring into the secret, and waits until every function has it.
fn rotate(world: &mut World, ring: &str) {
    let mut secret = world.bundle.secret().clone();
    secret["encryption_key"] = ring.into();
    world.bundle.rotate_secret(secret);
    world.clock.advance(Duration::from_mins(6));
}

/// A message goes in and an answer out.
async fn works(world: &World, text: &str) {
    world.bundle.graph().customer_writes(&phone(1), "Ada", text);
    world.settle().await;
    assert_eq!(world.texts("Ada").last().map(String::as_str), Some(text));
    let conversation = world.conversation_with("Ada").unwrap().id;
    let channel = &world.whatsapp.provider_channel_id;
    let answer = format!("You wrote: {text}");
    world.bundle.pipedrive().send_from_inbox(channel, &conversation, &answer, Vec::new()).await.unwrap();
    world.settle().await;
    assert_eq!(world.bundle.graph().sent().last().map(|sent| sent.text.clone()), Some(answer));
    world.clock.advance(Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sealing_key_is_exchanged_without_a_pause() {
    let mut world = World::start().await;
    works(&world, "before").await;
    let old = world.bundle.secret()["encryption_key"].as_str().unwrap().to_owned();
    rotate(&mut world, &format!("{NEW} 1:{old}"));
    works(&world, "with both").await;
    let said = reseal(&world).await;
    assert!(said.starts_with("sealed anew: the tokens of 1 installations, the credentials of 1 channels, "), "{said}");
    assert!(reseal(&world).await.contains("the tokens of 0 installations, the credentials of 0 channels"), "once");
    rotate(&mut world, NEW);
    works(&world, "without the old one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_the_password_by_which_changes_in_pipedrive_are_heard_of() {
    let mut world = World::delivering(DeliveryChoice::Records).await;
    let old = world.bundle.secret()["encryption_key"].as_str().unwrap().to_owned();
    rotate(&mut world, &format!("{NEW} 1:{old}"));
    let said = reseal(&world).await;
    assert!(said.contains(", the webhook passwords of 1 companies\n"), "{said}");
    rotate(&mut world, NEW);
    let environment = world.bundle.environment().as_one_function();
    let opens = keep::is_password(&*environment.table(), &environment.secrets(), DEMO_COMPANY, |_| true).await;
    assert!(opens.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_opened_is_named_and_the_rest_sealed_anew() {
    let mut world = World::start().await;
    let environment = world.bundle.environment().as_one_function();
    let (table, lost) = (environment.table(), Vault::parse("1:0000111122223333444455556666777788889999").unwrap());
    let channel = table.everyone().await.unwrap().channels.remove(0);
    let sealed = lost.seal(&channel.seal_context(), b"{}").unwrap();
    assert!(table.replace_credentials(&channel, &sealed).await.unwrap());
    world.bundle.connect_chat(&world.session).await.unwrap();
    let old = world.bundle.secret()["encryption_key"].as_str().unwrap().to_owned();
    rotate(&mut world, &format!("{NEW} 1:{old}"));

    let environment = world.bundle.environment().as_one_function();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments = ops::Arguments::try_parse_from(["ops", "reseal"]).unwrap();
    let ended = ops::run(arguments, &environment, &mut Terminal::new(&mut out, &mut err)).await;
    assert!(ended.unwrap_err().to_string().starts_with("1 values were sealed with a key"));
    let (out, said) = (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap());
    assert_eq!(out, format!("cannot be opened: the credentials of channel {}\n", channel.id));
    assert!(said.starts_with("sealed anew: the tokens of 1 installations, the credentials of 1 channels, "), "{said}");
    assert!(!said.contains("nothing is sealed with an older key"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_sealing_anew_the_old_key_is_missed() {
    let mut world = World::start().await;
    rotate(&mut world, NEW);
    world.bundle.graph().customer_writes(&phone(1), "Ada", "Hello");
    world.settle().await;
    assert!(world.texts("Ada").is_empty(), "the tokens do not open");
}
