//! How much of a processor messages take on their way: from the provider into the table, from there to Pipedrive, and out to the
//! provider; beside the requests to the table alone.

use std::{ops::Range, sync::Arc, time::Duration};

use local::simulators::pipedrive::{DEMO_COMPANY, Telling};
use shared::{clock::Clock, config::DeliveryChoice, model::time::Timestamp};

use crate::{
    asks::{self, Chat},
    error::BenchError,
    feed::Feed,
    options::Options,
    progress::Progress,
    report::{Cell, Row, Table},
    series::{Pair, Series},
    stage::Stage,
    twin::Twin,
};

/// Messages each way.
const MESSAGES: usize = 2_000;
/// Messages that end on records, each of another customer.
const ON_RECORDS: usize = 300;
/// Conversations that the others are in.
const CONVERSATIONS: usize = 100;
/// How long ago customers began to write.
const BEGUN: Duration = Duration::from_hours(1);

const COLUMNS: [&str; 4] =
    ["messages a second of a core", "bare calls' messages a second of a core", "CPU / bare", "wall ms a message p50"];

/// What a way took for how many messages. Walls are those of a message.
struct Way {
    name: &'static str,
    pair: Pair,
    messages: usize,
}

/// Takes messages all ways.
pub async fn measure(options: &Options) -> Result<Table, BenchError> {
    let (messages, on_records) = (options.times(MESSAGES), options.times(ON_RECORDS));
    let rounds = messages.div_ceil(CONVERSATIONS);
    let progress = Progress::of("flow", 3 * rounds + 3);
    let [received, delivered, sent] = through_channels(&progress, rounds).await?;
    progress.at("delivering to records");
    let recorded = to_records(on_records).await?;
    progress.done();
    let mut rows: Vec<Row> = [&received, &delivered, &sent, &recorded].map(Way::row).into();
    rows.insert(2, sum(&received, &delivered));
    let about = format!(
        "{} messages of {CONVERSATIONS} customers, each in a signed WhatsApp webhook of its own; delivered by batches of the \
         table's stream, as Lambda hands them on; and as many answers of the company. On records: the first message of each of \
         {on_records} customers, which creates a person and a note. A core's seconds are those of the function's thread. Bare: \
         the same requests to a copy of the table, sent by the SDK alone. That leaves out the requests to Pipedrive and to the \
         provider, with which delivery and sending have more to do than with the table. That requests are recorded is part of \
         the function's time.",
        rounds * CONVERSATIONS
    );
    let title = "What messages take of a processor";
    Ok(Table { name: "flow", title, about, of: "way", columns: COLUMNS.to_vec(), rows })
}

/// In, to Pipedrive's inbox, and out.
async fn through_channels(progress: &Progress, rounds: usize) -> Result<[Way; 3], BenchError> {
    let stage = Stage::open(DeliveryChoice::Channels).await?;
    let mut traffic = Traffic::begin(&stage).await?;
    progress.at("conversations begin");
    traffic.receive(0..CONVERSATIONS).await?;
    traffic.deliver(CONVERSATIONS).await?;
    progress.done();
    let (mut received, mut delivered, mut sent) = (Pair::default(), Pair::default(), Pair::default());
    for _ in 0..rounds {
        progress.at("receiving");
        received.add(traffic.receive(0..CONVERSATIONS).await?);
        progress.done();
        progress.at("delivering");
        delivered.add(traffic.deliver(CONVERSATIONS).await?);
        progress.done();
    }
    let (expected, arrived) = ((rounds + 1) * CONVERSATIONS, stage.world.bundle.pipedrive().pushed_count());
    if arrived != expected {
        return Err(BenchError::unexpected("deliver", format!("{arrived} of {expected} messages arrived")));
    }
    let chats = (0..CONVERSATIONS).map(|n| Chat::with(&stage.world, n)).collect::<Result<Vec<_>, _>>()?;
    asks::show_on_phones(&stage.world, CONVERSATIONS);
    let function = stage.start(post_message::Function::new).await?;
    for round in 0..=rounds {
        progress.at("sending");
        let asks = chats.iter().map(|chat| asks::answer(chat, round)).collect();
        let pair = stage.beside(&function, &traffic.twin.client, asks).await?;
        // The first ones make connections.
        if round > 0 {
            sent.add(pair);
        }
        progress.done();
    }
    let messages = rounds * CONVERSATIONS;
    let way = |name, pair| Way { name, pair, messages };
    Ok([way("received to stored", received), way("stored to delivered", delivered), way("sent", sent)])
}

/// To notes on records.
async fn to_records(customers: usize) -> Result<Way, BenchError> {
    let stage = Stage::open(DeliveryChoice::Records).await?;
    let pipedrive = stage.world.bundle.pipedrive();
    // What Pipedrive tells of the new persons would be written past the functions that are measured.
    pipedrive.change(|settings| settings.telling = Telling::Held);
    let mut traffic = Traffic::begin(&stage).await?;
    // The first one makes connections.
    traffic.receive(customers..customers + 1).await?;
    traffic.deliver(1).await?;
    traffic.receive(0..customers).await?;
    let pair = traffic.deliver(customers).await?;
    let notes = pipedrive.notes(DEMO_COMPANY).len();
    if notes != customers + 1 {
        return Err(BenchError::unexpected("deliver", format!("{notes} notes for {} customers", customers + 1)));
    }
    Ok(Way { name: "stored to delivered, on records", pair, messages: customers })
}

/// Messages on their way in.
struct Traffic<'a> {
    stage: &'a Stage,
    twin: Twin,
    feed: Feed<'a>,
    webhook: Arc<provider_webhook::Function>,
    at: Timestamp,
}

impl<'a> Traffic<'a> {
    async fn begin(stage: &'a Stage) -> Result<Self, BenchError> {
        Ok(Self {
            stage,
            twin: Twin::of(&stage.world.bundle).await?,
            feed: Feed::from_now_on(stage).await?,
            webhook: stage.start(provider_webhook::Function::new).await?,
            at: stage.world.clock.now().minus(BEGUN),
        })
    }

    /// Each customer writes.
    async fn receive(&mut self, customers: Range<usize>) -> Result<Pair, BenchError> {
        // The provider tells whole seconds.
        self.at = self.at.plus(Duration::from_secs(1));
        let asks = customers.map(|n| asks::webhook(&self.stage.world, n, self.at)).collect::<Result<_, _>>()?;
        self.stage.beside(&self.webhook, &self.twin.client, asks).await
    }

    /// Delivers `messages` that were received. Walls are those of a message, on average.
    async fn deliver(&mut self, messages: usize) -> Result<Pair, BenchError> {
        let mut all = self.feed.work_off(Some(&self.twin.client)).await?;
        let count = u32::try_from(messages).unwrap_or(u32::MAX);
        all.function.walls = vec![all.function.walls.iter().sum::<Duration>() / count];
        Ok(all)
    }
}

impl Way {
    fn row(&self) -> Row {
        let Self { name, pair: Pair { function, bare }, messages } = self;
        row(name, function.a_second(*messages), bare.a_second(*messages), function.percentile(50))
    }
}

/// One way after the other.
fn sum(first: &Way, second: &Way) -> Row {
    let both = |series: fn(&Pair) -> &Series| {
        let together = |first: f64, second: f64| 1.0 / (1.0 / first + 1.0 / second);
        together(series(&first.pair).a_second(first.messages), series(&second.pair).a_second(second.messages))
    };
    let wall = first.pair.function.percentile(50) + second.pair.function.percentile(50);
    row("received to delivered", both(|pair| &pair.function), both(|pair| &pair.bare), wall)
}

fn row(name: &str, function: f64, bare: f64, wall: f64) -> Row {
    let cells = vec![Cell::Number(function, 0), Cell::Number(bare, 0), Cell::Number(bare / function, 2), Cell::Number(wall, 3)];
    Row { name: name.to_owned(), cells }
}
