//! What functions consume: how often they are called, and requests to the table with the read and write units that the table itself
//! counts, indexes and transactions included.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use aws_lambda_events::{dynamodb, streams::DynamoDbEventResponse};
use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut},
    },
    error::BoxError,
    operation::{
        batch_get_item::{BatchGetItemInput, BatchGetItemOutput},
        batch_write_item::{BatchWriteItemInput, BatchWriteItemOutput},
        delete_item::{DeleteItemInput, DeleteItemOutput},
        get_item::{GetItemInput, GetItemOutput},
        put_item::{PutItemInput, PutItemOutput},
        query::{QueryInput, QueryOutput},
        transact_write_items::{TransactWriteItemsInput, TransactWriteItemsOutput},
        update_item::{UpdateItemInput, UpdateItemOutput},
    },
    types::{ConsumedCapacity, ReturnConsumedCapacity},
};
use local::{
    host::{Hosted, Interference, NAMES},
    iam,
};
use shared::{
    environment::Environment,
    http::{HttpFunction, Request, Response},
    inbox::error::InboxError,
    start::{ScheduledFunction, StreamFunction},
};

use crate::table;

/// What was consumed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Consumed {
    /// Calls of the function.
    pub calls: usize,
    /// Requests that were answered, by operation.
    pub requests: BTreeMap<&'static str, usize>,
    /// Read units.
    pub read: f64,
    /// Write units.
    pub written: f64,
}

impl Consumed {
    /// All requests.
    pub fn all_requests(&self) -> usize {
        self.requests.values().sum()
    }

    fn add(&mut self, operation: &'static str, units: f64, reads: bool) {
        *self.requests.entry(operation).or_default() += 1;
        *(if reads { &mut self.read } else { &mut self.written }) += units;
    }
}

/// A meter between functions and their table. Clones are the same meter. A request whose condition did not hold counts for
/// nothing, because the table's answer doesn't say what it consumed.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<BTreeMap<&'static str, Consumed>>>);

impl Meter {
    /// `environment` with its table behind this meter.
    pub fn environment(&self, environment: &Environment) -> Environment {
        table::behind(environment, self.clone())
    }

    /// What was consumed since the last call of this, by function; under no name what no function of a bundle asked for.
    pub fn take(&self) -> BTreeMap<&'static str, Consumed> {
        std::mem::take(&mut *self.state())
    }

    /// The same, whoever asked for it.
    pub fn take_all(&self) -> Consumed {
        let mut all = Consumed::default();
        for consumed in self.take().into_values() {
            all.calls += consumed.calls;
            all.read += consumed.read;
            all.written += consumed.written;
            for (operation, count) in consumed.requests {
                *all.requests.entry(operation).or_default() += count;
            }
        }
        all
    }

    fn state(&self) -> MutexGuard<'_, BTreeMap<&'static str, Consumed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, operation: &'static str, reads: bool, consumed: &[ConsumedCapacity]) {
        let units = consumed.iter().filter_map(ConsumedCapacity::capacity_units).sum();
        self.state().entry(iam::caller().unwrap_or_default()).or_default().add(operation, units, reads);
    }
}

impl Interference for Meter {
    fn environment(&self, environment: Environment) -> Environment {
        Self::environment(self, &environment)
    }

    fn function(&self, name: &str, hosted: Hosted) -> Hosted {
        let meter = self.clone();
        let name = NAMES.iter().find(|known| **known == name).copied().unwrap_or_default();
        match hosted {
            Hosted::Http(function) => Hosted::Http(Arc::new(Counted { meter, name, function })),
            Hosted::Stream(function) => Hosted::Stream(Arc::new(Counted { meter, name, function })),
            Hosted::Scheduled(function) => Hosted::Scheduled(Arc::new(Counted { meter, name, function })),
        }
    }
}

/// A function whose calls are counted.
struct Counted<F: ?Sized> {
    meter: Meter,
    name: &'static str,
    function: Arc<F>,
}

impl<F: ?Sized> Counted<F> {
    fn count(&self) {
        self.meter.state().entry(self.name).or_default().calls += 1;
    }
}

#[async_trait]
impl HttpFunction for Counted<dyn HttpFunction> {
    async fn call(&self, request: Request) -> Response {
        self.count();
        self.function.call(request).await
    }
}

#[async_trait]
impl StreamFunction for Counted<dyn StreamFunction> {
    async fn handle(&self, event: dynamodb::Event) -> DynamoDbEventResponse {
        self.count();
        self.function.handle(event).await
    }
}

#[async_trait]
impl ScheduledFunction for Counted<dyn ScheduledFunction> {
    async fn handle(&self) -> Result<serde_json::Value, InboxError> {
        self.count();
        self.function.handle().await
    }
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        macro_rules! ask {
            ($($input:ty),*) => {
                $(if let Some(input) = context.input_mut().downcast_mut::<$input>() {
                    input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
                    return Ok(());
                })*
            };
        }
        ask!(GetItemInput, QueryInput, BatchGetItemInput, PutItemInput, UpdateItemInput, DeleteItemInput);
        ask!(TransactWriteItemsInput, BatchWriteItemInput);
        Err("the meter does not know this operation".into())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Ok(output) = context.output_or_error() else { return Ok(()) };
        macro_rules! one {
            ($($output:ty, $name:literal, $reads:literal;)*) => {
                $(if let Some(output) = output.downcast_ref::<$output>() {
                    self.count($name, $reads, output.consumed_capacity.as_slice());
                })*
            };
        }
        macro_rules! many {
            ($($output:ty, $name:literal, $reads:literal;)*) => {
                $(if let Some(output) = output.downcast_ref::<$output>() {
                    self.count($name, $reads, output.consumed_capacity());
                })*
            };
        }
        one! {
            GetItemOutput, "GetItem", true;
            QueryOutput, "Query", true;
            PutItemOutput, "PutItem", false;
            UpdateItemOutput, "UpdateItem", false;
            DeleteItemOutput, "DeleteItem", false;
        }
        many! {
            BatchGetItemOutput, "BatchGetItem", true;
            BatchWriteItemOutput, "BatchWriteItem", false;
            TransactWriteItemsOutput, "TransactWriteItems", false;
        }
        Ok(())
    }
}
