//! `GET` and `HEAD /media/{token}`: files, for whoever has an address that the bundle made. GET leads on to the bucket by an
//! address of minutes, under which S3 answers ranges too. HEAD is answered here, because an S3 address is good for one
//! method alone: Pipedrive asks by it whether its link still works, and else has `getMessageById` renew it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use http::{
    Method, StatusCode,
    header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, RETRY_AFTER},
};
use lambda_http::Body;
use shared::{
    clock::Clock,
    environment::Environment,
    http::{HttpFunction, Request, Response, error, request, response},
    inbox::{
        error::InboxError,
        files::{self, Found},
        ports::InboxReader,
    },
    media::{
        bucket::{Bucket, ObjectInfo},
        links::{self, LinkError, Target},
    },
    model::content::ObjectKey,
    secrets::SecretCache,
};

/// How long the bucket's address is good.
const LINK: Duration = Duration::from_mins(5);
/// How long a browser may keep where we led it: less than that, by the longest download's start.
const KEEP: &str = "private, max-age=120";
/// When to ask again for a file that is still at its provider, in seconds.
const NOT_YET: &str = "30";
/// Longest token that is looked at, in bytes: far more than ours have.
const MAX_TOKEN: usize = 256;

const UNKNOWN: InboxError = InboxError::NotFound("file");

/// The function.
pub struct Function {
    store: Arc<dyn InboxReader>,
    bucket: Arc<dyn Bucket>,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        Self {
            store: environment.table(),
            bucket: environment.bucket(),
            secrets: environment.secrets(),
            clock: environment.clock.clone(),
        }
    }

    async fn answer(&self, request: &Request) -> Result<Response, InboxError> {
        let token = request::path_parameter(request, "token").filter(|token| token.len() <= MAX_TOKEN).ok_or(UNKNOWN)?;
        let key = match files::find(&*self.store, &self.open(&token).await?).await? {
            Found::Stored(key) => key,
            Found::NotYet => {
                let mut answer = error::respond(UNKNOWN);
                response::set(&mut answer, RETRY_AFTER, NOT_YET);
                return Ok(answer);
            }
            Found::Lost(reason) => return Err(InboxError::Gone(reason.text)),
        };
        if request.method() == Method::HEAD { self.head(&key).await } else { self.lead_to(&key).await }
    }

    /// Where the token leads. A token of a secret that was rotated a moment ago is known after a second look.
    async fn open(&self, token: &str) -> Result<Target, InboxError> {
        let (known, now) = (self.secrets.get().await?, self.clock.now());
        let mut opened = links::open(&known.vault, token, now);
        if opened == Err(LinkError::Unknown)
            && let Some(renewed) = self.secrets.renewed(&known).await?
        {
            opened = links::open(&renewed.vault, token, now);
        }
        opened.map_err(|error| match error {
            LinkError::Unknown => UNKNOWN,
            LinkError::Expired => InboxError::Gone(error.to_string()),
        })
    }

    async fn head(&self, key: &ObjectKey) -> Result<Response, InboxError> {
        let found = self.bucket.head(key).await?.ok_or_else(|| InboxError::Gone("the file is no longer kept".to_owned()))?;
        let ObjectInfo { headers, size } = found;
        let mut answer = response::with_body(StatusCode::OK, &headers.mime, KEEP, Body::Empty);
        response::set(&mut answer, CONTENT_LENGTH, &size.to_string());
        response::set(&mut answer, CONTENT_DISPOSITION, &headers.disposition);
        response::set(&mut answer, ACCEPT_RANGES, "bytes");
        Ok(answer)
    }

    async fn lead_to(&self, key: &ObjectKey) -> Result<Response, InboxError> {
        let mut answer = response::redirect(&self.bucket.link(key, LINK).await?, None);
        response::set(&mut answer, CACHE_CONTROL, KEEP);
        Ok(answer)
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        let mut answer = self.answer(&request).await.unwrap_or_else(error::respond);
        if request.method() == Method::HEAD {
            *answer.body_mut() = Body::Empty;
        }
        answer
    }
}
