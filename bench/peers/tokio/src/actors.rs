// SPDX-License-Identifier: BSL-1.0

use crate::measure::*;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::AcqRel};
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, Notify};

/// w10: twenty senders, one receiver; with a limit, and without.
pub async fn mailbox() {
    const SENDERS: usize = 20;
    const EACH: usize = 500_000;
    let (sender, mut inbox) = mpsc::channel::<u64>(1024);
    let start = Instant::now();
    for _ in 0..SENDERS {
        let sender = sender.clone();
        tokio::spawn(async move {
            for i in 0..EACH {
                sender.send(i as u64).await.unwrap();
            }
        });
    }
    drop(sender);
    let mut sum = 0u64;
    while let Some(value) = inbox.recv().await {
        sum += value;
    }
    per_operation("ns", start, SENDERS * EACH);
    metric("peak_bytes", peak_bytes());
    assert_eq!(sum, SENDERS as u64 * sum_below(EACH));

    let (sender, mut inbox) = mpsc::unbounded_channel::<u64>();
    let start = Instant::now();
    for _ in 0..SENDERS {
        let sender = sender.clone();
        tokio::spawn(async move {
            for i in 0..EACH {
                sender.send(i as u64).unwrap();
            }
        });
    }
    drop(sender);
    let mut sum = 0u64;
    while let Some(value) = inbox.recv().await {
        sum += value;
    }
    per_operation("ns_unbounded", start, SENDERS * EACH);
    metric("peak_bytes_unbounded", peak_bytes());
    assert_eq!(sum, SENDERS as u64 * sum_below(EACH));
}

/// w11: a binary tree of actors, all alive at once.
pub async fn actor_tree() {
    const DEPTH: u32 = 18;
    let tree = Arc::new(Tree {
        total: (1 << (DEPTH + 1)) - 1,
        alive: AtomicUsize::new(0),
        complete: Notify::new(),
    });
    let before = resident_bytes();
    let start = Instant::now();
    let (root, inbox) = mpsc::channel(1);
    tokio::spawn(actor(inbox, tree.clone()));
    root.send(DEPTH).await.unwrap();
    tree.complete.notified().await;
    per_operation("ns", start, tree.total);
    metric("bytes", (resident_bytes() - before) / tree.total as f64);
    std::process::exit(0); // taking the tree down is not what is measured
}

struct Tree {
    total: usize,
    alive: AtomicUsize,
    complete: Notify,
}

fn actor(
    mut inbox: mpsc::Receiver<u32>,
    tree: Arc<Tree>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let below = inbox.recv().await.unwrap();
        let children = if below > 0 {
            let (first, first_inbox) = mpsc::channel(1);
            tokio::spawn(actor(first_inbox, tree.clone()));
            first.send(below - 1).await.unwrap();
            let (second, second_inbox) = mpsc::channel(1);
            tokio::spawn(actor(second_inbox, tree.clone()));
            second.send(below - 1).await.unwrap();
            Some((first, second))
        } else {
            None
        };
        if tree.alive.fetch_add(1, AcqRel) + 1 == tree.total {
            tree.complete.notify_one();
        }
        inbox.recv().await; // until the parent ends
        drop(children);
    })
}

/// w12: request and response.
pub async fn ask() {
    const N: usize = 500_000;
    let (requests, mut inbox) = mpsc::channel::<(usize, oneshot::Sender<usize>)>(1);
    tokio::spawn(async move {
        while let Some((value, reply)) = inbox.recv().await {
            reply.send(value + 1).unwrap();
        }
    });
    let mut latencies = Vec::with_capacity(N);
    for i in 0..N {
        let start = Instant::now();
        let (reply, answer) = oneshot::channel();
        requests.send((i, reply)).await.unwrap();
        let value = answer.await.unwrap();
        latencies.push(start.elapsed().as_nanos() as u64);
        assert_eq!(value, i + 1);
    }
    percentiles("", latencies);
}

/// w15: a TCP echo server, until it is killed.
pub async fn echo_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("LISTEN {}", listener.local_addr().unwrap().port());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) {
    let mut buffer = [0u8; 64];
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}
