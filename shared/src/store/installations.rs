//! Installations: grants, their tokens and the lease under which these are renewed.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::{
    Item, Table,
    change::Change,
    channels,
    keys::{CHANNEL_PREFIX, INSTALLATION_PREFIX, Key, PK, Queue, SK, company_partition, release_shard, tokens_shard},
    records::{from_item, number, time, to_item, to_value},
    write::{ATTEMPTS, Transacted, Written, pause},
};
use crate::{
    inbox::ports::{DueWork, InstallationStore, Lease, Members, StoreError},
    model::{
        channel::Delivery,
        ids::{CompanyId, UserId},
        installation::{Installation, InstallationState, Profile},
        time::Timestamp,
    },
};

const KIND: &str = "installation";
const GRANT: &str = "store a grant";
const RENEW: &str = "store renewed tokens";

const INSTALLATION: usize = 0;

fn read(item: Item) -> Result<Installation, StoreError> {
    from_item(KIND, item)
}

fn key(installation: &Installation) -> Key {
    Key::installation(installation.company, installation.user)
}

fn renewal(change: Change, installation: &Installation, refresh_due: Timestamp) -> Change {
    change
        .set("#due_shard = :shard, #due_at = :due")
        .text(":shard", tokens_shard(installation.company, installation.user))
        .value(":due", time(refresh_due))
}

#[async_trait]
impl InstallationStore for Table {
    async fn installation(&self, company: CompanyId, user: UserId) -> Result<Option<Installation>, StoreError> {
        self.get("read an installation", &Key::installation(company, user)).await?.map(read).transpose()
    }

    async fn save_grant(&self, installation: &Installation, refresh_due: Timestamp) -> Result<(), StoreError> {
        let mut installation = installation.clone();
        for attempt in 0..ATTEMPTS {
            let mut item = to_item(KIND, &key(&installation), &installation)?;
            item.insert("due_shard".to_owned(), AttributeValue::S(tokens_shard(installation.company, installation.user)));
            item.insert("due_at".to_owned(), time(refresh_due));
            let newest = Change::default()
                .when("attribute_not_exists(#PK) OR #version < :version")
                .value(":version", number(installation.version));
            let mut items = vec![
                newest.put(self, item)?,
                self.release_chore(installation.company, installation.user, installation.refreshed_at)?,
            ];
            if installation.delivery == Some(Delivery::Records) {
                items.push(self.watch_chore(installation.company, installation.refreshed_at)?);
            }
            let Transacted::Refused(refusals) = self.transact(GRANT, items).await? else { return Ok(()) };
            // Tokens of the grant before were renewed meanwhile. The new grant counts all the same.
            if let Some(stored) = refusals.stored(INSTALLATION) {
                installation.version = read(stored)?.version + 1;
            }
            pause(attempt).await;
        }
        Err(StoreError::Contended { operation: GRANT })
    }

    async fn take_lease(
        &self,
        installation: &Installation,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Lease, StoreError> {
        let change = Change::default()
            .when("#version = :version")
            .value(":version", number(installation.version))
            .when("attribute_not_exists(#lease_until) OR #lease_until < :now OR #lease_owner = :owner")
            .value(":now", time(now))
            .set("#lease_owner = :owner, #lease_until = :until")
            .text(":owner", owner)
            .value(":until", time(until));
        Ok(match self.update("take a lease", &key(installation), &change).await? {
            Written::Done => Lease::Taken,
            Written::Refused(_) => Lease::Missed,
        })
    }

    async fn save_renewed(&self, renewed: &Installation, refresh_due: Timestamp) -> Result<bool, StoreError> {
        let change = Change::default()
            .when("#version = :before")
            .value(":before", number(renewed.version.saturating_sub(1)))
            .set("#tokens = :tokens, #access_until = :access_until, #refreshed_at = :refreshed_at")
            .value(":tokens", to_value(KIND, &renewed.tokens)?)
            .value(":access_until", time(renewed.access_until))
            .value(":refreshed_at", time(renewed.refreshed_at))
            .set("#version = :version, #api_domain = :api_domain, #state = :connected")
            .value(":version", number(renewed.version))
            .text(":api_domain", &renewed.api_domain)
            .value(":connected", to_value(KIND, &InstallationState::Connected)?)
            .remove("#lease_owner, #lease_until");
        let change = renewal(change, renewed, refresh_due);
        let ordinary = change.clone().when("#state = :connected");
        let stored = match self.update(RENEW, &key(renewed), &ordinary).await? {
            Written::Done => return Ok(true),
            Written::Refused(stored) => stored.map(read).transpose()?,
        };
        let given_up = |stored: &Installation| stored.state == InstallationState::NeedsReconnect;
        if !stored.as_ref().is_some_and(given_up) {
            return Ok(false);
        }
        // It was given up, wrongly as it turns out: what was held since then goes on.
        let back = change
            .when("#state = :needs_reconnect")
            .value(":needs_reconnect", to_value(KIND, &InstallationState::NeedsReconnect)?)
            .update(self, &key(renewed))?;
        let items = vec![back, self.release_chore(renewed.company, renewed.user, renewed.refreshed_at)?];
        Ok(matches!(self.transact(RENEW, items).await?, Transacted::Done))
    }

    async fn end_lease(&self, company: CompanyId, user: UserId, owner: &str) -> Result<(), StoreError> {
        let change = Change::default().when("#lease_owner = :owner").text(":owner", owner).remove("#lease_owner, #lease_until");
        match self.update("end a lease", &Key::installation(company, user), &change).await? {
            Written::Done | Written::Refused(_) => Ok(()),
        }
    }

    async fn set_installation_state(&self, installation: &Installation, state: InstallationState) -> Result<bool, StoreError> {
        let change = Change::default()
            .when("#version = :version")
            .value(":version", number(installation.version))
            .set("#state = :state")
            .value(":state", to_value(KIND, &state)?);
        // Tokens that don't work are not renewed before they expire; a new grant has them renewed again.
        let change = match state {
            InstallationState::Connected => change,
            InstallationState::NeedsReconnect => change.remove("#due_shard, #due_at"),
            InstallationState::Uninstalled => change.remove("#due_shard, #due_at, #tokens, #lease_owner, #lease_until"),
        };
        Ok(self.update("change an installation's state", &key(installation), &change).await?.is_done())
    }

    async fn set_delivery(&self, company: CompanyId, user: UserId, delivery: Delivery, now: Timestamp) -> Result<(), StoreError> {
        let change = Change::default().exists().set("#delivery = :delivery").value(":delivery", to_value(KIND, &delivery)?);
        let installation = Key::installation(company, user);
        let items = match delivery {
            // It has just been there: what was halted or held for want of it goes on.
            Delivery::Channels => {
                vec![change.remove("#halt").update(self, &installation)?, self.release_chore(company, user, now)?]
            }
            // What people do to the records has to be heard of from now on.
            Delivery::Records => vec![change.update(self, &installation)?, self.watch_chore(company, now)?],
        };
        // The installation goes last: as long as it says otherwise, whoever asks does all of it again.
        let channels = self.members(company).await?.channels.into_iter();
        for channel in channels.filter(|channel| channel.owner == user && channel.delivery != delivery) {
            let change = Change::default().exists().set("#delivery = :delivery").value(":delivery", to_value(KIND, &delivery)?);
            self.update("remember a channel's delivery", &Key::channel(&channel.id), &change).await?;
        }
        match self.transact("remember the delivery", items).await? {
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }

    async fn save_profile(&self, company: CompanyId, user: UserId, told: &Profile, now: Timestamp) -> Result<(), StoreError> {
        let change = Change::default()
            .exists()
            .set("#reviewed_at = :now, #company_name = :company, #user_name = :user")
            .value(":now", time(now))
            .text(":company", &told.company_name)
            .text(":user", &told.user_name);
        self.update("store who authorized", &Key::installation(company, user), &change).await.map(drop)
    }

    async fn members(&self, company: CompanyId) -> Result<Members, StoreError> {
        let query = self
            .query()
            .consistent_read(true)
            .key_condition_expression("#PK = :company")
            .expression_attribute_names("#PK", PK)
            .expression_attribute_values(":company", AttributeValue::S(company_partition(company)));
        let mut members = Members::default();
        for item in self.ask_all("list a company's members", query).await? {
            let sort = item.get(SK).and_then(|sort| sort.as_s().ok()).map_or("", String::as_str);
            if sort.starts_with(CHANNEL_PREFIX) {
                members.channels.push(channels::read(item)?);
            } else if sort.starts_with(INSTALLATION_PREFIX) {
                members.installations.push(read(item)?);
            }
        }
        Ok(members)
    }

    async fn tokens_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(CompanyId, UserId)>, StoreError> {
        let mut due: Vec<(CompanyId, UserId)> = self
            .due_in(&[Queue::Tokens], now, limit)
            .await?
            .into_iter()
            .filter_map(|work| match work {
                DueWork::Tokens(company, user) => Some((company, user)),
                _ => None,
            })
            .collect();
        due.truncate(limit);
        Ok(due)
    }
}

impl Table {
    /// Has outboxes that are held for the installation released, from the moment of its tokens on.
    pub(super) fn release_chore(
        &self,
        company: CompanyId,
        user: UserId,
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut item = Key::release(company, user).attributes();
        item.insert("due_shard".to_owned(), AttributeValue::S(release_shard(company, user)));
        item.insert("due_at".to_owned(), time(now));
        Change::default().put(self, item)
    }
}
