// SPDX-License-Identifier: BSL-1.0
#include "network.hpp"

#include "caf_core.hpp"

#include <covey/caf.hpp>
#include <covey/checkpoint.hpp>
#include <covey/timeout.hpp>
#include <covey/to_thread.hpp>

#include <caf/actor_cast.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace covey::detail {

namespace {

caf_network checked(caf_network options) {
    for (duration* each :
         {&options.heartbeat, &options.silence, &options.handshake, &options.linger}) {
        *each = to_duration(*each);
    }
    if (options.silence < options.heartbeat) {
        throw std::invalid_argument(
            "covey: caf_network::silence is shorter than ::heartbeat: every connection would be "
            "given up");
    }
    return options;
}

caf::timespan to_timespan(duration length) { return caf::timespan(length.count()); }

// Whoever goes away before the handshake is done leaves nothing behind.
class unfinished_connection {
 public:
    explicit unfinished_connection(caf::intrusive_ptr<connection> made) : made_(std::move(made)) {}
    unfinished_connection(const unfinished_connection&) = delete;
    unfinished_connection& operator=(const unfinished_connection&) = delete;
    ~unfinished_connection() {
        if (!is_finished_) made_->end();
    }
    [[nodiscard]] caf::io::scribe_ptr scribe() const { return made_; }
    [[nodiscard]] std::string reason() const { return made_->reason(); }
    void finish() noexcept { is_finished_ = true; }

 private:
    const caf::intrusive_ptr<connection> made_;
    bool is_finished_ = false;
};

}  // namespace

network::network(const caf_network& options)
    : options_(checked(options)), connections_(options_.tls, options_.linger) {}

void network::configure(caf::actor_system_config& config) const {
    config.load<caf::io::middleman>();
    config.set("middleman.heartbeat-interval", to_timespan(options_.heartbeat));
    // CAF would end connections whose handshake isn't done by the next heartbeat, too.
    config.set("middleman.connection-timeout", caf::timespan(0));
}

void network::open(caf_core& core) {
    core_ = &core;
    broker_ = core.system().middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
}

caf::io::network::default_multiplexer& network::multiplexer() const {
    return static_cast<caf::io::network::default_multiplexer&>(
        core_->system().middleman().backend());
}

// ---- Publishing

task<std::uint16_t> network::publish(caf::strong_actor_ptr actor, std::set<std::string> interface,
                                     caf_address at, duration limit) {
    co_await stands_for_its_caller();
    if (!actor)
        throw std::invalid_argument("covey: publish() of no CAF actor: the handle is empty");
    std::uint16_t port = 0;
    const bool in_time = co_await move_on_after(limit, [&]() -> task<> {
        unique_socket socket = co_await to_thread({.abandon_on_cancel = true}, listen_socket, at);
        port = local_port(socket);
        auto doorman = connections_.make_doorman(multiplexer(), std::move(socket));
        caf::message order = caf::make_message(caf::publish_atom::value, std::move(doorman), port,
                                               std::move(actor), std::move(interface));
        co_await await_caf_answer(*core_, caf::actor_cast<caf::strong_actor_ptr>(broker_), never,
                                  std::move(order));
    });
    if (!in_time) {
        throw too_slow_error(
            fmt::format("covey: publish() at {} took longer than its time limit", to_string(at)));
    }
    co_return port;
}

task<> network::unpublish(std::uint16_t port) {
    co_await stands_for_its_caller();
    co_await await_caf_answer(*core_, caf::actor_cast<caf::strong_actor_ptr>(broker_), never,
                              caf::make_message(caf::close_atom::value, port));
}

// ---- Connecting

task<caf::strong_actor_ptr> network::connect(std::set<std::string> interface, caf_address to,
                                             duration limit) {
    co_await stands_for_its_caller();
    caf::message answer;
    const bool in_time =
        co_await move_on_after(limit, [&]() -> task<> { answer = co_await shake_hands(to); });
    if (!in_time) {
        throw too_slow_error(fmt::format(
            "covey: connect() to {} took longer than its time limit: there is a listener, which "
            "doesn't speak as expected{}",
            to_string(to), options_.tls ? " (is it one with TLS?)" : " (does it want TLS?)"));
    }
    auto actor = answer.get_as<caf::strong_actor_ptr>(1);
    if (!actor) {
        throw caf_error(
            fmt::format("covey: connect() to {}: no actor is published there", to_string(to)),
            caf::make_error(caf::sec::no_actor_published_at_port));
    }
    if (!core_->system().assignable(answer.get_as<std::set<std::string>>(2), interface)) {
        throw caf_error(fmt::format("covey: connect() to {}: the actor there has another interface",
                                    to_string(to)),
                        caf::make_error(caf::sec::unexpected_actor_messaging_interface));
    }
    co_return actor;
}

// A cancellation doesn't wait for the thread, which is told to come back, but may be busy with the
// name.
task<unique_socket> network::reach(const caf_address& to) {
    const auto bell = std::make_shared<const wake_up>();
    struct ring_at_end {
        const wake_up& bell;
        ~ring_at_end() { bell.ring(); }
    } const at_end{*bell};
    co_return co_await to_thread({.abandon_on_cancel = true}, connect_socket, to, bell);
}

task<caf::message> network::shake_hands(const caf_address& to) {
    unique_socket socket = co_await reach(to);
    unfinished_connection made(connections_.make(multiplexer(), std::move(socket), false));
    try {
        caf::message answer = co_await await_caf_answer(
            *core_, caf::actor_cast<caf::strong_actor_ptr>(broker_), never,
            caf::make_message(caf::connect_atom::value, made.scribe(), to.port));
        made.finish();
        co_return answer;
    } catch (const caf_error& error) {
        const std::string reason = made.reason();
        throw caf_error(
            fmt::format("covey: connect() to {}: the connection ended before CAF's handshake "
                        "was done{}{}{}",
                        to_string(to), reason.empty() ? "" : ": ", reason,
                        options_.tls || !reason.empty() ? "" : " (does it want TLS?)"),
            error.error());
    }
}

// ---- Ending

// Messages to others wait for the broker in its mailbox: after them comes this question.
task<> network::flush() {
    co_await await_caf_answer(*core_, caf::actor_cast<caf::strong_actor_ptr>(broker_), never,
                              caf::make_message(caf::get_atom::value, core_->system().node()));
}

task<> network::end_silent_ones() {
    const duration period = std::max<duration>(std::min(options_.heartbeat, options_.handshake / 4),
                                               std::chrono::milliseconds(1));
    for (;;) {
        co_await sleep_for(period);
        connections_.end_silent(options_.silence, options_.handshake);
        static_cast<void>(connections_.all_have_left());
    }
}

void network::close_broker() {
    if (!broker_) return;
    auto& broker =
        static_cast<caf::io::basp_broker&>(*caf::actor_cast<caf::abstract_actor*>(broker_));
    broker.caf::scheduled_actor::cleanup(caf::make_error(caf::exit_reason::user_shutdown), nullptr);
    broker_ = nullptr;
}

task<> network::until_all_have_left() {
    while (!connections_.all_have_left()) co_await sleep_for(std::chrono::milliseconds(1));
}

// At once, if that is cancelled: through all shields, or because the system has gone.
task<> network::end_all_after_linger() {
    struct end_all {
        connection_list& connections;
        ~end_all() { connections.end_all(); }
    } const at_end{connections_};
    co_await sleep_for(options_.linger);
}

}  // namespace covey::detail
