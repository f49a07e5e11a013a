//! Keeps a company's webhooks in Pipedrive as they should be. Pipedrive drops a webhook that failed for three days, and all
//! of a user's when they remove the app, so they are looked at each day and made anew where they are missing (Pipedrive,
//! "Webhooks v2"). All of them carry one password of the company's; a webhook that is not written down here may carry another
//! one, and is replaced.

use std::{collections::BTreeSet, time::Duration};

use aws_lc_rs::rand;
use secrecy::{ExposeSecret, SecretString};

use super::ports::WatchStore;
use crate::{
    clock::Clock,
    hex::hex,
    inbox::{as_user::AsUser, error::InboxError, ports::StoreError, tokens::Tokens},
    model::{
        channel::Delivery,
        ids::{CompanyId, UserId, WebhookId},
        installation::{Installation, InstallationState},
        watch::Watch,
    },
    pipedrive::{Subscription, Webhook, WebhooksApi, error::PipedriveError, spend::Spend},
    records::{link::told, ports::BudgetStore},
    seal::{SealError, Vault},
    secrets::SecretCache,
    telemetry,
};

/// What is told: everything about persons, deals and leads, and of notes that they are gone.
const WANTED: [(&str, &str); 4] = [("*", "person"), ("*", "deal"), ("*", "lead"), ("delete", "note")];
/// The name that goes with the password.
pub const USER: &str = "pigeonpost";
/// When to look again. Less than a day: the schedule comes each 24 hours, and this counts from the middle of a run.
const EACH_DAY: Duration = Duration::from_hours(20);
/// When to look again after a try that did not get to its end.
const SOON: Duration = Duration::from_hours(1);
/// How often what was made is stored against a change of the key that seals the password.
const TRIES: usize = 3;
const STORE: &str = "store a watch";
/// How long a password is, in bytes.
const PASSWORD: usize = 32;

/// What keeping webhooks needs.
pub struct KeepPorts<'a> {
    /// What is known of them.
    pub watches: &'a dyn WatchStore,
    /// Access to Pipedrive.
    pub tokens: Tokens<'a>,
    /// The webhooks.
    pub api: &'a dyn WebhooksApi,
    /// To seal the password.
    pub secrets: &'a SecretCache,
    /// What it costs.
    pub budget: &'a dyn BudgetStore,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// What became of looking after a company's webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// All are there; so many of them had to be made.
    Made(usize),
    /// Nobody of the company is connected whose messages end on records. There is nothing to be told, and nobody to tell it.
    Nobody,
}

/// Looks after the webhooks of companies that are due. Which companies those were, and how many of them could not be brought
/// where they should be.
pub async fn keep_due(ports: &KeepPorts<'_>, limit: usize) -> Result<(Vec<CompanyId>, usize), StoreError> {
    let mut failed = 0;
    let now = ports.clock.now();
    let due = ports.watches.watches_due(now, limit).await?;
    for company in &due {
        // First of all it is put off, so that those that fail do not keep the others from their turn.
        ports.watches.watch_from(*company, now.plus(EACH_DAY)).await?;
        if let Err(error) = keep(ports, *company).await {
            failed += 1;
            telemetry::log_error("a company's webhooks could not be looked after", &error);
        }
    }
    Ok((due, failed))
}

/// Looks after one company's webhooks at once, if it has or wants any: who may hold them has changed. What fails is made up for
/// when they are due.
pub async fn keep_now(ports: &KeepPorts<'_>, company: CompanyId) {
    let kept = async {
        match ports.watches.watch(company).await? {
            Some(_) => keep(ports, company).await,
            None => Ok(Kept::Nobody),
        }
    };
    if let Err(error) = kept.await {
        telemetry::log_error("a company's webhooks are looked after later", &error);
    }
}

/// Looks after one company's webhooks. May be repeated, also half-way.
pub async fn keep(ports: &KeepPorts<'_>, company: CompanyId) -> Result<Kept, InboxError> {
    let watch = ports.watches.watch(company).await?.unwrap_or_else(|| Watch::new(company));
    let members = ports.tokens.store.members(company).await?;
    let holders = holders(&members.installations, &watch);
    if holders.is_empty() {
        let may_come_back = members.installations.iter().any(|i| i.state == InstallationState::NeedsReconnect);
        if !may_come_back {
            ports.watches.forget_watch(company).await?;
        } else if watch.password.is_some() {
            ports.watches.save_watch(&watch, ports.clock.now().plus(EACH_DAY)).await?;
        }
        return Ok(Kept::Nobody);
    }
    let (watch, password) = with_password(ports, watch).await?;
    let spend = Spend::default();
    let mut outcome = Ok(Kept::Nobody);
    for holder in holders {
        outcome = keep_with(ports, &watch, holder, &password, &spend).await;
        // Whoever may not have webhooks does not keep the others from having them.
        if !matches!(outcome, Err(InboxError::Forbidden(_) | InboxError::Unauthorized(_))) {
            break;
        }
    }
    told::write_down(ports.budget, ports.clock, company, &spend).await;
    outcome
}

/// Who may hold the webhooks, in the order in which they are asked: whoever does, then the others.
fn holders<'a>(installations: &'a [Installation], watch: &Watch) -> Vec<&'a Installation> {
    let mut holders: Vec<&Installation> = installations
        .iter()
        .filter(|i| i.state == InstallationState::Connected && i.delivery == Some(Delivery::Records))
        .collect();
    holders.sort_by_key(|holder| (Some(holder.user) != watch.user, holder.user));
    holders
}

/// The company's password, made and stored now if there is none.
async fn with_password(ports: &KeepPorts<'_>, watch: Watch) -> Result<(Watch, SecretString), InboxError> {
    let vault = &ports.secrets.get().await?.vault;
    if watch.password.is_some() {
        return opened(vault, watch);
    }
    let password = random_password()?;
    let sealed = vault.seal(&Watch::seal_context(watch.company), password.expose_secret().as_bytes())?;
    let mine = Watch { password: Some(sealed), ..watch };
    if ports.watches.save_watch(&mine, ports.clock.now().plus(SOON)).await? {
        return Ok((mine, password));
    }
    // Another made one at the same time: that is the company's.
    let theirs = ports.watches.watch(mine.company).await?;
    opened(vault, theirs.ok_or(StoreError::Contended { operation: STORE })?)
}

fn opened(vault: &Vault, watch: Watch) -> Result<(Watch, SecretString), InboxError> {
    let sealed = watch.password.as_ref().ok_or(SealError::Broken)?;
    let plain = vault.open(&Watch::seal_context(watch.company), sealed)?;
    let password = String::from_utf8(plain.expose_secret().to_vec()).map_err(|_| SealError::Broken)?;
    Ok((watch, SecretString::from(password)))
}

fn random_password() -> Result<SecretString, SealError> {
    let mut bytes = [0; PASSWORD];
    rand::fill(&mut bytes).map_err(|_| SealError::Broken)?;
    Ok(SecretString::from(hex(&bytes)))
}

async fn keep_with(
    ports: &KeepPorts<'_>,
    watch: &Watch,
    holder: &Installation,
    password: &SecretString,
    spend: &Spend,
) -> Result<Kept, InboxError> {
    let (company, user) = (watch.company, holder.user);
    let as_user = AsUser::new(&ports.tokens, company, user, spend.clone());
    let api = ports.api;
    let url = format!("{}/webhooks/pipedrive/{company}", holder.public_url);
    let found = as_user.call(|access| async move { api.webhooks(&access).await }).await?;
    let ours = found.iter().filter(|webhook| webhook.url == url || watch.webhooks.contains(&webhook.id));
    let (good, others) = sorted(ours, &url, watch, user);
    for stale in others {
        let deleted = as_user.call(|access| async move {
            match api.delete_webhook(&access, stale).await {
                // Gone, or another user's: their own installation's end takes it along.
                Ok(()) | Err(PipedriveError::NotFound | PipedriveError::Forbidden { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        });
        deleted.await?;
    }
    let mut webhooks: BTreeSet<WebhookId> = good.iter().map(|webhook| webhook.id).collect();
    let missing = WANTED.iter().filter(|wanted| !good.iter().any(|webhook| is_for(webhook, wanted)));
    let mut made = 0;
    for (action, object) in missing {
        let url = &url;
        let created = as_user.call(|access| async move {
            let wanted = Subscription { name: "Pigeonpost", url, action, object, user: USER, password };
            api.create_webhook(&access, &wanted).await
        });
        webhooks.insert(created.await?.id);
        made += 1;
    }
    let kept = Watch { user: Some(user), webhooks, checked_at: Some(ports.clock.now()), ..watch.clone() };
    save(ports, kept, password).await?;
    if made > 0 {
        tracing::info!(%company, %user, made, "made webhooks in Pipedrive");
    }
    Ok(Kept::Made(made))
}

/// Stores what was made with the password, also if that was sealed with another key meanwhile. Webhooks with another password than the
/// company's are not written down: they are replaced.
async fn save(ports: &KeepPorts<'_>, mut kept: Watch, password: &SecretString) -> Result<(), InboxError> {
    let vault = &ports.secrets.get().await?.vault;
    for _ in 0..TRIES {
        if ports.watches.save_watch(&kept, ports.clock.now().plus(EACH_DAY)).await? {
            return Ok(());
        }
        let Some(stored) = ports.watches.watch(kept.company).await? else { break };
        let (stored, theirs) = opened(vault, stored)?;
        if theirs.expose_secret() != password.expose_secret() {
            break;
        }
        kept.password = stored.password;
    }
    Err(InboxError::Store(StoreError::Contended { operation: STORE }))
}

fn is_for(webhook: &Webhook, (action, object): &(&str, &str)) -> bool {
    webhook.action == *action && webhook.object == *object
}

/// One webhook for each thing that is wanted, if there is one that works; and all the others.
fn sorted<'a>(
    ours: impl Iterator<Item = &'a Webhook>,
    url: &str,
    watch: &Watch,
    holder: UserId,
) -> (Vec<&'a Webhook>, Vec<WebhookId>) {
    let (mut good, mut others): (Vec<&Webhook>, Vec<WebhookId>) = (Vec::new(), Vec::new());
    for webhook in ours {
        let wanted = WANTED.iter().find(|wanted| is_for(webhook, wanted));
        let works = webhook.active && webhook.url == url && webhook.version.starts_with('2');
        let written_down = watch.webhooks.contains(&webhook.id) && watch.user == Some(holder);
        let is_first = wanted.is_some_and(|wanted| !good.iter().any(|known| is_for(known, wanted)));
        if works && written_down && is_first {
            good.push(webhook);
        } else {
            others.push(webhook.id);
        }
    }
    (good, others)
}

/// Whether the password is the company's. Nobody's is, if the company has no webhooks.
pub async fn is_password(
    watches: &dyn WatchStore,
    secrets: &SecretCache,
    company: CompanyId,
    matches: impl FnOnce(&SecretString) -> bool + Send,
) -> Result<bool, InboxError> {
    let Some(watch) = watches.watch(company).await?.filter(|watch| watch.password.is_some()) else { return Ok(false) };
    let (_, password) = opened(&secrets.get().await?.vault, watch)?;
    Ok(matches(&password))
}
