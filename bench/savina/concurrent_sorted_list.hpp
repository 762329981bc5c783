// SPDX-License-Identifier: BSL-1.0
#pragma once

// Concurrent Sorted List (concsll): workers look into one sorted list, which is an actor, and add
// to it. Handlers that take a while.

#include "random.hpp"
#include "values.hpp"

#include <covey/actor.hpp>

#include <algorithm>
#include <cstdint>
#include <forward_list>
#include <functional>
#include <iterator>
#include <utility>

namespace savina::concsll {

struct sizes {
    std::int32_t workers = 20;
    std::int32_t requests = 8'000;  // from each
    std::int32_t inserts = 10;      // per cent
    std::int32_t lengths = 1;       // per cent
};

struct insert {
    std::int32_t number;
};
struct contains {
    std::int32_t number;
};
struct length {};
struct work {};

struct totals {
    std::int64_t inserts = 0;
    std::int64_t lookups = 0;
    std::int64_t lengths = 0;
    std::int64_t final_length = 0;
    bool is_sorted = false;
};

// Each operation goes along the list.
class sorted_list : public covey::actor {
 public:
    explicit sorted_list(totals& result) : totals_(result) {}

    void handle(insert message) {
        ++totals_.inserts;
        auto before = numbers_.before_begin();
        for (auto place = numbers_.begin(); place != numbers_.end() && *place < message.number;
             ++place)
            before = place;
        numbers_.insert_after(before, message.number);
        ++length_;
    }
    bool handle(contains message) {
        ++totals_.lookups;
        auto place = numbers_.begin();
        while (place != numbers_.end() && *place < message.number) ++place;
        return place != numbers_.end() && *place == message.number;
    }
    std::int64_t handle(length) {
        ++totals_.lengths;
        return length_;
    }

 protected:
    covey::task<> on_stop(covey::exit_reason) override {
        totals_.final_length = std::distance(numbers_.begin(), numbers_.end());
        totals_.is_sorted = std::is_sorted(numbers_.begin(), numbers_.end());
        co_return;
    }

 private:
    std::forward_list<std::int32_t> numbers_;
    std::int64_t length_ = 0;
    totals& totals_;
};

class worker : public covey::actor {
 public:
    worker(std::int32_t id, sizes size, covey::actor_ref<sorted_list> list)
        : sizes_(size),
          list_(std::move(list)),
          random_(id + size.requests + size.inserts + size.lengths) {}

    covey::task<> handle(work) {
        for (std::int32_t i = 0; i < sizes_.requests; ++i) {
            const std::int32_t kind = random_.next_int(100);
            if (kind < sizes_.lengths) {
                const std::int64_t now = co_await list_.ask(length{});
                require(now >= inserted_, "the list holds what was inserted");
            } else if (kind < sizes_.lengths + sizes_.inserts) {
                co_await list_.ask(insert{random_.next_int()});
                ++inserted_;
            } else {
                co_await list_.ask(contains{random_.next_int()});
            }
        }
        stop_self();
    }

 private:
    const sizes sizes_;
    const covey::actor_ref<sorted_list> list_;
    savina_random random_;
    std::int64_t inserted_ = 0;
};

inline covey::task<values> concurrent_sorted_list(sizes size) {
    totals result;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto list = co_await covey::start_actor<sorted_list>(nursery, {}, std::ref(result));
        co_await covey::with_nursery([&](covey::nursery& workers) -> covey::task<> {
            for (std::int32_t id = 0; id < size.workers; ++id) {
                const auto each = co_await covey::start_actor<worker>(workers, {}, id, size, list);
                co_await each.tell(work{});
            }
        });
        list.stop();
    });
    require(result.is_sorted, "the list is sorted");
    co_return values{{"inserts", static_cast<double>(result.inserts)},
                     {"lookups", static_cast<double>(result.lookups)},
                     {"length queries", static_cast<double>(result.lengths)},
                     {"final length", static_cast<double>(result.final_length)}};
}

}  // namespace savina::concsll
