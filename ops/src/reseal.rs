//! `reseal`: after a new key was put in front of the ring, seals with it all that is sealed with an older one.

use std::io::Write;

use shared::{
    environment::Environment,
    inbox::{
        error::InboxError,
        reseal::{self, Resealed},
    },
};

use crate::{OpsError, terminal::Terminal};

/// Runs the command.
pub async fn run<O: Write, E: Write>(environment: &Environment, terminal: &mut Terminal<O, E>) -> Result<(), OpsError> {
    let secrets = environment.secrets().get().await.map_err(InboxError::from)?;
    let Resealed { tokens, credentials, passwords, unopened } = reseal::all(&*environment.table(), &secrets.vault).await?;
    terminal.progress(&format!(
        "sealed anew: the tokens of {tokens} installations, the credentials of {credentials} channels, the webhook passwords of {passwords} companies"
    ))?;
    for value in &unopened {
        terminal.line(&format!("cannot be opened: {value}"))?;
    }
    match unopened.len() {
        0 => Ok(terminal.progress("nothing is sealed with an older key now. Functions keep a secret for up to five minutes: call this once more after that, \
             then take the older key out of encryption_key")?),
        many => Err(OpsError::Partly(format!(
            "{many} values were sealed with a key that is not in encryption_key, or are damaged: put that key back and call this again, or have \
             users and channels connect anew"
        ))),
    }
}
