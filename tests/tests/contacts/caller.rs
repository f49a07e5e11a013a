//! A program that calls the API with a key. Whatever it is answered must be in the API's own description, body and all.

use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode};
use local::{
    bundle::Bundle,
    simulators::pipedrive::{Company, DEMO_COMPANY, DEMO_USER, User},
};
use pigeonpost_tests::{
    web::{api, client, send},
    world::World,
};
use serde_json::{Value, json};
use shared::model::ids::{CompanyId, UserId};

/// An answer that keeps to the description.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    /// The data of a success of this status.
    #[track_caller]
    pub(crate) fn data(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.text);
        &self.body["data"]
    }

    /// This must be a refusal with this code; its message.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> &str {
        assert_eq!((self.status, self.body["errorCode"].as_str()), (status, Some(code)), "{}", self.text);
        self.body["error"].as_str().unwrap()
    }

    /// An id in the data of a success.
    #[track_caller]
    pub(crate) fn id(&self, status: u16) -> String {
        self.data(status)["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Calls one bundle with one key.
#[derive(Clone)]
pub(crate) struct Caller {
    url: String,
    pub(crate) key: String,
    description: Arc<Value>,
}

impl Caller {
    /// With a new key of the demo company that may call often.
    pub(crate) async fn new(world: &World) -> Self {
        Self::with_session(&world.bundle, &world.session).await
    }

    /// With a new key of the session's user.
    pub(crate) async fn with_session(bundle: &Bundle, session: &str) -> Self {
        let key = make_key(bundle, session, &json!({"name": "Tests", "per_second": 100, "burst": 200})).await;
        Self::with_key(bundle, key["key"].as_str().unwrap()).await
    }

    /// With this key.
    pub(crate) async fn with_key(bundle: &Bundle, key: &str) -> Self {
        let answer = send(client().get(format!("{}/v2/openapi.json", bundle.url()))).await;
        assert_eq!(answer.status, 200);
        Self { url: bundle.url().to_owned(), key: key.to_owned(), description: Arc::new(answer.json()) }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body), &[]).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path, Some(body), &[]).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None, &[]).await
    }

    /// Any call with the key, and further headers.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("x-api-key", self.key.as_str())];
        all.extend(headers);
        self.raw(method, path, body.map(Value::to_string).unwrap_or_default(), &all).await
    }

    /// Any request.
    pub(crate) async fn raw(&self, method: Method, path: &str, body: String, headers: &[(&str, &str)]) -> Answer {
        let mut request = client().request(method.clone(), format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json").body(body);
        }
        let answer = send(request).await;
        assert_eq!(answer.headers["content-type"], "application/json", "{method} {path}: {}", answer.status);
        let body = answer.json();
        self.is_described(&method, path, answer.status, &body);
        if answer.status == 429 {
            let seconds = answer.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap();
            assert!(seconds > 0);
        }
        Answer { status: answer.status, headers: answer.headers, text: answer.body, body }
    }

    /// Asserts that the description has such an answer of the call.
    pub(crate) fn is_described(&self, method: &Method, path: &str, status: u16, body: &Value) {
        let paths = self.description["paths"].as_object().unwrap();
        let path = path.split('?').next().unwrap();
        let template = paths.keys().filter(|template| fits(template, path)).min_by_key(|template| template.matches('{').count());
        let template = template.unwrap_or_else(|| panic!("{path} is not described"));
        let place = format!(
            "/paths/{}/{}/responses/{status}/content/application~1json/schema",
            template.replace('~', "~0").replace('/', "~1"),
            method.as_str().to_lowercase()
        );
        assert!(self.description.pointer(&place).is_some(), "{method} {template} does not answer {status}: {body}");
        let mut schema = (*self.description).clone();
        schema["$ref"] = json!(format!("#{}", place.replace('{', "%7B").replace('}', "%7D")));
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let faults: Vec<String> =
            validator.iter_errors(body).map(|fault| format!("{fault} at {}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{method} {template} {status}: {faults:?}: {body}");
    }

    /// Creates a contact; its id.
    pub(crate) async fn contact(&self, email: &str) -> String {
        self.post("/v2/contacts", &json!({"email": email})).await.id(201)
    }

    /// Creates a deal with a contact in the first stage of the first pipeline; its id.
    pub(crate) async fn deal(&self, contact: &str) -> String {
        self.post("/v2/deals", &json!({"contactId": contact, "pipelineId": "1", "stageId": "1"})).await.id(201)
    }

    /// Creates a segmentation list; its id.
    pub(crate) async fn list(&self, name: &str) -> String {
        self.post("/v2/segmentation-lists", &json!({"name": name})).await.id(201)
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len() && template.iter().zip(path).all(|(wanted, given)| wanted.starts_with('{') || *wanted == given)
}

/// Makes a key as the set-up page does.
pub(crate) async fn make_key(bundle: &Bundle, session: &str, body: &Value) -> Value {
    let answer = api(bundle, session, Method::POST, "/setup/keys", Some(body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()["data"].clone()
}

/// Another company whose admin has the app; their session.
pub(crate) async fn others(bundle: &Bundle) -> String {
    bundle.pipedrive().add_company(Company {
        id: OTHERS,
        name: "Others".to_owned(),
        domain: "others".to_owned(),
        suspended: false,
        users: vec![User { id: OTHER_USER, name: "Otto Other".to_owned(), admin: true }],
    });
    bundle.install(OTHERS, OTHER_USER).await.unwrap();
    bundle.session(OTHERS, OTHER_USER).await.unwrap()
}

pub(crate) const OTHERS: CompanyId = CompanyId(2002);
const OTHER_USER: UserId = UserId(21);
/// A user of the demo company who is not its admin.
pub(crate) const COLLEAGUE: UserId = UserId(12);
pub(crate) const DEMO: (CompanyId, UserId) = (DEMO_COMPANY, DEMO_USER);
