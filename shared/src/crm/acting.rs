//! Who acts in Pipedrive for a key: the user who made it, as long as their consent works; else another connected user of the
//! company. A token that is refused is renewed once before the next user is asked.

use tokio::sync::Mutex;

use super::error::CrmError;
use crate::{
    inbox::tokens::{TokenError, Tokens},
    model::{
        ids::{CompanyId, UserId},
        installation::InstallationState,
    },
    pipedrive::{Access, error::PipedriveError},
};

/// Acts for a key.
pub struct Acting<'a> {
    tokens: Tokens<'a>,
    company: CompanyId,
    owner: UserId,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    actor: Option<Actor>,
    /// Who was asked, in this order.
    asked: Vec<UserId>,
}

#[derive(Clone)]
struct Actor {
    user: UserId,
    access: Access,
    renewed: bool,
}

impl<'a> Acting<'a> {
    /// For a key of `company` that `owner` made.
    pub fn new(tokens: Tokens<'a>, company: CompanyId, owner: UserId) -> Self {
        Self { tokens, company, owner, state: Mutex::default() }
    }

    /// The company.
    pub fn company(&self) -> CompanyId {
        self.company
    }

    /// The user who acts. What there is to see depends on them.
    pub async fn user(&self) -> Result<UserId, CrmError> {
        Ok(self.actor().await?.user)
    }

    /// Makes a call, again with other access if Pipedrive does not accept it.
    pub async fn call<T, F, Answer>(&self, call: F) -> Result<T, CrmError>
    where
        F: Fn(Access) -> Answer + Send + Sync,
        Answer: Future<Output = Result<T, PipedriveError>> + Send,
        T: Send,
    {
        let mut actor = self.actor().await?;
        loop {
            match call(actor.access.clone()).await {
                Err(PipedriveError::Unauthorized) => actor = self.instead_of(&actor).await?,
                outcome => return outcome.map_err(|error| CrmError::from_pipedrive(error, self.company)),
            }
        }
    }

    async fn actor(&self) -> Result<Actor, CrmError> {
        let mut state = self.state.lock().await;
        match &state.actor {
            Some(actor) => Ok(actor.clone()),
            None => self.next(&mut state).await,
        }
    }

    /// Better access than that of `refused`.
    async fn instead_of(&self, refused: &Actor) -> Result<Actor, CrmError> {
        let mut state = self.state.lock().await;
        if let Some(actor) = &state.actor
            && (actor.user, actor.access.version) != (refused.user, refused.access.version)
        {
            // Another call of the same request was here before.
            return Ok(actor.clone());
        }
        if !refused.renewed {
            match self.tokens.renew(self.company, refused.user, refused.access.version).await {
                Ok((_, access)) => return Ok(state.actor.insert(Actor { access, renewed: true, ..refused.clone() }).clone()),
                Err(TokenError::NotConnected) => {}
                Err(error) => return Err(CrmError::from_tokens(error, self.company)),
            }
        }
        tracing::warn!(company = %self.company, user = %refused.user, "Pipedrive refuses the user who acts for an API key");
        self.next(&mut state).await
    }

    async fn next(&self, state: &mut State) -> Result<Actor, CrmError> {
        state.actor = None;
        let mut candidates = if state.asked.is_empty() { vec![self.owner] } else { Vec::new() };
        let mut looked = false;
        loop {
            for user in std::mem::take(&mut candidates) {
                state.asked.push(user);
                match self.tokens.access(self.company, user).await {
                    Ok((_, access)) => return Ok(state.actor.insert(Actor { user, access, renewed: false }).clone()),
                    Err(TokenError::NotConnected) => {}
                    Err(error) => return Err(CrmError::from_tokens(error, self.company)),
                }
            }
            if looked {
                return Err(CrmError::NeedsReconnect { company: self.company });
            }
            looked = true;
            let members = self.tokens.store.members(self.company).await?;
            let connected = members.installations.into_iter().filter(|i| i.state == InstallationState::Connected);
            candidates = connected.map(|i| i.user).filter(|user| !state.asked.contains(user)).collect();
            candidates.sort();
        }
    }
}
