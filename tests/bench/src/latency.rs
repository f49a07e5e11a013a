//! How fast the endpoints of the manifest answer, beside the same requests to the table made by the SDK alone.

use std::time::Duration;

use local::simulators::{graph::demo_templates, whatsapp_number};
use pigeonpost_tests::call::json;
use serde_json::Value;
use shared::{
    config::DeliveryChoice,
    environment::Environment,
    http::{HttpFunction, Request, Response},
};

use crate::{
    asks::{self, CHANNEL, CONVERSATION, Chat, MESSAGE, SENDER},
    error::BenchError,
    options::Options,
    progress::Progress,
    report::{Cell, Row, Table},
    series::{Pair, Series},
    stage::Stage,
    twin::Twin,
};

/// Conversations of the channel, and messages of each.
const SIZE: usize = 30;
/// Calls of each endpoint.
const CALLS: usize = 600;
/// Calls before those that count.
const WARM_UP: usize = 30;
/// Calls in a row, before as many of the other kind.
const BLOCK: usize = 20;
/// More than the time for which a list of templates is kept.
const KEPT: Duration = Duration::from_hours(1);

const COLUMNS: [&str; 8] = [
    "p50 ms",
    "p99 ms",
    "bare p50 ms",
    "bare p99 ms",
    "p50 / bare",
    "p99 / bare",
    "calls a second of a core",
    "bare calls a second of a core",
];

/// Calls each endpoint some hundred times.
pub async fn measure(options: &Options) -> Result<Table, BenchError> {
    let calls = options.times(CALLS);
    let progress = Progress::of("latency", 6 * calls.div_ceil(BLOCK));
    let stage = Stage::open(DeliveryChoice::Channels).await?;
    progress.at("a channel with conversations");
    stage.world.bundle.graph().set_templates(&whatsapp_number().waba_id, demo_templates());
    // Pipedrive has asked for templates before there were any. That answer is not kept for so long.
    stage.world.clock.advance(KEPT);
    asks::settled(&stage.world, SIZE, SIZE).await;
    let chats = (0..SIZE).map(|n| Chat::with(&stage.world, n)).collect::<Result<Vec<_>, _>>()?;
    let chat = chats.last().ok_or_else(|| BenchError::unexpected("latency", "no conversation"))?;
    let channel = (CHANNEL, chat.channel.as_str());
    let conversation = (CONVERSATION, chat.conversation.as_str());
    let message = (MESSAGE, chat.message.as_str());

    let reads = Reads { stage: &stage, progress: &progress, calls };
    let list = || asks::read(&[channel], &[]);
    let one = || asks::read(&[channel, conversation], &[]);
    let words = || asks::read(&[channel, conversation, message], &[]);
    let sender = || asks::read(&[channel, (SENDER, &chat.customer)], &[]);
    let templates = || asks::read(&[channel], &[]);
    let rows = vec![
        reads.row("get-conversations", get_conversations::Function::new, list, is_full_list).await?,
        reads.row("get-conversation-by-id", get_conversation_by_id::Function::new, one, |data| is_full(&data["data"])).await?,
        reads.row("get-message-by-id", get_message_by_id::Function::new, words, |body| body["id"] == chat.message).await?,
        reads
            .row("get-sender-by-id", get_sender_by_id::Function::new, sender, |body| body["data"]["id"] == chat.customer)
            .await?,
        reads.row("get-templates", get_templates::Function::new, templates, has_templates).await?,
        answers(&stage, &progress, &chats, calls).await?,
    ];
    let about = format!(
        "{calls} calls of each, of a function in this process over HTTP to the embedded table. A channel has {SIZE} \
         conversations of {SIZE} messages, which is what get-conversations answers. Bare: the same requests to the table, side \
         by side where the function asks side by side, sent by the SDK alone, which parses the answers and drops them. \
         Function and bare calls take turns, each on a thread of its own, the table on another; those of post-message go to a \
         copy of the table, and are not all that it waits for: it calls the provider too, and its requests are recorded \
         meanwhile. delete-channel-by-id is not here, \
         since a channel is deleted once."
    );
    let title = "How fast endpoints answer";
    Ok(Table { name: "latency", title, about, of: "endpoint", columns: COLUMNS.to_vec(), rows })
}

/// Endpoints that only read.
struct Reads<'a> {
    stage: &'a Stage,
    progress: &'a Progress,
    calls: usize,
}

impl Reads<'_> {
    /// Calls `function` with what `ask` makes, and has `check` look at each answer.
    async fn row<F: HttpFunction + 'static>(
        &self,
        name: &str,
        function: fn(&Environment) -> F,
        ask: impl Fn() -> Request,
        check: impl Fn(&Value) -> bool,
    ) -> Result<Row, BenchError> {
        self.progress.at(name);
        let asks = |count: usize| (0..count).map(|_| ask()).collect::<Vec<_>>();
        let right = |answers: Vec<Response>| match answers.iter().map(json).find(|body| !check(body)) {
            Some(body) => Err(BenchError::unexpected(name, format!("it answered {body}"))),
            None => Ok(()),
        };
        let (function, client) = (self.stage.start(function).await?, self.stage.same_table());
        right(self.stage.http(&function, asks(WARM_UP)).await?.0)?;
        let plans = vec![self.stage.recorded_http(&function, asks(1)).await?.1.remove(0); BLOCK];
        self.stage.bare(&client, &plans).await?;
        let mut pair = Pair::default();
        for count in blocks(self.calls) {
            let (answers, series) = self.stage.http(&function, asks(count)).await?;
            right(answers)?;
            pair.add(Pair { function: series, bare: self.stage.bare(&client, &plans[..count]).await? });
            self.progress.done();
        }
        Ok(row(name, &pair))
    }
}

/// Answers in all conversations in turn.
async fn answers(stage: &Stage, progress: &Progress, chats: &[Chat], calls: usize) -> Result<Row, BenchError> {
    let name = "post-message";
    progress.at(name);
    asks::show_on_phones(&stage.world, SIZE);
    let function = stage.start(post_message::Function::new).await?;
    let twin = Twin::of(&stage.world.bundle).await?;
    let mut asks = chats.iter().cycle().enumerate().map(|(n, chat)| asks::answer(chat, n));
    stage.beside(&function, &twin.client, asks.by_ref().take(WARM_UP).collect()).await?;
    let mut pair = Pair::default();
    for count in blocks(calls) {
        pair.add(stage.beside(&function, &twin.client, asks.by_ref().take(count).collect()).await?);
        progress.done();
    }
    Ok(row(name, &pair))
}

/// Sizes of blocks that are `calls` calls together.
fn blocks(calls: usize) -> impl Iterator<Item = usize> {
    (0..calls).step_by(BLOCK).map(move |done| BLOCK.min(calls - done))
}

fn row(name: &str, pair: &Pair) -> Row {
    let Pair { function, bare } = pair;
    let millis = |series: &Series, of_a_hundred| Cell::Number(series.percentile(of_a_hundred), 3);
    let ratio = |of_a_hundred| Cell::Number(function.percentile(of_a_hundred) / bare.percentile(of_a_hundred), 2);
    let a_second = |series: &Series| Cell::Number(series.a_second(series.walls.len()), 0);
    let cells = vec![
        millis(function, 50),
        millis(function, 99),
        millis(bare, 50),
        millis(bare, 99),
        ratio(50),
        ratio(99),
        a_second(function),
        a_second(bare),
    ];
    Row { name: name.to_owned(), cells }
}

/// Whether a conversation has all its messages.
fn is_full(conversation: &Value) -> bool {
    conversation["messages"].as_array().is_some_and(|messages| messages.len() == SIZE)
}

fn is_full_list(body: &Value) -> bool {
    body["data"].as_array().is_some_and(|conversations| conversations.len() == SIZE && conversations.iter().all(is_full))
}

fn has_templates(body: &Value) -> bool {
    body["data"]["templates"].as_array().is_some_and(|templates| !templates.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_all_calls() {
        assert_eq!(blocks(BLOCK * 2 + 1).collect::<Vec<_>>(), [BLOCK, BLOCK, 1]);
    }
}
