//! Dead letters in memory: what it takes to have one sent again.

use async_trait::async_trait;
use shared::{
    inbox::{
        dead::{DeadLetter, DeadStore, Order, Revival},
        ports::{Page, StoreError},
    },
    model::{
        conversation::Stamp,
        cursor::DeadCursor,
        ids::{CompanyId, MessageId},
        time::Timestamp,
    },
};

use super::Memory;
use crate::nowhere::nobody_asks;

#[async_trait]
impl DeadStore for Memory {
    async fn dead_letters(
        &self,
        _: CompanyId,
        _: Order,
        _: Option<&DeadCursor>,
        _: usize,
    ) -> Result<Page<DeadLetter, DeadCursor>, StoreError> {
        nobody_asks()
    }

    async fn dead_letter(&self, _: &MessageId) -> Result<Option<DeadLetter>, StoreError> {
        nobody_asks()
    }

    async fn revive(&self, company: CompanyId, id: &MessageId, due_at: Timestamp) -> Result<Revival, StoreError> {
        self.call(|state| {
            let own = state.conversation(&id.conversation()).filter(|stored| stored.conversation.company == company);
            let Some(message) = own.and_then(|stored| stored.messages.get(&id.place())) else { return Revival::Unknown };
            if message.dead.is_none() {
                return Revival::Alive;
            }
            state.change(&id.conversation(), |stored| {
                if let Some(message) = stored.messages.get_mut(&id.place()) {
                    message.dead = None;
                }
                stored.owe(id.place(), Stamp::new(), due_at);
            });
            Revival::Done
        })
        .await
    }

    async fn dead_by_company(&self) -> Result<Vec<(CompanyId, usize)>, StoreError> {
        nobody_asks()
    }
}
