// SPDX-License-Identifier: BSL-1.0

package main

import (
	"context"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// w9a: time limits that never expire.
func armAndDisarm() {
	const n = 1_000_000
	background := context.Background()
	start := time.Now()
	for i := 0; i < n; i++ {
		_, cancel := context.WithTimeout(background, time.Hour)
		cancel()
	}
	perOperation("ns", start, n)

	start = time.Now()
	for i := 0; i < n; i++ {
		if !time.NewTimer(time.Hour).Stop() {
			panic("the timer has fired")
		}
	}
	perOperation("ns_timer_alone", start, n)
}

// w9b: how late sleepers wake, and what they cost.
func sleepers() {
	const n = 100_000
	late := make([]int64, n)
	lengths := delays(n, 500*time.Millisecond)
	var running sync.WaitGroup
	running.Add(n)
	cpu := cpuSeconds()
	for i, delay := range lengths {
		go func(i int, delay time.Duration) {
			defer running.Done()
			deadline := time.Now().Add(delay)
			time.Sleep(delay)
			late[i] = int64(time.Since(deadline))
		}(i, delay)
	}
	running.Wait()
	metric("cpu_ms", (cpuSeconds()-cpu)*1e3)
	var lateAfterStart []int64 // by when starting all of them is over
	for i, delay := range lengths {
		if delay >= 250*time.Millisecond {
			lateAfterStart = append(lateAfterStart, late[i])
		}
	}
	percentiles("late_", late)
	percentiles("late250_", lateAfterStart)
	expect("nobody wakes early", late[0] >= 0, true)
}

// w14: what waiting costs, and how soon a value from a thread wakes who waits for it.
func idleAndWake() {
	const waiting, wakes = 1000, 1000
	channels := make([]chan int, waiting)
	for i := range channels {
		c := make(chan int)
		channels[i] = c
		go func() { <-c }()
	}
	time.Sleep(100 * time.Millisecond)
	cpu := cpuSeconds()
	time.Sleep(3 * time.Second)
	metric("idle_cpu_ms", (cpuSeconds()-cpu)*1e3)

	c := make(chan time.Time, 1)
	go func() {
		runtime.LockOSThread() // the nearest there is to a thread of the host
		for i := 0; i < wakes; i++ {
			pause := syscall.Timespec{Nsec: 1_000_000}
			syscall.Nanosleep(&pause, nil)
			c <- time.Now()
		}
		close(c)
	}()
	var latencies []int64
	for sent := range c {
		latencies = append(latencies, int64(time.Since(sent)))
	}
	expect("wakes", len(latencies), wakes)
	percentiles("wake_", latencies)
	runtime.KeepAlive(channels)
}

// Arm and stop a timer while n others wait.
func scaleTimers(n int) {
	const operations = 200_000
	waiting := make([]*time.Timer, n)
	for i := range waiting {
		waiting[i] = time.NewTimer(time.Hour + time.Duration(i)*time.Millisecond)
	}
	start := time.Now()
	for i := 0; i < operations; i++ {
		later := time.Hour + time.Duration(i*7919%(n+1))*time.Millisecond
		if !time.NewTimer(later).Stop() {
			panic("the timer has fired")
		}
	}
	perOperation("ns", start, operations)
	runtime.KeepAlive(waiting)
}
