// SPDX-License-Identifier: BSL-1.0

// Goroutines and channels: go_bench WORKLOAD THREADS [N] runs one workload and prints its figures
// as lines "M name value". Exit status 3: there is no such workload here.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
)

var workloads = map[string]func(){
	"w1":       roundTrips,
	"w2":       func() { oneToOne(10_000_000, 1024) },
	"w2_64":    func() { oneToOne(10_000_000, 64) },
	"w3":       fourToFour,
	"w4":       pipeline,
	"w5":       spawnMany,
	"w5b":      spawnOneByOne,
	"w6":       skynetTree,
	"w7":       ring,
	"w8":       cancelBlocked,
	"w9a":      armAndDisarm,
	"w9b":      sleepers,
	"w10":      mailbox,
	"w11":      actorTree,
	"w12":      ask,
	"w13_100k": func() { blockedMemory(100_000) },
	"w13_1m":   func() { blockedMemory(1_000_000) },
	"w14":      idleAndWake,
	"w15":      echoServer,
}

// Cost per item against how many there are.
var scaling = map[string]func(n int){
	"scale_tasks":    scaleTasks,
	"scale_channels": scaleChannels,
	"scale_timers":   scaleTimers,
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: go_bench WORKLOAD THREADS [N]")
		os.Exit(2)
	}
	runtime.GOMAXPROCS(number(os.Args[2]))
	if run, ok := workloads[os.Args[1]]; ok {
		run()
		return
	}
	if run, ok := scaling[os.Args[1]]; ok && len(os.Args) > 3 {
		run(number(os.Args[3]))
		return
	}
	fmt.Println("UNSUPPORTED")
	os.Exit(3)
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		fmt.Fprintf(os.Stderr, "%q is not a positive number\n", text)
		os.Exit(2)
	}
	return n
}
