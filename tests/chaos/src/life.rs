//! Functions that may die at any request to the table: what they were doing is dropped there, as when Lambda's sandbox ends.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use aws_lambda_events::{
    dynamodb::Event,
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use http::StatusCode;
use lambda_http::Body;
use local::host::Hosted;
use shared::{
    http::{HttpFunction, Request, Response},
    inbox::{error::InboxError, ports::StoreError},
    start::{ScheduledFunction, StreamFunction},
};
use tokio::sync::Notify;

tokio::task_local! {
    /// The life of the call that this task works on.
    static LIFE: Life;
}

/// One call's life. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Life(Arc<Notify>);

impl Life {
    /// Of the call that asks; none outside of one.
    pub(crate) fn of_this_call() -> Option<Self> {
        LIFE.try_with(Clone::clone).ok()
    }

    /// Ends it. Whoever waits for this is dropped and never hears of it.
    pub(crate) async fn end<T>(&self) -> T {
        self.0.notify_one();
        std::future::pending().await
    }
}

/// A function whose calls may die. Counts those that did.
pub(crate) struct Mortal<F: ?Sized> {
    deaths: Arc<AtomicUsize>,
    function: Arc<F>,
}

impl<F: ?Sized> Mortal<F> {
    /// What `call` comes to; none if it dies.
    async fn lives<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let life = Life::default();
        tokio::select! {
            biased;
            () = life.0.notified() => {
                self.deaths.fetch_add(1, Ordering::Relaxed);
                None
            }
            done = LIFE.scope(life.clone(), call) => Some(done),
        }
    }
}

/// `hosted`, mortal.
pub(crate) fn mortal(hosted: Hosted, deaths: &Arc<AtomicUsize>) -> Hosted {
    let deaths = deaths.clone();
    match hosted {
        Hosted::Http(function) => Hosted::Http(Arc::new(Mortal { deaths, function })),
        Hosted::Stream(function) => Hosted::Stream(Arc::new(Mortal { deaths, function })),
        Hosted::Scheduled(function) => Hosted::Scheduled(Arc::new(Mortal { deaths, function })),
    }
}

#[async_trait]
impl HttpFunction for Mortal<dyn HttpFunction> {
    /// The gateway's answer for a function that ended without one.
    async fn call(&self, request: Request) -> Response {
        self.lives(self.function.call(request)).await.unwrap_or_else(|| {
            let mut response = Response::new(Body::Text(r#"{"message":"Internal Server Error"}"#.to_owned()));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }
}

#[async_trait]
impl StreamFunction for Mortal<dyn StreamFunction> {
    /// Without an answer, the whole batch counts as failed.
    async fn handle(&self, event: Event) -> DynamoDbEventResponse {
        self.lives(self.function.handle(event)).await.unwrap_or_else(|| {
            let mut response = DynamoDbEventResponse::default();
            response.batch_item_failures.push(DynamoDbBatchItemFailure::default());
            response
        })
    }
}

#[async_trait]
impl ScheduledFunction for Mortal<dyn ScheduledFunction> {
    async fn handle(&self) -> Result<serde_json::Value, InboxError> {
        let died = || Err(InboxError::Store(StoreError::Contended { operation: "live on" }));
        self.lives(self.function.handle()).await.unwrap_or_else(died)
    }
}
