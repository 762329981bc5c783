// SPDX-License-Identifier: BSL-1.0
//
// Boost.Fiber: fiber WORKLOAD THREADS. One thread schedules round robin, two share their work.
//
// Fibers have stacks: 16 KiB each. There is no cancellation; closing a channel wakes who waits.

#include "measure.hpp"

#include <boost/fiber/all.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

namespace {

namespace fibers = boost::fibers;
using bench::now;
using bench::u64;
using fibers::channel_op_status;
using channel = fibers::buffered_channel<u64>;  // its capacity is one less than what it is given
using rendezvous = fibers::unbuffered_channel<u64>;

template <class Body>
fibers::fiber start(Body body) {
    return {fibers::launch::post, std::allocator_arg, fibers::fixedsize_stack(16 * 1024),
            std::move(body)};
}

void join(std::vector<fibers::fiber>& all) {
    for (fibers::fiber& each : all) each.join();
}

void round_trips() {
    constexpr u64 count = 1'000'000;
    rendezvous there;
    rendezvous back;
    fibers::fiber echo = start([&] {
        u64 value = 0;
        while (there.pop(value) == channel_op_status::success) back.push(value);
    });
    const u64 begin = now();
    for (u64 i = 0; i < count; ++i) {
        there.push(i);
        bench::expect("the same value comes back", back.value_pop(), i);
    }
    bench::per_operation(begin, count);
    there.close();
    echo.join();
}

void one_to_one(std::size_t capacity) {
    constexpr u64 count = 5'000'000;
    channel values(capacity);
    const u64 begin = now();
    fibers::fiber producer = start([&] {
        for (u64 i = 0; i < count; ++i) values.push(i);
    });
    u64 sum = 0;
    for (u64 i = 0; i < count; ++i) sum += values.value_pop();
    bench::per_operation(begin, count);
    producer.join();
    bench::expect("sum", sum, bench::sum_below(count));
}

void four_to_four() {
    constexpr u64 share = 1'000'000;
    channel values(1024);
    std::atomic<u64> total{0};
    std::vector<fibers::fiber> all;
    const u64 begin = now();
    for (int i = 0; i < 4; ++i) {
        all.push_back(start([&] {
            for (u64 k = 0; k < share; ++k) values.push(k);
        }));
        all.push_back(start([&] {
            u64 sum = 0;
            for (u64 k = 0; k < share; ++k) sum += values.value_pop();
            total += sum;
        }));
    }
    join(all);
    bench::per_operation(begin, 4 * share);
    bench::expect("sum", total.load(), 4 * bench::sum_below(share));
}

void pipeline() {
    constexpr u64 count = 1'000'000;
    channel in(64);
    channel out(64);
    std::vector<fibers::fiber> all;
    const u64 begin = now();
    all.push_back(start([&] {
        for (u64 i = 0; i < count; ++i) in.push(i);
    }));
    for (int i = 0; i < 4; ++i)
        all.push_back(start([&] {
            for (u64 k = 0; k < count / 4; ++k) out.push(bench::work(in.value_pop()));
        }));
    u64 mixed = 0;
    for (u64 i = 0; i < count; ++i) mixed ^= out.value_pop();
    bench::per_operation(begin, count);
    join(all);
    bench::expect("hash", mixed, bench::mixed_work(count));
}

// A tenth of what the others start: a million stacks of 16 KiB would be 16 GB.
void spawn_many() {
    constexpr u64 count = 100'000;
    std::atomic<u64> ran{0};
    const u64 begin = now();
    std::vector<fibers::fiber> all;
    all.reserve(count);
    for (u64 i = 0; i < count; ++i)
        all.push_back(start([&] { ran.fetch_add(1, std::memory_order_relaxed); }));
    join(all);
    bench::per_operation(begin, count);
    bench::expect("ran", ran.load(), count);
}

void spawn_one_by_one() {
    constexpr u64 count = 300'000;
    fibers::pooled_fixedsize_stack stacks(8 * 1024);
    const u64 begin = now();
    for (u64 i = 0; i < count; ++i)
        fibers::fiber(fibers::launch::post, std::allocator_arg, stacks, [] {}).join();
    bench::per_operation(begin, count);
}

void ring() {
    constexpr u64 size = 503;
    constexpr u64 hops = 1'000'000;
    std::vector<std::unique_ptr<rendezvous>> links;
    for (u64 i = 0; i < size; ++i) links.push_back(std::make_unique<rendezvous>());
    fibers::promise<u64> done;
    std::vector<fibers::fiber> members;
    for (u64 i = 0; i < size; ++i)
        members.push_back(start([&, i] {
            u64 left = 0;
            while (links[i]->pop(left) == channel_op_status::success) {
                if (left == 0) {
                    done.set_value(i);
                    return;
                }
                links[(i + 1) % size]->push(left - 1);
            }
        }));
    const u64 begin = now();
    links[0]->push(hops);
    const u64 last = done.get_future().get();
    bench::per_operation(begin, hops);
    bench::expect("last holder", last, hops % size);
    for (const auto& each : links) each->close();
    join(members);
}

void wake_all_by_closing() {
    constexpr u64 count = 20'000;
    channel never(2);
    std::atomic<u64> woken{0};
    std::vector<fibers::fiber> waiting;
    for (u64 i = 0; i < count; ++i)
        waiting.push_back(start([&] {
            u64 value = 0;
            if (never.pop(value) == channel_op_status::closed) ++woken;
        }));
    boost::this_fiber::sleep_for(std::chrono::milliseconds(50));
    const u64 begin = now();
    never.close();
    join(waiting);
    bench::per_operation(begin, count);
    bench::expect("woken", woken.load(), count);
}

void ask() {
    struct request {
        u64 value;
        rendezvous* reply;
    };
    constexpr u64 count = 300'000;
    fibers::unbuffered_channel<request> requests;
    rendezvous reply;
    fibers::fiber server = start([&] {
        request each{};
        while (requests.pop(each) == channel_op_status::success) each.reply->push(each.value + 1);
    });
    std::vector<u64> latencies;
    latencies.reserve(count);
    for (u64 i = 0; i < count; ++i) {
        const u64 begin = now();
        requests.push(request{i, &reply});
        const u64 answer = reply.value_pop();
        latencies.push_back(now() - begin);
        bench::expect("answer", answer, i + 1);
    }
    bench::percentiles("", latencies);
    requests.close();
    server.join();
}

void blocked_memory() {
    constexpr u64 count = 20'000;
    channel never(2);
    std::vector<fibers::fiber> waiting;
    const double before = bench::resident_bytes();
    for (u64 i = 0; i < count; ++i)
        waiting.push_back(start([&] {
            u64 value = 0;
            never.pop(value);
        }));
    boost::this_fiber::sleep_for(std::chrono::milliseconds(100));
    bench::metric("bytes", (bench::resident_bytes() - before) / static_cast<double>(count));
    never.close();
    join(waiting);
}

void run(std::string_view name) {
    if (name == "w1") return round_trips();
    if (name == "w2") return one_to_one(1024);
    if (name == "w2_64") return one_to_one(64);
    if (name == "w3") return four_to_four();
    if (name == "w4") return pipeline();
    if (name == "w5") return spawn_many();
    if (name == "w5b") return spawn_one_by_one();
    if (name == "w7") return ring();
    if (name == "w8") return wake_all_by_closing();
    if (name == "w12") return ask();
    if (name == "w13_100k") return blocked_memory();
    bench::unsupported();
}

// A second thread that takes part in the work until it is told to stop.
class helper {
 public:
    helper() : thread_([this] { take_part(); }) {
        fibers::use_scheduling_algorithm<fibers::algo::shared_work>(true);
        while (!ready_) std::this_thread::yield();
    }
    ~helper() {
        {
            const std::unique_lock lock(mutex_);
            stop_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }
    helper(const helper&) = delete;
    helper& operator=(const helper&) = delete;

 private:
    void take_part() {
        fibers::use_scheduling_algorithm<fibers::algo::shared_work>(true);
        ready_ = true;
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stop_; });
    }

    fibers::mutex mutex_;
    fibers::condition_variable_any changed_;
    bool stop_ = false;
    std::atomic<bool> ready_{false};
    std::thread thread_;
};

}  // namespace

int main(int count, char** words) {
    if (count < 3) {
        std::fprintf(stderr, "usage: fiber WORKLOAD THREADS\n");
        return 2;
    }
    if (std::string_view(words[2]) == "1") {
        run(words[1]);
        return 0;
    }
    const helper second;
    run(words[1]);
}
