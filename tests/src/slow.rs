//! A slow line to the table: answers are held until no more requests come. What a function asks at the same time is then
//! under way at the same time, however fast the table or slow the machine.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::Instant,
};

/// How long nothing may have been asked before an answer is let through.
const QUIET: Duration = Duration::from_millis(40);

/// When something was asked last, on any connection.
type Asked = Arc<Mutex<Instant>>;

/// Opens a line to `server` (host and port); where it begins. It ends with the test's runtime.
///
/// # Errors
/// If there is no free port.
pub async fn line(server: &str) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let (server, asked) = (server.to_owned(), Asked::new(Mutex::new(Instant::now())));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(table) = TcpStream::connect(&server).await else { return };
            let (from_client, to_client) = client.into_split();
            let (from_table, to_table) = table.into_split();
            tokio::spawn(ask(from_client, to_table, asked.clone()));
            tokio::spawn(answer(from_table, to_client, asked.clone()));
        }
    });
    Ok(address)
}

async fn ask(mut client: OwnedReadHalf, mut table: OwnedWriteHalf, asked: Asked) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = client.read(&mut buffer).await?;
        if count == 0 {
            return table.shutdown().await;
        }
        *asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        table.write_all(&buffer[..count]).await?;
    }
}

async fn answer(mut table: OwnedReadHalf, mut client: OwnedWriteHalf, asked: Asked) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = table.read(&mut buffer).await?;
        if count == 0 {
            return client.shutdown().await;
        }
        loop {
            let free = *asked.lock().unwrap_or_else(PoisonError::into_inner) + QUIET;
            if free <= Instant::now() {
                break;
            }
            tokio::time::sleep_until(free).await;
        }
        client.write_all(&buffer[..count]).await?;
    }
}
