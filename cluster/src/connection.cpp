// SPDX-License-Identifier: BSL-1.0
#include "connection.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/abstract_broker.hpp>
#include <caf/io/network/acceptor_impl.hpp>
#include <caf/io/network/stream_impl.hpp>
#include <caf/make_counted.hpp>
#include <caf/policy/tcp.hpp>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <new>
#include <sys/socket.h>
#include <utility>

namespace covey::detail {

namespace net = caf::io::network;
using lowlevel::mutex_guard;

// ---- The list

connection_list::connection_list(const std::optional<caf_tls>& tls, duration linger)
    : tls_(tls ? std::optional<tls_context>(std::in_place, *tls) : std::nullopt), linger_(linger) {}

caf::intrusive_ptr<connection> connection_list::make(net::default_multiplexer& on,
                                                     unique_socket socket, bool is_accepted) {
    auto made = caf::make_counted<connection>(*this, on, socket.get(), tls_ ? &*tls_ : nullptr,
                                              is_accepted);
    static_cast<void>(socket.release());  // it is the connection's
    return made;
}

std::int64_t connection_list::next_handle() noexcept {
    const mutex_guard held(lock_);
    return ++last_handle_;
}

void connection_list::add(connection& made) {
    const mutex_guard held(lock_);
    all_.push_back(made);
    ++open_;
    if (ends_all_) made.end();
}

void connection_list::remove(connection& gone) noexcept {
    const mutex_guard held(lock_);
    all_.remove(gone);
    --open_;
    if (gone.is_accepted_ && !gone.was_heard()) ++refused_;
}

void connection_list::end_silent(duration silence, duration handshake) noexcept {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const mutex_guard held(lock_);
    for (connection* each = all_.front(); each != nullptr; each = all_.after(*each)) {
        const duration heard_at(each->heard_at_.load(lowlevel::order::relaxed));
        const bool is_over =
            each->was_heard()
                ? now - heard_at >= silence
                : each->is_accepted_ && now - each->made_at_.time_since_epoch() >= handshake;
        if (is_over) each->end();
    }
}

void connection_list::end_all() noexcept {
    const mutex_guard held(lock_);
    ends_all_ = true;
    for (connection* each = all_.front(); each != nullptr; each = all_.after(*each)) each->end();
}

void connection_list::see_off(int socket) {
    const auto now = std::chrono::steady_clock::now();
    const duration linger = std::min<duration>(linger_, std::chrono::hours(1));
    const mutex_guard held(lock_);
    leaving_.push_back({unique_socket(::fcntl(socket, F_DUPFD_CLOEXEC, 0)), now + linger});
}

bool connection_list::all_have_left() noexcept {
    const mutex_guard held(lock_);
    std::erase_if(leaving_, [](const leaving& each) { return each.is_over(); });
    return leaving_.empty();
}

bool connection_list::leaving::is_over() const noexcept {
    if (std::chrono::steady_clock::now() >= until) return true;
    char unread[4096];
    for (int turns = 0; turns != 64; ++turns) {
        const ssize_t size = ::recv(socket.get(), unread, sizeof unread, MSG_DONTWAIT);
        if (size > 0) continue;
        return size == 0 || (errno != EAGAIN && errno != EINTR);
    }
    return false;
}

std::size_t connection_list::open() const noexcept {
    const mutex_guard held(lock_);
    return open_;
}

std::uint64_t connection_list::refused() const noexcept {
    const mutex_guard held(lock_);
    return refused_;
}

// ---- Accepting

namespace {

class doorman final : public caf::io::doorman {
 public:
    doorman(caf::io::accept_handle handle, net::default_multiplexer& on, int socket,
            connection_list& connections)
        : caf::io::doorman(handle),
          connections_(connections),
          socket_(socket),
          acceptor_(on, socket) {}

    bool new_connection() override try {
        unique_socket accepted(acceptor_.accepted_socket());
        if (detached()) return false;
        net::default_multiplexer& on = acceptor_.backend();
        const auto made = connections_.make(on, std::move(accepted), true);
        parent()->add_scribe(made);
        return caf::io::doorman::new_connection(&on, made->hdl());
    } catch (const std::bad_alloc&) {  // the socket is closed: the other side may try again
        return true;
    }
    void launch() override { acceptor_.start(this); }
    void graceful_shutdown() override {
        acceptor_.graceful_shutdown();
        detach(&acceptor_.backend(), false);
    }
    void add_to_loop() override { acceptor_.activate(this); }
    void remove_from_loop() override { acceptor_.passivate(); }
    [[nodiscard]] std::string addr() const override {
        const auto known = net::local_addr_of_fd(socket_);
        return known ? *known : std::string();
    }
    [[nodiscard]] std::uint16_t port() const override {
        const auto known = net::local_port_of_fd(socket_);
        return known ? *known : std::uint16_t{0};
    }

 private:
    connection_list& connections_;
    const int socket_;
    net::acceptor_impl<caf::policy::tcp> acceptor_;
};

}  // namespace

caf::io::doorman_ptr connection_list::make_doorman(net::default_multiplexer& on,
                                                   unique_socket socket) {
    const auto handle = caf::io::accept_handle::from_int(next_handle());
    auto made = caf::make_counted<doorman>(handle, on, socket.get(), *this);
    static_cast<void>(socket.release());
    return made;
}

// ---- Bytes

transport::transport(connection& owner, const tls_context* tls, int socket, bool is_accepted)
    : owner_(owner) {
    using role = tls_session::role;
    if (tls != nullptr) tls_.emplace(*tls, socket, is_accepted ? role::server : role::client);
}

net::rw_state transport::read_some(std::size_t& count, int socket, void* to, std::size_t size) {
    count = 0;
    if (!owner_.is_ready_) {
        if (const auto unfinished = shake_hands(false)) return *unfinished;
    }
    const net::rw_state result = tls_ ? judge(tls_->read(to, size, count))
                                      : caf::policy::tcp::read_some(count, socket, to, size);
    if (count > 0) owner_.heard();
    return result;
}

net::rw_state transport::write_some(std::size_t& count, int socket, const void* from,
                                    std::size_t size) {
    count = 0;
    if (!owner_.is_ready_) {
        if (const auto unfinished = shake_hands(true)) return *unfinished;
    }
    if (size == 0) return net::rw_state::success;
    return tls_ ? judge(tls_->write(from, size, count))
                : caf::policy::tcp::write_some(count, socket, from, size);
}

bool transport::must_read_more(int, std::size_t threshold) const noexcept {
    return tls_ && owner_.is_ready_ && tls_->pending() >= threshold;
}

// CAF asks for a write once at the start, and then when there is something to write: nothing is,
// until this is over.
std::optional<net::rw_state> transport::shake_hands(bool writing) {
    using progress = tls_session::progress;
    const progress result = tls_->shake_hands();
    if (result == progress::failed) return judge(result);
    if (result == progress::done) {
        owner_.now_ready();
        return std::nullopt;
    }
    if (writing)
        return result == progress::wants_write ? net::rw_state::success
                                               : net::rw_state::indeterminate;
    if (result == progress::wants_write) owner_.stream_.force_empty_write(&owner_);
    return net::rw_state::success;
}

net::rw_state transport::judge(tls_session::progress progress) {
    if (progress != tls_session::progress::failed) return net::rw_state::success;
    owner_.failed(tls_->reason());
    return net::rw_state::failure;
}

// ---- A connection

connection::connection(connection_list& home, net::default_multiplexer& on, int socket,
                       const tls_context* tls, bool is_accepted)
    : scribe(caf::io::connection_handle::from_int(home.next_handle())),
      home_(home),
      socket_(socket),
      is_accepted_(is_accepted),
      is_ready_(tls == nullptr),
      stream_(on, socket, *this, tls, socket, is_accepted) {
    home_.add(*this);
}
connection::~connection() { home_.remove(*this); }

void connection::end() noexcept { ::shutdown(socket_, SHUT_RDWR); }

std::string connection::reason() const {
    const mutex_guard held(lock_);
    return reason_;
}
void connection::failed(const std::string& reason) {
    const mutex_guard held(lock_);
    reason_ = reason;
}

void connection::configure_read(caf::io::receive_policy::config how_much) {
    stream_.configure_read(how_much);
    if (std::exchange(is_launched_, true)) return;
    stream_.start(this);
    stream_.force_empty_write(this);  // TLS begins
}
void connection::now_ready() {
    is_ready_ = true;
    stream_.wr_buf().insert(stream_.wr_buf().end(), held_back_.begin(), held_back_.end());
    held_back_ = {};
    stream_.flush(this);
}

std::vector<char>& connection::wr_buf() { return is_ready_ ? stream_.wr_buf() : held_back_; }
std::vector<char>& connection::rd_buf() { return stream_.rd_buf(); }
void connection::flush() {
    if (is_ready_) stream_.flush(this);
}
void connection::ack_writes(bool enable) { stream_.ack_writes(enable); }
void connection::graceful_shutdown() {
    if (!std::exchange(is_leaving_, true)) home_.see_off(socket_);
    stream_.graceful_shutdown();
    detach(&stream_.backend(), false);
}
void connection::add_to_loop() { stream_.activate(this); }
void connection::remove_from_loop() { stream_.passivate(); }

std::string connection::addr() const {
    const auto known = net::remote_addr_of_fd(socket_);
    return known ? *known : std::string();
}
std::uint16_t connection::port() const {
    const auto known = net::remote_port_of_fd(socket_);
    return known ? *known : std::uint16_t{0};
}

}  // namespace covey::detail
