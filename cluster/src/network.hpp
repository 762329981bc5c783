// SPDX-License-Identifier: BSL-1.0
#pragma once

// How a host speaks to other processes.
//
//     publish:  listen -> doorman to CAF's broker           connect:  connect -> connection to the
//                                                                     broker -> its handshake
//     the end:  CAF sends what is left -> after options.linger connections are ended anyhow
//
// CAF waits without limits: for a listener that never speaks, and for a frozen peer to read what
// was sent. So connections are covey's (connection.hpp), and can be ended whenever it is time to.

#include "caf_version.hpp"
#include "connection.hpp"

#include <covey/task.hpp>

#include <caf/actor.hpp>
#include <caf/fwd.hpp>
#include <caf/message.hpp>

#include <cstdint>
#include <set>
#include <string>

namespace covey::detail {

class caf_core;

class network {
 public:
    // Throws std::invalid_argument for certificates that can't be used.
    explicit network(const caf_network& options);

    // Before the system is made, and after.
    void configure(caf::actor_system_config& config) const;
    void open(caf_core& core);

    [[nodiscard]] task<std::uint16_t> publish(caf::strong_actor_ptr actor,
                                              std::set<std::string> interface, caf_address at,
                                              duration limit);
    [[nodiscard]] task<> unpublish(std::uint16_t port);
    [[nodiscard]] task<caf::strong_actor_ptr> connect(std::set<std::string> interface,
                                                      caf_address to, duration limit);

    // All that was sent until now is on its way, or in the buffer of its connection.
    [[nodiscard]] task<> flush();

    // Ends connections that say nothing; until it is cancelled.
    [[nodiscard]] task<> end_silent_ones();
    // After CAF's network has stopped, before the system has gone. CAF's broker ends without
    // closing its mailbox: what comes later, such as a heartbeat that is due, would stay there, and
    // keep the broker.
    void close_broker();
    // After the system has gone: until the others have read what it sent.
    [[nodiscard]] task<> until_all_have_left();
    // Ends all of them, once the others have had time to read what was sent.
    [[nodiscard]] task<> end_all_after_linger();

    [[nodiscard]] const connection_list& connections() const noexcept { return connections_; }

 private:
    [[nodiscard]] task<unique_socket> reach(const caf_address& to);
    [[nodiscard]] task<caf::message> shake_hands(const caf_address& to);
    [[nodiscard]] caf::io::network::default_multiplexer& multiplexer() const;

    // Constant once open.
    const caf_network options_;
    connection_list connections_;
    caf_core* core_ = nullptr;
    caf::actor broker_;  // CAF's, which speaks its protocol
};

}  // namespace covey::detail
