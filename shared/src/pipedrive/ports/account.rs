//! Consent, and who gave it.

use async_trait::async_trait;
use secrecy::SecretString;

use crate::{
    model::ids::{CompanyId, UserId},
    pipedrive::{error::PipedriveError, spend::Spend},
    secrets::Secrets,
};

/// What it takes to call the API for an installation.
#[derive(Clone)]
pub struct Access {
    /// Base URL of the company's API.
    pub api_domain: String,
    /// The access token.
    pub token: SecretString,
    /// The version of the tokens that it belongs to.
    pub version: u64,
    /// What the calls with it cost, and what Pipedrive said of the limits. Clones share it.
    pub spend: Spend,
}

/// What the token endpoint answers.
pub struct Grant {
    /// Lives about an hour.
    pub access_token: SecretString,
    /// Lives 60 days from its last use.
    pub refresh_token: SecretString,
    /// Seconds until the access token stops working.
    pub expires_in: u64,
    /// Base URL of the company's API, without a slash at the end. None if the answer held none that may be called.
    pub api_domain: Option<String>,
}

/// Who a grant is for.
#[derive(Debug, Clone)]
pub struct Me {
    /// The tenant.
    pub company: CompanyId,
    /// The user.
    pub user: UserId,
    /// What the company is called.
    pub company_name: String,
    /// What the user is called.
    pub user_name: String,
    /// The company's part of its address: `acme` of `acme.pipedrive.com`.
    pub company_domain: Option<String>,
    /// The user's time zone, e.g. `Europe/Berlin`, as they set it.
    pub time_zone: Option<String>,
    /// How the user writes dates and numbers, e.g. `et_EE`.
    pub locale: Option<String>,
    /// The language that the user reads, e.g. `en`.
    pub language: Option<String>,
}

/// Pipedrive's OAuth server.
#[async_trait]
pub trait OAuth: Send + Sync {
    /// Where the browser goes to ask for consent.
    fn authorize_url(&self, secrets: &Secrets, redirect_uri: &str, state: &str) -> String;
    /// Exchanges an authorization code. Each works once.
    async fn exchange(&self, secrets: &Secrets, code: &str, redirect_uri: &str) -> Result<Grant, PipedriveError>;
    /// Exchanges a refresh token. The one that comes back replaces it, even if it is the same.
    async fn refresh(&self, secrets: &Secrets, refresh_token: &SecretString) -> Result<Grant, PipedriveError>;
}

/// Who is calling.
#[async_trait]
pub trait Users: Send + Sync {
    /// `GET /api/v1/users/me`.
    async fn me(&self, access: &Access) -> Result<Me, PipedriveError>;
}
