//! Writes the notes of one conversation's day. A note is rendered whole from our own messages and never read back; what it
//! costs and when it may be written again is kept with it.

use std::time::Duration;

use super::{
    budget::{Governor, WRITE},
    gone,
    identity::conversation_lock,
    transcript::{
        pack::{self, HISTORY, Wanted},
        render::{Scene, mark},
    },
    work::{Stop, Work, is_uncertain},
};
use crate::{
    inbox::fetch,
    model::{
        conversation::Conversation,
        day::Day,
        ids::NoteId,
        message::{Message, Sending},
        record::{AuditEntry, Deed, Note, NoteState, Records, Why},
        time::Timestamp,
    },
    pipedrive::{MAX_BATCH, error::PipedriveError},
};

/// How often the notes of a day are packed anew within a round, after one turned out to be deleted.
const TRIES: usize = 3;
/// The last writes of a day are spread over so long after its end.
const SPREAD: u64 = 30 * 60;
/// Shortest time between two writes of a day that is over.
const AFTERWARDS: Duration = Duration::from_hours(1);

/// What became of a day's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// They are in the notes.
    Written,
    /// It is not time yet.
    Later(Timestamp),
}

/// The tokens of a round, counted once each.
#[derive(Debug, Default)]
pub(super) struct Meter(u64);

impl Meter {
    /// What was spent since the last count.
    fn count(&mut self, work: &Work<'_>) -> u64 {
        let all = work.access.spend.tally().tokens();
        let new = all.saturating_sub(self.0);
        self.0 = all;
        new
    }
}

/// One day's writing.
pub(super) struct Writing<'a> {
    pub(super) work: &'a Work<'a>,
    pub(super) conversation: &'a Conversation,
    pub(super) governor: Governor,
    pub(super) day: &'a Day,
    /// Whether the customer was looked for in this round.
    pub(super) first_day: bool,
    pub(super) meter: &'a mut Meter,
}

impl Writing<'_> {
    /// Writes what has changed, if it is time.
    pub(super) async fn write(&mut self) -> Result<Outcome, Stop> {
        for _ in 0..TRIES {
            let notes = self.work.ports.notes;
            let known = notes.notes(&self.conversation.id, self.day).await?;
            let (start, end) = self.work.zone.bounds(self.day);
            let now = self.work.now();
            let mut messages = notes.messages_between(&self.conversation.id, start, end).await?;
            messages.retain(|message| is_ready(message, now));
            let wanted = pack::pack(&self.scene(), self.day, &messages, &known);
            let changed: Vec<Wanted> =
                wanted.into_iter().filter(|wanted| is_changed(wanted, &known, &self.conversation.record.records)).collect();
            if changed.is_empty() {
                return Ok(Outcome::Written);
            }
            if let Some(until) = self.due(&known, end).filter(|due| *due > now) {
                return Ok(Outcome::Later(until));
            }
            if known.iter().all(is_history_begun) {
                self.write_history(start, known.first()).await?;
            }
            let mut all = true;
            for wanted in &changed {
                let before = known.iter().find(|note| note.part == wanted.part);
                all &= self.put(wanted, before).await?;
            }
            if all {
                return Ok(Outcome::Written);
            }
        }
        Err(self.work.later(Duration::from_mins(1), "notes_deleted", "The note is being deleted in Pipedrive."))
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            conversation: self.conversation,
            provider: self.work.provider(),
            channel: &self.work.channel.name,
            zone: &self.work.zone,
            links: self.work.links,
        }
    }

    /// When the day's notes may be written next; none if that is at once.
    fn due(&self, known: &[Note], end: Timestamp) -> Option<Timestamp> {
        let days = || known.iter().filter(|note| note.part < HISTORY);
        let written = days().filter(|note| note.state != NoteState::Intended).map(|note| note.written_at).max()?;
        if self.work.now() >= end {
            return (written >= end).then(|| written.plus(AFTERWARDS));
        }
        let spent: u64 = known.iter().map(|note| note.spent).sum();
        let left = self.governor.ration(days().any(|note| note.first_day)).saturating_sub(spent);
        // The last write of a day has all that came until its end.
        let last = end.plus(Duration::from_secs(seed(self.conversation) % SPREAD));
        Some(if left < 2 * WRITE { last } else { written.plus(self.governor.interval(left)).min(last) })
    }

    /// What was written before this bundle began to write notes of the conversation. `begun` is a note of it of which nobody knows
    /// whether it is there.
    async fn write_history(&mut self, until: Timestamp, begun: Option<&Note>) -> Result<(), Stop> {
        let work = self.work;
        if work.ports.notes.all_notes(&self.conversation.id).await?.len() > usize::from(begun.is_some()) {
            return Ok(());
        }
        let past = super::history::before(work, self.conversation, until).await?;
        let Some(wanted) = pack::history(&self.scene(), self.day, &past) else { return Ok(()) };
        self.put(&wanted, begun).await?;
        Ok(())
    }

    /// Writes one note. False if it turned out to be deleted.
    async fn put(&mut self, wanted: &Wanted, before: Option<&Note>) -> Result<bool, Stop> {
        if let Some(note) = before.and_then(|note| note.note.filter(|_| note.state == NoteState::Written)) {
            return self.replace(wanted, before, note).await;
        }
        let work = self.work;
        let names = vec![conversation_lock(&self.conversation.id)];
        let created = work.alone(names, create(work, self.conversation, self.day, wanted, before)).await?;
        let Some((note, why)) = created else { return Err(self.refused()) };
        match why {
            Why::Found => self.replace(wanted, before, note).await,
            why => {
                self.keep(wanted, before, note).await?;
                let why = if wanted.part == HISTORY { Why::History } else { why };
                self.tell(Deed::Noted, note, why).await?;
                Ok(true)
            }
        }
    }

    async fn replace(&mut self, wanted: &Wanted, before: Option<&Note>, note: NoteId) -> Result<bool, Stop> {
        let work = self.work;
        let records = &self.conversation.record.records;
        match work.ports.notes_api.replace_note(work.access, note, &wanted.html, records).await {
            Ok(_) => {
                self.keep(wanted, before, note).await?;
                Ok(true)
            }
            Err(PipedriveError::NotFound) => {
                if let Some(before) = before {
                    let deleted =
                        Note { state: NoteState::Deleted, spent: before.spent + self.meter.count(work), ..before.clone() };
                    work.ports.notes.save_note(&deleted).await?;
                    self.tell(Deed::Skipped, note, Why::Gone).await?;
                }
                Ok(false)
            }
            Err(PipedriveError::Invalid { status, code }) => {
                if gone::unlink(work, self.conversation).await? {
                    return Err(self.refused());
                }
                Err(PipedriveError::Invalid { status, code }.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Pipedrive does not know a record any more, and the link says so by now: again with what is left of it.
    fn refused(&self) -> Stop {
        self.work.later(Duration::from_secs(1), "record_gone", "A linked record is gone in Pipedrive.")
    }

    async fn keep(&mut self, wanted: &Wanted, before: Option<&Note>, note: NoteId) -> Result<(), Stop> {
        let first_day = self.first_day || before.is_some_and(|before| before.first_day);
        let spent = before.map_or(0, |before| before.spent) + self.meter.count(self.work);
        let kept = Note {
            note: Some(note),
            state: NoteState::Written,
            spent,
            first_day,
            ..as_note(self.work, self.conversation, self.day, wanted)
        };
        Ok(self.work.ports.notes.save_note(&kept).await?)
    }

    async fn tell(&self, what: Deed, note: NoteId, why: Why) -> Result<(), Stop> {
        let records = &self.conversation.record.records;
        let record = records.all().next();
        let entry = AuditEntry { note: Some(note), ..self.work.entry(what, record, why) };
        Ok(self.work.ports.audit.add_audit(&self.conversation.id, &[entry]).await?)
    }
}

/// What is still on its way to the provider, or whose files are being fetched for the first time, comes with the next write.
fn is_ready(message: &Message, now: Timestamp) -> bool {
    !matches!(message.sending, Sending::Underway { .. }) && !fetch::is_under_way(message, now)
}

/// Whether a note says something else, or hangs on other records.
fn is_changed(wanted: &Wanted, known: &[Note], on: &Records) -> bool {
    let written = known.iter().find(|note| note.part == wanted.part && note.state == NoteState::Written);
    written.is_none_or(|note| note.digest != wanted.digest || note.on != *on)
}

fn is_history_begun(note: &Note) -> bool {
    note.part == HISTORY && note.state == NoteState::Intended
}

/// Creates a note, unless an earlier try did. None if Pipedrive refused because a linked record is gone.
async fn create(
    work: &Work<'_>,
    conversation: &Conversation,
    day: &Day,
    wanted: &Wanted,
    before: Option<&Note>,
) -> Result<Option<(NoteId, Why)>, Stop> {
    let (notes, records) = (work.ports.notes, &conversation.record.records);
    if before.is_some_and(|note| note.state == NoteState::Intended)
        && let Some(found) = look(work, conversation, day, wanted.part).await?
    {
        return Ok(Some((found, Why::Found)));
    }
    let intended = as_note(work, conversation, day, wanted);
    notes.save_note(&intended).await?;
    let error = match work.ports.notes_api.create_note(work.access, &wanted.html, records).await {
        Ok(note) => return Ok(Some((note.id, Why::Message))),
        Err(error) => error,
    };
    if !is_uncertain(&error) {
        notes.forget_note(&intended).await?;
    }
    let unlinked =
        matches!(error, PipedriveError::Invalid { .. } | PipedriveError::NotFound) && gone::unlink(work, conversation).await?;
    if unlinked { Ok(None) } else { Err(error.into()) }
}

/// Our note among those of the records, which Pipedrive lists at once.
async fn look(work: &Work<'_>, conversation: &Conversation, day: &Day, part: u32) -> Result<Option<NoteId>, Stop> {
    let mark = mark(conversation, day, part);
    let Some(record) = conversation.record.records.all().next() else { return Ok(None) };
    let found = work.ports.notes_api.notes_of(work.access, &record, None, None, MAX_BATCH).await?;
    Ok(found.items.into_iter().find(|note| note.content.contains(&mark)).map(|note| note.id))
}

fn as_note(work: &Work<'_>, conversation: &Conversation, day: &Day, wanted: &Wanted) -> Note {
    Note {
        conversation: conversation.id.clone(),
        day: day.clone(),
        part: wanted.part,
        note: None,
        state: NoteState::Intended,
        first: wanted.first.clone(),
        last: wanted.last.clone(),
        bytes: wanted.html.len(),
        digest: wanted.digest.clone(),
        written_at: work.now(),
        on: conversation.record.records.clone(),
        spent: 0,
        first_day: false,
    }
}

/// A number of the conversation's own.
fn seed(conversation: &Conversation) -> u64 {
    conversation.id.as_str().bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
}
