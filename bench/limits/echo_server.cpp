// SPDX-License-Identifier: BSL-1.0
#include "limits.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace limits {

namespace {

void must(bool holds, const char* what) {
    if (holds) return;
    std::perror(what);
    std::_Exit(1);
}

void watch(int poll, int file) {
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.fd = file;
    must(epoll_ctl(poll, EPOLL_CTL_ADD, file, &interest) == 0, "epoll_ctl");
}

void accept_one(int poll, int listener) {
    const int connection = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    if (connection < 0) return;
    const int one = 1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(poll, connection);
}

void echo(int connection) {
    char buffer[64];
    const ssize_t length = read(connection, buffer, sizeof buffer);
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0 || write(connection, buffer, static_cast<std::size_t>(length)) != length)
        close(connection);
}

}  // namespace

// A TCP echo server on bare epoll, until it is killed.
void echo_server() {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    must(bind(listener, plain, length) == 0 && listen(listener, 256) == 0, "listen");
    must(getsockname(listener, plain, &length) == 0, "getsockname");
    std::printf("LISTEN %d\n", ntohs(address.sin_port));
    std::fflush(stdout);

    const int poll = epoll_create1(0);
    watch(poll, listener);
    for (;;) {
        epoll_event events[128];
        const int count = epoll_wait(poll, events, 128, -1);
        for (int i = 0; i < count; ++i) {
            if (events[i].data.fd == listener)
                accept_one(poll, listener);
            else
                echo(events[i].data.fd);
        }
    }
}

}  // namespace limits
