// SPDX-License-Identifier: BSL-1.0

package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// w5: a million goroutines, waited for together.
func spawnMany() {
	const n = 1_000_000
	var running sync.WaitGroup
	start := time.Now()
	running.Add(n)
	for i := 0; i < n; i++ {
		go func() { running.Done() }()
	}
	running.Wait()
	perOperation("ns", start, n)
}

// w5b: each waited for before the next one starts.
func spawnOneByOne() {
	const n = 1_000_000
	var running sync.WaitGroup
	start := time.Now()
	for i := 0; i < n; i++ {
		running.Add(1)
		go func() { running.Done() }()
		running.Wait()
	}
	perOperation("ns", start, n)
}

// w6: a 10-ary tree of goroutines that returns the sum of its leaves.
func skynetTree() {
	const leaves, tasks = 1_000_000, 1_111_111
	result := make(chan uint64)
	start := time.Now()
	go skynet(result, 0, leaves)
	sum := <-result
	perOperation("ns", start, tasks)
	expect("sum", sum, sumBelow(leaves))
}

func skynet(result chan<- uint64, first, size uint64) {
	if size == 1 {
		result <- first
		return
	}
	below := make(chan uint64)
	for i := uint64(0); i < 10; i++ {
		go skynet(below, first+i*(size/10), size/10)
	}
	var sum uint64
	for i := 0; i < 10; i++ {
		sum += <-below
	}
	result <- sum
}

// w8: cancel goroutines that wait for a value.
func cancelBlocked() {
	const n = 100_000
	ctx, cancel := context.WithCancel(context.Background())
	never := make(chan int)
	var cancelled int64
	var running, started sync.WaitGroup
	running.Add(n)
	started.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			defer running.Done()
			started.Done()
			select {
			case <-never:
			case <-ctx.Done():
				atomic.AddInt64(&cancelled, 1)
			}
		}()
	}
	started.Wait()
	time.Sleep(50 * time.Millisecond)
	start := time.Now()
	cancel()
	running.Wait()
	perOperation("ns", start, n)
	expect("cancelled", cancelled, n)
}

// w13: what a goroutine costs that waits on a channel of its own.
func blockedMemory(n int) {
	runtime.GC()
	debug.FreeOSMemory()
	before := residentBytes()
	var started sync.WaitGroup
	started.Add(n)
	channels := make([]chan int, n)
	for i := range channels {
		c := make(chan int)
		channels[i] = c
		go func() {
			started.Done()
			<-c
		}()
	}
	started.Wait()
	time.Sleep(20 * time.Millisecond)
	metric("bytes", (residentBytes()-before)/float64(n))
	expect("alive", runtime.NumGoroutine() >= n, true)
	runtime.KeepAlive(channels)
}

// n goroutines at once that have to be scheduled twice.
func scaleTasks(n int) {
	rounds := repeats(n)
	var done int64
	start := time.Now()
	for r := 0; r < rounds; r++ {
		var running sync.WaitGroup
		running.Add(n)
		for i := 0; i < n; i++ {
			go func() {
				runtime.Gosched()
				atomic.AddInt64(&done, 1)
				running.Done()
			}()
		}
		running.Wait()
	}
	perOperation("ns", start, n*rounds)
	expect("done", done, int64(n)*int64(rounds))
}
