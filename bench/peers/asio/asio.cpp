// SPDX-License-Identifier: BSL-1.0
//
// Boost.Asio's coroutines and experimental channels: asio WORKLOAD THREADS.
//
// One thread is an io_context that knows it, with channels that take no lock; more are a
// thread_pool with concurrent channels. A task that must be waited for reports to a latch: co_spawn
// has no group to join. A channel must not die while a sender is still inside it.

#include <boost/asio.hpp>

#include "measure.hpp"

#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <string_view>
#include <thread>
#include <type_traits>

namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::co_spawn;
using asio::detached;
using asio::use_awaitable;
using bench::now;
using bench::u64;
using boost::system::error_code;

template <bool threads>
class workloads {
 public:
    using context = std::conditional_t<threads, asio::thread_pool, asio::io_context>;

    explicit workloads(context& where) : executor_(where.get_executor()) {}

    awaitable<void> run(std::string_view name) {
        if (name == "w1")
            co_await round_trips(1'000'000);
        else if (name == "w2")
            co_await many_to_one(1, 5'000'000, 1024);
        else if (name == "w2_64")
            co_await many_to_one(1, 5'000'000, 64);
        else if (name == "w3")
            co_await four_to_four(4'000'000);
        else if (name == "w4")
            co_await pipeline(1'000'000);
        else if (name == "w5")
            co_await spawn_many(1'000'000);
        else if (name == "w5b")
            co_await spawn_one_by_one(1'000'000);
        else if (name == "w6")
            co_await skynet_tree();
        else if (name == "w7")
            co_await ring(503, 1'000'000);
        else if (name == "w8")
            co_await cancel_blocked(100'000);
        else if (name == "w9a")
            co_await arm_and_disarm(1'000'000);
        else if (name == "w9b")
            co_await sleepers(100'000);
        else if (name == "w10")
            co_await mailbox(20, 200'000);
        else if (name == "w11")
            co_await actor_tree(18);
        else if (name == "w12")
            co_await ask(500'000);
        else if (name == "w13_100k")
            co_await blocked_memory(100'000);
        else if (name == "w13_1m")
            co_await blocked_memory(1'000'000);
        else if (name == "w14")
            co_await idle_and_wake();
        else if (name == "w15")
            co_await echo_server();
        else
            bench::unsupported();
    }

 private:
    using executor = typename context::executor_type;
    template <class Value>
    using channel_of = std::conditional_t<
        threads, asio::experimental::concurrent_channel<executor, void(error_code, Value)>,
        asio::experimental::channel<executor, void(error_code, Value)>>;
    using channel = channel_of<u64>;

    // Opens when all have arrived. The last one may be inside of the channel still when who waited
    // is gone.
    class latch {
     public:
        latch(executor where, u64 count)
            : left_(count), open_(std::make_shared<channel>(where, 1)) {}
        void arrive() {
            const std::shared_ptr<channel> open = open_;
            if (--left_ == 0) open->try_send(error_code{}, 0);
        }
        auto wait() { return open_->async_receive(use_awaitable); }

     private:
        std::atomic<u64> left_;
        const std::shared_ptr<channel> open_;
    };

    template <class... Arguments>
    void start(awaitable<void> (workloads::*task)(Arguments...),
               std::type_identity_t<Arguments>... arguments) {
        co_spawn(executor_, (this->*task)(static_cast<Arguments>(arguments)...), detached);
    }

    static auto send(channel& to, u64 value) {
        return to.async_send(error_code{}, value, use_awaitable);
    }
    static auto receive(channel& from) { return from.async_receive(use_awaitable); }

    awaitable<void> sleep(u64 milliseconds) {
        asio::steady_timer timer(executor_, std::chrono::milliseconds(milliseconds));
        co_await timer.async_wait(use_awaitable);
    }

    awaitable<void> send_numbers(channel& to, u64 count, latch& done) {
        for (u64 i = 0; i < count; ++i) co_await send(to, i);
        done.arrive();
    }
    awaitable<void> receive_sum(channel& from, u64 count, std::atomic<u64>& total, latch& done) {
        u64 sum = 0;
        for (u64 i = 0; i < count; ++i) sum += co_await receive(from);
        total += sum;
        done.arrive();
    }

    // w1
    awaitable<void> echo(channel& in, channel& out, u64 count, latch& done) {
        for (u64 i = 0; i < count; ++i) {
            const u64 value = co_await receive(in);
            co_await send(out, value);
        }
        done.arrive();
    }
    awaitable<void> round_trips(u64 count) {
        channel there(executor_, 0);
        channel back(executor_, 0);
        latch done(executor_, 1);
        start(&workloads::echo, there, back, count, done);
        const u64 begin = now();
        for (u64 i = 0; i < count; ++i) {
            co_await send(there, i);
            const u64 value = co_await receive(back);
            bench::expect("the same value comes back", value, i);
        }
        bench::per_operation(begin, count);
        co_await done.wait();
    }

    // w2
    awaitable<void> many_to_one(u64 senders, u64 each, std::size_t capacity) {
        channel values(executor_, capacity);
        latch done(executor_, senders);
        const u64 begin = now();
        for (u64 i = 0; i < senders; ++i) start(&workloads::send_numbers, values, each, done);
        u64 sum = 0;
        for (u64 i = 0; i < senders * each; ++i) sum += co_await receive(values);
        bench::per_operation(begin, senders * each);
        bench::expect("sum", sum, senders * bench::sum_below(each));
        co_await done.wait();
    }

    // w3
    awaitable<void> four_to_four(u64 count) {
        channel values(executor_, 1024);
        latch done(executor_, 8);
        std::atomic<u64> total{0};
        const u64 begin = now();
        for (int i = 0; i < 4; ++i) {
            start(&workloads::send_numbers, values, count / 4, done);
            start(&workloads::receive_sum, values, count / 4, total, done);
        }
        co_await done.wait();
        bench::per_operation(begin, count);
        bench::expect("sum", total.load(), 4 * bench::sum_below(count / 4));
    }

    // w4
    awaitable<void> work(channel& in, channel& out, u64 count, latch& done) {
        for (u64 i = 0; i < count; ++i) {
            const u64 value = co_await receive(in);
            co_await send(out, bench::work(value));
        }
        done.arrive();
    }
    awaitable<void> pipeline(u64 count) {
        channel in(executor_, 64);
        channel out(executor_, 64);
        latch done(executor_, 5);
        const u64 begin = now();
        start(&workloads::send_numbers, in, count, done);
        for (int i = 0; i < 4; ++i) start(&workloads::work, in, out, count / 4, done);
        u64 mixed = 0;
        for (u64 i = 0; i < count; ++i) mixed ^= co_await receive(out);
        bench::per_operation(begin, count);
        bench::expect("hash", mixed, bench::mixed_work(count));
        co_await done.wait();
    }

    // w5
    awaitable<void> arrive(latch& done) {
        done.arrive();
        co_return;
    }
    awaitable<void> spawn_many(u64 count) {
        latch done(executor_, count);
        const u64 begin = now();
        for (u64 i = 0; i < count; ++i) start(&workloads::arrive, done);
        co_await done.wait();
        bench::per_operation(begin, count);
    }

    // w5b
    awaitable<void> nothing() { co_return; }
    awaitable<void> spawn_one_by_one(u64 count) {
        const u64 begin = now();
        for (u64 i = 0; i < count; ++i) co_await co_spawn(executor_, nothing(), use_awaitable);
        bench::per_operation(begin, count);
    }

    // w6
    awaitable<void> skynet(std::shared_ptr<channel> up, u64 first, u64 size) {
        if (size == 1) {
            up->try_send(error_code{}, first);
            co_return;
        }
        auto below = std::make_shared<channel>(executor_, 10);
        for (u64 i = 0; i < 10; ++i)
            start(&workloads::skynet, below, first + i * (size / 10), size / 10);
        u64 sum = 0;
        for (int i = 0; i < 10; ++i) sum += co_await receive(*below);
        up->try_send(error_code{}, sum);
    }
    awaitable<void> skynet_tree() {
        auto result = std::make_shared<channel>(executor_, 1);
        const u64 begin = now();
        start(&workloads::skynet, result, u64{0}, u64{1'000'000});
        const u64 sum = co_await receive(*result);
        bench::per_operation(begin, 1'111'111);
        bench::expect("sum", sum, bench::sum_below(1'000'000));
    }

    // w7
    awaitable<void> pass_on(channel& in, channel& out, channel& done, u64 me) {
        for (;;) {
            const u64 left = co_await receive(in);
            if (left == 0) {
                co_await send(done, me);
                co_return;
            }
            co_await send(out, left - 1);
        }
    }
    awaitable<void> ring(u64 size, u64 hops) {
        std::vector<std::unique_ptr<channel>> links;
        for (u64 i = 0; i < size; ++i) links.push_back(std::make_unique<channel>(executor_, 0));
        channel done(executor_, 1);
        for (u64 i = 0; i < size; ++i)
            start(&workloads::pass_on, *links[i], *links[(i + 1) % size], done, i);
        const u64 begin = now();
        co_await send(*links[0], hops);
        const u64 last = co_await receive(done);
        bench::per_operation(begin, hops);
        bench::expect("last holder", last, hops % size);
        std::_Exit(0);  // the others wait for ever
    }

    // w8
    awaitable<void> until_cancelled(channel& never, latch& started) {
        started.arrive();
        co_await receive(never);
    }
    awaitable<void> cancel_blocked(u64 count) {
        if (threads) bench::unsupported();            // signals belong to one thread
        std::vector<std::unique_ptr<channel>> never;  // one for all would be searched each time
        latch started(executor_, count);
        latch ended(executor_, count);
        std::vector<asio::cancellation_signal> signals(count);
        u64 cancelled = 0;
        for (asio::cancellation_signal& signal : signals) {
            never.push_back(std::make_unique<channel>(executor_, 1));
            const auto count_end = [&](std::exception_ptr error) {
                cancelled += error ? 1 : 0;
                ended.arrive();
            };
            co_spawn(executor_, until_cancelled(*never.back(), started),
                     asio::bind_cancellation_slot(signal.slot(), count_end));
        }
        co_await started.wait();
        co_await sleep(50);
        const u64 begin = now();
        for (asio::cancellation_signal& each : signals)
            each.emit(asio::cancellation_type::terminal);
        co_await ended.wait();
        bench::per_operation(begin, count);
        bench::expect("cancelled", cancelled, count);
    }

    // w9a: a timer beside a wait that ends first; the other way, operator||, costs more.
    awaitable<void> arm_and_disarm(u64 count) {
        const u64 begin = now();
        for (u64 i = 0; i < count; ++i) {
            asio::steady_timer limit(executor_, std::chrono::hours(1));
            limit.async_wait([](error_code) {});
            co_await asio::post(executor_, use_awaitable);
            bench::expect("armed", limit.cancel(), std::size_t{1});
        }
        bench::per_operation(begin, count);
    }

    // w9b
    awaitable<void> sleep_and_note(u64 length, u64& late, latch& done) {
        const u64 due = now() + length;
        asio::steady_timer timer(executor_, std::chrono::nanoseconds(length));
        co_await timer.async_wait(use_awaitable);
        late = now() - due;
        done.arrive();
    }
    awaitable<void> sleepers(std::size_t count) {
        const std::vector<u64> lengths = bench::delays(count, 500'000'000);
        std::vector<u64> late(count);
        latch done(executor_, count);
        const double cpu = bench::cpu_milliseconds();
        for (std::size_t i = 0; i < count; ++i)
            start(&workloads::sleep_and_note, lengths[i], late[i], done);
        co_await done.wait();
        bench::metric("cpu_ms", bench::cpu_milliseconds() - cpu);
        bench::lateness(lengths, late);
    }

    // w10
    awaitable<void> mailbox(u64 senders, u64 each) {
        co_await many_to_one(senders, each, 1024);
        bench::metric("peak_bytes", bench::peak_bytes());
    }

    // w11
    struct actor {
        explicit actor(executor where) : inbox(where, 1) {}
        channel inbox;
        std::unique_ptr<actor> children[2];
    };
    awaitable<void> live(actor& me, latch& alive) {
        const u64 below = co_await receive(me.inbox);
        if (below > 0) {
            for (auto& child : me.children) {
                child = std::make_unique<actor>(executor_);
                start(&workloads::live, *child, alive);
                child->inbox.try_send(error_code{}, below - 1);
            }
        }
        alive.arrive();
        co_await receive(me.inbox);
    }
    awaitable<void> actor_tree(u64 depth) {
        const u64 total = (u64{1} << (depth + 1)) - 1;
        const double before = bench::resident_bytes();
        const u64 begin = now();
        latch alive(executor_, total);
        actor root(executor_);
        start(&workloads::live, root, alive);
        root.inbox.try_send(error_code{}, depth);
        co_await alive.wait();
        bench::per_operation(begin, total);
        bench::metric("bytes", (bench::resident_bytes() - before) / static_cast<double>(total));
        std::_Exit(0);
    }

    // w12
    struct request {
        u64 value;
        channel* reply;
    };
    awaitable<void> serve(channel_of<request>& requests) {
        for (;;) {
            const request each = co_await requests.async_receive(use_awaitable);
            each.reply->try_send(error_code{}, each.value + 1);
        }
    }
    awaitable<void> ask(u64 count) {
        channel_of<request> requests(executor_, 1);
        channel reply(executor_, 1);
        start(&workloads::serve, requests);
        std::vector<u64> latencies;
        latencies.reserve(count);
        for (u64 i = 0; i < count; ++i) {
            const u64 begin = now();
            co_await requests.async_send(error_code{}, request{i, &reply}, use_awaitable);
            const u64 answer = co_await receive(reply);
            latencies.push_back(now() - begin);
            bench::expect("answer", answer, i + 1);
        }
        bench::percentiles("", latencies);
        std::_Exit(0);
    }

    // w13
    awaitable<void> blocked_memory(u64 count) {
        std::vector<std::unique_ptr<channel>> channels;
        channels.reserve(count);
        latch started(executor_, count);
        const double before = bench::resident_bytes();
        for (u64 i = 0; i < count; ++i) {
            channels.push_back(std::make_unique<channel>(executor_, 1));
            start(&workloads::until_cancelled, *channels.back(), started);
        }
        co_await started.wait();
        co_await sleep(50);
        bench::metric("bytes", (bench::resident_bytes() - before) / static_cast<double>(count));
        std::_Exit(0);
    }

    // w14: an ordinary thread needs the channel that locks, also beside one thread.
    awaitable<void> idle_and_wake() {
        constexpr int wakes = 1'000;
        channel never(executor_, 1);
        latch started(executor_, 1'000);
        for (int i = 0; i < 1'000; ++i) start(&workloads::until_cancelled, never, started);
        co_await started.wait();
        co_await sleep(100);
        const double cpu = bench::cpu_milliseconds();
        co_await sleep(3'000);
        bench::metric("idle_cpu_ms", bench::cpu_milliseconds() - cpu);

        asio::experimental::concurrent_channel<executor, void(error_code, u64)> times(executor_,
                                                                                      64);
        std::thread sender([&] {
            for (int i = 0; i < wakes; ++i) {
                bench::pause_ms(1);
                times.try_send(error_code{}, now());
            }
        });
        std::vector<u64> latencies;
        for (int i = 0; i < wakes; ++i) {
            const u64 sent = co_await times.async_receive(use_awaitable);
            latencies.push_back(now() - sent);
        }
        sender.join();
        bench::percentiles("wake_", latencies);
        std::_Exit(0);
    }

    // w15
    awaitable<void> serve_echo(asio::ip::tcp::socket client) {
        char buffer[64];
        try {
            for (;;) {
                const std::size_t length =
                    co_await client.async_read_some(asio::buffer(buffer), use_awaitable);
                co_await asio::async_write(client, asio::buffer(buffer, length), use_awaitable);
            }
        } catch (const boost::system::system_error&) {
            // the client has gone
        }
    }
    awaitable<void> echo_server() {
        using asio::ip::tcp;
        tcp::acceptor acceptor(executor_, {asio::ip::address_v4::loopback(), 0});
        std::printf("LISTEN %d\n", acceptor.local_endpoint().port());
        std::fflush(stdout);
        for (;;) {
            tcp::socket client = co_await acceptor.async_accept(use_awaitable);
            client.set_option(tcp::no_delay(true));
            co_spawn(executor_, serve_echo(std::move(client)), detached);
        }
    }

    executor executor_;
};

void rethrow(std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
}

}  // namespace

int main(int count, char** words) {
    if (count < 3) {
        std::fprintf(stderr, "usage: asio WORKLOAD THREADS\n");
        return 2;
    }
    const unsigned long threads = std::strtoul(words[2], nullptr, 10);
    if (threads <= 1) {
        asio::io_context context(1);
        workloads<false> subject(context);
        co_spawn(context, subject.run(words[1]), rethrow);
        context.run();
    } else {
        asio::thread_pool context(threads);
        workloads<true> subject(context);
        co_spawn(context, subject.run(words[1]), rethrow);
        context.join();
    }
}
