//! What must be true when all is calm again, however it came to that. The numbers are those of docs/reliability.md.

use std::collections::{BTreeMap, BTreeSet};

use shared::model::{
    ids::{MessageId, ProviderMessageId},
    message::Message,
};

use crate::world::{World, Written};

impl World {
    /// What is not as it must be; empty if all is.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.pipedrive.violations();
        let stored = self.memory.messages();
        let mut by_id: BTreeMap<&ProviderMessageId, Vec<&Message>> = BTreeMap::new();
        for message in &stored {
            message.provider_id.iter().for_each(|id| by_id.entry(id).or_default().push(message));
        }
        let heard = self.pipedrive.heard();
        let turns: BTreeMap<&MessageId, usize> = heard.iter().enumerate().map(|(turn, id)| (id, turn)).collect();
        // Messages with the moment at which Pipedrive heard of them first.
        let mut told: Vec<(&Written, usize)> = Vec::new();
        for written in &self.written {
            match by_id.get(&written.id).map_or(&[][..], Vec::as_slice) {
                [] if written.taken.is_some() => faults.push(format!("1: {} was taken and is not stored", written.id)),
                [] => {}
                [message] => {
                    faults.extend(self.untold(written, message));
                    // One that was refused may come after all, by a later change.
                    if let Some(turn) = turns.get(&message.id).filter(|_| !self.pipedrive.has_refused(&message.id)) {
                        told.push((written, *turn));
                    }
                }
                more => faults.push(format!("2: {} is stored {} times", written.id, more.len())),
            }
        }
        faults.extend(out_of_order(&told));
        let mut customers = BTreeSet::new();
        for conversation in self.memory.conversations() {
            if !customers.insert((conversation.channel, conversation.customer.keys.clone())) {
                faults.push(format!("2: {:?} has two conversations", conversation.customer.keys));
            }
        }
        faults
    }

    /// What Pipedrive should know of a stored message, and does not.
    fn untold(&self, written: &Written, message: &Message) -> Option<String> {
        let id = &written.id;
        // Of one that is dead, something was refused: Pipedrive may be behind.
        let excused = self.pipedrive.has_refused(&message.id) && message.dead.is_some();
        let Some(known) = self.pipedrive.known(&message.id) else {
            return (!excused).then(|| format!("6: {id} ended silently"));
        };
        if (known.text != message.text || known.status != message.status) && !excused {
            return Some(format!("2: of {id}, Pipedrive knows {known:?} instead of {:?} {:?}", message.text, message.status));
        }
        let newest = written.texts.iter().max_by_key(|(at, _)| *at).map(|(_, text)| text);
        if newest.is_some_and(|text| *text != message.text) {
            return Some(format!("2: {id} says {:?} instead of {newest:?}", message.text));
        }
        // A status may have been stored by a webhook that died before it was answered, never the other way round.
        let behind = message.status != written.status && !written.status.may_become(message.status);
        behind.then(|| format!("4: {id} is {:?} instead of {:?}", message.status, written.status))
    }
}

/// Messages that Pipedrive heard of before one that we knew to come before them: in the same webhook, or taken before the
/// other was offered.
fn out_of_order(told: &[(&Written, usize)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (position, (later, later_turn)) in told.iter().enumerate() {
        for (earlier, earlier_turn) in told[..position].iter().filter(|(earlier, _)| earlier.conversation == later.conversation) {
            let taken_before = earlier.taken.is_some_and(|taken| later.offered.is_some_and(|offered| taken < offered));
            if (earlier.webhook == later.webhook || taken_before) && earlier_turn > later_turn {
                faults.push(format!("3: {} came before {}", later.id, earlier.id));
            }
        }
    }
    faults
}
