// SPDX-License-Identifier: BSL-1.0
#pragma once

// Bank Transactions (banking): an account that pays another one waits until that has the money, and
// does nothing else meanwhile. No deadlock, because money goes to accounts with higher numbers
// only. Whole numbers of money, where the suite has floating ones that vanish in rounding.

#include "post.hpp"
#include "random.hpp"
#include "values.hpp"

#include <covey/actor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

namespace savina::banking {

struct sizes {
    std::int32_t accounts = 1'000;
    std::int32_t transfers = 50'000;
    std::int64_t initial_balance = 1'000'000'000'000;  // in millionths
};

struct transfer {
    std::int32_t from;
    std::int32_t to;
    std::int64_t amount;
};

// The transfers of a run, always the same.
class transfers {
 public:
    explicit transfers(std::int32_t accounts) : accounts_(accounts) {}

    transfer next() {
        transfer result{};
        result.from = random_.next_int(accounts_ / 10 * 8);
        const std::int32_t distance = random_.next_int(accounts_ - result.from);
        result.to = result.from + (distance == 0 ? 1 : distance);
        result.amount = 1'000'000'000 / (random_.next_int() + 1);  // at most a thousand
        return result;
    }

 private:
    const std::int32_t accounts_;
    savina_random random_{123456};
};

class teller;
class account;

struct pay {
    std::int64_t amount;
    covey::actor_ref<account> to;
    covey::actor_ref<teller> for_whom;
};
struct deposit {
    std::int64_t amount;
};
struct paid {};
struct begin {};

class account : public covey::actor {
 public:
    explicit account(std::int64_t& balance) : balance_(balance) {}

    covey::task<> handle(pay message);
    void handle(deposit message) { balance_ += message.amount; }

 private:
    std::int64_t& balance_;
};

class teller : public covey::actor {
 public:
    teller(sizes size, std::vector<covey::actor_ref<account>> accounts, std::int64_t& replies)
        : sizes_(size), accounts_(std::move(accounts)), replies_(replies) {}

    covey::task<> handle(begin) {
        transfers all(sizes_.accounts);
        for (std::int32_t i = 0; i < sizes_.transfers; ++i) {
            const transfer each = all.next();
            co_await at(each.from).tell(pay{each.amount, at(each.to), self<teller>()});
        }
    }
    void handle(paid) {
        if (++replies_ < sizes_.transfers) return;
        for (const auto& each : accounts_) each.stop();
        stop_self();
    }

 private:
    [[nodiscard]] const covey::actor_ref<account>& at(std::int32_t number) const {
        return accounts_[static_cast<std::size_t>(number)];
    }

    const sizes sizes_;
    const std::vector<covey::actor_ref<account>> accounts_;
    std::int64_t& replies_;
};

inline covey::task<> account::handle(pay message) {
    balance_ -= message.amount;
    co_await message.to.ask(deposit{message.amount});
    post(message.for_whom, paid{});
}

// What the same transfers come to, done one after the other.
struct audit {
    explicit audit(const sizes& size)
        : balances(static_cast<std::size_t>(size.accounts), size.initial_balance) {
        std::vector<bool> is_source(balances.size());
        transfers all(size.accounts);
        for (std::int32_t i = 0; i < size.transfers; ++i) {
            const transfer each = all.next();
            balances[static_cast<std::size_t>(each.from)] -= each.amount;
            balances[static_cast<std::size_t>(each.to)] += each.amount;
            moved += each.amount;
            is_source[static_cast<std::size_t>(each.from)] = true;
        }
        sources = std::count(is_source.begin(), is_source.end(), true);
    }

    std::vector<std::int64_t> balances;
    std::int64_t moved = 0;
    std::int64_t sources = 0;
};

inline covey::task<values> bank_transactions(sizes size) {
    std::vector<std::int64_t> balances(static_cast<std::size_t>(size.accounts),
                                       size.initial_balance);
    std::int64_t replies = 0;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        std::vector<covey::actor_ref<account>> accounts;
        for (std::int64_t& each : balances) {
            auto ref = co_await covey::start_actor<account>(nursery, {}, std::ref(each));
            accounts.push_back(std::move(ref));
        }
        // It hears of nothing before it has told of all.
        const auto room = static_cast<std::size_t>(size.transfers);
        const auto ref = co_await covey::start_actor<teller>(
            nursery, {.mailbox = room}, size, std::move(accounts), std::ref(replies));
        co_await ref.tell(begin{});
    });
    const audit expected(size);
    require(balances == expected.balances, "each account holds what the transfers come to");
    const std::int64_t money = std::accumulate(balances.begin(), balances.end(), std::int64_t{0});
    co_return values{{"replies", static_cast<double>(replies)},
                     {"money", static_cast<double>(money)},
                     {"moved", static_cast<double>(expected.moved)},
                     {"sources", static_cast<double>(expected.sources)}};
}

}  // namespace savina::banking
