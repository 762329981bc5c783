// SPDX-License-Identifier: BSL-1.0

package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"syscall"
	"time"
)

func metric(name string, value float64) { fmt.Printf("M %s %.3f\n", name, value) }

func perOperation(name string, start time.Time, n int) {
	metric(name, float64(time.Since(start).Nanoseconds())/float64(n))
}

// expect ends the program when a workload has not done its work.
func expect[T comparable](what string, got, want T) {
	if got != want {
		panic(fmt.Sprintf("%s: got %v, want %v", what, got, want))
	}
}

// residentBytes is what the process holds in memory now.
func residentBytes() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	var total, resident int
	if _, err := fmt.Sscanf(string(text), "%d %d", &total, &resident); err != nil {
		panic(err)
	}
	return float64(resident) * float64(os.Getpagesize())
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + 1e-6*float64(u.Utime.Usec+u.Stime.Usec)
}

// peakBytes is the most that this program has held. Getrusage would count what its parent held when
// it started the program.
func peakBytes() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kib); n == 1 {
			return kib * 1024
		}
	}
	panic("/proc/self/status has no VmHWM")
}

func percentiles(prefix string, values []int64) {
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	at := func(p float64) float64 { return float64(values[int(p*float64(len(values)))]) }
	metric(prefix+"p50", at(.5))
	metric(prefix+"p90", at(.9))
	metric(prefix+"p99", at(.99))
	metric(prefix+"p99.9", at(.999))
}

// work is about 95 ns of hashing.
func work(x uint64) uint64 {
	for i := 0; i < 80; i++ {
		x ^= x >> 33
		x *= 0xff51afd7ed558ccd
	}
	return x
}

// delays returns pseudo-random durations below limit, the same ones in each program.
func delays(n int, limit time.Duration) []time.Duration {
	result := make([]time.Duration, n)
	seed := uint64(88172645463325252)
	for i := range result {
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		result[i] = time.Duration(seed % uint64(limit))
	}
	return result
}
