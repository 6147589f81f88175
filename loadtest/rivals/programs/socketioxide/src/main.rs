//! A Socket.IO server in Rust. A client joins the room in its CONNECT; event `m` is relayed to the room it names. The
//! server keeps no log and sends no acks.
//!
//! Usage: socketioxide-rival <port> <redis url>. It runs one thread per process, like Node.

use std::{env, error::Error};

use axum::{Router, serve::ListenerExt};
use serde::{Deserialize, Serialize};
use socketioxide::{
    SocketIo, TransportType,
    adapter::Adapter,
    extract::{Data, SocketRef},
};
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr, drivers::redis::redis_client::Client};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

#[derive(Deserialize)]
struct Auth {
    room: String,
}

#[derive(Deserialize, Serialize)]
struct Message {
    room: String,
    text: String,
}

async fn on_connect<A: Adapter>(socket: SocketRef<A>, Data(auth): Data<Auth>) {
    socket.join(auth.room);
    socket.on("m", on_message);
}

async fn on_message<A: Adapter>(io: SocketIo<A>, Data(message): Data<Message>) {
    if let Err(error) = io.to(message.room.clone()).emit("m", &message).await {
        eprintln!("not relayed: {error}");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let [port, redis_url]: [String; 2] = env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "usage: socketioxide-rival <port> <redis url>")?;
    let client = Client::open(format!("{redis_url}?protocol=resp3"))?;
    let (layer, io) = SocketIo::builder()
        .transports([TransportType::Websocket])
        .with_adapter::<RedisAdapter<_>>(RedisAdapterCtr::new_with_redis(&client).await?)
        .build_layer();
    io.ns("/", on_connect).await?;
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("no TCP_NODELAY: {error}");
        }
    });
    let mut ended = signal(SignalKind::terminate())?;
    tokio::select! {
        result = axum::serve(listener, Router::new().layer(layer)) => result?,
        _ = ended.recv() => {}
    }
    Ok(())
}
