// SPDX-License-Identifier: BSL-1.0

use crate::measure::*;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot, Mutex};
use tokio::task::JoinSet;

/// w1. Tokio has no capacity 0: one value may wait.
pub async fn round_trips() {
    const N: u64 = 2_000_000;
    let (there, mut at_there) = mpsc::channel::<u64>(1);
    let (back, mut at_back) = mpsc::channel::<u64>(1);
    tokio::spawn(async move {
        while let Some(value) = at_there.recv().await {
            back.send(value).await.unwrap();
        }
    });
    let start = Instant::now();
    for i in 0..N {
        there.send(i).await.unwrap();
        assert_eq!(at_back.recv().await, Some(i));
    }
    per_operation("ns", start, N as usize);
}

/// w2: one producer, one consumer.
pub async fn one_to_one(capacity: usize) {
    const N: usize = 10_000_000;
    let (sender, mut receiver) = mpsc::channel::<u64>(capacity);
    let start = Instant::now();
    let producer = tokio::spawn(async move {
        for i in 0..N {
            sender.send(i as u64).await.unwrap();
        }
    });
    let mut sum = 0u64;
    while let Some(value) = receiver.recv().await {
        sum += value;
    }
    producer.await.unwrap();
    per_operation("ns", start, N);
    assert_eq!(sum, sum_below(N));
}

/// w3. Tokio's channels have one receiver: four consumers take turns with it.
pub async fn four_to_four() {
    const N: usize = 4_000_000;
    let (sender, receiver) = mpsc::channel::<u64>(1024);
    let receiver = Arc::new(Mutex::new(receiver));
    let mut producers = JoinSet::new();
    let mut consumers = JoinSet::new();
    let start = Instant::now();
    for _ in 0..4 {
        let sender = sender.clone();
        producers.spawn(async move {
            for i in 0..N / 4 {
                sender.send(i as u64).await.unwrap();
            }
        });
    }
    drop(sender);
    for _ in 0..4 {
        let receiver = receiver.clone();
        consumers.spawn(async move {
            let mut sum = 0u64;
            while let Some(value) = receive(&receiver).await {
                sum += value;
            }
            sum
        });
    }
    while producers.join_next().await.is_some() {}
    let mut sum = 0u64;
    while let Some(part) = consumers.join_next().await {
        sum += part.unwrap();
    }
    per_operation("ns", start, N);
    assert_eq!(sum, 4 * sum_below(N / 4));
}

async fn receive(shared: &Mutex<mpsc::Receiver<u64>>) -> Option<u64> {
    shared.lock().await.recv().await
}

/// w4: a source, four workers, a sink.
pub async fn pipeline() {
    const N: usize = 2_000_000;
    let (source, input) = mpsc::channel::<u64>(64);
    let (output, mut sink) = mpsc::channel::<u64>(64);
    let input = Arc::new(Mutex::new(input));
    let start = Instant::now();
    tokio::spawn(async move {
        for i in 0..N {
            source.send(i as u64).await.unwrap();
        }
    });
    for _ in 0..4 {
        let (input, output) = (input.clone(), output.clone());
        tokio::spawn(async move {
            while let Some(value) = receive(&input).await {
                output.send(work(value)).await.unwrap();
            }
        });
    }
    drop(output);
    let (mut mixed, mut count) = (0u64, 0);
    while let Some(value) = sink.recv().await {
        mixed ^= value;
        count += 1;
    }
    per_operation("ns", start, N);
    assert_eq!(count, N);
    assert_eq!(
        mixed,
        (0..N as u64).map(work).fold(0, |all, each| all ^ each)
    );
}

/// w7: a token in a ring of tasks.
pub async fn ring() {
    const SIZE: usize = 503;
    const HOPS: usize = 3_000_000;
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..SIZE).map(|_| mpsc::channel(1)).unzip();
    let (done, last) = oneshot::channel();
    let done = Arc::new(std::sync::Mutex::new(Some(done)));
    for (me, mut receiver) in receivers.into_iter().enumerate() {
        let next = senders[(me + 1) % SIZE].clone();
        let done = done.clone();
        tokio::spawn(async move {
            while let Some(left) = receiver.recv().await {
                if left == 0 {
                    done.lock().unwrap().take().unwrap().send(me).unwrap();
                    return;
                }
                next.send(left - 1).await.unwrap();
            }
        });
    }
    let start = Instant::now();
    senders[0].send(HOPS).await.unwrap();
    let last_holder = last.await.unwrap();
    per_operation("ns", start, HOPS);
    assert_eq!(last_holder, HOPS % SIZE);
}

/// A value through each of n channels, all of which exist at once.
pub async fn scale(n: usize) {
    let rounds = repeats(n);
    let before = resident_bytes();
    let mut channels: Vec<_> = (0..n).map(|_| mpsc::channel::<usize>(1)).collect();
    metric("bytes", (resident_bytes() - before) / n as f64);
    let mut sum = 0;
    let start = Instant::now();
    for _ in 0..rounds {
        for (i, (sender, _)) in channels.iter().enumerate() {
            sender.send(i).await.unwrap();
        }
        for (_, receiver) in &mut channels {
            sum += receiver.recv().await.unwrap();
        }
    }
    per_operation("ns", start, n * rounds);
    assert_eq!(sum as u64, rounds as u64 * sum_below(n));
}
