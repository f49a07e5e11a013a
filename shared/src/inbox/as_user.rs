//! Calls to Pipedrive as one user: with their tokens, renewed once if Pipedrive does not accept them, and what a refusal means
//! to whoever asked.

use std::time::Duration;

use tokio::sync::Mutex;

use super::{
    error::InboxError,
    tokens::{TokenError, Tokens},
};
use crate::{
    model::ids::{CompanyId, UserId},
    pipedrive::{Access, error::PipedriveError, spend::Spend},
};

/// How long to wait when Pipedrive asks to without saying how long: its burst limit counts two seconds
/// (Pipedrive, Rate limiting).
const BURST: Duration = Duration::from_secs(2);

/// Acts as one user.
pub struct AsUser<'a> {
    tokens: &'a Tokens<'a>,
    company: CompanyId,
    user: UserId,
    spend: Spend,
    access: Mutex<Option<Access>>,
}

impl<'a> AsUser<'a> {
    /// Acts as `user` of `company`. What the calls cost is charged to `spend`.
    pub fn new(tokens: &'a Tokens<'a>, company: CompanyId, user: UserId, spend: Spend) -> Self {
        Self { tokens, company, user, spend, access: Mutex::new(None) }
    }

    /// Makes a call. [`PipedriveError::NotFound`] is `InboxError::NotFound` of a record.
    pub async fn call<T, F, Answer>(&self, call: F) -> Result<T, InboxError>
    where
        F: Fn(Access) -> Answer + Send + Sync,
        Answer: Future<Output = Result<T, PipedriveError>> + Send,
        T: Send,
    {
        let access = self.access().await?;
        let outcome = match call(access.clone()).await {
            Err(PipedriveError::Unauthorized) => call(self.renewed(&access).await?).await,
            outcome => outcome,
        };
        outcome.map_err(|error| self.refusal(error))
    }

    async fn access(&self) -> Result<Access, InboxError> {
        let mut known = self.access.lock().await;
        if let Some(access) = &*known {
            return Ok(access.clone());
        }
        let (_, access) = self.tokens.access(self.company, self.user).await.map_err(no_access)?;
        Ok(known.insert(Access { spend: self.spend.clone(), ..access }).clone())
    }

    async fn renewed(&self, refused: &Access) -> Result<Access, InboxError> {
        let mut known = self.access.lock().await;
        if let Some(access) = &*known
            && access.version != refused.version
        {
            return Ok(access.clone());
        }
        let (_, access) = self.tokens.renew(self.company, self.user, refused.version).await.map_err(no_access)?;
        Ok(known.insert(Access { spend: self.spend.clone(), ..access }).clone())
    }

    fn refusal(&self, error: PipedriveError) -> InboxError {
        let forbidden = |sentence: &str| InboxError::Forbidden(sentence.to_owned());
        match error {
            PipedriveError::NotFound => InboxError::NotFound("record in Pipedrive"),
            PipedriveError::AccountClosed => forbidden("this Pipedrive account is closed or unpaid"),
            PipedriveError::Unauthorized => forbidden("Pipedrive does not accept the app's access; authorize the app again"),
            PipedriveError::Forbidden { .. } | PipedriveError::AdminOnly => {
                forbidden("Pipedrive does not allow this user to do that")
            }
            PipedriveError::RateLimited { retry_after } => {
                InboxError::RateLimited { retry_at: self.tokens.clock.now().plus(retry_after.unwrap_or(BURST)) }
            }
            PipedriveError::BudgetSpent { probe_after } => {
                InboxError::RateLimited { retry_at: self.tokens.clock.now().plus(probe_after) }
            }
            error => InboxError::Pipedrive(error),
        }
    }
}

/// Never 401: that is about the session of whoever asked.
fn no_access(error: TokenError) -> InboxError {
    match error {
        TokenError::NotConnected => InboxError::Forbidden("the app has to be authorized in Pipedrive again".to_owned()),
        error => error.into(),
    }
}
