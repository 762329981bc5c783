// SPDX-License-Identifier: BSL-1.0

package main

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// w10: twenty senders, one receiver.
func mailbox() {
	const senders, each = 20, 500_000
	inbox := make(chan uint64, 1024)
	start := time.Now()
	for s := 0; s < senders; s++ {
		go func() {
			for i := 0; i < each; i++ {
				inbox <- uint64(i)
			}
		}()
	}
	var sum uint64
	for i := 0; i < senders*each; i++ {
		sum += <-inbox
	}
	perOperation("ns", start, senders*each)
	metric("peak_bytes", peakBytes())
	expect("sum", sum, senders*sumBelow(each))
}

// w11: a binary tree of actors, all alive at once.
func actorTree() {
	const depth = 18
	const total = 1<<(depth+1) - 1
	var alive int64
	complete := make(chan struct{})
	var actor func(inbox <-chan int)
	actor = func(inbox <-chan int) {
		var children [2]chan int
		if below := <-inbox; below > 0 {
			for i := range children {
				children[i] = make(chan int, 1)
				go actor(children[i])
				children[i] <- below - 1
			}
		}
		if atomic.AddInt64(&alive, 1) == total {
			close(complete)
		}
		<-inbox
	}
	before := residentBytes()
	start := time.Now()
	root := make(chan int, 1)
	go actor(root)
	root <- depth
	<-complete
	perOperation("ns", start, total)
	metric("bytes", (residentBytes()-before)/total)
}

// w12: request and response.
func ask() {
	type request struct {
		value int
		reply chan<- int
	}
	const n = 500_000
	requests := make(chan request)
	go func() {
		for r := range requests {
			r.reply <- r.value + 1
		}
	}()
	latencies := make([]int64, n)
	reply := make(chan int, 1)
	for i := range latencies {
		start := time.Now()
		requests <- request{i, reply}
		answer := <-reply
		latencies[i] = int64(time.Since(start))
		expect("answer", answer, i+1)
	}
	close(requests)
	percentiles("", latencies)
}

// w15: a TCP echo server, until it is killed.
func echoServer() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("LISTEN", listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer connection.Close()
			var buffer [64]byte
			for {
				n, err := connection.Read(buffer[:])
				if err != nil {
					return
				}
				if _, err := connection.Write(buffer[:n]); err != nil {
					return
				}
			}
		}()
	}
}
