//! A second table with the same items, for the bare calls of functions that write: what they ask of it finds what the function
//! found, so every condition holds as it did.

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::{PutRequest, WriteRequest},
};
use local::{
    bundle::Bundle,
    dynamodb::Dynamodb,
    template::{self, table::TableDefinition},
};
use pigeonpost_tests::table::{self, Item};
use shared::{aws::connector::shared_client, config::AwsRoots};
use tempfile::TempDir;

use crate::error::BenchError;

/// Most requests of one `BatchWriteItem`.
const BATCH: usize = 25;

/// The second table, under the same name in an emulator and on a thread of its own.
pub(crate) struct Twin {
    /// For its bare calls alone.
    pub(crate) client: Client,
    _dynamodb: Dynamodb,
    // Last, so that the folder goes when nothing uses it any more.
    _folder: TempDir,
}

impl Twin {
    /// A copy of the bundle's table as it is now.
    pub(crate) async fn of(bundle: &Bundle) -> Result<Self, BenchError> {
        let folder = tempfile::tempdir().map_err(BenchError::failed("make a folder"))?;
        let definition = TableDefinition::from_template(template::BUNDLE).map_err(BenchError::failed("read the template"))?;
        let dynamodb = Dynamodb::open(&folder.path().join("twin.db"), bundle.dynamodb().table(), &definition);
        let dynamodb = dynamodb.map_err(BenchError::failed("open a second table"))?;
        let client = || {
            let config = aws_sdk_dynamodb::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("us-east-1"))
                .http_client(shared_client(AwsRoots::Amazon))
                .credentials_provider(Credentials::new("local", "local", None, None, "bench"))
                .endpoint_url(dynamodb.endpoint());
            Client::from_conf(config.build())
        };
        // Connections belong to the runtime in which they are made: this one is not for the bare calls.
        write(&client(), dynamodb.table(), table::items(bundle).await).await?;
        Ok(Self { client: client(), _dynamodb: dynamodb, _folder: folder })
    }
}

/// Writes items past the functions.
pub(crate) async fn write(client: &Client, table: &str, items: Vec<Item>) -> Result<(), BenchError> {
    let put = |item: &Item| {
        let request = PutRequest::builder().set_item(Some(item.clone())).build().map_err(BenchError::failed("put an item"))?;
        Ok(WriteRequest::builder().put_request(request).build())
    };
    for batch in items.chunks(BATCH) {
        let wanted = batch.iter().map(put).collect::<Result<Vec<_>, BenchError>>()?;
        let answer = client.batch_write_item().request_items(table, wanted).send().await;
        let rest = answer.map_err(BenchError::failed("write a batch of items"))?.unprocessed_items;
        if rest.is_some_and(|rest| !rest.is_empty()) {
            return Err(BenchError::unexpected("a batch of items", "some were not written"));
        }
    }
    Ok(())
}
