// SPDX-License-Identifier: BSL-1.0
// Random programs on one worker against a model that is plainly right: a deque, two queues of those
// who wait, and the close matrix. After every step each operation, and every figure of the
// statistics, has to be what the model says. A failure prints the whole program.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/race.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>
#include <covey/nursery.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using support::receiving;
using support::sending;

namespace {

constexpr std::size_t unbounded = static_cast<std::size_t>(-1);

// What a channel is, without a single pointer.
class channel_model {
 public:
    channel_model(std::size_t capacity, covey::overflow policy)
        : capacity_(capacity), policy_(policy) {}

    std::vector<bool> tx_open{true}, rx_open{true};
    std::vector<std::string> outcomes;  // of the operations that were started; "waits"

    // "sent", "full", "closed", "broken"; "would block" where try_send gives false.
    std::string try_send(std::size_t handle, int value) {
        if (!tx_open[handle]) return "closed";
        if (count(rx_open) == 0) return "broken";
        if (!receivers_.empty()) {
            outcomes[receivers_.front().operation] = "got " + std::to_string(value);
            receivers_.pop_front();
            return "sent";
        }
        if (buffer_.size() < capacity_) {
            buffer_.push_back(value);
            peak_ = std::max(peak_, buffer_.size());
            return "sent";
        }
        switch (policy_) {
            case covey::overflow::block: return "would block";
            case covey::overflow::fail: return "full";
            case covey::overflow::drop_newest: break;
            case covey::overflow::drop_oldest:
                if (capacity_ == 0) break;
                buffer_.pop_front();
                buffer_.push_back(value);
                break;
        }
        ++dropped_;
        return "sent";
    }
    // "got 5", "would block", "closed", "end".
    std::string try_receive(std::size_t handle) {
        if (!rx_open[handle]) return "closed";
        if (!senders_.empty()) {  // the buffer is full then, or there is none
            buffer_.push_back(senders_.front().value);
            outcomes[senders_.front().operation] = "sent";
            senders_.pop_front();
        }
        if (!buffer_.empty()) {
            const int value = buffer_.front();
            buffer_.pop_front();
            return "got " + std::to_string(value);
        }
        return count(tx_open) == 0 ? "end" : "would block";
    }
    void start_send(std::size_t handle, int value) {
        const std::string now = try_send(handle, value);
        outcomes.push_back(now == "would block" ? "waits" : now);
        if (now == "would block") senders_.push_back({outcomes.size() - 1, handle, value});
    }
    void start_receive(std::size_t handle) {
        const std::string now = try_receive(handle);
        outcomes.push_back(now == "would block" ? "waits" : now);
        if (now == "would block") receivers_.push_back({outcomes.size() - 1, handle, 0});
    }
    [[nodiscard]] bool would_wait_to_receive(std::size_t handle) const {
        return rx_open[handle] && senders_.empty() && buffer_.empty() && count(tx_open) != 0;
    }
    void start_receive_many(std::size_t handle, std::size_t max) {
        std::string all = try_receive(handle);
        for (std::size_t taken = 1; all.starts_with("got") && taken < max; ++taken) {
            const std::string next = try_receive(handle);
            if (!next.starts_with("got")) break;
            all += " " + next;
        }
        outcomes.push_back(all);
    }
    void cancel(std::size_t operation) {
        const auto is_it = [operation](const waiting& each) { return each.operation == operation; };
        std::erase_if(senders_, is_it);
        std::erase_if(receivers_, is_it);
    }
    void close_tx(std::size_t handle) {
        if (!tx_open[handle]) return;
        tx_open[handle] = false;
        end_waits(senders_, handle, "closed");
        if (count(tx_open) == 0) end_waits(receivers_, std::nullopt, "end");
    }
    void close_rx(std::size_t handle) {
        if (!rx_open[handle]) return;
        rx_open[handle] = false;
        end_waits(receivers_, handle, "closed");
        if (count(rx_open) != 0) return;
        end_waits(senders_, std::nullopt, "broken");
        buffer_.clear();
    }
    [[nodiscard]] covey::channel_statistics statistics() const {
        return {buffer_.size(),  capacity_,         count(tx_open), count(rx_open),
                senders_.size(), receivers_.size(), peak_,          dropped_};
    }

 private:
    struct waiting {
        std::size_t operation, handle;
        int value;
    };

    static std::size_t count(const std::vector<bool>& open) {
        return static_cast<std::size_t>(std::count(open.begin(), open.end(), true));
    }
    void end_waits(std::deque<waiting>& queue, std::optional<std::size_t> handle,
                   const char* outcome) {
        std::erase_if(queue, [&](const waiting& each) {
            if (handle && each.handle != *handle) return false;
            outcomes[each.operation] = outcome;
            return true;
        });
    }

    std::size_t capacity_;
    covey::overflow policy_;
    std::deque<int> buffer_;
    std::deque<waiting> senders_, receivers_;
    std::size_t peak_ = 0, dropped_ = 0;
};

using value_type = std::unique_ptr<int>;

// One random program, on a channel and on the model.
class program {
 public:
    program(std::uint64_t seed, std::size_t capacity, covey::overflow policy)
        : random_(seed), policy_(policy), model_(capacity, policy) {
        auto [tx, rx] = capacity == unbounded
                            ? covey::open_memory_channel<value_type>(covey::unbounded)
                            : covey::open_memory_channel<value_type>(capacity, policy);
        tx_.push_back(std::make_unique<covey::send_channel<value_type>>(std::move(tx)));
        rx_.push_back(std::make_unique<covey::receive_channel<value_type>>(std::move(rx)));
    }

    covey::task<> run(int steps) {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery_ = &nursery;
            while (steps-- > 0) {
                if (random_.roll(3) == 0) {
                    co_await settle();
                    start_an_operation();
                    co_await settle();
                } else {
                    do_something_at_once();
                }
                compare_statistics();
            }
            co_await settle();
            for (std::size_t i = 0; i < operations_.size(); ++i) cancel(i);
            compare_statistics();
            co_await settle();
            drain();
        });
    }

 private:
    struct operation {
        std::string note = "waits";
        value_type value;  // of a send
        bool keeps_unsent = false;
        std::optional<covey::join_handle<void>> task;
    };

    std::size_t some(std::size_t count) { return random_.roll(count); }
    void write(const std::string& line) { history_ += "\n  " + line; }
    void require(bool right, const std::string& what) {
        if (!right) FAIL(what << "\nThe program was:" << history_);
    }
    void require_equal(const std::string& seen, const std::string& expected) {
        require(seen == expected, "expected '" + expected + "', got '" + seen + "'");
    }

    covey::task<> settle() {
        co_await covey::testing::wait_all_tasks_blocked();
        for (std::size_t i = 0; i < operations_.size(); ++i) {
            const operation& each = *operations_[i];
            if (each.note != model_.outcomes[i])
                require(false, "operation " + std::to_string(i) + " is '" + each.note + "', not '" +
                                   model_.outcomes[i] + "'");
            const bool drops =
                policy_ == covey::overflow::drop_newest || policy_ == covey::overflow::drop_oldest;
            if (each.keeps_unsent && !drops)
                require((each.value == nullptr) == (each.note == "sent"),
                        "the value of operation " + std::to_string(i));
        }
    }

    void compare_statistics() {
        const auto seen = tx_[0]->statistics(), expected = model_.statistics();
        const auto check = [&](std::size_t covey::channel_statistics::* field, const char* name) {
            if (seen.*field != expected.*field)
                require(false, std::string(name) + " is " + std::to_string(seen.*field) + ", not " +
                                   std::to_string(expected.*field));
        };
        check(&covey::channel_statistics::current_buffer_used, "current_buffer_used");
        check(&covey::channel_statistics::max_buffer_size, "max_buffer_size");
        check(&covey::channel_statistics::open_send_channels, "open_send_channels");
        check(&covey::channel_statistics::open_receive_channels, "open_receive_channels");
        check(&covey::channel_statistics::tasks_waiting_send, "tasks_waiting_send");
        check(&covey::channel_statistics::tasks_waiting_receive, "tasks_waiting_receive");
        check(&covey::channel_statistics::peak_buffer_used, "peak_buffer_used");
        check(&covey::channel_statistics::dropped, "dropped");
    }

    void start_an_operation() {
        const std::string number = std::to_string(operations_.size());
        operations_.push_back(std::make_unique<operation>());
        operation& mine = *operations_.back();
        const std::size_t tx = some(tx_.size()), rx = some(rx_.size());
        switch (some(5)) {
            case 0:
            case 1: {
                const sending how = support::all_sendings[some(4)];
                write(number + ": " + support::name_of(how) + " " + std::to_string(next_value_) +
                      " on tx" + std::to_string(tx));
                mine.value = std::make_unique<int>(next_value_);
                mine.keeps_unsent = support::keeps_unsent(how);
                mine.task = nursery_->spawn(do_send, std::ref(mine), how, std::cref(*tx_[tx]));
                model_.start_send(tx, next_value_++);
                return;
            }
            case 2:
                if (!model_.would_wait_to_receive(rx)) {
                    const std::size_t max = 1 + some(4);
                    write(number + ": receive_many " + std::to_string(max) + " on rx" +
                          std::to_string(rx));
                    mine.task =
                        nursery_->spawn(do_receive_many, std::ref(mine), std::cref(*rx_[rx]), max);
                    model_.start_receive_many(rx, max);
                    return;
                }
                [[fallthrough]];
            default: {
                const receiving how = support::all_receivings[some(2)];
                write(number + ": " + support::name_of(how) + " on rx" + std::to_string(rx));
                mine.task = nursery_->spawn(do_receive, std::ref(mine), how, std::cref(*rx_[rx]));
                model_.start_receive(rx);
                return;
            }
        }
    }

    void do_something_at_once() {
        const std::size_t tx = some(tx_.size()), rx = some(rx_.size());
        switch (some(20)) {
            case 0: {
                write("close tx" + std::to_string(tx));
                tx_[tx]->close();
                model_.close_tx(tx);
                return;
            }
            case 1: {
                write("close rx" + std::to_string(rx));
                rx_[rx]->close();
                model_.close_rx(rx);
                return;
            }
            case 2:
            case 3: {
                if (!model_.tx_open[tx]) return;
                write("clone tx" + std::to_string(tx));
                tx_.push_back(std::make_unique<covey::send_channel<value_type>>(tx_[tx]->clone()));
                model_.tx_open.push_back(true);
                return;
            }
            case 4:
            case 5: {
                if (!model_.rx_open[rx]) return;
                write("clone rx" + std::to_string(rx));
                rx_.push_back(
                    std::make_unique<covey::receive_channel<value_type>>(rx_[rx]->clone()));
                model_.rx_open.push_back(true);
                return;
            }
            case 6:
            case 7:
            case 8:
            case 9:
                if (!operations_.empty()) cancel(some(operations_.size()));
                return;
            case 10:
            case 11:
            case 12:
            case 13:
            case 14: {
                write("try_send " + std::to_string(next_value_) + " on tx" + std::to_string(tx));
                const std::string expected = model_.try_send(tx, next_value_);
                require_equal(try_send(*tx_[tx], next_value_++), expected);
                return;
            }
            default:
                write("try_receive on rx" + std::to_string(rx));
                const std::string expected = model_.try_receive(rx);
                require_equal(try_receive(*rx_[rx]), expected);
                return;
        }
    }

    void cancel(std::size_t number) {
        write("cancel " + std::to_string(number));
        operations_[number]->task->cancel();
        model_.cancel(number);
    }

    void drain() {
        for (std::size_t rx = 0; rx < rx_.size(); ++rx) {
            if (!model_.rx_open[rx]) continue;
            for (;;) {
                const std::string expected = model_.try_receive(rx);
                require_equal(try_receive(*rx_[rx]), expected);
                if (!expected.starts_with("got")) break;
            }
        }
        compare_statistics();
    }

    static covey::task<> do_send(operation& mine, sending how,
                                 const covey::send_channel<value_type>& tx) {
        try {
            co_await support::send_by(how, tx, mine.value);
            mine.note = "sent";
        } catch (const covey::closed_resource_error&) {
            mine.note = "closed";
        } catch (const covey::broken_resource_error&) {
            mine.note = "broken";
        } catch (const covey::channel_full_error&) {
            mine.note = "full";
        }
    }
    static covey::task<> do_receive(operation& mine, receiving how,
                                    const covey::receive_channel<value_type>& rx) {
        try {
            const auto value = co_await support::receive_by(how, rx);
            mine.note = value ? "got " + std::to_string(**value) : "end";
        } catch (const covey::closed_resource_error&) {
            mine.note = "closed";
        }
    }
    static covey::task<> do_receive_many(operation& mine,
                                         const covey::receive_channel<value_type>& rx,
                                         std::size_t max) {
        try {
            const auto values = co_await rx.receive_many(max);
            mine.note = values.empty() ? "end" : "";
            for (const value_type& value : values)
                mine.note += (mine.note.empty() ? "got " : " got ") + std::to_string(*value);
        } catch (const covey::closed_resource_error&) {
            mine.note = "closed";
        }
    }
    static std::string try_send(const covey::send_channel<value_type>& tx, int number) {
        auto value = std::make_unique<int>(number);
        try {
            return tx.try_send(std::move(value)) ? "sent" : "would block";
        } catch (const covey::closed_resource_error&) {
            return value == nullptr ? "closed, and took the value" : "closed";
        } catch (const covey::broken_resource_error&) {
            return value == nullptr ? "broken, and took the value" : "broken";
        } catch (const covey::channel_full_error&) {
            return value == nullptr ? "full, and took the value" : "full";
        }
    }
    static std::string try_receive(const covey::receive_channel<value_type>& rx) {
        try {
            const auto value = rx.try_receive();
            return value ? "got " + std::to_string(**value) : "would block";
        } catch (const covey::closed_resource_error&) {
            return "closed";
        } catch (const covey::end_of_channel&) {
            return "end";
        }
    }

    support::dice random_;
    covey::overflow policy_;
    channel_model model_;
    std::vector<std::unique_ptr<covey::send_channel<value_type>>> tx_;
    std::vector<std::unique_ptr<covey::receive_channel<value_type>>> rx_;
    std::vector<std::unique_ptr<operation>> operations_;
    covey::nursery* nursery_ = nullptr;
    int next_value_ = 0;
    std::string history_;
};

void run_programs(std::size_t seeds, covey::overflow policy,
                  std::initializer_list<std::size_t> capacities) {
    for (const std::uint64_t seed : support::seeds(support::rounds(seeds))) {
        for (const std::size_t capacity : capacities) {
            INFO("capacity " << capacity);
            support::run_virtual(seed, [&]() -> covey::task<> {
                program random(seed, capacity, policy);
                co_await random.run(60);
            });
        }
    }
}

}  // namespace

TEST_CASE("random programs do what the model says (M10, M14, M20, M22, M30-M33, M40-M46)") {
    run_programs(150, covey::overflow::block, {0, 1, 2, 3, unbounded});
}

TEST_CASE("random programs with overflow policies do what the model says (M10, M20, M30)") {
    run_programs(50, covey::overflow::drop_newest, {0, 1, 3});
    run_programs(50, covey::overflow::drop_oldest, {0, 1, 3});
    run_programs(50, covey::overflow::fail, {0, 1, 3});
}
