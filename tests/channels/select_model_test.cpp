// SPDX-License-Identifier: BSL-1.0
// Random programs of selects on one worker against a model that is plainly right
// (model/channel_model.hpp). Where several cases are ready, any of them is right, and
// the model follows. After every step each operation, its values, and the statistics have to be
// what the model says. A failure prints the whole program.
#include "model/channel_model.hpp"
#include "support/catch.hpp"
#include "support/race.hpp"
#include "support/run_virtual.hpp"

#include <covey/nursery.hpp>
#include <covey/select.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using covey::otherwise;
using covey::receive_from;
using covey::select;
using covey::send_to;

namespace {

constexpr std::size_t channels = 3;
constexpr std::size_t cases = 4;  // of a select: send, receive, receive, send; and otherwise

struct one_case {
    bool is_on = false;
    bool sends = false;
    std::size_t channel = 0;
    int value = 0;
};
using plan = std::array<one_case, cases>;

// Several channels, each with one end of either kind, and selects on them.
class select_model {
 public:
    explicit select_model(const std::array<std::size_t, channels>& capacities) {
        for (const std::size_t capacity : capacities)
            ends_.push_back(all_.open(capacity, covey::overflow::block));
    }

    std::vector<std::string> outcomes;  // "waits", "0 sent", "2 got 5", "1 end", "closed", ...

    // A select was started, and this was seen of it. False: it can't be.
    bool start(const plan& wanted, bool has_otherwise, const std::string& seen) {
        bool any = false;
        for (std::size_t i = 0; i < cases; ++i) {
            if (!wanted[i].is_on) continue;
            const outcome now = all_.look(use_of(wanted[i]));
            if (now.what == outcome::kind::waits) continue;
            any = true;
            if (text_of(now, i) != seen) continue;
            static_cast<void>(all_.take_effect(use_of(wanted[i])));
            settle();
            outcomes.push_back(seen);
            return true;
        }
        if (any || seen != (has_otherwise ? "nothing" : "waits")) return false;
        outcomes.push_back(seen);
        if (has_otherwise) return true;
        for (std::size_t i = 0; i < cases; ++i)
            if (wanted[i].is_on) all_.wait(outcomes.size() - 1, i, use_of(wanted[i]));
        return true;
    }
    void cancel(std::size_t operation) {
        all_.cancel(operation);
        all_.finished.clear();  // it goes on waiting for ever
    }
    void close_tx(std::size_t number) { close(ends_[number].first); }
    void close_rx(std::size_t number) { close(ends_[number].second); }
    [[nodiscard]] std::array<std::size_t, 3> figures(std::size_t number) const {
        const covey::channel_statistics now = all_.statistics(number);
        return {now.current_buffer_used, now.tasks_waiting_send, now.tasks_waiting_receive};
    }

 private:
    using outcome = model::outcome;

    [[nodiscard]] model::use use_of(const one_case& each) const {
        const auto& [tx, rx] = ends_[each.channel];
        return {each.sends ? tx : rx, each.value};
    }
    static std::string text_of(const outcome& how, std::size_t place) {
        const bool is_error =
            how.what == outcome::kind::closed || how.what == outcome::kind::broken;
        return is_error ? to_string(how) : std::to_string(place) + " " + to_string(how);
    }
    void close(std::size_t end) {
        all_.close(end);
        settle();
    }
    void settle() {
        for (const auto& [operation, how] : std::exchange(all_.finished, {}))
            outcomes[operation] = text_of(how, how.place);
    }

    model::channels all_;
    std::vector<std::pair<std::size_t, std::size_t>> ends_;
};

using box = std::unique_ptr<int>;

class program {
 public:
    program(std::uint64_t seed, const std::array<std::size_t, channels>& capacities)
        : random_(seed), model_(capacities) {
        for (const std::size_t capacity : capacities) {
            auto [in, out] = covey::open_memory_channel<box>(capacity);
            tx_.push_back(std::move(in));
            rx_.push_back(std::move(out));
        }
    }

    covey::task<> run(int steps) {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (; steps > 0; --steps) {
                const std::size_t number = random_.roll(channels);
                switch (random_.roll(16)) {
                    case 0:
                        if (random_.roll(4) != 0) break;
                        write("close tx" + std::to_string(number));
                        tx_[number].close();
                        model_.close_tx(number);
                        break;
                    case 1:
                        if (random_.roll(4) != 0) break;
                        write("close rx" + std::to_string(number));
                        rx_[number].close();
                        model_.close_rx(number);
                        break;
                    case 2:
                    case 3:
                        if (!operations_.empty()) cancel(random_.roll(operations_.size()));
                        break;
                    default: co_await start(nursery);
                }
                co_await covey::testing::wait_all_tasks_blocked();
                compare();
            }
            for (std::size_t i = 0; i < operations_.size(); ++i) cancel(i);
            compare_figures();
        });
    }

 private:
    struct operation {
        plan wanted;
        bool has_otherwise = false;
        std::array<box, cases> values;
        std::string note = "waits";
        std::optional<covey::join_handle<void>> task;
    };

    void write(const std::string& line) { history_ += "\n  " + line; }
    void require(bool right, const std::string& what) {
        if (!right) FAIL(what << "\nThe program was:" << history_);
    }

    covey::task<> start(covey::nursery& nursery) {
        operations_.push_back(std::make_unique<operation>());
        operation& mine = *operations_.back();
        mine.has_otherwise = random_.roll(5) == 0;
        std::string text = "select" + std::to_string(operations_.size() - 1);
        bool any = false;
        for (std::size_t i = 0; i < cases; ++i) {
            one_case& each = mine.wanted[i];
            each = {random_.roll(2) == 0, i == 0 || i == 3, random_.roll(channels), next_value_++};
            if (i + 1 == cases && !any) each.is_on = true;
            any = any || each.is_on;
            mine.values[i] = std::make_unique<int>(each.value);
            if (each.is_on)
                text += (each.sends ? ", send " + std::to_string(each.value) + " to "
                                    : std::string(", receive from ")) +
                        std::to_string(each.channel);
        }
        write(text + (mine.has_otherwise ? ", otherwise" : ""));
        mine.task = nursery.spawn([this, &mine] { return perform(mine); });
        co_await covey::testing::wait_all_tasks_blocked();
        write("  " + mine.note);
        require(model_.start(mine.wanted, mine.has_otherwise, mine.note), "that can't be");
    }

    covey::task<> perform(operation& mine) {
        const plan& p = mine.wanted;
        const auto received = [](std::size_t number, const std::optional<box>& value) {
            return std::to_string(number) + (value ? " got " + std::to_string(**value) : " end");
        };
        try {
            auto which =
                co_await select(send_to(tx_[p[0].channel], mine.values[0]).when(p[0].is_on),
                                receive_from(rx_[p[1].channel]).when(p[1].is_on),
                                receive_from(rx_[p[2].channel]).when(p[2].is_on),
                                send_to(tx_[p[3].channel], mine.values[3]).when(p[3].is_on),
                                otherwise().when(mine.has_otherwise));
            switch (which.index()) {
                case 0: mine.note = "0 sent"; break;
                case 1: mine.note = received(1, std::get<1>(which)); break;
                case 2: mine.note = received(2, std::get<2>(which)); break;
                case 3: mine.note = "3 sent"; break;
                default: mine.note = "nothing";
            }
        } catch (const covey::closed_resource_error&) {
            mine.note = "closed";
        } catch (const covey::broken_resource_error&) {
            mine.note = "broken";
        }
    }

    void cancel(std::size_t number) {
        write("cancel " + std::to_string(number));
        operations_[number]->task->cancel();
        model_.cancel(number);
    }

    void compare() {
        for (std::size_t i = 0; i < operations_.size(); ++i) {
            const operation& each = *operations_[i];
            require(each.note == model_.outcomes[i], "select" + std::to_string(i) + " is '" +
                                                         each.note + "', not '" +
                                                         model_.outcomes[i] + "'");
            for (std::size_t k = 0; k < cases; ++k)
                require((each.values[k] == nullptr) == (each.note == std::to_string(k) + " sent"),
                        "the value of case " + std::to_string(k));
        }
        compare_figures();
    }
    void compare_figures() {
        for (std::size_t i = 0; i < channels; ++i) {
            const covey::channel_statistics seen = rx_[i].statistics();
            const std::array<std::size_t, 3> figures{
                seen.current_buffer_used, seen.tasks_waiting_send, seen.tasks_waiting_receive};
            require(figures == model_.figures(i), "the figures of channel " + std::to_string(i));
        }
    }

    support::dice random_;
    select_model model_;
    std::vector<covey::send_channel<box>> tx_;
    std::vector<covey::receive_channel<box>> rx_;
    std::vector<std::unique_ptr<operation>> operations_;
    int next_value_ = 0;
    std::string history_;
};

}  // namespace

TEST_CASE("random programs of selects do what the model says (M10, M14, M20, M22, M30, M42-M46)") {
    constexpr std::array<std::array<std::size_t, channels>, 3> shapes{
        {{0, 0, 0}, {0, 1, 2}, {1, 1, 3}}};
    for (const std::uint64_t seed : support::seeds(support::rounds(150))) {
        for (const auto& capacities : shapes) {
            support::run_virtual(seed, [&]() -> covey::task<> {
                program random(seed, capacities);
                co_await random.run(60);
            });
        }
    }
}
