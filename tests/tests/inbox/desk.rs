//! A salesperson at the inbox page.

use std::time::Duration;

use http::Method;
use local::simulators::pipedrive::{DEMO_COMPANY, DEMO_USER};
use pigeonpost_tests::{
    web::{Answer, api},
    world::{World, phone},
};
use serde_json::{Value, json};
use shared::model::ids::UserId;

/// The demo company's other user.
pub(crate) const COLLEAGUE: UserId = UserId(12);

/// One user's page.
pub(crate) struct Desk<'a> {
    pub(crate) world: &'a World,
    session: String,
}

impl<'a> Desk<'a> {
    /// The page of the channel's owner.
    pub(crate) async fn of_owner(world: &'a World) -> Self {
        let session = world.bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
        Self { world, session }
    }

    /// The page of their colleague, who installs the app for that.
    pub(crate) async fn of_colleague(world: &'a World) -> Self {
        world.bundle.install(DEMO_COMPANY, COLLEAGUE).await.unwrap();
        let session = world.bundle.session(DEMO_COMPANY, COLLEAGUE).await.unwrap();
        Self { world, session }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        api(&self.world.bundle, &self.session, method, &format!("/inbox/api/{path}"), body).await
    }

    /// What the API answers to a GET.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()["data"].clone()
    }

    /// What it answers to a POST.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.call(Method::POST, path, Some(body)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()["data"].clone()
    }

    /// The conversation with that customer, as the list has it.
    pub(crate) async fn row(&self, name: &str) -> Value {
        let list = self.get("conversations?limit=100").await;
        let rows = list["conversations"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} is in the list")).clone()
    }

    /// Its id.
    pub(crate) async fn id(&self, name: &str) -> String {
        text(&self.row(name).await["id"])
    }

    /// Its messages, oldest first.
    pub(crate) async fn messages(&self, name: &str) -> Vec<Value> {
        let thread = self.get(&format!("conversations/{}?limit=100", self.id(name).await)).await;
        let mut messages = thread["messages"].as_array().unwrap().clone();
        messages.reverse();
        messages
    }
}

/// A JSON text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text")).to_owned()
}

/// Names of the rows of a list.
pub(crate) fn names(list: &Value) -> Vec<String> {
    list["conversations"].as_array().unwrap().iter().map(|row| text(&row["name"])).collect()
}

/// A customer writes, a second after whatever was before.
pub(crate) async fn write(world: &World, n: usize, name: &str, said: &str) {
    world.clock.advance(Duration::from_secs(1));
    world.bundle.graph().customer_writes(&phone(n), name, said);
    world.settle().await;
}

/// A body of a message.
pub(crate) fn said(text: &str) -> Value {
    json!({ "text": text })
}
