//! Creating in Pipedrive what must not be there twice: that it is about to be created is written down before.

use super::{
    ports::Intent,
    work::{Stop, Work, is_uncertain},
};
use crate::pipedrive::error::PipedriveError;

/// Makes the call after writing down what it is going to create. What Pipedrive certainly did not do is crossed out again.
pub(super) async fn once<T>(
    work: &Work<'_>,
    intent: &[String],
    called: String,
    call: impl Future<Output = Result<T, PipedriveError>> + Send,
) -> Result<T, Stop> {
    let (intents, company) = (work.ports.intents, work.installation.company);
    intents.intend(company, intent, &Intent { at: work.now(), called }).await?;
    let outcome = call.await;
    if outcome.as_ref().is_err_and(|error| !is_uncertain(error)) {
        intents.done(company, intent).await?;
    }
    Ok(outcome?)
}
