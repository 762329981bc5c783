// SPDX-License-Identifier: BSL-1.0
//
// Every wait ends: each step of main has a limit, and whatever is shielded from that has one of its
// own. So a program that doesn't end shows a fault.

#include "fuzz/interpreter.hpp"

#include <covey/channel.hpp>
#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/run.hpp>
#include <covey/select.hpp>
#include <covey/shield.hpp>
#include <covey/supervisor.hpp>
#include <covey/testing.hpp>
#include <covey/timeout.hpp>

#include <chrono>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace fuzz {

namespace {

using namespace std::chrono_literals;
using support::presence;

constexpr int limit_of_a_step = 60;  // of main, in units

// ---- Channels of the whole program: their ends are closed by anybody, and destroyed at the end

class open_channel {
 public:
    open_channel(ledger& books, const program::shape& shape)
        : account_(books.open_account(shape.capacity)) {
        auto [tx, rx] = covey::open_memory_channel<token>(shape.capacity, shape.policy);
        tx_.push_back(std::move(tx));
        rx_.push_back(std::move(rx));
    }

    [[nodiscard]] std::size_t account() const { return account_; }
    const covey::send_channel<token>& tx(std::size_t which) { return one_of(tx_, which); }
    const covey::receive_channel<token>& rx(std::size_t which) { return one_of(rx_, which); }
    void close(std::size_t which, bool sender) {
        if (sender)
            one_of(tx_, which).close();
        else
            one_of(rx_, which).close();
    }
    void clone(std::size_t which, bool sender) {
        if (sender)
            add(tx_, tx(which).clone());
        else
            add(rx_, rx(which).clone());
    }

    // Takes out what is left.
    void end(ledger& books) {
        const covey::channel_statistics last = tx_[0].statistics();
        for (const covey::receive_channel<token>& each : rx_) {
            if (each.closed()) continue;
            for (auto& sender : tx_) sender.close();
            for (;;) {
                std::optional<token> left;
                try {
                    left.emplace(std::move(each.try_receive().value()));
                } catch (const covey::end_of_channel&) {
                    break;
                }
                books.receive(left->number());
            }
        }
        books.judge(account_, last.dropped, last.open_receive_channels == 0);
    }

 private:
    template <class End>
    End& one_of(std::deque<End>& ends, std::size_t which) {
        const std::lock_guard held(lock_);
        return ends[which % ends.size()];
    }
    template <class End>
    void add(std::deque<End>& ends, End fresh) {
        constexpr std::size_t most = 6;
        const std::lock_guard held(lock_);
        if (ends.size() < most) ends.push_back(std::move(fresh));
    }

    std::size_t account_;
    std::mutex lock_;
    std::deque<covey::send_channel<token>> tx_;  // a deque: who uses one holds no lock
    std::deque<covey::receive_channel<token>> rx_;
};

class stage : public world {
 public:
    stage(support::faults& faults, ledger& values, covey::duration unit_of_time,
          const program& played)
        : world(faults, values, unit_of_time) {
        for (const program::shape& each : played.channels) channels_.emplace_back(values, each);
    }

    // By a byte: which channel, and the rest says which end.
    open_channel& channel(unsigned byte) { return channels_[byte % channels_.size()]; }
    [[nodiscard]] unsigned end_of(unsigned byte) const {
        return byte / static_cast<unsigned>(channels_.size());
    }
    const covey::send_channel<token>& tx(unsigned byte) { return channel(byte).tx(end_of(byte)); }
    const covey::receive_channel<token>& rx(unsigned byte) {
        return channel(byte).rx(end_of(byte));
    }
    void end_channels() {
        for (open_channel& each : channels_) each.end(books);
    }

 private:
    std::deque<open_channel> channels_;
};

covey::task<> live(stage* in, presence* around, const block* todo);

// A value with its sender: it is still there exactly if it wasn't sent.
struct offer {
    offer(stage& on_stage, std::size_t account) : in(on_stage), value(in.books.make(account)) {}
    offer(const offer&) = delete;
    offer& operator=(const offer&) = delete;
    ~offer() {
        in.found.expect(value.is_here() != is_sent, "what isn't sent stays with its sender");
    }
    void sent() {
        is_sent = true;
        in.books.accept(value.number());
    }

    stage& in;
    token value;
    bool is_sent = false;
};

// Those that say how a channel is, and no more.
template <class F>
covey::task<> unless_closed(F operation) {
    try {
        co_await operation();
    } catch (const covey::closed_resource_error&) {
    } catch (const covey::broken_resource_error&) {
    } catch (const covey::channel_full_error&) {
    } catch (const covey::end_of_channel&) {
    }
}

covey::task<> send(stage& in, const step& how) {
    offer mine(in, in.channel(how.a).account());
    co_await in.tx(how.a).send_from(mine.value);
    mine.sent();
}

covey::task<> receive(stage& in, const step& how) {
    const std::optional<token> value = co_await in.rx(how.a).next();
    if (value) in.books.receive(value->number());
}

covey::task<> receive_many(stage& in, const step& how) {
    const std::vector<token> values = co_await in.rx(how.a).receive_many(3);
    for (const token& each : values) in.books.receive(each.number());
}

void try_send(stage& in, const step& how) {
    offer mine(in, in.channel(how.a).account());
    if (in.tx(how.a).try_send(std::move(mine.value))) mine.sent();
}

void try_receive(stage& in, const step& how) {
    const std::optional<token> value = in.rx(how.a).try_receive();
    if (value) in.books.receive(value->number());
}

// Receives from one, sends to another; or some time passes.
covey::task<> select(stage& in, const step& how) {
    offer mine(in, in.channel(how.b).account());
    const auto which = co_await covey::select(
        covey::receive_from(in.rx(how.a)),
        covey::send_to(in.tx(how.b), mine.value).when((how.b & 1U) == 0),
        covey::receive_from(in.rx(how.b)).when((how.b & 1U) != 0), covey::after(in.length(how.a)));
    const auto take = [&in](const std::optional<token>& value) {
        if (value) in.books.receive(value->number());
    };
    if (which.index() == 0) take(std::get<0>(which));
    if (which.index() == 1) mine.sent();
    if (which.index() == 2) take(std::get<2>(which));
}

covey::task<> use_channel_for_ever(stage& in, const step& how) {
    co_await unless_closed([&]() -> covey::task<> {
        switch (how.what) {
            case verb::send: co_await send(in, how); break;
            case verb::receive: co_await receive(in, how); break;
            case verb::receive_many: co_await receive_many(in, how); break;
            case verb::select: co_await select(in, how); break;
            case verb::try_send: try_send(in, how); break;
            case verb::try_receive: try_receive(in, how); break;
            case verb::clone:
                in.channel(how.a).clone(in.end_of(how.a) / 2, in.end_of(how.a) % 2 == 0);
                break;
            default: in.channel(how.a).close(in.end_of(how.a) / 2, in.end_of(how.a) % 2 == 0);
        }
    });
}

covey::task<> use_channel(stage& in, const step& how) {
    const covey::duration limit = how.a >= 128 ? in.length(how.a / 8U) : covey::never;
    const bool in_time = co_await covey::move_on_after(limit, use_channel_for_ever(in, how));
    static_cast<void>(in_time);
}

// Each end is owned by one child, and destroyed with it; nobody else is there, so the order is
// known.
covey::task<> produce(stage* in, covey::send_channel<token> tx, std::size_t account,
                      unsigned count) {
    for (; count != 0; --count) {
        offer mine(*in, account);
        co_await unless_closed([&]() -> covey::task<> {
            co_await tx.send_from(mine.value);
            mine.sent();
        });
    }
}
covey::task<> consume(stage* in, covey::receive_channel<token> rx, unsigned most) {
    std::optional<std::size_t> last;
    for (; most != 0; --most) {
        const std::optional<token> value = co_await rx.next();
        if (!value) co_return;
        in->books.receive(value->number());
        in->found.expect(!last || *last < value->number(), "values arrive in their order");
        last = value->number();
    }
}
covey::task<> pipe(stage& in, const step& how) {
    const std::size_t capacity = how.b % 3U;
    const std::size_t account = in.books.open_account(capacity);
    struct closing {
        stage& in;
        std::size_t account;
        ~closing() { in.books.judge(account, 0, true); }
    } const at_the_end{in, account};
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        in.publish(nursery.scope());
        auto [tx, rx] = covey::open_memory_channel<token>(capacity);
        nursery.start_soon(produce, &in, std::move(tx), account, how.a % 8U);
        nursery.start_soon(consume, &in, std::move(rx), how.a / 8U);
    });
}

// ---- Scopes

covey::task<> in_a_scope(stage& in, presence& self, const step& how) {
    const bool is_shielded = how.a % 4 == 3;
    const covey::duration limit =
        is_shielded || how.a % 4 == 2 ? in.length(how.a / 4U) : covey::never;
    std::optional<covey::scope_handle> handle;
    const bool finished =
        co_await covey::move_on_after(limit, [&](covey::cancel_scope& scope) -> covey::task<> {
            handle.emplace(scope.handle());
            in.publish(scope);
            scope.set_shield(is_shielded);
            co_await live(&in, &self, &how.inside[0]);
        });
    const bool caught = handle->cancelled_caught();
    in.found.expect(finished != caught, "a body was cut exactly if its scope caught");
    in.found.expect(!caught || handle->cause().source != covey::cancel_source::none,
                    "what caught has a cause");
}

covey::task<> in_a_shield(stage& in, presence& self, const step& how) {
    auto body = covey::move_on_after(in.length(how.a), live(&in, &self, &how.inside[0]));
    if (how.a >= 128)
        co_await covey::shielded(in.length(how.a / 16U), std::move(body));
    else
        co_await covey::shielded(std::move(body));
}

covey::task<> in_an_attempt(stage& in, presence& self, const step& how) {
    const auto result = co_await covey::attempt(live(&in, &self, &how.inside[0]));
    if (!result.has_value()) in.arrive(result.error());
}

covey::task<> cleaned_up(stage& in, presence& self, const step& how) {
    co_await covey::finally(live(&in, &self, &how.inside[0]), [&]() -> covey::task<> {
        const bool in_time =
            co_await covey::move_on_after(in.length(how.a), live(&in, &self, &how.inside[1]));
        static_cast<void>(in_time);
    });
}

void cancel(stage& in, const step& how) {
    const auto scope = in.recent_scope(how.a / 4U % 8U);
    if (!scope) return;
    switch (how.a % 4) {
        case 0: scope->soft_cancel("by the program"); break;
        case 1: scope->soft_cancel("by the program", in.length(how.a / 16U)); break;
        case 2:
            if (how.a >= 192) {
                scope->pierce("by the program");
                break;
            }
            [[fallthrough]];
        default: scope->cancel("by the program");
    }
}

// ---- Nurseries

covey::task<> in_a_nursery(stage& in, presence& self, const step& how) {
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        in.publish(nursery.scope());
        for (std::size_t i = 1; i < how.inside.size(); ++i) {
            if (i == 1 && how.b % 4 == 1)
                nursery.start_service(live, &in, &self, &how.inside[i]);
            else
                nursery.start_soon(live, &in, &self, &how.inside[i]);
        }
        co_await live(&in, &self, &how.inside[0]);
        if (how.b % 4 == 2) nursery.cancel("by its body");
    });
}

covey::task<> spawned(stage& in, presence& self, const step& how) {
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        in.publish(nursery.scope());
        const auto child = nursery.spawn([&]() -> covey::task<int> {
            co_await live(&in, &self, &how.inside[1]);
            co_return 4;
        });
        co_await live(&in, &self, &how.inside[0]);
        if (how.a % 2 == 1) child.cancel("by who started it");
        try {
            const int four = co_await child;
            in.found.expect(four == 4, "a child gives its value");
        } catch (const covey::cancelled_error&) {
        }
    });
}

covey::task<> started(stage& in, presence& self, const step& how) {
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        in.publish(nursery.scope());
        const int port =
            co_await nursery.start([&](covey::task_status<int> status) -> covey::task<> {
                co_await live(&in, &self, &how.inside[0]);
                if (how.a % 8 != 0) status.started(80);
                co_await live(&in, &self, &how.inside[1]);
            });
        in.found.expect(port == 80, "start gives what started() was given");
    });
}

// ---- Supervisors

struct charge {  // what an incarnation is made of
    stage* in;
    presence* around;
    const block* todo;
    covey::duration most;  // that its end may take, and the delay before the next
};
covey::task<> incarnation(charge mine) {
    mine.in->give(mine.most);
    co_await live(mine.in, mine.around, mine.todo);
}
covey::task<> incarnation_with_status(covey::task_status<void> status, charge mine) {
    mine.in->give(mine.most);
    co_await covey::sleep_for(mine.in->length(1));
    status.started();
    co_await live(mine.in, mine.around, mine.todo);
}

covey::supervisor_options options_of(stage& in, const step& how) {
    covey::supervisor_options options{.strategy = static_cast<covey::strategy>(how.b % 3),
                                      .intensity = how.a / 16U % 4U,
                                      .period = in.unit * 10 * limit_of_a_step};
    options.backoff = {.first = in.unit * (how.a / 64), .max = in.unit * 8, .jitter = 0};
    options.stop_order = static_cast<covey::stop_order>(how.b / 9 % 2);
    options.close_when = static_cast<covey::close_when>(how.b / 18 % 4);
    options.budget = static_cast<covey::budget_scope>(how.b / 72 % 2);
    if (how.a / 8 % 2 == 1) options.close_deadline = in.length(5);
    options.history = ~std::size_t{0};
    return options;
}

covey::task<> start_child(stage& in, presence& self, covey::supervisor& supervisor,
                          supervisor_audit& audit, const step& how, std::size_t number) {
    covey::child_options options{.restart = static_cast<covey::restart>((how.b / 3U + number) % 3U),
                                 .grace = in.unit * 2,
                                 .hard = in.unit * 5};
    options.significant = number == 1;
    const charge mine{&in, &self, &how.inside[number], options.hard + in.unit * 8};
    try {
        if ((how.a / 4U + number) % 2 == 0)
            co_await supervisor.start(options, incarnation, mine);
        else
            co_await supervisor.start(options, incarnation_with_status, mine);
    } catch (const covey::start_failed_error&) {
        audit.told(std::current_exception());
    } catch (const covey::closed_nursery_error&) {
    }
}

covey::task<> in_a_supervisor(stage& in, presence& self, const step& how) {
    const covey::supervisor_options options = options_of(in, how);
    supervisor_audit audit(in, options);
    in.give(5s);  // for the body, when the supervisor closes
    const auto result = co_await covey::attempt(
        covey::with_supervisor(options, [&](covey::supervisor& supervisor) -> covey::task<> {
            audit.watch(supervisor);
            in.publish(supervisor);
            in.publish(supervisor.scope());
            for (std::size_t i = 1; i < how.inside.size(); ++i)
                co_await start_child(in, self, supervisor, audit, how, i);
            co_await live(&in, &self, &how.inside[0]);
        }));
    if (result.has_value()) co_return;
    audit.raised(result.error());
    std::rethrow_exception(result.error());
}

covey::task<> operate(stage& in, const step& how) {
    const auto supervisor = in.recent_supervisor(how.a);
    if (!supervisor) co_return;
    const std::vector<covey::child_info> children = supervisor->children();
    if (children.empty()) co_return;
    const covey::child_id chosen = children[how.b / 4U % children.size()].id;
    in.give(in.unit * 20);
    try {
        switch (how.b % 4) {
            case 0: co_await supervisor->stop(chosen); break;
            case 3: supervisor->stop_all("by the program"); break;
            default: co_await supervisor->restart(chosen);
        }
    } catch (const std::logic_error&) {  // closed, or the child has ended, or is the caller's own
    }
}

// ---- One after the other

covey::task<> perform(stage& in, presence& self, const step& how) {
    switch (how.what) {
        case verb::end:
        case verb::checkpoint: co_await covey::checkpoint(); break;
        case verb::sleep: co_await covey::sleep_for(in.length(how.a)); break;
        case verb::send:
        case verb::receive:
        case verb::try_send:
        case verb::try_receive:
        case verb::receive_many:
        case verb::select:
        case verb::clone:
        case verb::close: co_await use_channel(in, how); break;
        case verb::set_event: in.events[how.a % in.events.size()].set(); break;
        case verb::wait_for_event: co_await in.events[how.a % in.events.size()].wait(); break;
        case verb::wait_for_soft_cancel:
            co_await covey::current_scope().until_soft_cancelled();
            break;
        case verb::fail: in.fail();
        case verb::cancel: cancel(in, how); break;
        case verb::set_deadline:
            co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
                scope.set_deadline(covey::now() + in.length(how.a));
                co_await covey::sleep_for(in.length(how.a / 16U));
            });
            break;
        case verb::operate: co_await operate(in, how); break;
        case verb::scope: co_await in_a_scope(in, self, how); break;
        case verb::shielded: co_await in_a_shield(in, self, how); break;
        case verb::attempt: co_await in_an_attempt(in, self, how); break;
        case verb::finally: co_await cleaned_up(in, self, how); break;
        case verb::fail_after:
            co_await covey::fail_after(in.length(how.a), live(&in, &self, &how.inside[0]));
            break;
        case verb::nursery: co_await in_a_nursery(in, self, how); break;
        case verb::spawn: co_await spawned(in, self, how); break;
        case verb::start: co_await started(in, self, how); break;
        case verb::pipe: co_await pipe(in, how); break;
        case verb::supervisor: co_await in_a_supervisor(in, self, how); break;
    }
}

covey::task<> live(stage* in, presence* around, const block* todo) {
    presence self(in->found, around);
    for (const step& each : *todo) {
        if (!in->may_step()) co_return;
        co_await perform(*in, self, each);
    }
}

// Neither the first error nor the first wait for nobody is the end of main.
covey::task<> whole_life(stage* in, const program* played) {
    presence self(in->found, nullptr);
    for (const step& each : played->main) {
        if (!in->may_step()) co_return;
        const covey::duration limit = in->give(in->unit * limit_of_a_step);
        const auto result =
            co_await covey::attempt(covey::move_on_after(limit, perform(*in, self, each)));
        if (!result.has_value()) in->arrive(result.error());
    }
}

std::string run_on(const program& played, covey::run_options options, covey::duration unit,
                   tally& sums) {
    support::faults found;
    ledger books(found);
    {
        stage in(found, books, unit, played);
        const bool yielded = covey::testing::set_yield_every_operation(played.yields);
        try {
            covey::run(options, whole_life, &in, &played);
        } catch (const std::exception& error) {
            found.expect(false, error.what());
        }
        covey::testing::set_yield_every_operation(yielded);
        in.end_channels();
        in.judge(sums);
        if (options.clock != nullptr)
            found.expect(options.clock->now().time_since_epoch() <= in.given(),
                         "no more time passes than was asked for");
    }
    books.judge_all(sums);
    const covey::testing::leak_report left = covey::testing::leaks();
    return found.text() + (left.any() ? "left: " + covey::testing::to_string(left) : "");
}

}  // namespace

std::string run(const program& played, tally& sums) {
    covey::testing::virtual_clock clock;
    return run_on(played, {.workers = 1, .clock = &clock, .seed = played.seed}, 1ms, sums);
}

std::string run_for_real(const program& played, unsigned workers, tally& sums) {
    return run_on(played, {.workers = workers}, 5us, sums);
}

}  // namespace fuzz
