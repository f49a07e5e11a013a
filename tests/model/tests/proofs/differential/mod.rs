//! The table in memory and the real one do the same: the same random calls of their ports, answer by answer, and what lies in
//! them in the end.

mod both;
mod calls;

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
};
use local::{dynamodb::Dynamodb, template};
use proptest::{
    collection::vec,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use shared::{aws::connector::shared_client, config::AwsRoots, model::ids::CompanyId, store::Table};
use tokio::runtime::Runtime;

use self::{both::Both, calls::call};

/// Lists of calls that are compared.
const CASES: u32 = 40;

#[test]
fn memory_does_what_the_table_does() {
    let folder = tempfile::tempdir().unwrap();
    let definition = template::table::TableDefinition::from_template(template::BUNDLE).unwrap();
    let dynamodb = Dynamodb::open(&folder.path().join("table.db"), "table", &definition).unwrap();
    let client = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .http_client(shared_client(AwsRoots::Amazon))
        .credentials_provider(Credentials::new("a", "b", None, None, "tests"))
        .endpoint_url(dynamodb.endpoint());
    let runtime = Runtime::new().unwrap();
    let table = Table::new(Client::from_conf(client.build()), "table".to_owned());
    let config = Config { cases: CASES, max_shrink_iters: 500, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let next = std::cell::Cell::new(1);
    let outcome = runner.run(&vec(call(), 5..40), |calls| {
        let company = CompanyId(next.replace(next.get() + 1));
        let mut both = Both::new(&table, company);
        let compared = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(async {
                for call in &calls {
                    both.make(call).await;
                }
                both.compare().await;
            });
        }));
        compared.map_err(|_| TestCaseError::fail("they differ"))
    });
    outcome.unwrap();
}
