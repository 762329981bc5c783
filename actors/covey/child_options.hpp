// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/channel.hpp>
#include <covey/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace covey {

// Whether a child of a supervisor is started again when it has ended.
enum class restart : std::uint8_t {
    permanent,  // always
    transient,  // when it failed
    temporary,  // never
};

// What becomes of the queued messages when an actor is restarted. A group restart (one_for_all,
// rest_for_one) drains under `keep` as well: the senders' state is gone. (SV23, SV24)
enum class on_restart : std::uint8_t {
    keep,   // the next incarnation handles them, in order
    drain,  // they become dead letters
    epoch,  // in a group restart, those whose sender is restarted too become dead letters
};

// What becomes of the messages that are queued when an actor is stopped for good. Requests fail at
// once, in either case, and nothing new is taken. (SV11, SV28)
enum class on_stop : std::uint8_t {
    discard,  // they become dead letters
    finish,   // they are handled, within the grace; what is left then becomes dead letters
};

// One child of a supervisor, or one actor. Under a plain nursery only name, grace, hard, mailbox,
// overflow and on_stop mean anything. The name is copied.
struct child_options {
    std::string_view name = {};  // default: the function's or the actor class's
    covey::restart restart = covey::restart::transient;
    duration start_limit = never;  // to become ready; then the start has failed

    // A child that has to end is asked to; `grace` later it is cancelled, and `hard` after the
    // asking cancelled through its shields. While a supervisor is open inside the child, the
    // default `hard` doesn't count: that one's children have limits of their own. (SV10, SV11)
    duration grace = std::chrono::seconds(5);
    duration hard = std::chrono::seconds(10);

    bool significant = false;  // see close_when

    // More restarts in a row than this, and its supervisor gives up, whatever is left of the
    // budget: for a child that fails too slowly to spend it. In a row: see backoff::reset_after.
    // Restarts by hand, and with a group because of another child, don't count. Default: any
    // number. (SV14)
    std::optional<unsigned> max_consecutive = {};

    // Actors only.
    std::size_t mailbox = 64;  // messages that may wait
    covey::overflow overflow = covey::overflow::block;
    covey::on_restart on_restart = covey::on_restart::keep;
    // How often a told message is given to a handler that fails, or is cut off by a restart, before
    // it is a dead letter. More than once: the next incarnation gets it first, before what is
    // queued, and on_restart holds for it too. Each but the last of these deliveries costs a copy
    // of the message; one that can't be copied is delivered once. Requests are: their asker is
    // told. (SV23, SV26, SV30)
    unsigned max_deliveries = 1;
    covey::on_stop on_stop = covey::on_stop::discard;
    // While the actor is down, from the end of an incarnation to the begin of the next, what is
    // sent is refused with actor_unavailable_error instead of queued: for senders that know
    // somebody else to turn to. A send that waits for room already waits on. (SV25)
    bool reject_while_down = false;
};

// How an incarnation ended, or a child for good.
enum class exit_reason : std::uint8_t {
    finished,    // returned by itself
    stopped,     // its owner asked
    restarting,  // stopped in order to be started again
    failed,      // by an error
    cancelled,   // together with the scope around it
    gave_up,     // its restarts are used up
};
[[nodiscard]] const char* to_string(exit_reason reason) noexcept;

// What is done about an error of a child: see supervisor_options::decide and actor::on_error.
enum class verdict : std::uint8_t {
    resume,    // an actor drops the message and goes on; for a task the same as stop
    restart,   // as the child's restart type says
    stop,      // the child has ended; its error is in its outcome and the log
    escalate,  // its supervisor fails with it
};

}  // namespace covey
