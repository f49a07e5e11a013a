//! Delivers a conversation's outbox to Pipedrive's records: finds out who the customer is, and writes what is new into the
//! notes of its days. Every step may be repeated; what a round costs is written down whatever becomes of it.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;

use super::{
    RecordsPorts,
    budget::{self, Governor},
    files, who,
    work::{Stop, Work},
    writing::{Meter, Outcome, Writing},
    zone::Zone,
};
use crate::{
    inbox::{
        deliver::{End, Parcel, Report, Target},
        ports::StoreError,
    },
    model::{
        day::Day,
        ids::Place,
        message::{FailureReason, Message},
        record::{Allowance, BudgetDay},
        time::Timestamp,
    },
    pipedrive::error::PipedriveError,
};

/// Most messages in a round.
const MOST: usize = 100;
/// How long a company is parked whose budget is at the others' part, until Pipedrive is asked again.
const PARKED: Duration = Duration::from_mins(30);

/// The `records` delivery.
pub struct RecordsTarget<'a>(pub &'a RecordsPorts<'a>);

#[async_trait]
impl Target for RecordsTarget<'_> {
    fn most(&self) -> usize {
        MOST
    }

    async fn deliver(&self, parcel: &Parcel<'_>) -> Result<Report, StoreError> {
        let (ports, company) = (self.0, parcel.installation.company);
        let now = ports.clock.now();
        let day = ports.budget.budget(company, &Day::utc(now)).await?;
        let Some(channel) = ports.channels.channel(&parcel.conversation.channel).await? else {
            // Removed: there is nobody to tell of.
            return Ok(Report { done: places(parcel.messages), end: End::Done });
        };
        let work = Work {
            ports,
            installation: parcel.installation,
            access: parcel.access,
            links: parcel.links,
            channel,
            zone: Zone::named(&parcel.installation.timezone),
        };
        let mut done = Vec::new();
        let outcome = round(&work, parcel, day.clone(), &mut done).await;
        budget::note(ports.budget, company, &parcel.access.spend.take(), day.allowance, now).await?;
        let end = match outcome {
            Ok(end) => end,
            Err(Stop::Store(error)) => return Err(error),
            Err(Stop::Later { until, reason }) => End::Later { until, reason },
            Err(Stop::Pipedrive(error)) => End::Failed { error, at: left(parcel, &done) },
        };
        Ok(Report { done, end })
    }
}

fn places<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Vec<Place> {
    messages.into_iter().map(|message| message.id.place()).collect()
}

/// The messages of the day that was worked at.
fn left(parcel: &Parcel<'_>, done: &[Place]) -> Vec<Place> {
    let zone = Zone::named(&parcel.installation.timezone);
    let mut left = parcel.messages.iter().filter(|message| !done.contains(&message.id.place())).peekable();
    let Some(day) = left.peek().map(|message| zone.day(message.sent_at)) else { return Vec::new() };
    places(left.filter(|message| zone.day(message.sent_at) == day))
}

async fn round(work: &Work<'_>, parcel: &Parcel<'_>, day: BudgetDay, done: &mut Vec<Place>) -> Result<End, Stop> {
    let governor = govern(work, day).await?;
    let (conversation, first_day) = who::ensure(work, parcel.conversation.clone()).await?;
    if conversation.record.records.is_empty() {
        done.extend(places(parcel.messages));
        return Ok(End::Done);
    }
    let mut days: BTreeMap<Day, Vec<&Message>> = BTreeMap::new();
    for message in parcel.messages {
        days.entry(work.zone.day(message.sent_at)).or_default().push(message);
    }
    let mut later: Option<Timestamp> = None;
    let mut meter = Meter::default();
    for (day, messages) in &days {
        if work.now() > parcel.until {
            return Ok(End::Done);
        }
        let conversation = &conversation;
        let mut writing = Writing { work, conversation, governor, day, first_day, meter: &mut meter };
        match writing.write().await? {
            Outcome::Written => {
                done.extend(places(messages.iter().copied()));
                files::copy(work, &governor, conversation, messages).await?;
            }
            Outcome::Later(until) => later = Some(later.map_or(until, |other| other.min(until))),
        }
    }
    Ok(later.map_or(End::Done, |until| End::Later { until, reason: gathering() }))
}

/// The governor of the day. Stops the company's deliveries if what is left of the budget is the others'.
async fn govern(work: &Work<'_>, day: BudgetDay) -> Result<Governor, Stop> {
    let mut governor = Governor::new(&day, work.now());
    if governor.is_at_reserve() && governor.is_stale() {
        work.ports.users.me(work.access).await?;
        let said = work.access.spend.tally().daily;
        let allowance = said.zip(day.allowance).map(|(said, known)| Allowance {
            limit: said.limit.unwrap_or(known.limit),
            remaining: said.remaining,
            seen_at: work.now(),
        });
        governor = Governor::new(&BudgetDay { allowance: allowance.or(day.allowance), ..day }, work.now());
    }
    if governor.is_at_reserve() {
        return Err(PipedriveError::BudgetSpent { probe_after: PARKED }.into());
    }
    Ok(governor)
}

fn gathering() -> FailureReason {
    FailureReason {
        code: "gathering".to_owned(),
        text: "The note in Pipedrive is written again when more has come together.".to_owned(),
    }
}
