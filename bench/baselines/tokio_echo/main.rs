//! Framed echo on tokio-util's `LengthDelimitedCodec` (u32 little-endian length, payload), all on one thread.
//!
//!     tokio_echo --port N
//!
//! The answers to one read are flushed together. `Framed` flushes by itself before a frame if 8 KiB wait already, and
//! takes no further frame while the socket has no room for them.

use std::task::{Context, Poll};
use std::{env, io, net::Ipv4Addr, process};

use futures_util::{future::poll_fn, ready, SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::signal::unix::{signal, SignalKind};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

const MOST_PAYLOAD_BYTES: usize = 16 << 20;

type Frames = Framed<TcpStream, LengthDelimitedCodec>;

fn main() -> io::Result<()> {
    let port = read_port(&env::args().collect::<Vec<_>>()).unwrap_or_else(|| {
        eprintln!("usage: tokio_echo --port N");
        process::exit(2)
    });
    runtime::Builder::new_current_thread().enable_io().build()?.block_on(serve(port))
}

fn read_port(args: &[String]) -> Option<u16> {
    match args {
        [_, name, port] if name == "--port" => port.parse().ok(),
        _ => None,
    }
}

async fn serve(port: u16) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        terminate.recv().await;
        process::exit(0);
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        // Whatever ends a connection, a reset or a broken format, ends only this one.
        tokio::spawn(async move { echo(stream).await.ok() });
    }
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut frames = LengthDelimitedCodec::builder()
        .little_endian()
        .max_frame_length(MOST_PAYLOAD_BYTES)
        .new_framed(stream);
    poll_fn(|context| poll_echo(&mut frames, context)).await
}

/// Answers frames until none is left in what was read, flushes, and waits for more.
fn poll_echo(frames: &mut Frames, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    loop {
        ready!(frames.poll_ready_unpin(context))?;
        match frames.poll_next_unpin(context)? {
            Poll::Ready(Some(payload)) => frames.start_send_unpin(payload.freeze())?,
            Poll::Ready(None) => return frames.poll_close_unpin(context),
            Poll::Pending => {
                ready!(frames.poll_flush_unpin(context))?;
                return Poll::Pending;
            }
        }
    }
}
