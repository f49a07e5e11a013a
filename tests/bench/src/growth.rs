//! Whether calls stay as fast with ever more in the table: the same ones with few, many and very many messages in the
//! conversation and conversations in the channel.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header::AUTHORIZATION};
use lambda_http::Body;
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
/// Calls in a row, before those of the next size. As many come before those that count, and of webhooks before they are delivered.
const BLOCK: usize = 20;

/// Fills a table of each size, and calls on them in turns: what the machine does meanwhile meets all of them.
pub async fn measure(options: &Options) -> Result<Table, BenchError> {
    let times = options.times(CALLS);
    let sizes = [SIZES[0], SIZES[1], options.times(LARGEST)];
    let progress = Progress::of("growth", sizes.len() + 5);
    let mut places = Vec::with_capacity(sizes.len());
    for size in sizes {
        progress.at(&format!("filling up to {size}"));
        places.push(Place::open(size).await?);
        progress.done();
    }
    let rows = Calls { places: &places, progress: &progress, times }.all().await?;
    let about = format!(
        "{times} calls each, with {}, {} and {} messages in the conversation and as many conversations in the channel, all but \
         a few written past the functions; while messages come in, the conversation grows by as many. The three tables take turns, {BLOCK} calls \
         each. Lists are asked for {LIMIT} entries. The ratio should be 1 but for what the embedded table itself takes longer in a \
         larger file. Each size has the same number of requests to it, otherwise there are no figures.",
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
#[derive(Default)]
struct Found {
    series: Series,
    requests: usize,
}

/// The same call at each size, smallest first.
fn row(name: &str, found: &[Found]) -> Result<Row, BenchError> {
    let requests: Vec<usize> = found.iter().map(|found| found.requests).collect();
    let &[first, .., last] = requests.as_slice() else { return Err(BenchError::unexpected(name, "a size is missing")) };
    if requests.iter().any(|other| *other != first) {
        return Err(BenchError::unexpected(name, format!("its requests to the table are {requests:?} with ever more in it")));
    }
    let p50: Vec<f64> = found.iter().map(|found| found.series.percentile(50)).collect();
    let mut cells: Vec<Cell> = p50.iter().map(|p50| Cell::Number(*p50, 3)).collect();
    cells.extend([Cell::Number(p50[p50.len() - 1] / p50[0], 2), Cell::count(last as u64)]);
    Ok(Row { name: name.to_owned(), cells })
}

/// A bundle whose table is of a size.
struct Place {
    stage: Stage,
    chat: Chat,
    /// For its page.
    token: HeaderValue,
}

impl Place {
    async fn open(size: usize) -> Result<Self, BenchError> {
        let stage = Stage::open(DeliveryChoice::Channels).await?;
        asks::settled(&stage.world, 1, 1).await;
        let (bundle, chat) = (&stage.world.bundle, Chat::with(&stage.world, 0)?);
        many::conversations(bundle, i64::try_from(size).unwrap_or(i64::MAX)).await;
        // The customer has written once.
        Long::of(bundle, &chat.conversation).await?.add(bundle, size.saturating_sub(1)).await?;
        let token = HeaderValue::from_str(&format!("Bearer {}", stage.world.session));
        let token = token.map_err(BenchError::failed("show a session"))?;
        Ok(Self { stage, chat, token })
    }

    fn channel(&self) -> (&'static str, &str) {
        (CHANNEL, self.chat.channel.as_str())
    }

    fn conversation(&self) -> (&'static str, &str) {
        (CONVERSATION, self.chat.conversation.as_str())
    }

    /// The next messages of the customer, who last wrote at `at`.
    fn webhooks(&self, at: &mut Timestamp) -> Result<Vec<Request>, BenchError> {
        let next = |_| {
            // The provider tells whole seconds.
            *at = at.plus(Duration::from_secs(1));
            asks::webhook(&self.stage.world, 0, *at)
        };
        (0..BLOCK).map(next).collect()
    }
}

/// The calls on tables of all sizes.
struct Calls<'a> {
    places: &'a [Place],
    progress: &'a Progress,
    /// How often each is called on each.
    times: usize,
}

impl Calls<'_> {
    /// Those that only read first: messages that come in make the conversation longer.
    async fn all(&self) -> Result<Vec<Row>, BenchError> {
        let limits = [("conversations_limit", LIMIT), ("messages_limit", LIMIT)];
        let list = |place: &Place| asks::read(&[place.channel()], &limits);
        let one = |place: &Place| asks::read(&[place.channel(), place.conversation()], &limits[1..]);
        let words = |place: &Place| {
            let message = (MESSAGE, place.chat.message.as_str());
            asks::read(&[place.channel(), place.conversation(), message], &[])
        };
        let page = |place: &Place| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, place.token.clone())]);
            asks::with_query(request(Method::GET, "/inbox/api/conversations", &[], headers, Body::Empty), &[("limit", LIMIT)])
        };
        Ok(vec![
            self.reads("get-conversations", get_conversations::Function::new, list, |_, body| is_full(&body["data"])).await?,
            self.reads("get-conversation-by-id", get_conversation_by_id::Function::new, one, |_, body| {
                is_full(&body["data"]["messages"])
            })
            .await?,
            self.reads("get-message-by-id", get_message_by_id::Function::new, words, |place, body| {
                body["id"] == place.chat.message
            })
            .await?,
            self.reads("inbox, its list", inbox::Function::new, page, |_, body| is_full(&body["data"]["conversations"])).await?,
            self.receives().await?,
        ])
    }

    async fn reads<F: HttpFunction + 'static>(
        &self,
        name: &'static str,
        function: fn(&Environment) -> F,
        ask: impl Fn(&Place) -> Request,
        check: impl Fn(&Place, &Value) -> bool,
    ) -> Result<Row, BenchError> {
        self.progress.at(name);
        let asks = |place: &Place, count: usize| (0..count).map(|_| ask(place)).collect::<Vec<_>>();
        let (mut functions, mut found) = (Vec::new(), Vec::new());
        for place in self.places {
            let function = place.stage.start(function).await?;
            place.stage.http(&function, asks(place, BLOCK)).await?;
            let requests = place.stage.recorded_http(&function, asks(place, 1)).await?.1.remove(0).requests();
            found.push(Found { requests, ..Found::default() });
            functions.push(function);
        }
        for _ in 0..self.times.div_ceil(BLOCK) {
            for ((place, function), found) in self.places.iter().zip(&functions).zip(&mut found) {
                let (answers, took) = place.stage.http(function, asks(place, BLOCK)).await?;
                if let Some(body) = answers.iter().map(json).find(|body| !check(place, body)) {
                    return Err(BenchError::unexpected(name, format!("it answered {body}")));
                }
                found.series.add(took);
            }
        }
        self.progress.done();
        row(name, &found)
    }

    /// One message of the customer after the other, and some of them delivered at a time: a full outbox would take longer.
    async fn receives(&self) -> Result<Row, BenchError> {
        let name = "provider-webhook";
        self.progress.at(name);
        let mut sides = Vec::new();
        for place in self.places {
            let function = place.stage.start(provider_webhook::Function::new).await?;
            let (feed, at) = (Feed::from_now_on(&place.stage).await?, place.stage.world.clock.now());
            sides.push((function, feed, at, Found::default()));
        }
        for block in 0..=self.times.div_ceil(BLOCK) {
            for (place, (function, feed, at, found)) in self.places.iter().zip(&mut sides) {
                let asks = place.webhooks(at)?;
                let (_, plans, took) = place.stage.recorded_http(function, asks).await?;
                feed.work_off(None).await?;
                // Or the provider's clock would get far ahead of ours, which takes another look at the conversation.
                place.stage.world.clock.advance(Duration::from_secs(1) * u32::try_from(BLOCK).unwrap_or(u32::MAX));
                // The first ones make connections.
                if block > 0 {
                    found.series.add(took);
                    found.requests = plans.iter().map(Plan::requests).max().unwrap_or_default();
                }
            }
        }
        self.progress.done();
        let found: Vec<Found> = sides.into_iter().map(|(.., found)| found).collect();
        row(name, &found)
    }
}

/// Whether a list has what was asked for.
fn is_full(list: &Value) -> bool {
    list.as_array().is_some_and(|entries| entries.len().to_string() == LIMIT)
}
