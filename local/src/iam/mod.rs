//! Roles on this machine: each request that a function makes to AWS must be one that its role in the template allows, or it fails
//! as it would there. What the functions asked for is written down, so that a test can also tell what a role allows for nothing.

pub mod request;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::OpenOptions,
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use aws_lambda_events::{dynamodb, streams::DynamoDbEventResponse};
use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents, SharedInterceptor,
        interceptors::{BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef},
    },
    error::BoxError,
};
use shared::{
    http::{HttpFunction, Request, Response},
    inbox::error::InboxError,
    start::{ScheduledFunction, StreamFunction},
};

use self::request::Asked;
use crate::template::{Template, roles::Permission};

tokio::task_local! {
    /// The function at work. Outside of one, nothing is checked.
    static CALLER: &'static str;
}

/// The function at work here, if one is.
pub fn caller() -> Option<&'static str> {
    CALLER.try_with(|name| *name).ok()
}

/// A function that is known by name to whoever it calls.
pub struct Named<F> {
    name: &'static str,
    function: F,
}

impl<F> Named<F> {
    /// `function` under the name of its crate.
    pub fn new(name: &'static str, function: F) -> Self {
        Self { name, function }
    }
}

#[async_trait]
impl<F: HttpFunction> HttpFunction for Named<F> {
    async fn call(&self, request: Request) -> Response {
        CALLER.scope(self.name, self.function.call(request)).await
    }
}

#[async_trait]
impl<F: StreamFunction> StreamFunction for Named<F> {
    async fn handle(&self, event: dynamodb::Event) -> DynamoDbEventResponse {
        CALLER.scope(self.name, self.function.handle(event)).await
    }
}

#[async_trait]
impl<F: ScheduledFunction> ScheduledFunction for Named<F> {
    async fn handle(&self) -> Result<serde_json::Value, InboxError> {
        CALLER.scope(self.name, self.function.handle()).await
    }
}

/// Names a file to which all bundles of a test run add what was used, a line each: function, action, resource.
pub const RECORD_VARIABLE: &str = "PIGEONPOST_PERMISSIONS";

/// Permissions by function.
type ByFunction = BTreeMap<String, BTreeSet<Permission>>;

#[derive(Debug, Default)]
struct Seen {
    used: ByFunction,
    refused: BTreeSet<String>,
}

/// The roles of the template's functions, and what was made of them. Clones are the same.
#[derive(Clone, Debug)]
pub struct Roles {
    granted: Arc<ByFunction>,
    seen: Arc<Mutex<Seen>>,
    record: Option<PathBuf>,
}

impl Roles {
    /// The roles of `template`.
    pub fn new(template: &Template) -> Self {
        let granted = template.functions.iter().map(|function| (function.name.clone(), function.role.permissions.clone()));
        Self {
            granted: Arc::new(granted.collect()),
            seen: Arc::default(),
            record: std::env::var_os(RECORD_VARIABLE).map(PathBuf::from),
        }
    }

    /// What stands between the SDK and AWS.
    pub fn interceptor(&self) -> SharedInterceptor {
        SharedInterceptor::new(self.clone())
    }

    /// What was refused, each once, with the function's name.
    pub fn refused(&self) -> Vec<String> {
        self.seen().refused.iter().cloned().collect()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, function: &str, needed: Result<BTreeSet<Permission>, String>) -> Result<(), BoxError> {
        let granted = self.granted.get(function);
        let missing = match &needed {
            Ok(needed) => needed.iter().find(|needed| !granted.is_some_and(|granted| granted.contains(needed))),
            Err(unknown) => return Err(self.refuse(format!("{function}: {unknown}"))),
        };
        if let Some(missing) = missing {
            return Err(self.refuse(format!("{function}: its role in template.yaml does not allow {missing}")));
        }
        let mut seen = self.seen();
        let used = seen.used.entry(function.to_owned()).or_default();
        let new: Vec<Permission> = needed.unwrap_or_default().into_iter().filter(|needed| used.insert(needed.clone())).collect();
        self.write_down(function, &new);
        Ok(())
    }

    fn write_down(&self, function: &str, new: &[Permission]) {
        let Some(record) = self.record.as_ref().filter(|_| !new.is_empty()) else { return };
        // Each write is one piece at the end of the file, whichever process it is from.
        let lines: Vec<String> = new.iter().map(|new| format!("{function} {} {}\n", new.action, new.resource)).collect();
        let written = OpenOptions::new()
            .create(true)
            .append(true)
            .open(record)
            .and_then(|mut file| file.write_all(lines.concat().as_bytes()));
        if let Err(problem) = written {
            tracing::error!(%problem, "what was used is not written down");
        }
    }

    fn refuse(&self, what: String) -> BoxError {
        tracing::error!("{what}");
        self.seen().refused.insert(what.clone());
        what.into()
    }
}

impl Intercept for Roles {
    fn name(&self) -> &'static str {
        "Roles"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match CALLER.try_get() {
            Ok(function) => self.check(function, request::needs(&Asked::of(context.request()))),
            Err(_) => Ok(()),
        }
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Of these services, S3 alone says 404: to those who may list the bucket. Others hear 403 (Amazon S3, "GetObject").
        match (CALLER.try_get(), context.response().status().as_u16()) {
            (Ok(function), 404) => self.check(function, Ok([request::list_bucket()].into())),
            _ => Ok(()),
        }
    }
}
