//! Addresses of files, for answers to a request.

use super::{Request, public_url::public_url};
use crate::{clock::Clock, config::Config, inbox::error::InboxError, media::links::Links, secrets::SecretCache};

/// Makes addresses at which the bundle serves files to whoever gets this request's answer.
pub async fn file_links(
    config: &Config,
    secrets: &SecretCache,
    clock: &dyn Clock,
    request: &Request,
) -> Result<Links, InboxError> {
    let public_url = public_url(config, request)?;
    Ok(Links::new(&secrets.get().await?.vault, &public_url, clock.now())?)
}
