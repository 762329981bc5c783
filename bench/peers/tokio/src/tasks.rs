// SPDX-License-Identifier: BSL-1.0

use crate::measure::*;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// w5: a million tasks in a set, waited for together; and the cheaper way, a vector of handles.
pub async fn spawn_many() {
    const N: usize = 1_000_000;
    let start = Instant::now();
    let mut set = JoinSet::new();
    for _ in 0..N {
        set.spawn(async {});
    }
    let mut joined = 0;
    while let Some(result) = set.join_next().await {
        result.unwrap();
        joined += 1;
    }
    per_operation("ns", start, N);
    assert_eq!(joined, N);

    let start = Instant::now();
    let handles: Vec<_> = (0..N).map(|_| tokio::spawn(async {})).collect();
    for handle in handles {
        handle.await.unwrap();
    }
    per_operation("ns_handles", start, N);
}

/// w5b: each waited for before the next one starts.
pub async fn spawn_one_by_one() {
    const N: usize = 1_000_000;
    let start = Instant::now();
    for _ in 0..N {
        tokio::spawn(async {}).await.unwrap();
    }
    per_operation("ns", start, N);
}

/// w6: a 10-ary tree of tasks that returns the sum of its leaves.
pub async fn skynet_tree() {
    const LEAVES: u64 = 1_000_000;
    let start = Instant::now();
    let sum = tokio::spawn(skynet(0, LEAVES)).await.unwrap();
    per_operation("ns", start, 1_111_111);
    assert_eq!(sum, sum_below(LEAVES as usize));
}

fn skynet(first: u64, size: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if size == 1 {
            return first;
        }
        let below = size / 10;
        let children: Vec<_> = (0..10)
            .map(|i| tokio::spawn(skynet(first + i * below, below)))
            .collect();
        let mut sum = 0;
        for child in children {
            sum += child.await.unwrap();
        }
        sum
    })
}

/// w8: cancel tasks that wait for a value.
pub async fn cancel_blocked() {
    const N: usize = 100_000;
    let mut set = JoinSet::new();
    let mut senders = Vec::with_capacity(N);
    for _ in 0..N {
        let (sender, mut receiver) = mpsc::channel::<u32>(1);
        senders.push(sender);
        set.spawn(async move { receiver.recv().await });
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(set.len(), N);
    let start = Instant::now();
    set.shutdown().await;
    per_operation("ns", start, N);
    assert!(senders.iter().all(|sender| sender.is_closed()));
}

/// w13: what a task costs that waits on a channel of its own.
pub async fn blocked_memory(n: usize) {
    let before = resident_bytes();
    let mut senders = Vec::with_capacity(n);
    for _ in 0..n {
        let (sender, mut receiver) = mpsc::channel::<u32>(1);
        senders.push(sender);
        tokio::spawn(async move { receiver.recv().await });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    metric("bytes", (resident_bytes() - before) / n as f64);
    assert!(senders.iter().all(|sender| !sender.is_closed()));
    std::process::exit(0); // taking a million tasks down is not what is measured
}

/// n tasks at once that have to be scheduled twice.
pub async fn scale(n: usize) {
    let rounds = repeats(n);
    let done = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    for _ in 0..rounds {
        let mut set = JoinSet::new();
        for _ in 0..n {
            let done = done.clone();
            set.spawn(async move {
                tokio::task::yield_now().await;
                done.fetch_add(1, Relaxed);
            });
        }
        while set.join_next().await.is_some() {}
    }
    per_operation("ns", start, n * rounds);
    assert_eq!(done.load(Relaxed), n * rounds);
}
