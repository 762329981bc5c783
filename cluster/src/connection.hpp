// SPDX-License-Identifier: BSL-1.0
#pragma once

// Connections to other processes, as CAF's network knows them: a scribe is one, a doorman accepts
// them.
//
// What       They do what CAF's own do, and three things more: a connection can be ended from
//            outside, whatever CAF waits for; it may speak TLS; and no two have the same handle.
//            CAF's are file descriptors: what it still does for a connection that was closed, a
//            little later, it then does to the next one.
// Invariants A connection stands in its list as long as it lives, and so does its descriptor.
//            What is written before TLS is agreed on is held back.
// Threads    CAF's network calls all but the list and reason(). lock_ of the list is held for
//            shutdown(2), and nothing is taken under it.
// Lifetime   The list outlives the actor system, and that the connections.

#include "caf_version.hpp"
#include "socket.hpp"
#include "tls_session.hpp"

#include <covey/lowlevel/intrusive_list.hpp>
#include <covey/lowlevel/thread.hpp>

#include <caf/io/doorman.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/stream_impl.hpp>
#include <caf/io/scribe.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace covey::detail {

class connection;

class connection_list {
 public:
    connection_list(const std::optional<caf_tls>& tls, duration linger);
    connection_list(const connection_list&) = delete;
    connection_list& operator=(const connection_list&) = delete;

    // Takes the socket.
    [[nodiscard]] caf::intrusive_ptr<connection> make(caf::io::network::default_multiplexer& on,
                                                      unique_socket socket, bool is_accepted);
    [[nodiscard]] caf::io::doorman_ptr make_doorman(caf::io::network::default_multiplexer& on,
                                                    unique_socket socket);

    // Ends those that have been silent for so long, and accepted ones that have never spoken.
    void end_silent(duration silence, duration handshake) noexcept;
    // Ends all of them, and from now on each one that is made.
    void end_all() noexcept;
    // Whether the others have read what CAF had to send when it left, or have had the time to. A
    // socket that is closed with something unread makes the other side drop what it hasn't read.
    [[nodiscard]] bool all_have_left() noexcept;

    [[nodiscard]] std::size_t open() const noexcept;
    // Of those that were accepted: how many ended before anything was heard, and why the last one.
    [[nodiscard]] std::uint64_t refused() const noexcept;

 private:
    friend class connection;
    [[nodiscard]] std::int64_t next_handle() noexcept;
    void add(connection& made);
    void remove(connection& gone) noexcept;
    void see_off(int socket);

    // One that CAF has left, until the other side has, too.
    struct leaving {
        unique_socket socket;
        std::chrono::steady_clock::time_point until;
        [[nodiscard]] bool is_over() const noexcept;
    };

    // Constant.
    const std::optional<tls_context> tls_;
    const duration linger_;

    mutable lowlevel::mutex lock_;
    lowlevel::intrusive_list<connection> all_;  // guarded by lock_, as all below
    std::vector<leaving> leaving_;
    std::size_t open_ = 0;
    std::uint64_t refused_ = 0;
    std::int64_t last_handle_ = 0;
    bool ends_all_ = false;
};

// The steps of one connection's bytes: what CAF calls a policy.
class transport {
 public:
    transport(connection& owner, const tls_context* tls, int socket, bool is_accepted);

    caf::io::network::rw_state read_some(std::size_t& count, int socket, void* to,
                                         std::size_t size);
    caf::io::network::rw_state write_some(std::size_t& count, int socket, const void* from,
                                          std::size_t size);
    [[nodiscard]] bool must_read_more(int, std::size_t threshold) const noexcept;

 private:
    // Nothing: it goes on.
    [[nodiscard]] std::optional<caf::io::network::rw_state> shake_hands(bool writing);
    [[nodiscard]] caf::io::network::rw_state judge(tls_session::progress progress);

    connection& owner_;
    std::optional<tls_session> tls_;
};

class connection final : public caf::io::scribe, public lowlevel::list_hook {
 public:
    connection(connection_list& home, caf::io::network::default_multiplexer& on, int socket,
               const tls_context* tls, bool is_accepted);
    ~connection() override;

    // From any thread, by whoever has a reference: it is lost to both sides.
    void end() noexcept;
    // Why it failed; "" if there is no more to say than that it has.
    [[nodiscard]] std::string reason() const;

    void configure_read(caf::io::receive_policy::config how_much) override;
    void ack_writes(bool enable) override;
    std::vector<char>& wr_buf() override;
    std::vector<char>& rd_buf() override;
    void flush() override;
    void graceful_shutdown() override;
    void add_to_loop() override;
    void remove_from_loop() override;
    [[nodiscard]] std::string addr() const override;
    [[nodiscard]] std::uint16_t port() const override;

 private:
    friend class connection_list;
    friend class transport;

    void now_ready();
    void heard() noexcept {
        heard_at_.store(std::chrono::steady_clock::now().time_since_epoch().count(),
                        lowlevel::order::relaxed);
    }
    [[nodiscard]] bool was_heard() const noexcept {
        return heard_at_.load(lowlevel::order::relaxed) != 0;
    }
    void failed(const std::string& reason);

    // Constant.
    connection_list& home_;
    const int socket_;
    const bool is_accepted_;
    const std::chrono::steady_clock::time_point made_at_ = std::chrono::steady_clock::now();

    lowlevel::atomic<std::int64_t> heard_at_{0};  // nanoseconds of the steady clock; 0: never
    mutable lowlevel::mutex lock_;
    std::string reason_;  // guarded by lock_

    bool is_launched_ = false;
    bool is_leaving_ = false;
    bool is_ready_;                // to send
    std::vector<char> held_back_;  // until it is
    caf::io::network::stream_impl<transport> stream_;
};

}  // namespace covey::detail
