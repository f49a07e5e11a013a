//! What the doctor sees from inside: the secret, the table, the work that waits, and whether Pipedrive and providers accept us.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use secrecy::ExposeSecret;
use shared::{
    environment::Environment,
    inbox::{
        dead::DeadStore,
        everyone::{Everyone, EveryoneStore},
        listen::ListenStore,
        ports::{DueWork, InstallationStore, StoreError},
        tokens::{TokenError, Tokens},
    },
    model::{
        channel::{Channel, ChannelState, Delivery, ProviderKind},
        halt::HaltReason,
        ids::CompanyId,
        installation::{Installation, InstallationState},
        time::Timestamp,
        watch::Watch,
    },
    pipedrive::{Users, error::PipedriveError},
    providers::error::ProviderError,
    records::watch::ports::WatchStore,
    secrets::{Secrets, SecretsError},
    telemetry,
};

use super::Report;

/// What is due for longer than this is not being worked off: `redeliver` runs each minute.
const LATE: Duration = Duration::from_mins(10);
/// The same for `keep-tokens`, which runs each day.
const EACH_DAY_LATE: Duration = Duration::from_hours(48);
/// Most that is looked at of a kind.
const MANY: usize = 100;

/// The secret, if it is one.
pub(super) async fn secret(environment: &Environment, report: &mut Report) -> Option<Arc<Secrets>> {
    let secrets = match environment.secrets().get().await {
        Ok(secrets) => secrets,
        Err(SecretsError::Unavailable(why)) => {
            report.fault(
                format!("The secret cannot be read: {why}."),
                "Check SECRET_ID (the stack's output SecretArn), AWS_REGION and whether your credentials may read it.",
            );
            return None;
        }
        Err(error @ SecretsError::Malformed { .. }) => {
            report.fault(
                format!("The secret is damaged: {error}."),
                "Restore its previous version in Secrets Manager, and fill it in as docs/deploy.md, step 3, says.",
            );
            return None;
        }
        Err(error @ SecretsError::Key(_)) => {
            report.fault(
                format!("{}.", telemetry::chain(&error)),
                "Put back the encryption_key that the stack made: an earlier version of the secret has it. Without it, tokens and credentials in the table are lost, and users and channels have to connect anew.",
            );
            return None;
        }
    };
    let before = report.faults.len();
    for (field, empty) in [
        ("pipedrive_client_id", secrets.pipedrive_client_id.is_empty()),
        ("pipedrive_client_secret", secrets.pipedrive_client_secret.expose_secret().is_empty()),
    ] {
        if empty {
            report.fault(
                format!("The secret's {field} is empty."),
                "Copy it from Developer Hub, OAuth & access scopes, into the secret (docs/deploy.md, step 3).",
            );
        }
    }
    if report.faults.len() == before {
        report.fine("the secret is filled in");
    }
    Some(secrets)
}

/// Everybody, by the table. None if it does not answer.
pub(super) async fn everyone(environment: &Environment, report: &mut Report) -> Option<Everyone> {
    match environment.table().everyone().await {
        Ok(everyone) => {
            let connected = everyone.installations.iter().filter(|i| i.state != InstallationState::Uninstalled).count();
            let served = everyone.channels.iter().filter(|channel| channel.state == ChannelState::Active).count();
            report.fine(format!("the table answers: {connected} installations, {served} channels"));
            Some(everyone)
        }
        Err(error) => {
            table_fault(&error, report);
            None
        }
    }
}

fn table_fault(error: &StoreError, report: &mut Report) {
    report.fault(
        format!("The table does not do what it is asked to: {}.", telemetry::chain(error)),
        "Check TABLE_NAME (the stack's output TableName), AWS_REGION and whether your credentials may read it.",
    );
}

/// Work that waits for longer than it should, and work that was given up.
pub(super) async fn work(environment: &Environment, everyone: &Everyone, report: &mut Report) {
    match waiting(environment, everyone).await {
        Ok(found) if found.is_empty() => report.fine("nothing is overdue, and nothing is dead"),
        Ok(found) => found.into_iter().for_each(|(problem, remedy)| report.fault(problem, remedy)),
        Err(error) => table_fault(&error, report),
    }
}

/// Something that is wrong, and what to do.
type Finding = (String, &'static str);

async fn waiting(environment: &Environment, everyone: &Everyone) -> Result<Vec<Finding>, StoreError> {
    let (table, now) = (environment.table(), environment.clock.now());
    let mut found = overdue(&table.overdue(now.minus(LATE), MANY).await?, everyone);
    let late = now.minus(EACH_DAY_LATE);
    let tokens = table.tokens_due(late, MANY).await?.len();
    if tokens > 0 {
        found.push((
            format!("{tokens} installations have tokens that should have been renewed days ago; they end after 60 days."),
            "Look at the errors of keep-tokens, and whether its schedule is enabled.",
        ));
    }
    let deaf = table.listens_due(late, MANY).await?.len() + table.watches_due(late, MANY).await?.len();
    if deaf > 0 {
        found.push((
            format!("{deaf} registrations for webhooks have not been looked after for days."),
            "Look at the errors of keep-tokens, and whether its schedule is enabled.",
        ));
    }
    let aside = table.set_aside(MANY).await?.len();
    if aside > 0 {
        found.push((
            format!("{aside} records were set aside, because whoever was woken for them never got to the end."),
            "The functions' log says `work that never gets to its end is set aside` with the record, and before that why (docs/operations.md, SetAsideAlarm).",
        ));
    }
    for (company, dead) in table.dead_by_company().await? {
        found.push((
            format!("{dead} messages of company {company} could not be delivered and are not tried any more."),
            "See why with `cargo run -p ops -- dead list`, and deliver them again with `dead resend` once that is mended.",
        ));
    }
    Ok(found)
}

/// What should have been done more than ten minutes ago.
fn overdue(work: &[DueWork], everyone: &Everyone) -> Vec<Finding> {
    const REDELIVER: &str =
        "Look at redeliver's errors, and whether its schedule is enabled (docs/operations.md, HeartbeatAlarm).";
    // What is held for a halted installation is let go once the halt is over.
    let is_halted =
        |company, user| everyone.installations.iter().any(|i| (i.company, i.user) == (company, user) && i.halt.is_some());
    let [mut outboxes, mut files, mut imports, mut removals, mut releases, mut probes] = [0; 6];
    for piece in work {
        match piece {
            DueWork::Outbox(_) => outboxes += 1,
            DueWork::Media(_) => files += 1,
            DueWork::Import(_) => imports += 1,
            DueWork::Removal(_) => removals += 1,
            DueWork::Release(company, user) => releases += usize::from(!is_halted(*company, *user)),
            DueWork::Probe(..) => probes += 1,
            // Those of keep-tokens are asked for apart.
            DueWork::Tokens(..) | DueWork::Watch(_) | DueWork::Listen(..) => {}
        }
    }
    let findings = [
        (
            outboxes,
            "conversations have had something to deliver for more than ten minutes: the stream, deliver or redeliver stands still.",
            "Look at deliver's and redeliver's errors and throttles on the dashboard, and whether the event source mapping of deliver and the schedule of redeliver are enabled (docs/operations.md, DeliveryLagAlarm and HeartbeatAlarm).",
        ),
        (
            files,
            "messages have files that should have been fetched more than ten minutes ago.",
            "Look at fetch-media's errors, and whether its event source mapping is enabled (docs/operations.md, FilesLagAlarm).",
        ),
        (
            imports,
            "channels wait for their past to be read.",
            "Look at the errors of import-history, and whether its schedule is enabled.",
        ),
        (removals, "removed channels should have been erased more than ten minutes ago.", REDELIVER),
        (
            releases,
            "installations work again, but what was held for them has not been let go for more than ten minutes.",
            REDELIVER,
        ),
        (probes, "halted installations should have been asked more than ten minutes ago whether they deliver again.", REDELIVER),
    ];
    let findings = findings.into_iter().filter(|(count, ..)| *count > 0);
    findings.map(|(count, problem, remedy)| (format!("{count} {problem}"), remedy)).collect()
}

/// Whether Pipedrive accepts each installation's tokens.
pub(super) async fn installations(environment: &Environment, everyone: &Everyone, report: &mut Report) {
    let mut accepted = 0;
    for installation in &everyone.installations {
        let who = format!("user {} of company {}", installation.user, installation.company);
        if let Some(halt) = installation.halt.as_ref().filter(|_| installation.state == InstallationState::Connected) {
            report.fault(
                format!("Nothing is delivered for {who} since {}: {}", halt.since.rfc3339(), halt.reason.reason().text),
                against(halt.reason),
            );
        }
        match installation.state {
            InstallationState::Uninstalled => {}
            InstallationState::NeedsReconnect => reconnect(&who, report),
            InstallationState::Connected => match access(environment, installation).await {
                Ok(()) => accepted += 1,
                Err(TokenError::NotConnected) => reconnect(&who, report),
                Err(TokenError::Seal(error)) => report.fault(
                    format!("The tokens of {who} cannot be opened: {error}."),
                    "Put the missing key back into the secret's encryption_key. If it is lost, the user opens the InstallUrl.",
                ),
                Err(error) => report.fault(
                    format!("There is no access to Pipedrive for {who}: {}.", telemetry::chain(&error)),
                    "If Pipedrive works (status.pipedrive.com), compare the secret's client id and client secret with Developer Hub.",
                ),
            },
        }
    }
    if accepted > 0 {
        report.fine(format!("Pipedrive accepts the tokens of {accepted} installations"));
    }
}

/// What ends a halt.
fn against(reason: HaltReason) -> &'static str {
    match reason {
        HaltReason::RateLimited => "It passes within seconds.",
        HaltReason::BudgetSpent => {
            "It goes on at midnight by itself, or when the company tops up its budget in Pipedrive. The settings page shows what the budget went to."
        }
        HaltReason::AccountClosed => "The company pays its Pipedrive account; Pigeonpost asks again every hour.",
        HaltReason::ApiGone => {
            "Set the parameter Delivery to auto or records and deploy: messages then end on persons, deals and leads."
        }
        HaltReason::TokenRefused => {
            "The user opens the stack's output InstallUrl and allows the app again; an admin looks whether they may still use it."
        }
    }
}

fn reconnect(who: &str, report: &mut Report) {
    report.fault(
        format!("Pipedrive does not accept the tokens of {who} any more; what is for them is held."),
        "The user opens the stack's output InstallUrl and allows the app again. What was held is delivered then.",
    );
}

async fn access(environment: &Environment, installation: &Installation) -> Result<(), TokenError> {
    let (table, pipedrive) = (environment.table(), environment.pipedrive());
    let tokens = Tokens { store: &*table, oauth: &*pipedrive, secrets: &environment.secrets(), clock: &*environment.clock };
    let (company, user) = (installation.company, installation.user);
    let (_, access) = tokens.access(company, user).await?;
    match pipedrive.me(&access).await {
        Ok(_) => Ok(()),
        Err(PipedriveError::Unauthorized) => {
            let (_, access) = tokens.renew(company, user, access.version).await?;
            pipedrive.me(&access).await.map(drop).map_err(TokenError::Pipedrive)
        }
        Err(error) => Err(TokenError::Pipedrive(error)),
    }
}

/// Whether companies whose messages end on records are told what changes there.
pub(super) fn watches(environment: &Environment, secrets: &Secrets, everyone: &Everyone, report: &mut Report) {
    let now = environment.clock.now();
    let is_on_records = |i: &&Installation| i.state == InstallationState::Connected && i.delivery == Some(Delivery::Records);
    let on_records: BTreeSet<CompanyId> = everyone.installations.iter().filter(is_on_records).map(|i| i.company).collect();
    let with_password = everyone.watches.iter().filter(|watch| watch.password.is_some()).map(|watch| watch.company);
    let companies: BTreeSet<CompanyId> = on_records.iter().copied().chain(with_password).collect();
    let mut told = 0;
    for company in companies {
        let watch = everyone.watches.iter().find(|watch| watch.company == company);
        match unheard(secrets, company, watch, on_records.contains(&company), now) {
            None => told += 1,
            Some((problem, remedy)) => report.fault(problem, remedy),
        }
    }
    if told > 0 {
        report.fine(format!("{told} companies tell what changes in Pipedrive"));
    }
}

/// Why nothing is heard of what changes in a company's Pipedrive. `wanted`: whether there should be webhooks.
fn unheard(secrets: &Secrets, company: CompanyId, watch: Option<&Watch>, wanted: bool, now: Timestamp) -> Option<Finding> {
    const LOOK: &str = "The log of keep-tokens says why after `a company's webhooks could not be looked after`: mostly the app lacks the scope webhooks:full (docs/deploy.md, step 2; then users authorize again). It is tried again each day, and whenever a user authorizes.";
    let password = watch.and_then(|watch| watch.password.as_ref());
    if let Some(Err(error)) = password.map(|password| secrets.vault.open(&Watch::seal_context(company), password)) {
        return Some((
            format!("The password of the webhooks that company {company} has in Pipedrive cannot be opened: {error}."),
            "Put the missing key back into the secret's encryption_key; until then nothing is heard of changes in Pipedrive.",
        ));
    }
    if !wanted {
        return None;
    }
    let checked = watch.filter(|watch| !watch.webhooks.is_empty()).and_then(|watch| watch.checked_at);
    match checked {
        None => Some((format!("Company {company} has no webhooks in Pipedrive: nothing is heard of what changes there."), LOOK)),
        Some(at) if now.since(at) > EACH_DAY_LATE => Some((
            format!(
                "The webhooks that company {company} has in Pipedrive were last found as they should be at {}.",
                at.rfc3339()
            ),
            LOOK,
        )),
        Some(_) => None,
    }
}

/// Whether each channel's credentials open, and whether its provider accepts them.
pub(super) async fn channels(environment: &Environment, secrets: &Secrets, everyone: &Everyone, report: &mut Report) {
    let served = everyone.channels.iter().filter(|channel| channel.state == ChannelState::Active);
    let (mut accepted, mut meta) = (0, false);
    for channel in served {
        let name = format!("{} channel {} of company {}", channel.provider, channel.id, channel.company);
        meta |= matches!(channel.provider, ProviderKind::Whatsapp | ProviderKind::Messenger);
        if let Some(problem) = &channel.problem {
            report.fault(
                format!("The {name} is not served by its provider ({}).", problem.code),
                "Its provider's console says why. It works again when the provider says so, or when the channel is connected anew.",
            );
        }
        match check(environment, secrets, channel).await {
            Ok(()) => accepted += 1,
            Err((problem, remedy)) => report.fault(format!("The {name} {problem}"), remedy),
        }
    }
    if accepted > 0 {
        report.fine(format!("providers accept the credentials of {accepted} channels"));
    }
    for (field, value) in [("meta_app_secret", &secrets.meta_app_secret), ("meta_verify_token", &secrets.meta_verify_token)] {
        if meta && value.expose_secret().is_empty() {
            report.fault(
                format!("The secret's {field} is empty, but there are channels of Meta's."),
                "Fill it in (docs/deploy.md, step 3); until then Meta's webhooks are refused.",
            );
        }
    }
}

async fn check(environment: &Environment, secrets: &Secrets, channel: &Channel) -> Result<(), (String, &'static str)> {
    const ANEW: &str = "Connect the channel anew on the settings page, with credentials that work.";
    let sealed = channel.credentials.as_ref().ok_or_else(|| ("has no credentials.".to_owned(), ANEW))?;
    let plain = secrets.vault.open(&channel.seal_context(), sealed).map_err(|error| {
        (
            format!("has credentials that cannot be opened: {error}."),
            "Put the missing key back into the secret's encryption_key, or connect the channel anew.",
        )
    })?;
    let credentials =
        serde_json::from_slice(plain.expose_secret()).map_err(|_| ("has unreadable credentials.".to_owned(), ANEW))?;
    match environment.providers().get(channel.provider).check(&credentials).await {
        Ok(_) => Ok(()),
        Err(error @ ProviderError::Refused { .. }) => Err((format!("is refused by its provider ({}).", error.code()), ANEW)),
        Err(error) => Err((
            format!("cannot be checked, its provider does not answer ({}).", error.code()),
            "Look at the provider's status page, and try again.",
        )),
    }
}
