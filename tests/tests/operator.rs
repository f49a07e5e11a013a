//! The rights that docs/operations.md asks for the operator's tool are those that it needs: what each command was seen to ask of the
//! table.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Credentials, Intercept, RuntimeComponents, SharedInterceptor,
        interceptors::BeforeTransmitInterceptorContextRef,
    },
    error::BoxError,
};
use clap::Parser;
use local::{
    iam::request::{Asked, needs},
    simulators::pipedrive::DEMO_COMPANY,
};
use ops::terminal::Terminal;
use pigeonpost_tests::world::{World, phone};
use shared::{
    clock::Clock,
    crm::ports::{ContactChange, ContactStore, ListStore},
    environment::Environment,
    model::{
        contact::{Phone, SegmentationList},
        ids::{ListId, PersonId},
    },
};

/// What a command needs on a way that only a race leads to, with the way.
const RARE: [(&str, &str, &str); 1] =
    [("doctor", "PutItem", "a grant is given up while the doctor renews it, and turns out to work: what was held goes on")];

/// The actions that were asked for.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<BTreeSet<String>>>);

impl Intercept for Seen {
    fn name(&self) -> &'static str {
        "Seen"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let needed = needs(&Asked::of(context.request()))?;
        let of_table = needed.iter().filter_map(|needed| needed.action.strip_prefix("dynamodb:"));
        self.0.lock().unwrap().extend(of_table.map(str::to_owned));
        Ok(())
    }
}

impl Seen {
    fn environment(&self, environment: &Environment) -> Environment {
        let credentials = Credentials::new("local", "local", None, None, "tests");
        let config = (*environment.config).clone();
        Environment::watched(config, credentials, environment.clock.clone(), SharedInterceptor::new(self.clone()))
    }
}

/// What the document says that a command needs on the table.
fn documented(command: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (_, table) = document.split_once("| Command | On the table and its indexes | Else |").unwrap();
    let row = table.lines().find(|line| line.starts_with(&format!("| `{command}` |"))).unwrap();
    row.split('|').nth(2).unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Runs commands; that they ask for what is documented under this name, and for nothing else.
async fn needs_what_is_said(world: &World, name: &str, commands: &[&[&str]]) {
    let seen = Seen::default();
    let environment = seen.environment(world.bundle.environment());
    for command in commands {
        let arguments = ops::Arguments::try_parse_from([&["ops"], *command].concat()).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        ops::run(arguments, &environment, &mut Terminal::new(&mut out, &mut err)).await.unwrap();
    }
    let mut used = seen.0.lock().unwrap().clone();
    used.extend(RARE.iter().filter(|(of, ..)| *of == name).map(|(_, action, _)| (*action).to_owned()));
    assert_eq!(used, documented(name), "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_need_what_is_said_of_them() {
    let mut world = World::start().await;
    world.bundle.graph().customer_writes(&phone(1), "Ada", "Hello");
    world.settle().await;
    world.pass(Duration::from_mins(6)).await;
    // Tokens that have to be renewed.
    world.clock.advance(Duration::from_hours(2));
    needs_what_is_said(&world, "doctor", &[&["doctor"]]).await;

    let mut secret = world.bundle.secret().clone();
    let old = secret["encryption_key"].as_str().unwrap().to_owned();
    secret["encryption_key"] = format!("2:fedcba9876543210fedcba9876543210fedcba98 1:{old}").into();
    world.bundle.rotate_secret(secret);
    needs_what_is_said(&world, "reseal", &[&["reseal"]]).await;

    let (table, person) = (world.bundle.environment().table(), PersonId(8));
    let list = SegmentationList {
        id: ListId::new(),
        name: "Spring".to_owned(),
        contacts: 0,
        created_at: world.clock.now(),
        deleted: false,
    };
    table.add_list(DEMO_COMPANY, &list).await.unwrap();
    table.add_to_list(DEMO_COMPANY, &list.id, person).await.unwrap();
    let change = ContactChange { phone: Phone::parse(&phone(1)), ..ContactChange::default() };
    table.save_contact(DEMO_COMPANY, person, &change).await.unwrap();
    let (company, number) = (DEMO_COMPANY.to_string(), format!("+{}", phone(1)));
    let person = ["erase", "person", "--company", &company, "--phone", &number, "--yes"];
    needs_what_is_said(&world, "erase", &[&person, &["erase", "company", &company, "--yes"]]).await;
}
