//! Whether calls stay as fast with ever more in the table: the same ones with few, many and very many messages in the
//! conversation and conversations in the channel.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header::AUTHORIZATION};
use lambda_http::Body;
use local::bundle::Bundle;
use pigeonpost_tests::{
    call::{json, request},
    many,
};
use serde_json::Value;
use shared::{
    clock::Clock,
    config::DeliveryChoice,
    environment::Environment,
    http::{HttpFunction, Request},
    model::time::Timestamp,
};

use crate::{
    asks::{self, CHANNEL, CONVERSATION, Chat, MESSAGE},
    error::BenchError,
    feed::Feed,
    fill::Long,
    options::Options,
    progress::Progress,
    recorder::Plan,
    report::{Cell, Row, Table},
    series::Series,
    stage::Stage,
};

/// The first sizes.
const SIZES: [usize; 2] = [10, 1_000];
/// The last one.
const LARGEST: usize = 100_000;
/// What lists are asked for, so that their answers have the same size each time.
const LIMIT: &str = "10";
/// Calls of each kind at each size.
const CALLS: usize = 200;
/// Calls before those that count.
const WARM_UP: usize = 20;
/// Webhooks in a row, before they are delivered.
const BLOCK: usize = 20;

/// Fills a table, and calls at each size.
pub async fn measure(options: &Options) -> Result<Table, BenchError> {
    let calls = options.times(CALLS);
    let sizes = [SIZES[0], SIZES[1], options.times(LARGEST)];
    let progress = Progress::of("growth", sizes.len() * 6);
    let stage = Stage::open(DeliveryChoice::Channels).await?;
    let bundle = &stage.world.bundle;
    asks::settled(&stage.world, 1, 1).await;
    let chat = Chat::with(&stage.world, 0)?;
    let mut place = Place { at: stage.world.clock.now(), long: Long::of(bundle, &chat.conversation).await?, stored: 1 };
    let mut found: Vec<Vec<Found>> = Vec::new();
    for size in sizes {
        progress.at(&format!("filling up to {size}"));
        place.fill(bundle, size).await?;
        progress.done();
        found.push(Calls { stage: &stage, chat: &chat, progress: &progress, times: calls }.all(&mut place).await?);
    }
    let [first, middle, last] = &found[..] else { return Err(BenchError::unexpected("growth", "a size is missing")) };
    let rows =
        first.iter().zip(middle).zip(last).map(|((first, middle), last)| row(first, middle, last)).collect::<Result<_, _>>()?;
    let about = format!(
        "{calls} calls each, with {}, {} and {} messages in the conversation and as many conversations in the channel, all but \
         a few written past the functions; while messages come in, the conversation grows by as many. Lists are asked for {LIMIT} entries. The ratio should be 1 but for what the \
         embedded table itself takes longer in a larger file. Each size has the same number of requests to it, otherwise there \
         are no figures.",
        sizes[0], sizes[1], sizes[2]
    );
    let title = "With ever more in the table";
    Ok(Table { name: "growth", title, about, of: "call", columns: columns(options).to_vec(), rows })
}

/// The names of columns, which say the sizes.
fn columns(options: &Options) -> [&'static str; 5] {
    let last = if options.quick { "p50 ms at 10 000" } else { "p50 ms at 100 000" };
    ["p50 ms at 10", "p50 ms at 1 000", last, "largest / smallest", "requests to the table"]
}

/// What calls took at a size.
struct Found {
    name: &'static str,
    p50: f64,
    requests: usize,
}

/// The same call at each size.
fn row(first: &Found, middle: &Found, last: &Found) -> Result<Row, BenchError> {
    let all = [first, middle, last];
    let requests = all.map(|found| found.requests);
    if requests != [first.requests; 3] {
        return Err(BenchError::unexpected(
            first.name,
            format!("its requests to the table are {requests:?} with ever more in it"),
        ));
    }
    let mut cells = all.map(|found| Cell::Number(found.p50, 3)).to_vec();
    cells.extend([Cell::Number(last.p50 / first.p50, 2), Cell::count(first.requests as u64)]);
    Ok(Row { name: first.name.to_owned(), cells })
}

/// What grows.
struct Place {
    long: Long,
    /// How many messages there are.
    stored: usize,
    /// When the customer last wrote.
    at: Timestamp,
}

impl Place {
    async fn fill(&mut self, bundle: &Bundle, size: usize) -> Result<(), BenchError> {
        many::conversations(bundle, i64::try_from(size).unwrap_or(i64::MAX)).await;
        self.long.add(bundle, size.saturating_sub(self.stored)).await?;
        self.stored = self.stored.max(size);
        Ok(())
    }
}

/// The calls at one size.
struct Calls<'a> {
    stage: &'a Stage,
    chat: &'a Chat,
    progress: &'a Progress,
    /// How often each is called.
    times: usize,
}

impl Calls<'_> {
    /// Those that only read first: messages that come in make the conversation longer.
    async fn all(&self, place: &mut Place) -> Result<Vec<Found>, BenchError> {
        let channel = (CHANNEL, self.chat.channel.as_str());
        let conversation = (CONVERSATION, self.chat.conversation.as_str());
        let message = (MESSAGE, self.chat.message.as_str());
        let limits = [("conversations_limit", LIMIT), ("messages_limit", LIMIT)];
        let list = || asks::read(&[channel], &limits);
        let one = || asks::read(&[channel, conversation], &limits[1..]);
        let words = || asks::read(&[channel, conversation, message], &[]);
        let token = HeaderValue::from_str(&format!("Bearer {}", self.stage.world.session));
        let token = token.map_err(BenchError::failed("show a session"))?;
        let page = || {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, token.clone())]);
            asks::with_query(request(Method::GET, "/inbox/api/conversations", &[], headers, Body::Empty), &[("limit", LIMIT)])
        };
        let is_known = |body: &Value| body["id"] == self.chat.message;
        Ok(vec![
            self.reads("get-conversations", get_conversations::Function::new, list, |body| is_full(&body["data"])).await?,
            self.reads("get-conversation-by-id", get_conversation_by_id::Function::new, one, |body| {
                is_full(&body["data"]["messages"])
            })
            .await?,
            self.reads("get-message-by-id", get_message_by_id::Function::new, words, is_known).await?,
            self.reads("inbox, its list", inbox::Function::new, page, |body| is_full(&body["data"]["conversations"])).await?,
            self.receives(place).await?,
        ])
    }

    async fn reads<F: HttpFunction + 'static>(
        &self,
        name: &'static str,
        function: fn(&Environment) -> F,
        ask: impl Fn() -> Request,
        check: impl Fn(&Value) -> bool,
    ) -> Result<Found, BenchError> {
        self.progress.at(name);
        let asks = |count: usize| (0..count).map(|_| ask()).collect::<Vec<_>>();
        let function = self.stage.start(function).await?;
        self.stage.http(&function, asks(WARM_UP)).await?;
        let requests = self.stage.recorded_http(&function, asks(1)).await?.1.remove(0).requests();
        let (answers, series) = self.stage.http(&function, asks(self.times)).await?;
        if let Some(body) = answers.iter().map(json).find(|body| !check(body)) {
            return Err(BenchError::unexpected(name, format!("it answered {body}")));
        }
        self.progress.done();
        Ok(Found { name, p50: series.percentile(50), requests })
    }

    /// One message of the customer after the other, and some of them delivered at a time: a full outbox would take longer.
    async fn receives(&self, place: &mut Place) -> Result<Found, BenchError> {
        let name = "provider-webhook";
        self.progress.at(name);
        let function = self.stage.start(provider_webhook::Function::new).await?;
        let mut feed = Feed::from_now_on(self.stage).await?;
        let (mut series, mut requests) = (Series::default(), 0);
        for block in 0..=self.times.div_ceil(BLOCK) {
            let mut asks = Vec::with_capacity(BLOCK);
            for _ in 0..BLOCK {
                // The provider tells whole seconds.
                place.at = place.at.plus(Duration::from_secs(1));
                asks.push(asks::webhook(&self.stage.world, 0, place.at)?);
            }
            let (_, plans, took) = self.stage.recorded_http(&function, asks).await?;
            feed.work_off(None).await?;
            // Or the provider's clock would get far ahead of ours, which takes another look at the conversation.
            self.stage.world.clock.advance(Duration::from_secs(1) * u32::try_from(BLOCK).unwrap_or(u32::MAX));
            place.stored += BLOCK;
            // The first ones make connections.
            if block > 0 {
                series.add(took);
                requests = plans.iter().map(Plan::requests).max().unwrap_or_default();
            }
        }
        self.progress.done();
        Ok(Found { name, p50: series.percentile(50), requests })
    }
}

/// Whether a list has what was asked for.
fn is_full(list: &Value) -> bool {
    list.as_array().is_some_and(|entries| entries.len().to_string() == LIMIT)
}
