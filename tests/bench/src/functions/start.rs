//! What a function does before its first invocation, and how much of that TLS is.

use std::{net::Ipv4Addr, time::Duration};

use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    process::Command,
    time::timeout,
};

use super::{aws::Aws, build::Binary, median, milliseconds, process::Process};
use crate::error::BenchError;

/// How long a first request may take to come once there is a connection.
const FIRST_BYTES: Duration = Duration::from_secs(10);

/// A function's start, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// From the start of the process until it asks for an invocation.
    pub(crate) wall: f64,
    /// What it used of the processor by then.
    pub(crate) cpu: f64,
}

/// One start, beside an AWS that answers at once.
pub(crate) async fn init(binary: &Binary, aws: &Aws) -> Result<Start, BenchError> {
    let settings = vec![("AWS_ENDPOINT_URL", aws.url().to_owned())];
    let mut process = Process::start(&binary.name, Command::new(&binary.path), &settings).await?;
    let wall = milliseconds(process.asks().await?);
    let cpu = milliseconds(process.cpu().await?);
    process.kill().await?;
    Ok(Start { wall, cpu })
}

/// How much more of the processor a function has used when it has said hello by TLS than when it has sent a request without: the
/// difference of the medians, in milliseconds. The TLS configuration is made either way. None if it connects to nothing while it starts.
pub(crate) async fn hello(binary: &Binary, times: usize) -> Result<Option<f64>, BenchError> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let (Some(plain), Some(hello)) = (connected(binary, Scheme::Http).await?, connected(binary, Scheme::Https).await?) else {
            return Ok(None);
        };
        without.push(plain);
        with.push(hello);
    }
    Ok(Some(median(with) - median(without)))
}

#[derive(Clone, Copy)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// What the first thing that is said begins with: a request of the SDK's, a TLS record that holds a handshake (RFC 8446, 5.1).
    fn begins(self) -> &'static [u8] {
        match self {
            Self::Http => b"POST ",
            Self::Https => &[0x16, 0x03],
        }
    }
}

/// The processor time that a function has used when it waits for the answer to the first thing that it said to AWS; none if it asks
/// for an invocation before.
async fn connected(binary: &Binary, scheme: Scheme) -> Result<Option<f64>, BenchError> {
    let failed = || BenchError::failed("listen in the place of AWS");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed())?;
    let port = listener.local_addr().map_err(failed())?.port();
    // By a name, as AWS has names.
    let url = format!("{}://localhost:{port}", scheme.name());
    // As at AWS's own endpoints: at another one the machine's authorities would be believed.
    let settings = vec![("AWS_ENDPOINT_URL", url), ("AWS_ROOTS", "amazon".to_owned())];
    let mut process = Process::start(&binary.name, Command::new(&binary.path), &settings).await?;
    let mut connection = tokio::select! {
        accepted = listener.accept() => accepted.map_err(failed())?.0,
        asked = process.asks() => {
            asked?;
            process.kill().await?;
            return Ok(None);
        }
    };
    let said = first_bytes(&mut connection).await?;
    if !said.starts_with(scheme.begins()) {
        return Err(process.unexpected(&format!("it speaks no {}", scheme.name())));
    }
    let cpu = process.cpu().await?;
    process.kill().await?;
    Ok(Some(milliseconds(cpu)))
}

async fn first_bytes(connection: &mut TcpStream) -> Result<Vec<u8>, BenchError> {
    let mut bytes = vec![0; 4096];
    let read = timeout(FIRST_BYTES, connection.read(&mut bytes)).await;
    let read = read.map_err(|_| BenchError::unexpected("a connection to AWS", "nothing was said on it"))?;
    bytes.truncate(read.map_err(BenchError::failed("read what was said to AWS"))?);
    Ok(bytes)
}
