// SPDX-License-Identifier: BSL-1.0
#include "tls_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <new>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdexcept>

namespace covey::detail {

namespace {

// What OpenSSL has noted on this thread, in words. It notes the cause first and the consequences
// after it, which say more, unless the cause was the system's.
std::string take_reason() {
    const unsigned long first = ::ERR_peek_error();
    const unsigned long last = ::ERR_peek_last_error();
    ::ERR_clear_error();
    if (ERR_SYSTEM_ERROR(first)) return std::strerror(ERR_GET_REASON(first));
    const char* const text = ::ERR_reason_error_string(last);
    return text != nullptr ? text : fmt::format("error {:x}", last);
}

void expect(bool is_so, const char* what, const std::string& file) {
    if (is_so) return;
    throw std::invalid_argument(
        fmt::format("covey: caf_tls::{} '{}' can't be used: {}", what, file, take_reason()));
}

// OpenSSL writes without asking that no signal be sent.
void block_broken_pipe_signal() noexcept {
    static thread_local const bool once = [] {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGPIPE);
        return pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0;
    }();
    static_cast<void>(once);
}

int size_for_ssl(std::size_t size) noexcept {
    return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

}  // namespace

void tls_delete::operator()(ssl_ctx_st* context) const noexcept { ::SSL_CTX_free(context); }
void tls_delete::operator()(ssl_st* session) const noexcept { ::SSL_free(session); }

tls_context::tls_context(const caf_tls& files) : context_(::SSL_CTX_new(::TLS_method())) {
    SSL_CTX* const context = context_.get();
    if (context == nullptr) throw std::bad_alloc();
    ::ERR_clear_error();
    ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    ::SSL_CTX_set_mode(context,
                       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    expect(::SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) == 1,
           "certificate", files.certificate);
    expect(::SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) == 1 &&
               ::SSL_CTX_check_private_key(context) == 1,
           "key", files.key);
    expect(::SSL_CTX_load_verify_locations(context, files.authority.c_str(), nullptr) == 1,
           "authority", files.authority);
    ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

tls_session::tls_session(const tls_context& context, int socket, role as)
    : session_(::SSL_new(context.context_.get())) {
    if (session_ == nullptr || ::SSL_set_fd(session_.get(), socket) != 1) throw std::bad_alloc();
    if (as == role::client)
        ::SSL_set_connect_state(session_.get());
    else
        ::SSL_set_accept_state(session_.get());
}

tls_session::progress tls_session::shake_hands() {
    block_broken_pipe_signal();
    ::ERR_clear_error();
    return judge(::SSL_do_handshake(session_.get()));
}

tls_session::progress tls_session::read(void* to, std::size_t size, std::size_t& count) {
    block_broken_pipe_signal();
    ::ERR_clear_error();
    const int result = ::SSL_read(session_.get(), to, size_for_ssl(size));
    count = result > 0 ? static_cast<std::size_t>(result) : 0;
    return judge(result);
}

tls_session::progress tls_session::write(const void* from, std::size_t size, std::size_t& count) {
    block_broken_pipe_signal();
    ::ERR_clear_error();
    const int result = ::SSL_write(session_.get(), from, size_for_ssl(size));
    count = result > 0 ? static_cast<std::size_t>(result) : 0;
    return judge(result);
}

std::size_t tls_session::pending() const noexcept {
    return static_cast<std::size_t>(::SSL_pending(session_.get()));
}

tls_session::progress tls_session::judge(int result) {
    const int error_number = errno;
    if (result > 0) return progress::done;
    const int error = ::SSL_get_error(session_.get(), result);
    if (error == SSL_ERROR_WANT_READ) return progress::wants_read;
    if (error == SSL_ERROR_WANT_WRITE) return progress::wants_write;
    const long verdict = ::SSL_get_verify_result(session_.get());
    if (error == SSL_ERROR_ZERO_RETURN || (error == SSL_ERROR_SYSCALL && error_number == 0))
        reason_ = "the other side has closed the connection";
    else if (error == SSL_ERROR_SYSCALL)
        reason_ = std::strerror(error_number);
    else
        reason_ = take_reason();
    if (verdict != X509_V_OK)
        reason_ += fmt::format(" ({})", ::X509_verify_cert_error_string(verdict));
    return progress::failed;
}

}  // namespace covey::detail
