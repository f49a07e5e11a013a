//! What functions are asked: requests as API Gateway passes them on, and the customers and conversations that they are about.

use std::{collections::HashMap, time::Duration};

use http::{HeaderMap, HeaderValue, Method, header::CONTENT_TYPE};
use lambda_http::{Body, RequestExt};
use local::simulators::{graph::Incoming, phones::Line, whatsapp_number};
use pigeonpost_tests::{
    call::{FORM, as_pipedrive, form, request},
    world::{World, phone},
};
use shared::{
    clock::Clock,
    http::Request,
    model::{status::Status, time::Timestamp},
};

use crate::error::BenchError;

/// The path parameter of a channel.
pub(crate) const CHANNEL: &str = "providerChannelId";
/// Of a conversation.
pub(crate) const CONVERSATION: &str = "sourceConversationId";
/// Of a message.
pub(crate) const MESSAGE: &str = "sourceMessageId";
/// Of a participant.
pub(crate) const SENDER: &str = "senderId";
/// What is written: about as much as people write in a message.
const TEXT: &str = "Good morning! Is the blue one still there, and could you send it to Hamburg by Friday?";

/// A conversation, as Pipedrive knows it.
pub(crate) struct Chat {
    /// Its channel's id.
    pub(crate) channel: String,
    /// Its id.
    pub(crate) conversation: String,
    /// The company's side.
    pub(crate) company: String,
    /// The customer.
    pub(crate) customer: String,
    /// Its newest message.
    pub(crate) message: String,
}

impl Chat {
    /// The one with the `n`th customer.
    pub(crate) fn with(world: &World, n: usize) -> Result<Self, BenchError> {
        let unknown = || BenchError::unexpected(name(n), "Pipedrive does not know the conversation");
        let known = world.conversation_with(&name(n)).ok_or_else(unknown)?;
        let side = |end_user| known.side(end_user).map(|participant| participant.id.clone()).ok_or_else(unknown);
        Ok(Self {
            channel: world.whatsapp.provider_channel_id.clone(),
            company: side(false)?,
            customer: side(true)?,
            message: known.messages.last().ok_or_else(unknown)?.id.clone(),
            conversation: known.id,
        })
    }
}

/// What the `n`th customer calls themselves.
pub(crate) fn name(n: usize) -> String {
    format!("Customer {n}")
}

/// A read of the manifest, with path parameters and query as (name, value).
pub(crate) fn read(parameters: &[(&str, &str)], query: &[(&str, &str)]) -> Request {
    with_query(request(Method::GET, "/", parameters, as_pipedrive(), Body::Empty), query)
}

/// A request with that query.
pub(crate) fn with_query(request: Request, query: &[(&str, &str)]) -> Request {
    let query: HashMap<String, String> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    request.with_query_string_parameters(query)
}

/// A webhook in which the `n`th customer writes something new, at `at` by the provider's clock.
pub(crate) fn webhook(world: &World, n: usize, at: Timestamp) -> Result<Request, BenchError> {
    let (number, from, name) = (whatsapp_number(), phone(n), name(n));
    let incoming = Incoming { number: &number.id, from: &from, name: &name, text: TEXT, at };
    let graph = world.bundle.graph();
    let change = graph.message_change(&incoming, &format!("wamid.{from}.{}", at.millis()));
    let change = change.ok_or_else(|| BenchError::unexpected("the simulated Meta", "it does not know its own number"))?;
    let post = graph.webhooks().compose(&[change]);
    Ok(request(Method::POST, "/webhooks/whatsapp", &[], post.headers, post.body.to_vec()))
}

/// Has the first `customers` customers' phones show a message of theirs, as webhooks made here do not: the provider lets a
/// company answer only those who wrote to it.
pub(crate) fn show_on_phones(world: &World, customers: usize) {
    for n in 0..customers {
        let (id, text, at) = ("wamid.shown".to_owned(), TEXT.to_owned(), world.clock.now());
        let line = Line { id, own: true, text, at, status: Status::Read, files: Vec::new() };
        world.bundle.graph().phones().add(&phone(n), &name(n), line);
    }
}

/// An answer in that conversation; no two of the same `n`, since that would be a repetition.
pub(crate) fn answer(chat: &Chat, n: usize) -> Request {
    let text = format!("{TEXT} ({n})");
    let fields = [
        ("message", text.as_str()),
        ("senderId", &chat.company),
        ("conversationId", &chat.conversation),
        ("recipientIds[]", &chat.customer),
    ];
    let mut headers: HeaderMap = as_pipedrive();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
    let path = format!("/api/channels/{}/messages", chat.channel);
    request(Method::POST, &path, &[(CHANNEL, &chat.channel)], headers, form(&fields))
}

/// Has the first `customers` customers write `messages` messages each, until now, and Pipedrive hear of them.
pub(crate) async fn settled(world: &World, customers: usize, messages: usize) {
    let number = whatsapp_number();
    let now = world.clock.now();
    for n in 0..customers {
        let (from, name) = (phone(n), name(n));
        // The provider tells whole seconds.
        let at = |ago: usize| now.minus(Duration::from_secs(1) * u32::try_from(ago).unwrap_or(u32::MAX));
        let written =
            (0..messages).rev().map(|ago| Incoming { number: &number.id, from: &from, name: &name, text: TEXT, at: at(ago) });
        world.store(&written.collect::<Vec<_>>()).await;
    }
    world.settle().await;
}
