//! What a company's owner does in a browser to get going: consent to the app, open its settings, connect channels. The
//! demo and the end-to-end tests do it this way too, through the front door.

use http::{Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::model::{
    api_key::RateLimit,
    channel::ProviderKind,
    ids::{CompanyId, UserId},
};
use url::Url;

use crate::{bundle::Bundle, simulators};

/// Most redirects that are followed in a row.
const MAX_REDIRECTS: usize = 10;

/// A step did not work.
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    /// A server did not answer.
    #[error("{step}: no answer")]
    NoAnswer {
        /// What was being done.
        step: &'static str,
        /// The client's report.
        #[source]
        source: reqwest::Error,
    },
    /// It answered something else than it should.
    #[error("{step}: unexpected answer {status}: {body}")]
    Unexpected {
        /// What was being done.
        step: &'static str,
        /// The answer's status.
        status: StatusCode,
        /// The answer's body, or where it redirects to.
        body: String,
    },
    /// The bundle was started without simulators.
    #[error("only the simulated Pipedrive can be used without a browser")]
    NoSimulators,
}

/// A channel as `POST /setup/channels` answers it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Connected {
    /// The channel's id.
    pub provider_channel_id: String,
    /// What the owner called it.
    pub name: String,
    /// `whatsapp` or `custom`.
    pub provider: String,
    /// The icon class under which Pipedrive has it.
    pub provider_type: String,
    /// `channels` or `records`.
    pub delivery: String,
    /// Where the provider's webhooks belong.
    pub webhook_url: String,
}

impl Bundle {
    /// Installs the app for a user of the simulated Pipedrive: from `/oauth/install` over the consent to `/setup`.
    pub async fn install(&self, company: CompanyId, user: UserId) -> Result<(), OwnerError> {
        let step = "installing the app";
        let simulators = self.simulators().ok_or(OwnerError::NoSimulators)?;
        simulators.pipedrive.sign_in(company, user);
        let mut browser = Browser::new();
        let answer = browser.open(step, &format!("{}/oauth/install", self.url())).await?;
        if answer.status == StatusCode::OK && answer.url.path() == "/setup" { Ok(()) } else { Err(answer.unexpected(step)) }
    }

    /// A session of the app's pages for a user, by the token that Pipedrive gives their iframe.
    pub async fn session(&self, company: CompanyId, user: UserId) -> Result<String, OwnerError> {
        let step = "opening the settings page";
        let simulators = self.simulators().ok_or(OwnerError::NoSimulators)?;
        let token = simulators.pipedrive.iframe_token(company, user).map_err(|error| OwnerError::Unexpected {
            step,
            status: StatusCode::INTERNAL_SERVER_ERROR,
            body: error.to_string(),
        })?;
        let answer = call(step, Method::POST, &format!("{}/session", self.url()), None, Some(&json!({"token": token}))).await?;
        match answer["token"].as_str() {
            Some(token) => Ok(token.to_owned()),
            None => Err(OwnerError::Unexpected { step, status: StatusCode::OK, body: answer.to_string() }),
        }
    }

    /// Connects a channel. `credentials` as the set-up page sends them.
    pub async fn connect(&self, session: &str, provider: &str, name: &str, credentials: &Value) -> Result<Connected, OwnerError> {
        let step = "connecting a channel";
        let body = json!({"provider": provider, "name": name, "credentials": credentials});
        let url = format!("{}/setup/channels", self.url());
        let answer = call(step, Method::POST, &url, Some(session), Some(&body)).await?;
        let unexpected = || OwnerError::Unexpected { step, status: StatusCode::OK, body: answer.to_string() };
        serde_json::from_value(answer.clone()).map_err(|_| unexpected())
    }

    /// Connects the demo account of a simulated provider, and tells it where to post to if that is done by hand there.
    pub async fn connect_demo(&self, session: &str, provider: ProviderKind) -> Result<Connected, OwnerError> {
        let simulators = self.simulators().ok_or(OwnerError::NoSimulators)?;
        let (_, name, credentials) =
            simulators.accounts().into_iter().find(|(kind, ..)| *kind == provider).ok_or(OwnerError::NoSimulators)?;
        let connected = self.connect(session, provider.as_str(), name, &credentials).await?;
        if provider == ProviderKind::Custom {
            simulators.chat.set_webhook(&connected.webhook_url);
        }
        Ok(connected)
    }

    /// Connects the simulated WhatsApp number.
    pub async fn connect_whatsapp(&self, session: &str) -> Result<Connected, OwnerError> {
        self.connect(session, "whatsapp", "WhatsApp", &simulators::whatsapp_number().credentials()).await
    }

    /// Makes an API key with the highest limits. A key of the same name that the company had is revoked: nobody can see it
    /// any more.
    pub async fn api_key(&self, session: &str, name: &str) -> Result<String, OwnerError> {
        let step = "making an API key";
        let url = format!("{}/setup/keys", self.url());
        let known = call(step, Method::GET, &url, Some(session), None).await?;
        let known = known.as_array().into_iter().flatten().filter(|key| key["name"] == name);
        for id in known.filter_map(|key| key["id"].as_str()) {
            call(step, Method::DELETE, &format!("{url}/{id}"), Some(session), None).await?;
        }
        let RateLimit { per_second, burst } = RateLimit::MOST;
        let body = json!({"name": name, "per_second": per_second, "burst": burst});
        let made = call(step, Method::POST, &url, Some(session), Some(&body)).await?;
        let unexpected = || OwnerError::Unexpected { step, status: StatusCode::OK, body: "no key".to_owned() };
        made["key"].as_str().map(str::to_owned).ok_or_else(unexpected)
    }

    /// Connects the simulated company chat.
    pub async fn connect_chat(&self, session: &str) -> Result<Connected, OwnerError> {
        self.connect_demo(session, ProviderKind::Custom).await
    }
}

/// Calls an API of the app, and takes the `data` of its answer.
async fn call(
    step: &'static str,
    method: Method,
    url: &str,
    session: Option<&str>,
    body: Option<&Value>,
) -> Result<Value, OwnerError> {
    let mut request = client().request(method, url);
    if let Some(session) = session {
        request = request.bearer_auth(session);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.send().await.map_err(|source| OwnerError::NoAnswer { step, source })?;
    let status = answer.status();
    let text = answer.text().await.map_err(|source| OwnerError::NoAnswer { step, source })?;
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    if status.is_success() && body["success"] == true {
        Ok(body["data"].clone())
    } else {
        Err(OwnerError::Unexpected { step, status, body: text })
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap_or_default()
}

/// A browser, as far as cookies and redirects go.
struct Browser {
    client: reqwest::Client,
    // By host and name.
    cookies: Vec<(String, String, String)>,
}

struct Page {
    url: Url,
    status: StatusCode,
    body: String,
}

impl Page {
    fn unexpected(self, step: &'static str) -> OwnerError {
        OwnerError::Unexpected { step, status: self.status, body: format!("{} {}", self.url.path(), self.body) }
    }
}

impl Browser {
    fn new() -> Self {
        Self { client: client(), cookies: Vec::new() }
    }

    /// Opens an address and goes where it leads.
    async fn open(&mut self, step: &'static str, address: &str) -> Result<Page, OwnerError> {
        let nowhere = |address: &str| OwnerError::Unexpected { step, status: StatusCode::FOUND, body: address.to_owned() };
        let mut url = Url::parse(address).map_err(|_| nowhere(address))?;
        for _ in 0..MAX_REDIRECTS {
            let host = url.authority().to_owned();
            let own = self.cookies.iter().filter(|(of, ..)| *of == host);
            let cookies: Vec<String> = own.map(|(_, name, value)| format!("{name}={value}")).collect();
            let request = self.client.get(url.clone()).header(header::COOKIE, cookies.join("; "));
            let answer = request.send().await.map_err(|source| OwnerError::NoAnswer { step, source })?;
            for line in answer.headers().get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok()) {
                self.keep(&host, line);
            }
            let status = answer.status();
            let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let Some(location) = location.filter(|_| status.is_redirection()) else {
                let body = answer.text().await.map_err(|source| OwnerError::NoAnswer { step, source })?;
                return Ok(Page { url, status, body });
            };
            url = url.join(&location).map_err(|_| nowhere(&location))?;
        }
        Err(nowhere(url.path()))
    }

    fn keep(&mut self, host: &str, line: &str) {
        let Some((name, value)) = line.split(';').next().and_then(|pair| pair.split_once('=')) else { return };
        let (name, value) = (name.trim(), value.trim());
        self.cookies.retain(|(of, known, _)| of != host || known != name);
        if !value.is_empty() {
            self.cookies.push((host.to_owned(), name.to_owned(), value.to_owned()));
        }
    }
}
