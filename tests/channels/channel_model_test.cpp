// SPDX-License-Identifier: BSL-1.0
// Random programs on one worker against a model that is plainly right (model/channel_model.hpp).
// After every step each operation, and every figure of the statistics, has to be what the model
// says. A failure prints the whole program.
#include "model/channel_model.hpp"

#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/race.hpp"
#include "support/run_virtual.hpp"

#include <covey/channel.hpp>
#include <covey/nursery.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using support::receiving;
using support::sending;

namespace {

constexpr std::size_t unbounded = static_cast<std::size_t>(-1);

// The model of one channel, whose ends have their place among those of their side.
class channel_model {
 public:
    channel_model(std::size_t capacity, covey::overflow policy) {
        const auto [tx, rx] = all_.open(capacity, policy);
        tx_.push_back(tx);
        rx_.push_back(rx);
    }

    std::vector<std::string> outcomes;  // of the operations that were started; "waits"

    [[nodiscard]] bool tx_open(std::size_t handle) const { return all_.is_open(tx_[handle]); }
    [[nodiscard]] bool rx_open(std::size_t handle) const { return all_.is_open(rx_[handle]); }
    std::string try_send(std::size_t handle, int value) { return at_once({tx_[handle], value}); }
    std::string try_receive(std::size_t handle) { return at_once({rx_[handle]}); }
    void start_send(std::size_t handle, int value) { start({tx_[handle], value}); }
    void start_receive(std::size_t handle) { start({rx_[handle]}); }
    [[nodiscard]] bool would_wait_to_receive(std::size_t handle) const {
        return all_.look({rx_[handle]}).what == model::outcome::kind::waits;
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
        all_.cancel(operation);
        all_.finished.clear();  // it goes on waiting for ever
    }
    void clone_tx(std::size_t handle) { clone(tx_, handle); }
    void clone_rx(std::size_t handle) { clone(rx_, handle); }
    void close_tx(std::size_t handle) { close(tx_[handle]); }
    void close_rx(std::size_t handle) { close(rx_[handle]); }
    [[nodiscard]] covey::channel_statistics statistics() const { return all_.statistics(0); }

 private:
    std::string at_once(const model::use& wanted) {
        const model::outcome now = all_.take_effect(wanted);
        settle();
        return now.what == model::outcome::kind::waits ? "would block" : to_string(now);
    }
    void start(const model::use& wanted) {
        const model::outcome now = all_.take_effect(wanted);
        settle();
        outcomes.push_back(to_string(now));
        if (now.what == model::outcome::kind::waits) all_.wait(outcomes.size() - 1, 0, wanted);
    }
    void clone(std::vector<std::size_t>& ends, std::size_t handle) {
        const std::size_t fresh = all_.count_ends();
        static_cast<void>(all_.clone(ends[handle], fresh));
        ends.push_back(fresh);
    }
    void close(std::size_t end) {
        all_.close(end);
        settle();
    }
    void settle() {
        for (const auto& [operation, how] : std::exchange(all_.finished, {}))
            outcomes[operation] = to_string(how);
    }

    model::channels all_;
    std::vector<std::size_t> tx_, rx_;
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
                if (!model_.tx_open(tx)) return;
                write("clone tx" + std::to_string(tx));
                tx_.push_back(std::make_unique<covey::send_channel<value_type>>(tx_[tx]->clone()));
                model_.clone_tx(tx);
                return;
            }
            case 4:
            case 5: {
                if (!model_.rx_open(rx)) return;
                write("clone rx" + std::to_string(rx));
                rx_.push_back(
                    std::make_unique<covey::receive_channel<value_type>>(rx_[rx]->clone()));
                model_.clone_rx(rx);
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
            if (!model_.rx_open(rx)) continue;
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
