// SPDX-License-Identifier: BSL-1.0

use std::time::{Duration, Instant};

pub fn metric(name: &str, value: f64) {
    println!("M {name} {value:.3}");
}

pub fn per_operation(name: &str, start: Instant, n: usize) {
    metric(name, start.elapsed().as_nanos() as f64 / n as f64);
}

/// What the process holds in memory now.
pub fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages: f64 = text
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .expect("pages");
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as f64
}

pub fn cpu_seconds() -> f64 {
    let used = unsafe {
        let mut result: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut result);
        result
    };
    (used.ru_utime.tv_sec + used.ru_stime.tv_sec) as f64
        + 1e-6 * (used.ru_utime.tv_usec + used.ru_stime.tv_usec) as f64
}

/// The most that this program has held. getrusage would count what its parent held when it started
/// the program.
pub fn peak_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    1024.0 * kib.expect("VmHWM").parse::<f64>().expect("a number")
}

pub fn percentiles(prefix: &str, mut values: Vec<u64>) {
    values.sort_unstable();
    let at = |p: f64| values[(p * values.len() as f64) as usize] as f64;
    for (name, p) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)] {
        metric(&format!("{prefix}{name}"), at(p));
    }
}

/// About 95 ns of hashing.
pub fn work(mut x: u64) -> u64 {
    for _ in 0..80 {
        x ^= x >> 33;
        x = x.wrapping_mul(0xff51afd7ed558ccd);
    }
    x
}

/// 0 + 1 + ... + n-1
pub fn sum_below(n: usize) -> u64 {
    n as u64 * (n as u64 - 1) / 2
}

/// Pseudo-random durations below the limit, the same ones in each program.
pub fn delays(n: usize, limit: Duration) -> impl Iterator<Item = Duration> {
    let mut seed: u64 = 88172645463325252;
    (0..n).map(move |_| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        Duration::from_nanos(seed % limit.as_nanos() as u64)
    })
}

/// Makes small numbers of items measurable: about a million operations in all.
pub fn repeats(n: usize) -> usize {
    (1_000_000 / n).max(1)
}
