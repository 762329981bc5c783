// SPDX-License-Identifier: BSL-1.0
#pragma once

// Fibonacci (fib): each call is an actor with two more as its children. A tree of short lives.

#include "post.hpp"
#include "values.hpp"

#include <covey/actor.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

namespace savina::fib {

struct sizes {
    int n = 25;
};

struct compute {
    int n;
};
struct response {
    std::int64_t value;
};

class caller : public covey::actor {
 public:
    explicit caller(std::int64_t& result) : result_(result) {}

    void handle(response message) {
        result_ = message.value;
        stop_self();
    }

 private:
    std::int64_t& result_;
};

class call : public covey::actor {
 public:
    call(covey::recipient<response> parent, std::atomic<std::int64_t>& created)
        : parent_(std::move(parent)), created_(created) {
        ++created_;
    }

    covey::task<> handle(compute message) {
        if (message.n <= 2) {
            respond(1);
            co_return;
        }
        for (const int less : {1, 2}) {
            const auto child = co_await covey::start_actor<call>(
                children(), {}, self<call>().narrow<response>(), std::ref(created_));
            co_await child.tell(compute{message.n - less});
        }
    }
    void handle(response message) {
        sum_ += message.value;
        if (++responses_ == 2) respond(sum_);
    }

 private:
    void respond(std::int64_t result) {
        post(parent_, response{result});
        stop_self();
    }

    const covey::recipient<response> parent_;
    std::atomic<std::int64_t>& created_;
    std::int64_t sum_ = 0;
    int responses_ = 0;
};

inline covey::task<values> fibonacci(sizes size) {
    std::int64_t result = 0;
    std::atomic<std::int64_t> created = 0;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto top = co_await covey::start_actor<caller>(nursery, {}, std::ref(result));
        const auto root = co_await covey::start_actor<call>(nursery, {}, top.narrow<response>(),
                                                            std::ref(created));
        co_await root.tell(compute{size.n});
    });
    co_return values{{"result", static_cast<double>(result)},
                     {"actors", static_cast<double>(created.load())}};
}

}  // namespace savina::fib
