//! Halts of installations, and the chore that probes them.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Table,
    change::Change,
    keys::{Key, held_shard, outbox_shard, probe_shard},
    records::{time, to_value},
    write::Transacted,
};
use crate::{
    inbox::{
        halt::HaltStore,
        ports::{DueWork, StoreError},
    },
    model::{
        halt::{Halt, HaltReason},
        ids::{CompanyId, ConversationId, UserId},
        installation::{Installation, InstallationState},
        time::Timestamp,
    },
};

const KIND: &str = "installation";

/// Only while it is still that one.
fn unchanged(halt: &Halt) -> Change {
    Change::default()
        .when("#halt.#since = :since AND #halt.#until = :until")
        .value(":since", time(halt.since))
        .value(":until", time(halt.until))
}

#[async_trait]
impl HaltStore for Table {
    async fn halt(&self, seen: &Installation, halt: &Halt) -> Result<bool, StoreError> {
        let (company, user) = (seen.company, seen.user);
        let known = match &seen.halt {
            Some(known) => {
                Change::default().when("attribute_not_exists(#halt) OR #halt.#since = :since").value(":since", time(known.since))
            }
            None => Change::default().when("attribute_not_exists(#halt)"),
        };
        let noted = known
            .when("#state = :connected")
            .value(":connected", to_value(KIND, &InstallationState::Connected)?)
            .set("#halt = :halt")
            .value(":halt", to_value(KIND, halt)?);
        let mut items = vec![noted.update(self, &Key::installation(company, user))?];
        if halt.reason.holds() {
            let mut chore = Key::probe(company, user).attributes();
            chore.insert("due_shard".to_owned(), AttributeValue::S(probe_shard(company, user)));
            chore.insert("due_at".to_owned(), time(halt.until));
            items.push(Change::default().put(self, chore)?);
        }
        Ok(matches!(self.transact("halt an installation", items).await?, Transacted::Done))
    }

    async fn end_halt(&self, company: CompanyId, user: UserId, halt: &Halt, now: Timestamp) -> Result<(), StoreError> {
        let mut items = vec![unchanged(halt).remove("#halt").update(self, &Key::installation(company, user))?];
        if halt.reason.holds() {
            // The chore to probe it finds nothing to do, and ends with that.
            items.push(self.release_chore(company, user, now)?);
        }
        match self.transact("end a halt", items).await? {
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }

    async fn held(&self, company: CompanyId, user: UserId, limit: usize) -> Result<Vec<ConversationId>, StoreError> {
        let shard = held_shard(company, user);
        let found = self.in_shard(shard.clone(), None, limit).await?;
        let conversation = |key: Key| match key.due_work(&shard) {
            Some(DueWork::Outbox(id)) => Some(id),
            _ => None,
        };
        Ok(found.iter().filter_map(Key::of).filter_map(conversation).collect())
    }

    async fn send_probe(&self, company: CompanyId, user: UserId, halt: &Halt, due_at: Timestamp) -> Result<bool, StoreError> {
        let Some(probe) = &halt.probe else { return Ok(false) };
        let noted = Change::default()
            .when("#halt.#since = :since AND #halt.#until < :until")
            .value(":since", time(halt.since))
            .value(":until", time(halt.until))
            .set("#halt = :halt")
            .value(":halt", to_value(KIND, halt)?);
        let again = Change::default().exists().set("#due_at = :due").value(":due", time(halt.until));
        let released = Change::default()
            .when("#due_shard = :held")
            .text(":held", held_shard(company, user))
            .set("#due_shard = :shard, #due_at = :due")
            .text(":shard", outbox_shard(probe))
            .value(":due", time(due_at))
            .remove("#pause");
        let items = vec![
            noted.update(self, &Key::installation(company, user))?,
            again.update(self, &Key::probe(company, user))?,
            released.update(self, &Key::conversation(probe))?,
        ];
        Ok(matches!(self.transact("send a probe", items).await?, Transacted::Done))
    }

    async fn end_probes(&self, company: CompanyId, user: UserId) -> Result<(), StoreError> {
        // Not one of a halt that came a moment ago: that has its chore from the same transaction.
        let idle = Change::default()
            .when("attribute_not_exists(#halt) OR #halt.#reason = :passing OR #state <> :connected")
            .value(":passing", to_value(KIND, &HaltReason::RateLimited)?)
            .value(":connected", to_value(KIND, &InstallationState::Connected)?)
            .check(self, &Key::installation(company, user))?;
        let delete = Change::default().delete(self, &Key::probe(company, user))?;
        match self.transact("end probes", vec![idle, delete]).await? {
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }
}
