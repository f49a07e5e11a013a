//! Starts the function.

use deliver::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::start::stream(Function::new).await
}
