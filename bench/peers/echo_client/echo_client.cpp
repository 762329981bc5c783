// SPDX-License-Identifier: BSL-1.0
//
// echo_client PORT CONNECTIONS SECONDS: loads the echo servers of w15 from one thread, with 64
// bytes under way on each connection.

#include "measure.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace {

using bench::now;
using bench::u64;

constexpr std::size_t message = 64;

void must(bool holds, const char* what) {
    if (holds) return;
    std::perror(what);
    std::_Exit(1);
}

class connection {
 public:
    explicit connection(in_port_t port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        must(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0,
             "connect");
        const int one = 1;
        setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }

    [[nodiscard]] int file() const { return socket_; }

    void send() {
        const char buffer[message] = {1};
        sent_ = now();
        must(write(socket_, buffer, message) == message, "write");
    }
    // Nanoseconds since the message was sent.
    u64 receive() {
        char buffer[message];
        std::size_t length = 0;
        while (length < message) {
            const ssize_t more = read(socket_, buffer + length, message - length);
            must(more > 0, "read");
            length += static_cast<std::size_t>(more);
        }
        return now() - sent_;
    }

 private:
    int socket_;
    u64 sent_ = 0;
};

}  // namespace

int main(int count, char** words) {
    if (count < 4) {
        std::fprintf(stderr, "usage: echo_client PORT CONNECTIONS SECONDS\n");
        return 2;
    }
    const auto port = static_cast<in_port_t>(std::atoi(words[1]));
    const int poll = epoll_create1(0);
    std::vector<connection> connections;
    for (int i = 0; i < std::atoi(words[2]); ++i) {
        connections.emplace_back(port);
        epoll_event interest{};
        interest.events = EPOLLIN;
        interest.data.u32 = static_cast<std::uint32_t>(i);
        must(epoll_ctl(poll, EPOLL_CTL_ADD, connections.back().file(), &interest) == 0, "epoll");
    }
    for (connection& each : connections) each.send();

    u64 total = 0;
    std::vector<u64> latencies;
    const u64 begin = now() + 200'000'000;  // warm by then
    const u64 end = begin + static_cast<u64>(std::atof(words[3]) * 1e9);
    while (now() < end) {
        epoll_event events[128];
        const int ready = epoll_wait(poll, events, 128, 1'000);
        for (int i = 0; i < ready; ++i) {
            connection& each = connections[events[i].data.u32];
            const u64 taken = each.receive();
            ++total;
            if (now() >= begin) latencies.push_back(taken);
            each.send();
        }
    }
    bench::metric("requests_per_s", static_cast<double>(latencies.size()) /
                                        (1e-9 * static_cast<double>(end - begin)));
    bench::percentiles("", latencies);
    bench::metric("requests", static_cast<double>(total));
}
