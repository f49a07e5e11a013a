//! What a message consumes on its way, function by function, and what a million of them cost.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use local::{
    host,
    simulators::{
        graph::Incoming,
        pipedrive::{DEMO_COMPANY, Storm},
        whatsapp_number,
    },
    template::{self, Template},
};
use pigeonpost_tests::{
    meter::{Consumed, Meter},
    world::{World, phone},
};
use shared::{clock::Clock, config::DeliveryChoice};

use crate::{
    error::BenchError,
    logs::Logs,
    options::Options,
    prices::{Cost, Needs, Prices},
    progress::Progress,
    report::{Cell, Row, Table},
};

/// Who writes, one after the other.
const CUSTOMERS: usize = 10;
/// Messages of one customer in a row, a minute apart.
const IN_A_ROW: usize = 5;
/// Rounds of a schedule that has nothing to do.
const IDLE: usize = 20;
/// Rounds until the last notes of a day are written.
const END: usize = 40;
/// What customers write.
const TEXT: &str = "Is the blue one still there, and could it be in Hamburg by Friday?";

/// The name of a row that sums up its kind.
pub const ALL: &str = "all";

/// What is counted.
#[derive(Clone, Copy)]
enum Way {
    /// Customers write; Pipedrive's inbox is told.
    ChannelsIn,
    /// Salespeople answer there, and the provider reports that it is sent, delivered and read.
    ChannelsOut,
    /// Customers write; notes are written on records.
    RecordsIn,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::ChannelsIn => "channels, in",
            Self::ChannelsOut => "channels, out with three statuses",
            Self::RecordsIn => "records, in",
        }
    }
}

/// Counts all ways.
pub async fn measure(options: &Options) -> Result<Table, BenchError> {
    let prices = Prices::read()?;
    let (ways, messages) = ([Way::ChannelsIn, Way::ChannelsOut, Way::RecordsIn], options.times(200));
    let progress = Progress::of("cost", ways.len());
    let logs = Logs::listen();
    let deployed = deployed()?;
    let mut rows = Vec::new();
    for way in ways {
        progress.at(way.name());
        let needs = travelled(way, messages, &logs, &deployed).await?;
        let mut sum = (Needs::default(), Cost::default());
        for (function, needs) in &needs {
            let memory = deployed.get(*function).map(|deployed| deployed.memory).unwrap_or_default();
            let cost = prices.of(needs, memory);
            rows.push(row(format!("{}: {function}", way.name()), needs, &cost));
            sum = (sum.0 + *needs, sum.1 + cost);
        }
        rows.push(row(format!("{}: {ALL}", way.name()), &sum.0, &sum.1));
        progress.done();
    }
    Ok(Table {
        name: "cost",
        title: "What a message consumes, and what a million cost",
        about: format!(
            "{messages} messages each way, of {CUSTOMERS} customers who have written before, {IN_A_ROW} in a row and a minute apart, \
             one a webhook. Requests, units and bytes are counted, as the table itself counts units, but for writes that it refuses. \
             What schedules consume when they find nothing to do, storage, backups and keys are not in it: they cost the same \
             without a message. Notes are written as the company's budget of tokens allows, the last at the \
             end of the day. Prices of {} ({}); assumed: {} ms for a request to the table and \
             {} ms for one to Pipedrive or a provider, one after the other, and {} ms of a core for a call.",
            prices.day, prices.region, prices.assumed.table_ms, prices.assumed.outside_ms, prices.assumed.core_ms
        ),
        of: "way and function",
        columns: vec![
            "calls",
            "table requests",
            "outside requests",
            "read units",
            "write units",
            "log bytes",
            "gateway $/M",
            "function $/M",
            "table $/M",
            "logs, traces $/M",
            "total $/M",
        ],
        rows,
    })
}

/// What a message needs of each function, on average.
async fn travelled(
    way: Way,
    messages: usize,
    logs: &Logs,
    deployed: &BTreeMap<&'static str, Deployed>,
) -> Result<BTreeMap<&'static str, Needs>, BenchError> {
    let meter = Meter::default();
    let delivery = match way {
        Way::RecordsIn => DeliveryChoice::Records,
        _ => DeliveryChoice::Channels,
    };
    let world = World::between(Arc::new(meter.clone()), delivery).await;
    for customer in 0..CUSTOMERS {
        // From a phone that the simulated provider knows.
        world.bundle.graph().customer_writes(&phone(customer), &name(customer), "Hello!");
        pass(&world, 1).await;
    }
    // Notes are written some minutes later.
    pass(&world, IDLE).await;
    meter.take();
    logs.take();
    pass(&world, IDLE).await;
    let (idle, idle_bytes) = (meter.take(), logs.take());
    let before = Arrived::at(&world);
    world.bundle.pipedrive().set_storm(Some(Storm::new(0, Vec::new())));

    let mut minutes = 0;
    for message in 0..messages {
        let customer = message / IN_A_ROW % CUSTOMERS;
        match way {
            Way::ChannelsIn | Way::RecordsIn => writes(&world, customer).await,
            Way::ChannelsOut => answers(&world, customer, message).await?,
        }
        minutes += 1;
        pass(&world, 1).await;
    }
    if let Way::RecordsIn = way {
        // What is gathered for a note is written when the day is over.
        world.clock.advance(Duration::from_hours(24));
    }
    minutes += END;
    pass(&world, END).await;
    Arrived::at(&world).since(&before).check(way, messages)?;
    let (consumed, bytes) = (meter.take(), logs.take());
    let (asked_of_pipedrive, _) = world.bundle.pipedrive().storm_hits();
    let outside = |function| match (way, function) {
        (_, "deliver") => asked_of_pipedrive,
        (Way::ChannelsOut, "post-message") => messages,
        _ => 0,
    };
    let rounds = count(minutes) / count(IDLE);
    Ok(consumed
        .into_iter()
        .map(|(function, consumed)| {
            let idle = idle.get(function).cloned().unwrap_or_default();
            let bytes_of = |all: &BTreeMap<_, usize>| count(all.get(function).copied().unwrap_or_default());
            let mut needs = needs(&consumed, (&idle, rounds), messages);
            needs.http = if deployed.get(function).is_some_and(|deployed| deployed.http) { needs.calls } else { 0.0 };
            needs.outside_requests = count(outside(function)) / count(messages);
            needs.log_bytes = (bytes_of(&bytes) - bytes_of(&idle_bytes) * rounds).max(0.0) / count(messages);
            (function, needs)
        })
        .filter(|(_, needs)| needs.calls > 0.0 || needs.table_requests > 0.0 || needs.written > 0.0)
        .collect())
}

/// What came to where it should.
struct Arrived {
    /// Messages that Pipedrive's inbox was told of.
    pushed: usize,
    /// Messages that the provider took.
    sent: usize,
    /// Messages in notes.
    noted: usize,
}

impl Arrived {
    fn at(world: &World) -> Self {
        let pipedrive = world.bundle.pipedrive();
        let notes = pipedrive.notes(DEMO_COMPANY);
        Self {
            pushed: pipedrive.pushed_count(),
            sent: world.bundle.graph().sent().len(),
            noted: notes.iter().filter(|note| !note.is_deleted).map(|note| note.content.matches(TEXT).count()).sum(),
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self { pushed: self.pushed - before.pushed, sent: self.sent - before.sent, noted: self.noted - before.noted }
    }

    /// All messages of the way must have come to its end: what a part of them cost would look cheap.
    fn check(&self, way: Way, messages: usize) -> Result<(), BenchError> {
        let arrived = match way {
            Way::ChannelsIn => self.pushed,
            Way::ChannelsOut => self.sent,
            Way::RecordsIn => self.noted,
        };
        if arrived >= messages {
            return Ok(());
        }
        Err(BenchError::unexpected(way.name(), format!("{arrived} of {messages} messages arrived")))
    }
}

/// A customer writes, in a webhook of its own.
async fn writes(world: &World, customer: usize) {
    let (number, from, name) = (whatsapp_number(), phone(customer), name(customer));
    world.store(&[Incoming { number: &number.id, from: &from, name: &name, text: TEXT, at: world.clock.now() }]).await;
}

/// A salesperson answers in Pipedrive's inbox.
async fn answers(world: &World, customer: usize, message: usize) -> Result<(), BenchError> {
    let unknown = || BenchError::unexpected(name(customer), "Pipedrive does not know the conversation");
    let conversation = world.conversation_with(&name(customer)).ok_or_else(unknown)?.id;
    let (channel, text) = (&world.whatsapp.provider_channel_id, format!("It is, and it can ({message})."));
    let sent = world.bundle.pipedrive().send_from_inbox(channel, &conversation, &text, Vec::new()).await;
    sent.map(drop).map_err(BenchError::failed("answer a customer"))
}

fn name(customer: usize) -> String {
    format!("Customer {customer}")
}

async fn pass(world: &World, minutes: usize) {
    for _ in 0..minutes {
        world.pass(Duration::from_mins(1)).await;
    }
}

/// What a message needs of the table, without what a schedule does by itself.
fn needs(consumed: &Consumed, (idle, rounds): (&Consumed, f64), messages: usize) -> Needs {
    let of_a_message = |all: f64, idle: f64| (all - idle * rounds).max(0.0) / count(messages);
    Needs {
        calls: of_a_message(count(consumed.calls), count(idle.calls)),
        table_requests: of_a_message(count(consumed.all_requests()), count(idle.all_requests())),
        read: of_a_message(consumed.read, idle.read),
        written: of_a_message(consumed.written, idle.written),
        ..Needs::default()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}

/// How a function is deployed.
struct Deployed {
    /// Its memory, in MB.
    memory: f64,
    /// Whether it is behind the HttpApi.
    http: bool,
}

fn deployed() -> Result<BTreeMap<&'static str, Deployed>, BenchError> {
    let template = Template::parse(template::BUNDLE).map_err(BenchError::failed("read template.yaml"))?;
    let of = |name: &'static str| {
        let function = template.functions.iter().find(|function| function.name == name);
        let function = function.ok_or_else(|| BenchError::unexpected(name, "template.yaml does not have it"))?;
        Ok((name, Deployed { memory: f64::from(function.memory), http: !function.routes.is_empty() }))
    };
    host::NAMES.iter().copied().map(of).collect()
}

fn row(name: String, needs: &Needs, cost: &Cost) -> Row {
    let counts = [needs.calls, needs.table_requests, needs.outside_requests, needs.read, needs.written];
    let millions = [cost.gateway, cost.functions, cost.table, cost.watching, cost.total()];
    let cells = counts.into_iter().map(|number| Cell::Number(number, 2));
    let cells = cells.chain([Cell::Number(needs.log_bytes, 0)]);
    Row { name, cells: cells.chain(millions.into_iter().map(|usd| Cell::Number(usd * 1e6, 2))).collect() }
}
