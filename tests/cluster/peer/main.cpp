// SPDX-License-Identifier: BSL-1.0
// The other process of caf_remote_test.cpp. It says at which port it is, and ends when its input
// does, if nothing else ends it.
//
//     peer serve [CERTIFICATE KEY AUTHORITY]   a covey program that publishes an actor
//     peer busy                                one whose actor of covey never gets done, with room
//                                              for four messages in its mailbox
//     peer plain                               one that knows CAF only
//     peer mute                                listens, and never speaks
#include <covey/actor.hpp>
#include <covey/caf.hpp>
#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/run.hpp>
#include <covey/to_thread.hpp>

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <netinet/in.h>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

struct server_state {
    std::vector<caf::response_promise> kept;
    std::size_t bytes = 0;
};

caf::behavior server(caf::stateful_actor<server_state>* self) {
    return {
        [](int x) { return x + 1; },
        [=](const std::string& text) { self->state.bytes += text.size(); },
        [=](caf::get_atom) { return self->state.bytes; },
        [=](caf::ok_atom) { self->state.kept.push_back(self->make_response_promise()); },
        [=](caf::close_atom) { self->quit(caf::exit_reason::user_shutdown); },
    };
}

void say(unsigned port) {
    std::printf("%u\n", port);
    std::fflush(stdout);
}

void wait_for_end_of_input() {
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
}

covey::task<> say_and_wait(covey::caf_host& host, const caf::actor& actor) {
    const auto port = co_await host.publish(actor, {}, std::chrono::seconds(10));
    say(port);
    co_await covey::to_thread(wait_for_end_of_input);
}

int serve(int argc, char** argv) {
    covey::caf_network network;
    if (argc > 4) network.tls = covey::caf_tls{argv[2], argv[3], argv[4]};
    covey::run([&]() -> covey::task<> {
        co_await covey::with_caf({.network = network}, [](covey::caf_host& host) -> covey::task<> {
            const auto actor = host.system().spawn(server);
            co_await say_and_wait(host, actor);
            caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
        });
    });
    return 0;
}

class busy_actor : public covey::actor {
 public:
    covey::task<int> handle(int x) {
        co_await covey::sleep_forever();
        co_return x;
    }
};

covey::task<> serve_busily(covey::caf_host& host) {
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto actor = co_await covey::start_actor<busy_actor>(
            nursery, {.grace = std::chrono::seconds(0), .mailbox = 4});
        co_await say_and_wait(host, host.as_caf<int>(actor));
        nursery.cancel();
    });
}

int busy() {
    covey::run([]() -> covey::task<> {
        co_await covey::with_caf({.network = covey::caf_network{}}, serve_busily);
    });
    return 0;
}

int plain() {
    caf::actor_system_config config;
    config.load<caf::io::middleman>();
    caf::actor_system system(config);
    const auto actor = system.spawn(server);
    const auto port = system.middleman().publish(actor, 0, "127.0.0.1");
    if (!port) return 1;
    say(*port);
    wait_for_end_of_input();
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    return 0;
}

int mute() {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    auto* const address = reinterpret_cast<sockaddr*>(&at);
    if (bind(listener, address, size) != 0 || listen(listener, 16) != 0 ||
        getsockname(listener, address, &size) != 0)
        return 1;
    say(ntohs(at.sin_port));
    wait_for_end_of_input();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const std::string how = argc > 1 ? argv[1] : "";
    if (how == "serve") return serve(argc, argv);
    if (how == "busy") return busy();
    if (how == "plain") return plain();
    if (how == "mute") return mute();
    std::fprintf(stderr, "peer: serve, busy, plain or mute?\n");
    return 2;
}
