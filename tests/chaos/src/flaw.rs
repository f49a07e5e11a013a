//! Flaws to plant in the bundle, so that the count can be seen to find what it counts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use clap::ValueEnum;
use lambda_http::Body;
use local::host::Hosted;
use serde_json::Value;
use shared::http::{HttpFunction, Request, Response};

/// The function that takes what providers report.
const RECEIVER: &str = "provider-webhook";
/// One webhook in so many meets the flaw.
const ONE_IN: usize = 3;

/// What a flawed bundle does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Flaw {
    /// The table does not look whether a provider's message is there already
    Doubles,
    /// Some webhooks are answered 200 and forgotten
    Loses,
    /// Some webhooks are answered 200 first, and stored after the customer's next one
    Overtakes,
}

/// `hosted`, with the flaw if it has it.
pub(crate) fn planted(flaw: Option<Flaw>, name: &str, hosted: Hosted) -> Hosted {
    match (flaw, hosted) {
        (Some(flaw @ (Flaw::Loses | Flaw::Overtakes)), Hosted::Http(function)) if name == RECEIVER => {
            Hosted::Http(Arc::new(Flawed { flaw, function, state: Mutex::default() }))
        }
        (_, hosted) => hosted,
    }
}

/// What the table is asked, without looking for the provider's id (`PM`).
pub(crate) fn unclaimed(mut body: Value) -> Value {
    for item in body["TransactItems"].as_array_mut().into_iter().flatten() {
        if let Some(update) = item.get_mut("Update").filter(|update| update["Key"]["SK"]["S"] == "PM") {
            // A condition that holds always, of the names that the true one has.
            update["ConditionExpression"] = "attribute_exists(#parked) OR attribute_not_exists(#parked)".into();
        }
    }
    body
}

#[derive(Default)]
struct State {
    calls: usize,
    /// By customer.
    kept: HashMap<String, Request>,
}

struct Flawed {
    flaw: Flaw,
    function: Arc<dyn HttpFunction>,
    state: Mutex<State>,
}

impl Flawed {
    /// The customer's webhook that waits for this one, and whether this one meets the flaw.
    fn met(&self, customer: &str) -> (Option<Request>, bool) {
        let mut state = self.state();
        state.calls += 1;
        let kept = state.kept.remove(customer);
        let is_met = kept.is_none() && state.calls.is_multiple_of(ONE_IN);
        (kept, is_met)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl HttpFunction for Flawed {
    async fn call(&self, request: Request) -> Response {
        let Some(customer) = customer(&request) else { return self.function.call(request).await };
        match self.met(&customer) {
            (_, true) => {
                if self.flaw == Flaw::Overtakes {
                    self.state().kept.insert(customer, request);
                }
                Response::new(Body::Empty)
            }
            (kept, false) => {
                let answer = self.function.call(request).await;
                if let Some(kept) = kept {
                    self.function.call(kept).await;
                }
                answer
            }
        }
    }
}

/// Whose message it is.
fn customer(request: &Request) -> Option<String> {
    let body: Value = serde_json::from_slice(request.body()).ok()?;
    body.pointer("/entry/0/changes/0/value/messages/0/from")?.as_str().map(str::to_owned)
}
