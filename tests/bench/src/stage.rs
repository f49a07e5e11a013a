//! Where functions are called and their bare calls made: each kind on a thread of its own, the table on another, and the rest of
//! the bundle on those of the whole program.

use std::{future::Future, sync::Arc};

use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, SharedInterceptor},
};
use futures_util::future::BoxFuture;
use pigeonpost_tests::{table, world::World};
use shared::{
    config::DeliveryChoice,
    environment::Environment,
    http::{HttpFunction, Request, Response},
};

use crate::{
    apart::Apart,
    error::BenchError,
    recorder::{BarePlan, Plan, Recorder},
    series::{Pair, Series},
};

/// What the embedded services take for credentials.
const ACCESS_KEY: &str = "local";

/// A bundle in which nothing runs by itself, and the two threads.
pub(crate) struct Stage {
    /// The bundle.
    pub(crate) world: World,
    environment: Environment,
    recorder: Recorder,
    functions: Apart,
    bare: Apart,
}

impl Stage {
    /// Opens one where messages end as `delivery` says.
    pub(crate) async fn open(delivery: DeliveryChoice) -> Result<Self, BenchError> {
        let world = World::delivering(delivery).await;
        // Statuses of what is sent would be written past the function that is measured.
        world.bundle.graph().webhooks().hold();
        let recorder = Recorder::default();
        let (config, clock) = ((*world.bundle.environment().config).clone(), world.clock.clone());
        let credentials = Credentials::new(ACCESS_KEY, ACCESS_KEY, None, None, "bench");
        let environment = Environment::watched(config, credentials, clock, SharedInterceptor::new(recorder.clone()));
        Ok(Self { world, environment, recorder, functions: Apart::start("functions")?, bare: Apart::start("bare")? })
    }

    /// A function, started as Lambda starts it, but that the functions of a stage share their way to the table.
    pub(crate) async fn start<F: Send + Sync + 'static>(&self, new: fn(&Environment) -> F) -> Result<Arc<F>, BenchError> {
        let environment = self.environment.as_one_function();
        let start = move || async move {
            let function = new(&environment);
            environment.warm_up().await;
            Arc::new(function)
        };
        self.functions.run(start).await
    }

    /// A client for bare calls of the bundle's own table. For those that only read.
    pub(crate) fn same_table(&self) -> Client {
        table::client(&self.world.bundle)
    }

    /// Calls a function with each request. All must be answered 200.
    pub(crate) async fn http<F: HttpFunction + 'static>(
        &self,
        function: &Arc<F>,
        requests: Vec<Request>,
    ) -> Result<(Vec<Response>, Series), BenchError> {
        let (answers, series) = self.functions.each(requests, answering(function)).await?;
        answers.iter().try_for_each(is_ok)?;
        Ok((answers, series))
    }

    /// The same, and what each call asked the table.
    pub(crate) async fn recorded_http<F: HttpFunction + 'static>(
        &self,
        function: &Arc<F>,
        requests: Vec<Request>,
    ) -> Result<(Vec<Response>, Vec<Plan>, Series), BenchError> {
        let (answers, plans, series) = self.recorded(requests, answering(function)).await?;
        answers.iter().try_for_each(is_ok)?;
        Ok((answers, plans, series))
    }

    /// Calls with each input: what came out, and what each call asked the table.
    pub(crate) async fn recorded<I, T, F>(
        &self,
        inputs: Vec<I>,
        call: impl Fn(I) -> F + Send + 'static,
    ) -> Result<(Vec<T>, Vec<Plan>, Series), BenchError>
    where
        I: Send + 'static,
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let recorder = self.recorder.clone();
        let work = move |input| {
            recorder.start();
            let (call, recorder) = (call(input), recorder.clone());
            async move { (call.await, recorder.end()) }
        };
        let (done, series) = self.functions.each(inputs, work).await?;
        let (outputs, plans) = done.into_iter().unzip();
        Ok((outputs, plans, series))
    }

    /// Makes the bare calls of each plan.
    pub(crate) async fn bare(&self, client: &Client, plans: &[Plan]) -> Result<Series, BenchError> {
        let plans = plans.iter().map(Plan::bare).collect::<Result<Vec<_>, _>>()?;
        let client = client.clone();
        let send = move |plan: BarePlan| {
            let client = client.clone();
            async move { plan.send(&client).await }
        };
        let (same, series) = self.bare.each(plans, send).await?;
        if same.into_iter().all(|same| same) {
            Ok(series)
        } else {
            Err(BenchError::unexpected("bare calls", "a request had another outcome than the function's own"))
        }
    }

    /// Calls a function that writes with each request, and makes the bare calls on `client`'s table, which must be as the
    /// bundle's was before.
    pub(crate) async fn beside<F: HttpFunction + 'static>(
        &self,
        function: &Arc<F>,
        client: &Client,
        requests: Vec<Request>,
    ) -> Result<Pair, BenchError> {
        let (_, plans, function) = self.recorded_http(function, requests).await?;
        Ok(Pair { function, bare: self.bare(client, &plans).await? })
    }
}

fn answering<F: HttpFunction + 'static>(
    function: &Arc<F>,
) -> impl Fn(Request) -> BoxFuture<'static, Response> + Send + 'static + use<F> {
    let function = function.clone();
    move |request| {
        let function = function.clone();
        Box::pin(async move { function.call(request).await })
    }
}

fn is_ok(answer: &Response) -> Result<(), BenchError> {
    if answer.status() == 200 {
        return Ok(());
    }
    let body = String::from_utf8_lossy(answer.body()).into_owned();
    Err(BenchError::unexpected("a function", format!("it answered {}: {body}", answer.status())))
}
