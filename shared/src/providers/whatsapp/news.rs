//! News of a whole WhatsApp Business account (Meta, WhatsApp Business Management API, Webhooks, `account_update` and
//! `message_template_…`). They name the account, not a phone number: their events are for `waba:<id>`, which stands for
//! all numbers of it.

use serde_json::Value;

use super::errors;
use crate::{
    model::ids::AccountId,
    providers::{
        event::AccountNews,
        lenient::{id, items, text},
    },
};

/// The account that a webhook's entry is about.
pub(super) fn business_account(entry: &Value) -> Option<AccountId> {
    id(entry, "/id").and_then(|id| AccountId::parse(&format!("waba:{id}")).ok())
}

/// What an `account_update` means for sending; most of them mean nothing.
pub(super) fn account_update(value: &Value) -> Result<AccountNews, &'static str> {
    match (text(value, "/ban_info/waba_ban_state"), text(value, "/event")) {
        (Some("DISABLE"), _) => Ok(suspended("WhatsApp has disabled the business account.")),
        (Some("REINSTATE"), _) => Ok(AccountNews::Restored),
        (_, Some("ACCOUNT_DELETED")) => Ok(suspended("The WhatsApp Business account was deleted.")),
        (_, Some("ACCOUNT_RESTRICTION")) if restricts_answers(value) => {
            Ok(suspended("WhatsApp has restricted the business account. Connect the channel again when that is over."))
        }
        (_, Some("DISABLED_UPDATE" | "ACCOUNT_VIOLATION" | "ACCOUNT_RESTRICTION")) => Err("account_warning"),
        _ => Err("account_update"),
    }
}

/// Whether customers can't be answered any more. Some restrictions are about new numbers or conversations alone.
fn restricts_answers(value: &Value) -> bool {
    let restrictions = items(value, "restriction_info");
    let answers = |item: &Value| text(item, "/restriction_type") == Some("RESTRICTED_CUSTOMER_INITIATED_MESSAGING");
    restrictions.is_empty() || restrictions.iter().any(answers)
}

/// What an error means that a webhook reports of no message in particular.
pub(super) fn account_error(error: &Value) -> Result<AccountNews, &'static str> {
    errors::suspension(error).map(suspended).ok_or("account_error")
}

fn suspended(reason: &str) -> AccountNews {
    AccountNews::Suspended { reason: reason.to_owned() }
}
