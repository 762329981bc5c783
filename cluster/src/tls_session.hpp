// SPDX-License-Identifier: BSL-1.0
#pragma once

// TLS on a socket that doesn't block.
//
// What       Certificates are read once, when the system is made: what is wrong with them is said
//            there. Both sides show theirs, signed by the authority that both believe.
// Threads    A context: any. A session: that of CAF's network alone.
// Rejected   CAF's own TLS module: its connections can't be reached, so neither a peer that doesn't
//            speak nor one that has frozen can be left; it reads all files again for each
//            connection; it doesn't say why one was refused; and without certificates it goes on
//            without them.

#include <covey/caf_host.hpp>

#include <cstddef>
#include <memory>
#include <string>

struct ssl_ctx_st;
struct ssl_st;

namespace covey::detail {

struct tls_delete {
    void operator()(ssl_ctx_st* context) const noexcept;
    void operator()(ssl_st* session) const noexcept;
};

class tls_context {
 public:
    // Throws std::invalid_argument, which names the file.
    explicit tls_context(const caf_tls& files);

 private:
    friend class tls_session;
    std::unique_ptr<ssl_ctx_st, tls_delete> context_;
};

class tls_session {
 public:
    enum class role : std::uint8_t { client, server };
    enum class progress : std::uint8_t { done, wants_read, wants_write, failed };

    tls_session(const tls_context& context, int socket, role as);

    // Until `done`.
    [[nodiscard]] progress shake_hands();
    // Afterwards. `count`: how many bytes; 0 unless done.
    [[nodiscard]] progress read(void* to, std::size_t size, std::size_t& count);
    [[nodiscard]] progress write(const void* from, std::size_t size, std::size_t& count);
    // Bytes that have come, and been decrypted, but not been read.
    [[nodiscard]] std::size_t pending() const noexcept;

    // Why it has failed: "certificate verify failed".
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

 private:
    [[nodiscard]] progress judge(int result);

    std::unique_ptr<ssl_st, tls_delete> session_;
    std::string reason_;
};

}  // namespace covey::detail
