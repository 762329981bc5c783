// SPDX-License-Identifier: BSL-1.0

use crate::measure::*;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::{yield_now, JoinSet};
use tokio::time::{sleep, timeout, Sleep};

const HOUR: Duration = Duration::from_secs(3600);

/// w9a: time limits that never expire. Tokio arms a timer only once something waits under it.
pub async fn arm_and_disarm() {
    const N: usize = 1_000_000;
    let start = Instant::now();
    for _ in 0..N {
        timeout(HOUR, yield_now()).await.unwrap();
    }
    per_operation("ns", start, N);

    let start = Instant::now();
    for _ in 0..N {
        yield_now().await;
    }
    per_operation("ns_yield_alone", start, N);

    let start = Instant::now();
    for _ in 0..N {
        timeout(HOUR, std::future::ready(())).await.unwrap();
    }
    per_operation("ns_ready_inner", start, N);
}

/// w9b: how late sleepers wake, and what they cost.
pub async fn sleepers() {
    const N: usize = 100_000;
    let cpu = cpu_seconds();
    let mut set = JoinSet::new();
    for delay in delays(N, Duration::from_millis(500)) {
        set.spawn(async move {
            let deadline = Instant::now() + delay;
            sleep(delay).await;
            let now = Instant::now();
            assert!(now >= deadline);
            (delay, (now - deadline).as_nanos() as u64)
        });
    }
    let (mut late, mut late_after_start) = (Vec::with_capacity(N), Vec::new());
    while let Some(result) = set.join_next().await {
        let (delay, nanoseconds) = result.unwrap();
        late.push(nanoseconds);
        if delay >= Duration::from_millis(250) {
            late_after_start.push(nanoseconds);
        }
    }
    metric("cpu_ms", (cpu_seconds() - cpu) * 1e3);
    percentiles("late_", late);
    percentiles("late250_", late_after_start);
}

/// w14: what waiting costs, and how soon a value from a thread wakes who waits for it.
pub async fn idle_and_wake() {
    const WAKES: usize = 1000;
    let mut senders = Vec::new();
    for _ in 0..1000 {
        let (sender, mut receiver) = mpsc::channel::<u32>(1);
        senders.push(sender);
        tokio::spawn(async move { receiver.recv().await });
    }
    sleep(Duration::from_millis(100)).await;
    let cpu = cpu_seconds();
    sleep(Duration::from_secs(3)).await;
    metric("idle_cpu_ms", (cpu_seconds() - cpu) * 1e3);

    let (sender, mut receiver) = mpsc::channel::<Instant>(1);
    let thread = std::thread::spawn(move || {
        for _ in 0..WAKES {
            std::thread::sleep(Duration::from_millis(1));
            sender.blocking_send(Instant::now()).unwrap();
        }
    });
    let mut latencies = Vec::new();
    while let Some(sent) = receiver.recv().await {
        latencies.push(sent.elapsed().as_nanos() as u64);
    }
    thread.join().unwrap();
    assert_eq!(latencies.len(), WAKES);
    percentiles("wake_", latencies);
}

/// Arm and disarm a time limit while n others wait.
pub async fn scale(n: usize) {
    const OPERATIONS: usize = 200_000;
    let mut waiting: Vec<_> = (0..n)
        .map(|i| Box::pin(sleep(HOUR + Duration::from_millis(i as u64))))
        .collect();
    for each in &mut waiting {
        Arm(each.as_mut()).await;
    }
    let start = Instant::now();
    for i in 0..OPERATIONS {
        let later = HOUR + Duration::from_millis((i * 7919 % (n + 1)) as u64);
        timeout(later, yield_now()).await.unwrap();
    }
    per_operation("ns", start, OPERATIONS);
}

/// Polls a sleep once, which puts it among the timers.
struct Arm<'a>(Pin<&'a mut Sleep>);

impl Future for Arm<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        assert!(self.0.as_mut().poll(context).is_pending());
        Poll::Ready(())
    }
}
