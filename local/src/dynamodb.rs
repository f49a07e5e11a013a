//! DynamoDB on this machine: an emulator in a file, served over HTTP on a port of its own, so that the functions use the real
//! SDK against it; and the table's stream, for whoever plays the event source mapping.
//!
//! The emulator works synchronously, so it runs on a thread and a runtime of its own.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    thread,
};

use dynoxide::{
    Database, DynoxideError,
    actions::{get_records::GetRecordsRequest, get_shard_iterator::GetShardIteratorRequest},
    server::serve_with_shutdown,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::{runtime, sync::oneshot, task};

use crate::template::table::TableDefinition;

/// How long the stream keeps its records, as DynamoDB's own does.
const STREAM_KEPT: &str = "-1 day";
/// Most records of one answer, as DynamoDB's own.
const MOST_RECORDS: usize = 1000;

/// The embedded table failed.
#[derive(Debug, thiserror::Error)]
pub enum DynamodbError {
    /// The emulator refused or failed.
    #[error("the embedded DynamoDB failed to {operation}")]
    Emulator {
        /// What was asked.
        operation: &'static str,
        /// What it said.
        #[source]
        source: DynoxideError,
    },
    /// The file cannot be prepared.
    #[error("the embedded DynamoDB's file cannot be prepared")]
    File(#[source] rusqlite::Error),
    /// No port, thread or runtime could be had, or the server's thread is gone.
    #[error("the embedded DynamoDB cannot be served")]
    Serve(#[source] std::io::Error),
    /// A request or record does not have the shape that it should.
    #[error("unexpected shape of a {0}")]
    Shape(&'static str, #[source] serde_json::Error),
}

/// Where reading of the stream goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPosition(String);

/// Where reading of the stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamStart {
    /// With the oldest record that is kept.
    Oldest,
    /// With the next one that is written.
    Next,
}

/// A served table. The server stops when this is dropped.
pub struct Dynamodb {
    database: Database,
    table: String,
    stream_arn: String,
    endpoint: String,
    _stop: oneshot::Sender<()>,
}

impl Dynamodb {
    /// Opens or makes the table `table` in `file` and serves it on a free port of 127.0.0.1.
    pub fn open(file: &Path, table: &str, definition: &TableDefinition) -> Result<Self, DynamodbError> {
        let database = Database::new(&file.to_string_lossy()).map_err(|source| emulator("open its file", source))?;
        let is_new = database.get_table_metadata(table).map_err(|source| emulator("look for the table", source))?.is_none();
        if is_new {
            let request = parse("CreateTable request", definition.create_table(table))?;
            database.create_table(request).map_err(|source| emulator("create the table", source))?;
            if let Some(request) = definition.update_time_to_live(table) {
                let request = parse("UpdateTimeToLive request", request)?;
                database.update_time_to_live(request).map_err(|source| emulator("set the time to live", source))?;
            }
        }
        prepare_stream(file).map_err(DynamodbError::File)?;
        database.sweep_ttl().map_err(|source| emulator("sweep expired items", source))?;
        let metadata = parse("DescribeTable request", json!({"TableName": table}))?;
        let description = database.describe_table(metadata).map_err(|source| emulator("describe the table", source))?;
        let stream_arn = description.table.latest_stream_arn.unwrap_or_default();
        let (endpoint, stop) = serve(database.clone()).map_err(DynamodbError::Serve)?;
        Ok(Self { database, table: table.to_owned(), stream_arn, endpoint, _stop: stop })
    }

    /// For `AWS_ENDPOINT_URL_DYNAMODB`. Takes any credentials.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Where to begin with [`Dynamodb::records_after`].
    pub fn stream_position(&self, start: StreamStart) -> Result<StreamPosition, DynamodbError> {
        let request = GetShardIteratorRequest {
            stream_arn: self.stream_arn.clone(),
            shard_id: dynoxide::streams::shard_id(&self.table),
            shard_iterator_type: match start {
                StreamStart::Oldest => "TRIM_HORIZON".to_owned(),
                StreamStart::Next => "LATEST".to_owned(),
            },
            sequence_number: None,
        };
        let answer =
            self.database.get_shard_iterator(request).map_err(|source| emulator("find a place in the stream", source))?;
        Ok(StreamPosition(answer.shard_iterator.unwrap_or_default()))
    }

    /// The records after `position`, oldest first, at most 1 000, and where to go on. At once: none if there are none yet.
    /// Each is as Lambda gets it in `Records` of a DynamoDB event (AWS, DynamoDB Streams, "Record").
    pub async fn records_after(&self, position: &StreamPosition) -> Result<(Vec<Value>, StreamPosition), DynamodbError> {
        let request = GetRecordsRequest { shard_iterator: position.0.clone(), limit: Some(MOST_RECORDS) };
        let database = self.database.clone();
        let answer = task::spawn_blocking(move || database.get_records(request))
            .await
            .map_err(|error| DynamodbError::Serve(std::io::Error::other(error)))?
            .map_err(|source| emulator("read the stream", source))?;
        let mut records = Vec::with_capacity(answer.records.len());
        for record in &answer.records {
            let mut record = serde_json::to_value(record).map_err(|error| DynamodbError::Shape("stream record", error))?;
            record["eventSourceARN"] = self.stream_arn.as_str().into();
            records.push(record);
        }
        let next = answer.next_shard_iterator.map_or_else(|| position.clone(), StreamPosition);
        Ok((records, next))
    }
}

fn emulator(operation: &'static str, source: DynoxideError) -> DynamodbError {
    DynamodbError::Emulator { operation, source }
}

fn parse<T: DeserializeOwned>(what: &'static str, body: Value) -> Result<T, DynamodbError> {
    serde_json::from_value(body).map_err(|error| DynamodbError::Shape(what, error))
}

/// Without this index each write to a table with a stream reads the whole stream; and nobody else deletes old records.
fn prepare_stream(file: &Path) -> Result<(), rusqlite::Error> {
    let connection = rusqlite::Connection::open(PathBuf::from(file))?;
    connection.execute_batch(
        "CREATE INDEX IF NOT EXISTS stream_by_sequence
             ON _stream_records (table_name, CAST(sequence_number AS INTEGER));",
    )?;
    let old = format!("DELETE FROM _stream_records WHERE created_at < unixepoch('now', '{STREAM_KEPT}')");
    connection.execute(&old, []).map(drop)
}

fn serve(database: Database) -> std::io::Result<(String, oneshot::Sender<()>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    thread::Builder::new().name("dynamodb".to_owned()).spawn(move || {
        let served = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
            // Stopped by its owner's end, whether that says so or is dropped.
            let stopped = async { stopped.await.unwrap_or_default() };
            serve_with_shutdown(listener, database, stopped).await
        });
        if let Err(error) = served {
            tracing::error!(error, "the embedded DynamoDB stopped");
        }
    })?;
    Ok((endpoint, stop))
}

#[cfg(test)]
mod tests {
    use dynoxide::types::AttributeValue;

    use super::*;

    const TEMPLATE: &str = include_str!("../../template.yaml");

    fn put(dynamodb: &Dynamodb, key: &str) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let item = [
            ("PK".to_owned(), text(key)),
            ("SK".to_owned(), text("x")),
            ("due_at".to_owned(), AttributeValue::N("1".to_owned())),
        ];
        let request = dynoxide::actions::put_item::PutItemRequest {
            table_name: "table".to_owned(),
            item: item.into(),
            ..Default::default()
        };
        dynamodb.database.put_item(request).unwrap();
    }

    #[tokio::test]
    async fn the_stream_is_read_once_and_goes_on_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("table.db");
        let definition = TableDefinition::from_template(TEMPLATE).unwrap();
        let dynamodb = Dynamodb::open(&file, "table", &definition).unwrap();
        let start = dynamodb.stream_position(StreamStart::Next).unwrap();
        put(&dynamodb, "a");
        put(&dynamodb, "b");
        let (records, position) = dynamodb.records_after(&start).await.unwrap();
        let keys: Vec<&Value> = records.iter().map(|record| &record["dynamodb"]["Keys"]["PK"]["S"]).collect();
        assert_eq!(keys, ["a", "b"]);
        let event: aws_lambda_events::event::dynamodb::Event = serde_json::from_value(json!({ "Records": records })).unwrap();
        assert_eq!(event.records[0].event_name, "INSERT");
        assert!(event.records[0].change.sequence_number < event.records[1].change.sequence_number);
        assert!(event.records[0].change.new_image.clone().into_inner().contains_key("due_at"));
        assert_eq!(dynamodb.records_after(&position).await.unwrap().0.len(), 0);
        drop(dynamodb);

        let again = Dynamodb::open(&file, "table", &definition).unwrap();
        put(&again, "c");
        let (records, _) = again.records_after(&position).await.unwrap();
        assert_eq!(records.len(), 1);
        let oldest = again.stream_position(StreamStart::Oldest).unwrap();
        assert_eq!(again.records_after(&oldest).await.unwrap().0.len(), 3);
    }

    #[test]
    fn writes_do_not_read_the_whole_stream() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("table.db");
        let _dynamodb = Dynamodb::open(&file, "table", &TableDefinition::from_template(TEMPLATE).unwrap()).unwrap();
        let plan: String = rusqlite::Connection::open(&file)
            .unwrap()
            .query_row(
                "EXPLAIN QUERY PLAN SELECT MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records WHERE table_name = 'table'",
                [],
                |row| row.get("detail"),
            )
            .unwrap();
        assert!(plan.contains("stream_by_sequence"), "{plan}");
    }
}
