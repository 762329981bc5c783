// SPDX-License-Identifier: BSL-1.0
#include "socket.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <memory>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace covey::detail {

namespace {

class resolver_errors final : public std::error_category {
 public:
    [[nodiscard]] const char* name() const noexcept override { return "name resolution"; }
    [[nodiscard]] std::string message(int code) const override { return ::gai_strerror(code); }
};
const resolver_errors of_resolver;

[[noreturn]] void fail(const char* what, const caf_address& address, int code) {
    throw std::system_error(code, std::generic_category(),
                            fmt::format("covey: {} {}", what, to_string(address)));
}

using addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

addresses resolve(const char* what, const caf_address& address, int flags) {
    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(),
                                    std::to_string(address.port).c_str(), &wanted, &found);
    if (error == EAI_SYSTEM) fail(what, address, errno);
    if (error != 0) {
        throw std::system_error(error, of_resolver,
                                fmt::format("covey: {} {}", what, to_string(address)));
    }
    return {found, &::freeaddrinfo};
}

unique_socket make_socket(const addrinfo& for_address) {
    return unique_socket(::socket(for_address.ai_family,
                                  for_address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                                  for_address.ai_protocol));
}

void set_option(const unique_socket& socket, int level, int option) {
    const int on = 1;
    static_cast<void>(::setsockopt(socket.get(), level, option, &on, sizeof on));
}

// 0, or the error.
int connect_one(const unique_socket& socket, const addrinfo& to, const wake_up& bell) {
    if (::connect(socket.get(), to.ai_addr, to.ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    pollfd waited[] = {{socket.get(), POLLOUT, 0}, {bell.get(), POLLIN, 0}};
    while (::poll(waited, 2, -1) < 0) {
        if (errno != EINTR) return errno;
    }
    if (waited[1].revents != 0) return ECANCELED;
    int error = 0;
    socklen_t size = sizeof error;
    static_cast<void>(::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size));
    return error;
}

}  // namespace

unique_socket::~unique_socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::string to_string(const caf_address& address) {
    if (address.host.empty()) return fmt::format("*:{}", address.port);
    const bool is_v6 = address.host.find(':') != std::string::npos;
    if (is_v6) return fmt::format("[{}]:{}", address.host, address.port);
    return fmt::format("{}:{}", address.host, address.port);
}

wake_up::wake_up() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (descriptor_.get() < 0)
        throw std::system_error(errno, std::generic_category(), "covey: no descriptor is left");
}
void wake_up::ring() const noexcept { ::eventfd_write(descriptor_.get(), 1); }

unique_socket connect_socket(const caf_address& to, const std::shared_ptr<const wake_up>& bell) {
    constexpr const char* what = "can't connect to";
    const addresses found = resolve(what, to, 0);
    int error = 0;
    for (const addrinfo* each = found.get(); each != nullptr; each = each->ai_next) {
        unique_socket socket = make_socket(*each);
        error = socket.get() < 0 ? errno : connect_one(socket, *each, *bell);
        if (error == ECANCELED) break;
        if (error != 0) continue;
        set_option(socket, IPPROTO_TCP, TCP_NODELAY);
        return socket;
    }
    fail(what, to, error);
}

unique_socket listen_socket(const caf_address& at) {
    constexpr const char* what = "can't listen at";
    const addresses found = resolve(what, at, AI_PASSIVE);
    int error = 0;
    for (const addrinfo* each = found.get(); each != nullptr; each = each->ai_next) {
        unique_socket socket = make_socket(*each);
        set_option(socket, SOL_SOCKET, SO_REUSEADDR);
        set_option(socket, IPPROTO_TCP, TCP_NODELAY);  // what is accepted inherits it
        if (socket.get() >= 0 && ::bind(socket.get(), each->ai_addr, each->ai_addrlen) == 0 &&
            ::listen(socket.get(), SOMAXCONN) == 0)
            return socket;
        error = errno;
    }
    fail(what, at, error);
}

std::uint16_t local_port(const unique_socket& socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    char port[NI_MAXSERV] = "0";
    if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0) {
        static_cast<void>(::getnameinfo(reinterpret_cast<sockaddr*>(&address), size, nullptr, 0,
                                        port, sizeof port, NI_NUMERICSERV));
    }
    return static_cast<std::uint16_t>(std::stoul(port));
}

}  // namespace covey::detail
