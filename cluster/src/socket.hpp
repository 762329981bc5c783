// SPDX-License-Identifier: BSL-1.0
#pragma once

// TCP sockets, made with time limits. CAF would make its own, but connects without a limit and
// keeps the descriptor to itself.

#include <covey/caf_host.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace covey::detail {

// Owns a file descriptor.
class unique_socket {
 public:
    unique_socket() noexcept = default;
    explicit unique_socket(int descriptor) noexcept : descriptor_(descriptor) {}
    unique_socket(unique_socket&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, -1)) {}
    unique_socket& operator=(unique_socket&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~unique_socket();

    [[nodiscard]] int get() const noexcept { return descriptor_; }
    [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

 private:
    int descriptor_ = -1;
};

// Tells a thread that waits for a socket that nobody wants it any more.
class wake_up {
 public:
    wake_up();
    void ring() const noexcept;
    [[nodiscard]] int get() const noexcept { return descriptor_.get(); }

 private:
    unique_socket descriptor_;
};

// "127.0.0.1:4242"
[[nodiscard]] std::string to_string(const caf_address& address);

// Both block, name resolution included, and give sockets that don't. They throw std::system_error,
// which names the address. Connecting ends without one when the bell rings: with ECANCELED.
[[nodiscard]] unique_socket connect_socket(const caf_address& to,
                                           const std::shared_ptr<const wake_up>& bell);
[[nodiscard]] unique_socket listen_socket(const caf_address& at);
[[nodiscard]] std::uint16_t local_port(const unique_socket& socket);

}  // namespace covey::detail
