// SPDX-License-Identifier: BSL-1.0

//! Tokio's tasks and channels: `tokio_bench WORKLOAD THREADS [N]` runs one workload and prints its
//! figures as lines `M name value`. Exit status 3: there is no such workload here.
//!
//! One thread is the current-thread runtime, more are the multi-thread one, and the workload runs
//! in a task of it.

mod actors;
mod channels;
mod measure;
mod tasks;
mod timers;

use tokio::runtime::{Builder, Runtime};

fn runtime(threads: usize) -> Runtime {
    let mut builder = if threads == 1 {
        Builder::new_current_thread()
    } else {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(threads);
        builder
    };
    builder.enable_all().build().expect("a runtime")
}

/// False: there is no such workload.
async fn run(workload: String, n: Option<usize>) -> bool {
    match (workload.as_str(), n) {
        ("w1", _) => channels::round_trips().await,
        ("w2", _) => channels::one_to_one(1024).await,
        ("w2_64", _) => channels::one_to_one(64).await,
        ("w3", _) => channels::four_to_four().await,
        ("w4", _) => channels::pipeline().await,
        ("w5", _) => tasks::spawn_many().await,
        ("w5b", _) => tasks::spawn_one_by_one().await,
        ("w6", _) => tasks::skynet_tree().await,
        ("w7", _) => channels::ring().await,
        ("w8", _) => tasks::cancel_blocked().await,
        ("w9a", _) => timers::arm_and_disarm().await,
        ("w9b", _) => timers::sleepers().await,
        ("w10", _) => actors::mailbox().await,
        ("w11", _) => actors::actor_tree().await,
        ("w12", _) => actors::ask().await,
        ("w13_100k", _) => tasks::blocked_memory(100_000).await,
        ("w13_1m", _) => tasks::blocked_memory(1_000_000).await,
        ("w14", _) => timers::idle_and_wake().await,
        ("w15", _) => actors::echo_server().await,
        ("scale_tasks", Some(n)) => tasks::scale(n).await,
        ("scale_channels", Some(n)) => channels::scale(n).await,
        ("scale_timers", Some(n)) => timers::scale(n).await,
        _ => return false,
    }
    true
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |i: usize| arguments.get(i).map(|text| text.parse().expect("a number"));
    let (workload, threads) = match (arguments.get(1).cloned(), number(2)) {
        (Some(workload), Some(threads)) => (workload, threads),
        _ => {
            eprintln!("usage: tokio_bench WORKLOAD THREADS [N]");
            std::process::exit(2);
        }
    };
    let n = number(3);
    let known = runtime(threads).block_on(async move {
        let body = tokio::spawn(run(workload, n));
        body.await.expect("the workload panicked")
    });
    if !known {
        println!("UNSUPPORTED");
        std::process::exit(3);
    }
}
