//! A table in memory and a real one, side by side.

use std::{collections::BTreeSet, time::Duration};

use model::memory::Memory;
use shared::{
    inbox::{
        dead::DeadStore,
        halt::HaltStore,
        ports::{
            Advance, Change, DueWork, InstallationStore, NewMessage, OutboxStore, Outcome, ReceiveStore, Reference, Settled,
            Settlement, StoreOutcome, Then,
        },
        receive::STREAM_GRACE,
    },
    model::{
        contact::Email,
        conversation::{Conversation, ConversationState, Customer, Pause, Rest, Stamp},
        halt::Halt,
        ids::{ChannelId, CompanyId, ContactKey, ConversationId, MessageId, Place, ProviderMessageId, UserId},
        installation::{Installation, InstallationState},
        message::{Direction, FailureReason, Message},
        record::Link,
        status::Status,
        time::Timestamp,
    },
    store::Table,
};

use super::calls::Call;

const OWNER: UserId = UserId(7);
const FAR: Duration = Duration::from_hours(24 * 365);

/// Both tables, and what was put into them.
pub(super) struct Both<'a> {
    memory: Memory,
    table: &'a Table,
    channel: ChannelId,
    company: CompanyId,
    now: Timestamp,
    conversations: Vec<ConversationId>,
    messages: Vec<MessageId>,
    /// Conversations as they were earlier, one in each table.
    seen: Vec<(Conversation, Conversation)>,
}

/// Makes a call on both tables. What they answer, which is the same.
macro_rules! same {
    ($both:expr, |$store:ident| $call:expr) => {{
        let memory = {
            let $store = &$both.memory;
            $call.await.expect("the table in memory answers")
        };
        let table = {
            let $store = $both.table;
            $call.await.expect("the table answers")
        };
        assert_eq!(memory, table, "in memory and in the table: {}", stringify!($call));
        memory
    }};
}

impl<'a> Both<'a> {
    /// Of a company that the table does not know.
    pub(super) fn new(table: &'a Table, company: CompanyId) -> Self {
        Self {
            memory: Memory::default(),
            table,
            channel: ChannelId::new(company),
            company,
            now: Timestamp::from_secs(1_767_225_700),
            conversations: Vec::new(),
            messages: Vec::new(),
            seen: Vec::new(),
        }
    }

    fn due_at(&self) -> Timestamp {
        self.now.plus(STREAM_GRACE)
    }

    /// Makes a call on both.
    ///
    /// # Panics
    /// If they answer differently.
    pub(super) async fn make(&mut self, call: &Call) {
        self.now = self.now.plus(Duration::from_millis(7));
        let (now, due) = (self.now, self.due_at());
        match *call {
            Call::Store { keys, id, out, owed, named, past, at } => self.store(keys, id, (out, owed, named, past), at).await,
            Call::News { id, status, stale } => self.news(id, status, stale).await,
            Call::Edit { message, at } => {
                let Some(message) = pick(message, &self.messages) else { return };
                let change = Change::Edited { text: format!("edited {at}"), content: None, at: Timestamp::from_secs(at) };
                same!(self, |store| store.change_message(&message, &change, due));
            }
            Call::Settle { conversation, done, stale, wrong, then } => self.settle(conversation, done, stale, wrong, then).await,
            Call::Revive { message, own } => {
                let Some(message) = pick(message, &self.messages) else { return };
                let company = if own { self.company } else { CompanyId(0) };
                same!(self, |store| store.revive(company, &message, due));
            }
            Call::Wake { conversation } => {
                let Some(id) = pick(conversation, &self.conversations) else { return };
                same!(self, |store| store.wake(&id, due));
            }
            Call::Release => drop(same!(self, |store| store.release(self.company, OWNER, due, 100))),
            Call::Released { ago } => {
                let before = if ago { now.minus(Duration::from_mins(5)) } else { now };
                same!(self, |store| store.released(self.company, OWNER, before));
            }
            _ => self.of_the_installation(call).await,
        }
    }

    async fn of_the_installation(&mut self, call: &Call) {
        let (company, now) = (self.company, self.now);
        let until = now.plus(Duration::from_secs(30));
        let stored = same!(self, |store| store.installation(company, OWNER));
        let mut installation = stored.unwrap_or_else(|| installation(company, now));
        match *call {
            Call::Grant => {
                installation.version += 1;
                installation.state = InstallationState::Connected;
                installation.refreshed_at = now;
                same!(self, |store| store.save_grant(&installation, now.plus(FAR)));
            }
            Call::State(state) => drop(same!(self, |store| store.set_installation_state(&installation, state))),
            Call::Halt { reason, known } => {
                let halt = Halt { reason, since: now, until, strikes: 1, probe: None };
                if !known {
                    installation.halt = None;
                }
                same!(self, |store| store.halt(&installation, &halt));
            }
            Call::EndHalt => {
                let Some(halt) = &installation.halt else { return };
                same!(self, |store| store.end_halt(company, OWNER, halt, now));
            }
            Call::Probe { conversation } => {
                let (Some(probe), Some(halt)) = (pick(conversation, &self.conversations), &installation.halt) else { return };
                let halt = Halt { probe: Some(probe), until: halt.until.plus(Duration::from_mins(1)), ..halt.clone() };
                same!(self, |store| store.send_probe(company, OWNER, &halt, until));
            }
            Call::EndProbes => {
                same!(self, |store| store.end_probes(company, OWNER));
            }
            Call::Deliver(delivery) => {
                same!(self, |store| store.set_delivery(company, OWNER, delivery, now));
            }
            _ => {}
        }
    }

    async fn store(&mut self, keys: u8, id: u8, (out, owed, named, past): (bool, bool, bool, bool), at: i64) {
        let known_as: &[&str] = match keys {
            0 => &["a"],
            1 => &["a", "b"],
            2 => &["b"],
            _ => &["c"],
        };
        let keys: Vec<ContactKey> = known_as.iter().map(|name| ContactKey::parse(name).expect("a key")).collect();
        let found = same!(self, |store| store.conversation_of(&self.channel, &keys, &[]));
        let known = found.is_some();
        let conversation = found.map_or_else(ConversationId::new, |(_, id)| id);
        let sent_at = Timestamp::from_secs(1_767_225_600 + at);
        let place = Place::new(sent_at, self.now, 0);
        let direction = if out { Direction::Out } else { Direction::In };
        let sender = if out { self.channel.source_user() } else { conversation.end_user() };
        let mut message = Message::new(conversation.message(&place), direction, sender, format!("text {id}"), sent_at);
        message.provider_id = Some(provider_id(id));
        message.reply_by = (!out).then(|| sent_at.plus(Duration::from_hours(24)));
        let stamp = owed.then(Stamp::new);
        let mut customer = Customer::new(keys, format!("Customer {at}"));
        customer.phone = named.then(|| format!("+1555{at}"));
        customer.email = named.then(|| Email::parse(&format!("{at}@example.com"))).flatten();
        let new = NewMessage {
            conversation: Conversation {
                id: conversation.clone(),
                channel: self.channel.clone(),
                company: self.company,
                owner: OWNER,
                customer,
                state: ConversationState::Open,
                link: if named { format!("https://z.example/{at}") } else { String::new() },
                last_at: sent_at,
                unread: 1,
                reply_by: message.reply_by,
                outbox: stamp.map(|stamp| (place.clone(), stamp)).into_iter().collect(),
                pause: None,
                record: Link::default(),
                last: None,
                changed_at: None,
                answered_by: None,
            },
            known,
            name_known: named,
            message,
            stamp,
            past,
            due_at: self.due_at(),
        };
        if same!(self, |store| store.store_message(&new)) == StoreOutcome::Stored {
            self.messages.push(new.message.id.clone());
            if !known {
                self.conversations.push(conversation);
            }
        }
    }

    async fn news(&mut self, id: u8, status: Status, stale: bool) {
        let (id, now, due) = (provider_id(id), self.now, self.due_at());
        let failure = (status == Status::Failed).then(|| reason("131026"));
        let seen = same!(self, |store| store.reference(&self.channel, &id));
        match seen {
            Reference::Message(named) if !stale => {
                let advance = Advance { message: named.message, part: Some(named.part), status, failure };
                same!(self, |store| store.advance_status(&self.channel, &advance, due));
            }
            seen => {
                let seen = if stale { Reference::Unknown { parked: None } } else { seen };
                same!(self, |store| store.park_status(&self.channel, &id, &seen, status, failure.as_ref(), now));
            }
        }
    }

    async fn settle(&mut self, conversation: usize, done: usize, stale: bool, wrong: bool, then: u8) {
        let Some(id) = pick(conversation, &self.conversations) else { return };
        let memory = OutboxStore::conversation(&self.memory, &id).await.expect("in memory").expect("it is there");
        let table = OutboxStore::conversation(self.table, &id).await.expect("in the table").expect("it is there");
        let now = (memory.clone(), table.clone());
        let earlier = self.seen.iter().rev().find(|(seen, _)| seen.id == id && stale).cloned();
        let (memory, table) = earlier.unwrap_or((memory, table));
        self.seen.push(now);
        let then = match then {
            0 | 1 => Then::Continue { due_at: self.due_at() },
            2 => Then::Pause(Pause::Waiting(Rest {
                until: self.now.plus(Duration::from_secs(5)),
                attempts: 1,
                since: self.now,
                reason: reason("http_500"),
            })),
            _ => Then::Pause(Pause::Held { reason: reason("not_connected"), since: self.now }),
        };
        let outcome = |position: usize| match (done + position) % 5 {
            0 => Outcome::Dead(reason("invalid")),
            1 => Outcome::Delivered { revived: true },
            _ => Outcome::Delivered { revived: false },
        };
        let settlement = |seen: &Conversation| {
            let stamp = |stamp: &Stamp| if wrong { Stamp(stamp.0.wrapping_add(1)) } else { *stamp };
            let entries = seen.outbox.iter().take(done).enumerate();
            let settled = entries.map(|(position, (place, found))| Settled {
                place: place.clone(),
                stamp: stamp(found),
                outcome: outcome(position),
            });
            Settlement { settled: settled.collect(), at: self.now, then: then.clone() }
        };
        let one = self.memory.settle(&memory, &settlement(&memory)).await.expect("in memory");
        let other = self.table.settle(&table, &settlement(&table)).await.expect("in the table");
        assert_eq!(one, other, "settling as {then:?}");
    }

    /// Compares what lies in both.
    ///
    /// # Panics
    /// If it differs.
    pub(super) async fn compare(&self) {
        for id in &self.conversations {
            same!(self, |store| async { OutboxStore::conversation(store, id).await.map(|found| found.map(without_stamps)) });
            let places: Vec<Place> =
                self.messages.iter().filter(|message| message.conversation() == *id).map(MessageId::place).collect();
            same!(self, |store| store.messages_at(id, &places));
        }
        same!(self, |store| store.installation(self.company, OWNER));
        same!(self, |store| async { store.held(self.company, OWNER, 100).await.map(BTreeSet::from_iter) });
        // Work of other cases is due in the table, too.
        let own: BTreeSet<&ConversationId> = self.conversations.iter().collect();
        let is_own = |work: &DueWork| match work {
            DueWork::Outbox(id) => own.contains(id),
            DueWork::Release(company, _) | DueWork::Probe(company, _) => *company == self.company,
            _ => false,
        };
        for at in [self.now, self.now.plus(FAR)] {
            same!(self, |store| async {
                let due = store.due(at, 1_000).await;
                due.map(|due| due.into_iter().filter(is_own).map(|work| format!("{work:?}")).collect::<BTreeSet<_>>())
            });
        }
    }
}

fn installation(company: CompanyId, now: Timestamp) -> Installation {
    Installation {
        company,
        user: OWNER,
        company_name: String::new(),
        user_name: String::new(),
        timezone: String::new(),
        api_domain: "https://x.example".to_owned(),
        public_url: "https://y.example".to_owned(),
        state: InstallationState::Connected,
        tokens: None,
        access_until: now,
        refreshed_at: now,
        version: 0,
        delivery: None,
        halt: None,
        reviewed_at: None,
    }
}

fn reason(code: &str) -> FailureReason {
    FailureReason { code: code.to_owned(), text: "A sentence.".to_owned() }
}

fn provider_id(n: u8) -> ProviderMessageId {
    ProviderMessageId::parse(&format!("pm.{n}")).expect("an id")
}

/// Each table makes stamps itself.
fn without_stamps(mut conversation: Conversation) -> Conversation {
    conversation.outbox.values_mut().for_each(|stamp| *stamp = Stamp(0));
    conversation
}

fn pick<T: Clone>(n: usize, of: &[T]) -> Option<T> {
    (!of.is_empty()).then(|| of[n % of.len()].clone())
}
