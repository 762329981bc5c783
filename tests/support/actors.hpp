// SPDX-License-Identifier: BSL-1.0
#pragma once

// An actor that writes down what happens to it, and ways to say what became of a message.

#include "support/run_virtual.hpp"

#include <covey/actor.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace support {

// Messages of a scribe.
struct note {
    std::string text;
};
struct hold {  // the handler waits for the gate
    covey::event* gate;
    std::string text = "held";
};
struct fail {
    std::string what = "boom";
};
struct carry {  // moves only
    std::unique_ptr<int> cargo;
};
struct echo {
    std::string text;
};
struct held_echo {
    covey::event* gate;
    std::string text;
};
struct failing_echo {
    std::string what = "boom";
};

class scribe : public covey::actor {
 public:
    explicit scribe(trace& log) : log_(log) {}
    ~scribe() override { log_.note("gone"); }

    void handle(const note& message) { log_.note(message.text); }
    covey::task<> handle(hold message) {
        log_.note(message.text + "(");
        co_await message.gate->wait();
        log_.note(")" + message.text);
    }
    void handle(const fail& message) { throw std::runtime_error(message.what); }
    void handle(carry message) { log_.note(std::to_string(*message.cargo)); }
    std::string handle(const echo& message) {
        log_.note(message.text);
        return message.text + "!";
    }
    covey::task<std::string> handle(held_echo message) {
        log_.note(message.text + "(");
        co_await message.gate->wait();
        log_.note(")" + message.text);
        co_return message.text + "!";
    }
    std::string handle(const failing_echo& message) { throw std::runtime_error(message.what); }

 protected:
    covey::task<> on_start() override {
        log_.note("start");
        co_return;
    }
    covey::task<> on_stop(covey::exit_reason reason) override {
        log_.note(name_of(reason));
        co_return;
    }

 private:
    static const char* name_of(covey::exit_reason reason) {
        switch (reason) {
            case covey::exit_reason::finished: return "finished";
            case covey::exit_reason::stopped: return "stopped";
            case covey::exit_reason::restarting: return "restarting";
            case covey::exit_reason::failed: return "failed";
            case covey::exit_reason::cancelled: return "cancelled";
            case covey::exit_reason::gave_up: return "gave_up";
        }
        return "?";
    }

 protected:
    trace& log_;
};

// "sent", "full", "stopped", "deadlock", "overflow".
template <class Ref, class M>
covey::task<std::string> told(Ref ref, M& message) {
    try {
        co_await ref.tell(std::move(message));
        co_return "sent";
    } catch (const covey::actor_stopped_error&) {
        co_return "stopped";
    } catch (const covey::channel_full_error&) {
        co_return "overflow";
    } catch (const covey::would_deadlock_error&) {
        co_return "deadlock";
    }
}
template <class Ref, class M>
std::string try_told(const Ref& ref, M& message) {
    try {
        return ref.try_tell(std::move(message)) ? "sent" : "full";
    } catch (const covey::actor_stopped_error&) {
        return "stopped";
    } catch (const covey::channel_full_error&) {
        return "overflow";
    }
}
// The reply, or "stopped", "callee", "deadlock", "overflow"; "waits" while it does.
template <class Ref, class M>
covey::task<> note_ask(Ref ref, M message, std::string& answer) {
    try {
        answer = "waits";
        answer = co_await ref.ask(std::move(message));
    } catch (const covey::actor_stopped_error&) {
        answer = "stopped";
    } catch (const covey::callee_failed_error&) {
        answer = "callee";
    } catch (const covey::channel_full_error&) {
        answer = "overflow";
    } catch (const covey::would_deadlock_error&) {
        answer = "deadlock";
    }
}
template <class Ref, class M>
covey::task<> note_tell(Ref ref, M message, std::string& result) {
    result = "waits";
    result = co_await told(ref, message);
}

// "handled 3, queued 0, returned 1, dead 2": where the messages are that the mailbox has taken.
template <class Ref>
std::string accounts(const Ref& ref) {
    const covey::actor_statistics now = ref.statistics();
    return "handled " + std::to_string(now.handled) + ", queued " +
           std::to_string(now.current_buffer_used) + ", returned " + std::to_string(now.returned) +
           ", dead " + std::to_string(now.dead_letters);
}
template <class Ref>
std::size_t accounted(const Ref& ref) {
    const covey::actor_statistics now = ref.statistics();
    CHECK(now.accepted == now.handled + now.current_buffer_used + now.returned + now.dead_letters +
                              now.in_progress);
    return now.accepted;
}

// A run with a nursery and a trace: body(nursery, log).
template <class F>
void with_actors(std::uint64_t seed, F body) {
    run_virtual(seed, [&body]() -> covey::task<> {
        trace log;
        co_await covey::with_nursery(
            [&](covey::nursery& nursery) -> covey::task<> { co_await body(nursery, log); });
    });
}
template <class F>
void with_actors(F body) {
    with_actors(default_seed, std::move(body));
}

}  // namespace support
