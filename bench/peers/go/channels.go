// SPDX-License-Identifier: BSL-1.0

package main

import (
	"sync"
	"time"
)

// sumBelow is 0 + 1 + ... + n-1.
func sumBelow(n int) uint64 { return uint64(n) * uint64(n-1) / 2 }

// w1: round trips over two rendezvous channels.
func roundTrips() {
	const n = 2_000_000
	there, back := make(chan int), make(chan int)
	go func() {
		for v := range there {
			back <- v
		}
	}()
	start := time.Now()
	for i := 0; i < n; i++ {
		there <- i
		if v := <-back; v != i {
			panic("another value came back")
		}
	}
	perOperation("ns", start, n)
	close(there)
}

// w2: one producer, one consumer.
func oneToOne(n, capacity int) {
	c := make(chan uint64, capacity)
	start := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			c <- uint64(i)
		}
		close(c)
	}()
	var sum uint64
	for v := range c {
		sum += v
	}
	perOperation("ns", start, n)
	expect("sum", sum, sumBelow(n))
}

// w3: four producers and four consumers on one channel.
func fourToFour() {
	const n, each = 8_000_000, 4
	c := make(chan uint64, 1024)
	sums := make(chan uint64, each)
	var producers sync.WaitGroup
	producers.Add(each)
	start := time.Now()
	for i := 0; i < each; i++ {
		go func() {
			defer producers.Done()
			for i := 0; i < n/each; i++ {
				c <- uint64(i)
			}
		}()
	}
	for i := 0; i < each; i++ {
		go func() {
			var sum uint64
			for v := range c {
				sum += v
			}
			sums <- sum
		}()
	}
	producers.Wait()
	close(c)
	var sum uint64
	for i := 0; i < each; i++ {
		sum += <-sums
	}
	perOperation("ns", start, n)
	expect("sum", sum, each*sumBelow(n/each))
}

// w4: a source, four workers, a sink.
func pipeline() {
	const n, workers = 3_000_000, 4
	in, out := make(chan uint64, 64), make(chan uint64, 64)
	var running sync.WaitGroup
	running.Add(workers)
	start := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			in <- uint64(i)
		}
		close(in)
	}()
	for i := 0; i < workers; i++ {
		go func() {
			defer running.Done()
			for v := range in {
				out <- work(v)
			}
		}()
	}
	go func() {
		running.Wait()
		close(out)
	}()
	var mixed uint64
	count := 0
	for v := range out {
		mixed ^= v
		count++
	}
	perOperation("ns", start, n)
	expect("results", count, n)
	var want uint64
	for i := uint64(0); i < n; i++ {
		want ^= work(i)
	}
	expect("hash", mixed, want)
}

// w7: a token in a ring of goroutines.
func ring() {
	const size, hops = 503, 3_000_000
	var links [size]chan int
	for i := range links {
		links[i] = make(chan int)
	}
	done := make(chan int)
	for i := range links {
		go func(in <-chan int, out chan<- int, me int) {
			for left := range in {
				if left == 0 {
					done <- me
					return
				}
				out <- left - 1
			}
		}(links[i], links[(i+1)%size], i)
	}
	start := time.Now()
	links[0] <- hops
	last := <-done
	perOperation("ns", start, hops)
	expect("last holder", last, hops%size)
}

// A value through each of n channels, all of which exist at once.
func scaleChannels(n int) {
	rounds := repeats(n)
	before := residentBytes()
	channels := make([]chan int, n)
	for i := range channels {
		channels[i] = make(chan int, 1)
	}
	metric("bytes", (residentBytes()-before)/float64(n))
	sum := 0
	start := time.Now()
	for r := 0; r < rounds; r++ {
		for i, c := range channels {
			c <- i
		}
		for _, c := range channels {
			sum += <-c
		}
	}
	perOperation("ns", start, n*rounds)
	expect("sum", uint64(sum), uint64(rounds)*sumBelow(n))
}

// repeats makes small numbers of items measurable: about a million operations in all.
func repeats(n int) int {
	if n >= 1_000_000 {
		return 1
	}
	return 1_000_000 / n
}
