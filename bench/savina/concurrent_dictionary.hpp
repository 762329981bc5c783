// SPDX-License-Identifier: BSL-1.0
#pragma once

// Concurrent Dictionary (concdict): workers read and write one map, which is an actor. Asks of
// several at once.

#include "random.hpp"
#include "values.hpp"

#include <covey/actor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace savina::concdict {

struct sizes {
    std::int32_t workers = 20;
    std::int32_t requests = 10'000;  // from each
    std::int32_t writes = 10;        // per cent
    std::int32_t keys = 524'287;     // from zero, all there from the start
};

struct write {
    std::int32_t key;
    std::int32_t value;
};
struct read {
    std::int32_t key;
};
struct work {};

struct totals {
    std::int64_t reads = 0;
    std::int64_t writes = 0;
    std::int64_t misses = 0;
    std::int64_t written_keys = 0;
    std::int64_t size = 0;
};

class dictionary : public covey::actor {
 public:
    dictionary(std::int32_t keys, totals& result)
        : written_(static_cast<std::size_t>(keys)), totals_(result) {
        for (std::int32_t key = 0; key < keys; ++key) map_.emplace(key, key);
    }

    std::int32_t handle(write message) {
        ++totals_.writes;
        written_.at(static_cast<std::size_t>(message.key)) = true;
        return map_[message.key] = message.value;
    }
    std::optional<std::int32_t> handle(read message) {
        ++totals_.reads;
        const auto place = map_.find(message.key);
        if (place == map_.end()) return std::nullopt;
        return place->second;
    }

 protected:
    covey::task<> on_stop(covey::exit_reason) override {
        for (const bool each : written_) totals_.written_keys += each ? 1 : 0;
        totals_.size = static_cast<std::int64_t>(map_.size());
        co_return;
    }

 private:
    std::unordered_map<std::int32_t, std::int32_t> map_;
    std::vector<bool> written_;
    totals& totals_;
};

class worker : public covey::actor {
 public:
    worker(std::int32_t id, sizes size, covey::actor_ref<dictionary> map, std::int64_t& misses)
        : sizes_(size),
          map_(std::move(map)),
          random_(id + size.requests + size.writes),
          misses_(misses) {}

    covey::task<> handle(work) {
        for (std::int32_t i = 0; i < sizes_.requests; ++i) {
            if (random_.next_int(100) < sizes_.writes) {
                const std::int32_t key = reduced(random_.next_int(), sizes_.keys);
                const std::int32_t value = random_.next_int();
                const std::int32_t stored = co_await map_.ask(write{key, value});
                require(stored == value, "a write is answered with its value");
            } else {
                const std::int32_t key = reduced(random_.next_int(), sizes_.keys);
                const std::optional<std::int32_t> found = co_await map_.ask(read{key});
                if (!found) ++misses_;
            }
        }
        stop_self();
    }

 private:
    const sizes sizes_;
    const covey::actor_ref<dictionary> map_;
    java_random random_;
    std::int64_t& misses_;
};

inline covey::task<values> concurrent_dictionary(sizes size) {
    totals result;
    std::vector<std::int64_t> misses(static_cast<std::size_t>(size.workers));
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto map =
            co_await covey::start_actor<dictionary>(nursery, {}, size.keys, std::ref(result));
        co_await covey::with_nursery([&](covey::nursery& workers) -> covey::task<> {
            for (std::int32_t id = 0; id < size.workers; ++id) {
                const auto each = co_await covey::start_actor<worker>(
                    workers, {}, id, size, map, std::ref(misses[static_cast<std::size_t>(id)]));
                co_await each.tell(work{});
            }
        });
        map.stop();
    });
    for (const std::int64_t each : misses) result.misses += each;
    co_return values{{"writes", static_cast<double>(result.writes)},
                     {"reads", static_cast<double>(result.reads)},
                     {"misses", static_cast<double>(result.misses)},
                     {"written keys", static_cast<double>(result.written_keys)},
                     {"size", static_cast<double>(result.size)}};
}

}  // namespace savina::concdict
