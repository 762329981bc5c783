// SPDX-License-Identifier: BSL-1.0
// A bank whose accounts, journal and tellers crash all the time, and no money is lost.
//
// What makes it so: what is written in the books outlives every crash, and an account's own balance
// is only a copy, read from there when it starts. An order has a number, and each step of it is
// recognised when it comes again: so whoever doesn't know how far a step came just repeats it.
// A teller asks the journal what to do next, and gets an order until it is finished: so one that
// crashes between taking and giving goes on where it was.
//
// Ends with 1 if the sum isn't what it was, or an account is mistaken about itself.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr std::array<std::string_view, 5> owners = {"Ada", "Ben", "Cleo", "Dan", "Eve"};
constexpr int desks = 3;
constexpr int opening_balance = 100;

// Strikes now and then, in the same places in every run.
class misfortune {
 public:
    void strike(std::string_view where) {
        if (is_on && dice_() % 9 == 0) throw std::runtime_error(fmt::format("crash {}", where));
    }
    bool is_on = false;

 private:
    std::minstd_rand dice_{2};
};

struct order {
    int number;
    std::size_t from;
    std::size_t to;
    int amount;
};

// Stands for a database: what is written here stays.
struct books {
    std::vector<order> orders;
    std::set<int> finished;
    std::map<std::pair<std::size_t, int>, int> entries;  // account and order: amount

    [[nodiscard]] int balance(std::size_t account) const {
        int sum = opening_balance;
        for (const auto& [key, amount] : entries)
            if (key.first == account) sum += amount;
        return sum;
    }
};

// ---- The journal: the only one who touches the books.

struct write {
    std::size_t account;
    int order;
    int amount;
};
struct read_entries {
    std::size_t account;
};
struct next_order {
    int desk;
};
struct finish {
    int order;
};

class journal : public covey::actor {
 public:
    journal(books& all, misfortune& fate) : books_(all), fate_(fate) {}

    // Once for each account and order, however often it is asked to.
    covey::task<> handle(write entry) {
        co_await covey::sleep_for(2ms);
        fate_.strike("before the entry is written");
        books_.entries.try_emplace({entry.account, entry.order}, entry.amount);
        fate_.strike("after it is written, and nobody has been told");
    }
    std::map<int, int> handle(read_entries of) const {
        std::map<int, int> entries;
        for (const auto& [key, amount] : books_.entries)
            if (key.first == of.account) entries.emplace(key.second, amount);
        return entries;
    }
    std::optional<order> handle(next_order at) const {
        for (const order& each : books_.orders)
            if (each.number % desks == at.desk && !books_.finished.contains(each.number))
                return each;
        return std::nullopt;
    }
    void handle(finish done) { books_.finished.insert(done.order); }

 private:
    books& books_;
    misfortune& fate_;
};

// ---- An account: a copy of its part of the books, and the rule that it is never overdrawn.

struct withdraw {
    int order;
    int amount;
};
struct deposit {
    int order;
    int amount;
};
struct get_balance {};

class account : public covey::actor {
 public:
    account(std::size_t number, covey::actor_ref<journal> log, misfortune& fate)
        : number_(number), journal_(std::move(log)), fate_(fate) {}

    // False: there isn't enough.
    covey::task<bool> handle(withdraw step) {
        if (entries_.contains(step.order)) co_return true;  // it was done before
        if (balance() < step.amount) co_return false;
        co_await enter(step.order, -step.amount);
        co_return true;
    }
    covey::task<> handle(deposit step) {
        if (!entries_.contains(step.order)) co_await enter(step.order, step.amount);
    }
    int handle(get_balance) const { return balance(); }

 protected:
    covey::task<> on_start() override { entries_ = co_await journal_.ask(read_entries{number_}); }

 private:
    // First in the books, then in the copy. If anything goes wrong in between, this copy is thrown
    // away with its account, and the next one is read from the books.
    covey::task<> enter(int order, int amount) {
        co_await journal_.ask(write{number_, order, amount});
        fate_.strike("before the copy is changed");
        entries_.emplace(order, amount);
    }
    [[nodiscard]] int balance() const {
        return std::accumulate(entries_.begin(), entries_.end(), opening_balance,
                               [](int sum, const auto& each) { return sum + each.second; });
    }

    const std::size_t number_;
    const covey::actor_ref<journal> journal_;
    misfortune& fate_;
    std::map<int, int> entries_;
};

// ---- Tellers carry out orders.

using accounts = std::vector<covey::actor_ref<account>>;

// Asks until there is an answer. Only for what may be done twice.
template <class R, class A, class M>
covey::task<R> ask_again(covey::actor_ref<A> whom, M message, int& asked_again) {
    for (;;) {
        auto answer = co_await covey::attempt(whom.ask(message));
        try {
            co_return std::move(answer).value();
        } catch (const covey::callee_failed_error& error) {
            if (!error.restarting()) throw;
        }
        ++asked_again;
        co_await covey::sleep_for(1ms);
    }
}

covey::task<> serve_at(int desk, covey::actor_ref<journal> log, accounts all, misfortune& fate,
                       int& asked_again) {
    for (;;) {
        const auto next =
            co_await ask_again<std::optional<order>>(log, next_order{desk}, asked_again);
        if (!next) co_return;
        const bool is_paid = co_await ask_again<bool>(
            all[next->from], withdraw{next->number, next->amount}, asked_again);
        fate.strike("with the money in hand");
        if (is_paid) {
            co_await ask_again<void>(all[next->to], deposit{next->number, next->amount},
                                     asked_again);
            fate.strike("before the order is finished");
        }
        co_await ask_again<void>(log, finish{next->number}, asked_again);
    }
}

// ---- The bank.

struct result {
    std::array<int, owners.size()> balances{};  // as the accounts believe
    std::map<std::string, std::uint64_t> crashes;
    int asked_again = 0;
};

void count_crashes(const covey::supervisor_handle& of, result& told) {
    for (const covey::child_info& each : of.children()) told.crashes[each.name] += each.restarts;
}

covey::task<> open_bank(books& all, result& told) {
    misfortune fate;
    // Far more crashes than a sound budget allows; here they are the weather.
    const covey::supervisor_options stubborn = {
        .intensity = 1000,
        .period = 1s,
        .backoff = {.first = 5ms, .max = 20ms},
    };
    co_await covey::with_supervisor(stubborn, [&](covey::supervisor& bank) -> covey::task<> {
        const auto log = co_await covey::start_actor<journal>(bank, {.name = "journal"},
                                                              std::ref(all), std::ref(fate));
        accounts each;
        for (std::size_t number = 0; number < owners.size(); ++number) {
            each.push_back(co_await covey::start_actor<account>(bank, {.name = owners[number]},
                                                                number, log, std::ref(fate)));
        }
        fate.is_on = true;
        std::optional<covey::supervisor_handle> office;
        co_await covey::with_supervisor(stubborn, [&](covey::supervisor& tellers) -> covey::task<> {
            office = tellers.handle();
            for (int desk = 0; desk < desks; ++desk) {
                co_await tellers.start({.name = "tellers"}, serve_at, desk, log, each,
                                       std::ref(fate), std::ref(told.asked_again));
            }
        });
        fate.is_on = false;  // every order is finished
        for (std::size_t number = 0; number < owners.size(); ++number)
            told.balances[number] = co_await each[number].ask(get_balance{});
        count_crashes(*office, told);
        count_crashes(bank.handle(), told);
        bank.stop_all();
    });
}

std::vector<order> draw_orders(int count) {
    std::minstd_rand dice(1);
    std::vector<order> orders;
    for (int number = 1; number <= count; ++number) {
        const std::size_t from = dice() % owners.size();
        const std::size_t to = (from + 1 + dice() % (owners.size() - 1)) % owners.size();
        orders.push_back({number, from, to, static_cast<int>(dice() % 60 + 1)});
    }
    return orders;
}

std::string bar(int amount) {
    std::string drawn;
    for (int i = 0; i < amount / 10; ++i) drawn += "█";
    if (amount % 10 >= 5) drawn += "▌";
    return drawn;
}

// True: everything is as it has to be.
bool print_and_check(const books& all, const result& told) {
    constexpr int whole = opening_balance * static_cast<int>(owners.size());
    bool is_right = true;
    int sum = 0;
    fmt::print("  account   crashes   balance\n");
    for (std::size_t number = 0; number < owners.size(); ++number) {
        const int balance = all.balance(number);
        sum += balance;
        const std::string name(owners[number]);
        fmt::print("  {:<8}  {:>7}   {:>7}  {}\n", name, told.crashes.at(name), balance,
                   bar(balance));
        if (balance < 0 || balance != told.balances[number]) is_right = false;
    }
    fmt::print("  together            {:>7}\n\n", sum);

    std::map<int, int> entries_of;
    for (const auto& [key, amount] : all.entries) entries_of[key.second] += 1;
    std::size_t half_done = 0;
    for (const auto& [number, entries] : entries_of) half_done += entries != 2;
    fmt::print("  {} orders: {} paid, {} refused, {} half done\n", all.orders.size(),
               entries_of.size(), all.orders.size() - entries_of.size(), half_done);
    fmt::print("  the journal crashed {} times, the tellers {} times\n", told.crashes.at("journal"),
               told.crashes.at("tellers"));
    fmt::print("  {} questions were asked again\n", told.asked_again);
    return is_right && sum == whole && half_done == 0 && all.finished.size() == all.orders.size();
}

}  // namespace

int main() {
    books all;
    all.orders = draw_orders(60);
    result told;
    covey::testing::virtual_clock clock;
    covey::run({.clock = &clock, .seed = 1}, open_bank, std::ref(all), std::ref(told));
    if (print_and_check(all, told)) return 0;
    fmt::print("  money was lost or made\n");
    return 1;
}
