//! What every call of the contacts and deals API goes through, whichever function answers it: the key is checked before
//! anything else is read, the call is counted, its input is read, a repeated call gets the answer that it had, and what comes
//! of it gets the API's shape.

pub mod error;
pub mod input;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, Method, StatusCode};
use lambda_http::Body;
use schemars::JsonSchema;
use serde::Serialize;
use tracing::Instrument;

use super::{Request, Response, request, response};
use crate::{
    clock::Clock,
    crm::{
        access,
        error::CrmError,
        idempotency::{self, Turn},
        ports::{IdempotencyStore, KeyStore, StoredAnswer},
    },
    environment::Environment,
    model::api_key::ApiKey,
    telemetry,
};

/// Where the key is.
pub const KEY_HEADER: &str = "x-api-key";
/// `true` asks for invented answers.
pub const DEVELOPER_HEADER: &str = "x-developer-mode";
/// What a caller calls a call that it may repeat.
pub const IDEMPOTENCY_HEADER: &str = "idempotency-key";
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The body of every success.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "{T}Answer")]
pub struct Answer<T> {
    /// What was done, for people.
    pub message: String,
    /// What came of it.
    pub data: T,
    /// Names this call in the log.
    #[schemars(extend("format" = "uuid"))]
    pub request_id: String,
}

/// What came of a call: a success of the type that it was made with.
pub struct Reply {
    status: StatusCode,
    write: Box<dyn FnOnce(&str) -> String + Send>,
    asked_pipedrive: bool,
}

impl Reply {
    /// 200 with `data`.
    pub fn ok<T: Serialize + Send + 'static>(message: &str, data: T) -> Self {
        let message = message.to_owned();
        let write = move |request_id: &str| {
            let answer = Answer { message, data, request_id: request_id.to_owned() };
            serde_json::to_string(&answer).unwrap_or_default()
        };
        Self { status: StatusCode::OK, write: Box::new(write), asked_pipedrive: true }
    }

    /// 201 with `data`.
    pub fn created<T: Serialize + Send + 'static>(message: &str, data: T) -> Self {
        Self { status: StatusCode::CREATED, ..Self::ok(message, data) }
    }

    /// The same, where Pipedrive was not asked: it says nothing about whether the company's calls reach it.
    #[must_use]
    pub fn by_ourselves(self) -> Self {
        Self { asked_pipedrive: false, ..self }
    }

    fn written(self, request_id: &str) -> StoredAnswer {
        StoredAnswer { status: self.status.as_u16(), body: (self.write)(request_id) }
    }
}

/// What a function does with a call that was let in.
#[async_trait]
pub trait Api: Send + Sync {
    /// A call, understood.
    type Call: Send;

    /// Understands a call, or says what is wrong with it. Asks nobody.
    fn read(&self, request: &Request, body: &[u8]) -> Result<Self::Call, CrmError>;
    /// Answers with invented data. Asks nobody.
    fn invent(&self, call: Self::Call) -> Reply;
    /// Does what the call asks for, in the key's company.
    async fn answer(&self, key: &ApiKey, call: Self::Call) -> Result<Reply, CrmError>;
}

/// Lets calls in.
pub struct Door {
    keys: Arc<dyn KeyStore>,
    answers: Arc<dyn IdempotencyStore>,
    clock: Arc<dyn Clock>,
}

impl Door {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        let table = environment.table();
        Self { keys: table.clone(), answers: table, clock: environment.clock.clone() }
    }

    /// Answers a call. Every error becomes a response here.
    pub async fn serve(&self, api: &impl Api, mut request: Request) -> Response {
        let request_id = uuid::Uuid::new_v4().to_string();
        let span = tracing::info_span!("call", request_id);
        let answered = self.answered(api, &mut request, &request_id).instrument(span.clone()).await;
        let _entered = span.enter();
        answered.unwrap_or_else(|error| error::respond(&error, &request_id))
    }

    async fn answered(&self, api: &impl Api, request: &mut Request, request_id: &str) -> Result<Response, CrmError> {
        let (presented, now) = (input::header(request, KEY_HEADER), self.clock.now());
        let invented = input::switch(request, DEVELOPER_HEADER);
        if matches!(invented, Ok(true)) {
            access::look(&*self.keys, presented, now).await?;
            let body = input::take_body(request)?;
            named(request)?;
            let reply = api.invent(api.read(request, &body)?);
            return Ok(respond(&reply.written(request_id)));
        }
        let key = access::admit(&*self.keys, presented, now).await?;
        // Whoever meant the other mode must not find their data written.
        invented?;
        let body = input::take_body(request)?;
        let name = named(request)?.map(str::to_owned);
        let call = api.read(request, &body)?;
        match name {
            None => Ok(respond(&self.made(api, &key, call).await?.written(request_id))),
            Some(name) => self.made_once(api, request, &key, call, (&name, &body), request_id).await,
        }
    }

    /// Makes a call that the caller gave a name to, unless it was made.
    async fn made_once<A: Api>(
        &self,
        api: &A,
        request: &Request,
        key: &ApiKey,
        call: A::Call,
        (name, body): (&str, &Bytes),
        request_id: &str,
    ) -> Result<Response, CrmError> {
        let what = (request.method().as_str(), request::path(request));
        match idempotency::begin(&*self.answers, &*self.clock, &key.id, what, name, body).await? {
            Turn::Repeat(answer) => {
                let mut response = respond(&answer);
                response::set(&mut response, REPLAYED, "true");
                Ok(response)
            }
            Turn::Make(attempt) => {
                let made = self.made(api, key, call).await.map(|reply| reply.written(request_id));
                idempotency::end(&*self.answers, &*self.clock, &attempt, made.as_ref().ok()).await;
                made.map(|answer| respond(&answer))
            }
        }
    }

    async fn made<A: Api>(&self, api: &A, key: &ApiKey, call: A::Call) -> Result<Reply, CrmError> {
        let made = api.answer(key, call).await;
        let trouble = match &made {
            Ok(reply) if reply.asked_pipedrive => None,
            Err(error) if error.trouble().is_some() => error.trouble(),
            // Says nothing about whether the company is connected.
            _ => key.trouble,
        };
        if trouble != key.trouble
            && let Err(error) = self.keys.set_trouble(&key.id, trouble).await
        {
            telemetry::log_error("what an API key runs into is not noted", &error);
        }
        made
    }
}

/// What the caller calls this call, if it is one that may be repeated by name.
fn named(request: &Request) -> Result<Option<&str>, CrmError> {
    let name = input::header(request, IDEMPOTENCY_HEADER).filter(|_| request.method() == Method::POST);
    name.map(idempotency::checked).transpose()
}

fn respond(answer: &StoredAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    response::with_body(status, "application/json", "no-store", Body::Text(answer.body.clone()))
}
