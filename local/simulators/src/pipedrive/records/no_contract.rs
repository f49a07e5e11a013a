//! In the place of `contract.rs` where nobody compares with Pipedrive's descriptions (feature `contracts`): requests have the reading
//! code as their only judge.

use serde_json::Value;

use super::{Action, Kind, answer::Refusal};

#[expect(clippy::unnecessary_wraps, reason = "as in contract.rs")]
pub(super) fn check(_: Kind, _: Action, _: &str, _: &[u8]) -> Result<(), Refusal> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "as in contract.rs")]
pub(super) fn check_form(_: Kind, _: Action, _: &Value) -> Result<(), Refusal> {
    Ok(())
}

pub(in super::super) fn objection(_: &str, _: &[u8]) -> Option<String> {
    None
}
