// SPDX-License-Identifier: BSL-1.0
// Two processes. Real time: a network doesn't follow another clock. What is expected is waited for,
// and a watchdog says what waits for what if it doesn't come.
#include "support/caf.hpp"
#include "support/catch.hpp"
#include "support/peer_process.hpp"
#include "support/run_virtual.hpp"

#include <covey/caf.hpp>
#include <covey/caf_host.hpp>
#include <covey/checkpoint.hpp>
#include <covey/error.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/outcome.hpp>
#include <covey/timeout.hpp>
#include <covey/to_thread.hpp>
#include <covey/watchdog.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using covey::caf_host;
using covey::task;
using support::peer_process;

namespace {

using steady = std::chrono::steady_clock;

// A message type that only this process knows, and one that nobody has announced.
struct private_type {
    int value = 0;
};
template <class Inspector>
auto inspect(Inspector& in, private_type& what) {
    return in(caf::meta::type_name("private_type"), what.value);
}
struct unannounced_type {
    int value = 0;
};
template <class Inspector>
auto inspect(Inspector& in, unannounced_type& what) {
    return in(caf::meta::type_name("unannounced_type"), what.value);
}

const std::string ours = COVEY_CERTIFICATES "/ours/";
const std::string strange = COVEY_CERTIFICATES "/strange/";

covey::caf_tls tls(const std::string& folder, const std::string& name,
                   const std::string& authority) {
    return {folder + name + ".pem", folder + name + ".key", authority + "authority.pem"};
}
peer_process serving_with_tls() {
    return {COVEY_PEER, {"serve", ours + "two.pem", ours + "two.key", ours + "authority.pem"}};
}

// Runs the body on a host that speaks to others; nothing may be left of it.
template <class F>
void with_network(covey::caf_network network, F body) {
    const covey::watchdog watching({.longest_turn = covey::never, .longest_stall = 20s});
    support::run_checked({.workers = 2}, [&]() -> task<> {
        caf::actor_system_config config;
        config.add_message_type<private_type>("private_type");
        co_await covey::with_caf({.config = &config, .network = network}, body);
    });
}
template <class F>
void with_network(F body) {
    with_network({}, std::move(body));
}

// The text of what the task throws. Asserts nothing: tasks on two workers may ask for it, and
// Catch's assertions are for one thread at a time.
template <class E, class T>
task<std::string> error_of(task<T> failing) {
    const auto result = co_await covey::attempt(std::move(failing));
    if (result.has_value()) co_return "";
    try {
        std::rethrow_exception(result.error());
    } catch (const E& error) {
        co_return error.what();
    }
}
bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// A client that says nothing: what it hears until it is sent away.
std::string silent_client(std::uint16_t port) {
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::string heard;
    if (connect(client, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) {
        char part[512];
        for (ssize_t size = 0; (size = read(client, part, sizeof part)) > 0;)
            heard.append(part, static_cast<std::size_t>(size));
    }
    close(client);
    return heard;
}

std::size_t open_files() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

TEST_CASE("remote: an actor is published, found and asked, with CAF's own programs, too") {
    for (const char* kind : {"serve", "plain"}) {
        peer_process peer(COVEY_PEER, {kind});
        with_network([&](caf_host& host) -> task<> {
            const auto actor = co_await host.connect({.port = peer.port()}, 10s);
            const int next = co_await host.request<int>(actor, 10s, 41);
            CHECK(next == 42);
            CHECK(host.statistics().connections_open == 1);
            co_await host.request(actor, 10s, std::string(5'000'000, 'x'));
            const auto bytes = co_await host.request<std::size_t>(actor, 10s, caf::get_atom::value);
            CHECK(bytes == 5'000'000);
        });
        CHECK(peer.end_input() == 0);
    }
}

TEST_CASE("remote: a process connects to itself, and a port is opened, closed and opened again") {
    with_network([](caf_host& host) -> task<> {
        const auto actor = host.system().spawn(
            [](caf::event_based_actor*) -> caf::behavior { return {[](int x) { return 2 * x; }}; });
        const auto port = co_await host.publish(actor, {}, 10s);
        const auto same = co_await host.connect({.port = port}, 10s);
        CHECK(same == actor);
        const std::string taken =
            co_await error_of<std::system_error>(host.publish(actor, {.port = port}, 10s));
        CHECK(contains(taken, "can't listen at 127.0.0.1:" + std::to_string(port)));
        co_await host.unpublish(port);
        const std::string gone =
            co_await error_of<std::system_error>(host.connect({.port = port}, 10s));
        CHECK(contains(gone, "can't connect to 127.0.0.1:" + std::to_string(port)));
        const std::string unknown = co_await error_of<covey::caf_error>(host.unpublish(port));
        CHECK(unknown != "");
        const auto again = co_await host.publish(actor, {.port = port}, 10s);
        CHECK(again == port);
        caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    });
}

TEST_CASE("remote: who is killed is missed at once, by requests and by tasks (CT3)") {
    peer_process peer(COVEY_PEER, {"serve"});
    with_network([&](caf_host& host) -> task<> {
        const auto actor = co_await host.connect({.port = peer.port()}, 10s);
        const auto start = steady::now();
        std::string unanswered;
        std::string lost;
        co_await covey::with_nursery([&](covey::nursery& children) -> task<> {
            children.start_soon([&]() -> task<> {
                unanswered = co_await error_of<covey::caf_error>(
                    host.request(actor, covey::never, caf::ok_atom::value));
            });
            children.start_soon(
                [&]() -> task<> { lost = co_await error_of<covey::caf_error>(host.adopt(actor)); });
            co_await host.request<int>(actor, 10s, 1);  // by now the first has arrived
            peer.end();
        });
        CHECK(contains(unanswered, "remote_link_unreachable"));
        CHECK(contains(lost, "remote_link_unreachable"));
        CHECK(steady::now() - start < 1s);  // a heartbeat would take 1.75 s; the figure is a bench
        const std::string dead =
            co_await error_of<covey::caf_error>(host.request<int>(actor, covey::never, 1));
        CHECK(contains(dead, "remote_link_unreachable"));
    });
}

TEST_CASE("remote: who is frozen is missed after the silence, and found again when it goes on") {
    peer_process peer(COVEY_PEER, {"serve"});
    with_network([&](caf_host& host) -> task<> {
        const auto actor = co_await host.connect({.port = peer.port()}, 10s);
        co_await host.request<int>(actor, 10s, 1);
        peer.freeze();
        const std::string lost =
            co_await error_of<covey::caf_error>(host.request<int>(actor, covey::never, 1));
        CHECK(contains(lost, "remote_link_unreachable"));
        const std::string frozen =
            co_await error_of<covey::too_slow_error>(host.connect({.port = peer.port()}, 100ms));
        CHECK(contains(frozen, "longer than its time limit"));
        peer.thaw();
        const auto again = co_await host.connect({.port = peer.port()}, 10s);
        const int next = co_await host.request<int>(again, 10s, 1);
        CHECK(next == 2);
    });
    CHECK(peer.end_input() == 0);
}

TEST_CASE("remote: a listener that never speaks costs the limit, each time, and no connection") {
    peer_process peer(COVEY_PEER, {"mute"});
    with_network([&](caf_host& host) -> task<> {
        for (int i = 0; i != 3; ++i) {
            const std::string mute =
                co_await error_of<covey::too_slow_error>(host.connect({.port = peer.port()}, 50ms));
            CHECK(contains(mute, "127.0.0.1:" + std::to_string(peer.port())));
        }
        while (host.statistics().connections_open != 0) co_await covey::sleep_for(1ms);
    });
}

TEST_CASE("remote: cancelled while it connects, a task leaves nothing behind") {
    peer_process mute(COVEY_PEER, {"mute"});
    with_network([&](caf_host& host) -> task<> {
        for (int i = 0; i != 20; ++i) {
            co_await covey::with_nursery([&](covey::nursery& children) -> task<> {
                children.start_soon([&]() -> task<> {
                    co_await host.connect({.port = mute.port()}, covey::never);
                });
                co_await covey::sleep_for(i * 100us);
                children.cancel();
            });
        }
        while (host.statistics().connections_open != 0) co_await covey::sleep_for(1ms);
    });
}

TEST_CASE("remote: with certificates of one authority both sides believe each other") {
    peer_process peer = serving_with_tls();
    with_network({.tls = tls(ours, "one", ours)}, [&](caf_host& host) -> task<> {
        const auto actor = co_await host.connect({.port = peer.port()}, 10s);
        const int next = co_await host.request<int>(actor, 10s, 41);
        CHECK(next == 42);
        co_await host.request(actor, 10s, std::string(5'000'000, 'x'));
        const auto bytes = co_await host.request<std::size_t>(actor, 10s, caf::get_atom::value);
        CHECK(bytes == 5'000'000);
    });
    CHECK(peer.end_input() == 0);
}

TEST_CASE("remote: a stranger's certificate is refused, by either side, and the error says why") {
    peer_process peer = serving_with_tls();
    with_network({.tls = tls(strange, "one", ours)}, [&](caf_host& host) -> task<> {
        const std::string refused =
            co_await error_of<covey::caf_error>(host.connect({.port = peer.port()}, 10s));
        CHECK(contains(refused, "handshake was done: "));  // if its word arrives, "unknown ca"
    });
    with_network({.tls = tls(ours, "one", strange)}, [&](caf_host& host) -> task<> {
        const std::string refused =
            co_await error_of<covey::caf_error>(host.connect({.port = peer.port()}, 10s));
        INFO(refused);
        CHECK(contains(refused, "certificate verify failed"));
    });
    with_network({.tls = tls(ours, "one", ours)}, [&](caf_host& host) -> task<> {
        const auto actor = co_await host.connect({.port = peer.port()}, 10s);
        const int next = co_await host.request<int>(actor, 10s, 41);
        CHECK(next == 42);
    });
    CHECK(peer.end_input() == 0);
}

TEST_CASE("remote: with TLS on one side only there is no connection") {
    peer_process with_tls = serving_with_tls();
    with_network([&](caf_host& host) -> task<> {
        const std::string refused =
            co_await error_of<covey::caf_error>(host.connect({.port = with_tls.port()}, 10s));
        CHECK(contains(refused, "does it want TLS?"));
    });
    peer_process without(COVEY_PEER, {"serve"});
    with_network({.tls = tls(ours, "one", ours)}, [&](caf_host& host) -> task<> {
        const std::string refused =
            co_await error_of<covey::caf_error>(host.connect({.port = without.port()}, 10s));
        CHECK(contains(refused, "handshake was done: "));  // whichever of its words comes first
    });
    CHECK(with_tls.end_input() == 0);
    CHECK(without.end_input() == 0);
}

TEST_CASE("remote: whoever connects and says nothing is sent away") {
    with_network({.handshake = 50ms}, [](caf_host& host) -> task<> {
        const auto actor = host.system().spawn<caf::hidden>(
            [](caf::event_based_actor*) -> caf::behavior { return {[](int) {}}; });
        const auto port = co_await host.publish(actor, {}, 10s);
        const std::string heard = co_await covey::to_thread(silent_client, port);
        CHECK(heard != "");  // CAF speaks first
        while (host.statistics().connections_refused != 1) co_await covey::sleep_for(1ms);
        caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    });
}

TEST_CASE("remote: message types that one side doesn't know are an error with the type's name") {
    peer_process peer(COVEY_PEER, {"serve"});
    with_network([&](caf_host& host) -> task<> {
        const auto actor = co_await host.connect({.port = peer.port()}, 10s);
        const std::string here = co_await error_of<std::invalid_argument>(
            host.request<int>(actor, 10s, unannounced_type{1}));
        CHECK(contains(here, "unannounced_type"));
        CHECK(contains(here, "add_message_type"));
        const std::string there =
            co_await error_of<covey::caf_error>(host.request<int>(actor, 10s, private_type{1}));
        INFO(there);
        CHECK(contains(there, "unexpected_message"));
        const int next = co_await host.request<int>(actor, 10s, 1);
        CHECK(next == 2);
    });
    CHECK(peer.end_input() == 0);
}

TEST_CASE("remote: a full mailbox refuses at once, and a process ends with one") {
    peer_process peer(COVEY_PEER, {"busy"});
    with_network([&](caf_host& host) -> task<> {
        const auto actor = co_await host.connect({.port = peer.port()}, 10s);
        covey::event is_full;
        std::atomic<int> refused{0};
        std::atomic<int> lost{0};
        int status = -1;
        co_await covey::with_nursery([&](covey::nursery& children) -> task<> {
            for (int i = 0; i != 8; ++i) {
                children.start_soon([&, i]() -> task<> {
                    const std::string error = co_await error_of<covey::caf_error>(
                        host.request<int>(actor, covey::never, i));
                    if (!contains(error, "unavailable_or_would_block"))
                        ++lost;
                    else if (++refused == 3)
                        is_full.set();
                });
            }
            co_await is_full.wait();
            status = co_await covey::to_thread([&] { return peer.end_input(); });
        });
        CHECK(status == 0);
        // Four wait, and most often one is being handled by then.
        CHECK((refused == 3 || refused == 4));
        CHECK(refused + lost == 8);
    });
}

TEST_CASE("remote: what a frozen peer hasn't read doesn't hold up the end (CT4)") {
    for (const bool with_tls : {false, true}) {
        peer_process peer = with_tls ? serving_with_tls() : peer_process(COVEY_PEER, {"serve"});
        covey::caf_network network{.linger = 100ms};
        if (with_tls) network.tls = tls(ours, "one", ours);
        with_network(network, [&](caf_host& host) -> task<> {
            const auto actor = co_await host.connect({.port = peer.port()}, 10s);
            peer.freeze();
            for (int i = 0; i != 50; ++i) caf::anon_send(actor, std::string(1'000'000, 'x'));
            co_return;
        });
    }
}

TEST_CASE("remote: what was sent last arrives, although the system ends") {
    peer_process peer(COVEY_PEER, {"serve"});
    with_network([&](caf_host& host) -> task<> {
        const auto actor = co_await host.connect({.port = peer.port()}, 10s);
        for (int i = 0; i != 20; ++i) caf::anon_send(actor, std::string(1'000'000, 'x'));
        co_return;
    });
    with_network([&](caf_host& host) -> task<> {
        const auto actor = co_await host.connect({.port = peer.port()}, 10s);
        std::size_t bytes = 0;
        while (bytes != 20'000'000)
            bytes = co_await host.request<std::size_t>(actor, 10s, caf::get_atom::value);
    });
    CHECK(peer.end_input() == 0);
}

TEST_CASE("remote: fifty rounds of connecting and leaving keep nothing open") {
    peer_process peer(COVEY_PEER, {"serve"});
    std::size_t before = 0;
    for (int round = 0; round != 50; ++round) {
        with_network([&](caf_host& host) -> task<> {
            const auto actor = co_await host.connect({.port = peer.port()}, 10s);
            const int next = co_await host.request<int>(actor, 10s, round);
            CHECK(next == round + 1);
        });
        if (round == 0) before = open_files();
    }
    CHECK(open_files() == before);
    CHECK(peer.end_input() == 0);
}

TEST_CASE("remote: heartbeats that are due while a connection begins and ends don't matter") {
    peer_process peer(COVEY_PEER, {"serve"});
    for (int round = 0; round != 20; ++round) {
        with_network({.heartbeat = 1ms}, [&](caf_host& host) -> task<> {
            static_cast<void>(co_await host.connect({.port = peer.port()}, 10s));
            co_await covey::sleep_for(5ms);
        });
    }
    CHECK(peer.end_input() == 0);
}

TEST_CASE("remote: a task may stand for an actor of another process") {
    peer_process peer(COVEY_PEER, {"serve"});
    with_network([&](caf_host& host) -> task<> {
        const auto actor = co_await host.connect({.port = peer.port()}, 10s);
        co_await covey::with_nursery([&](covey::nursery& children) -> task<> {
            children.start_soon([&]() -> task<> { co_await host.adopt(actor); });
            co_await covey::checkpoint();
            children.cancel();  // asks it to end, and waits until it has
        });
        const std::string ended =
            co_await error_of<covey::caf_error>(host.request<int>(actor, 10s, 1));
        CHECK(ended != "");
    });
    CHECK(peer.end_input() == 0);
}

TEST_CASE("remote: settings that can't work are refused, and each error says what to do") {
    const auto refused = [](covey::caf_network network) {
        std::string what;
        try {
            with_network(network, [](caf_host&) {});
        } catch (const std::invalid_argument& error) {
            what = error.what();
        }
        return what;
    };
    CHECK(contains(refused({.heartbeat = 1s, .silence = 500ms}), "silence"));
    CHECK(contains(refused({.heartbeat = -1s}), "negative"));
    covey::caf_tls wrong = tls(ours, "one", ours);
    wrong.certificate = "/nowhere.pem";
    CHECK(contains(refused({.tls = wrong}), "caf_tls::certificate '/nowhere.pem'"));
    wrong = tls(ours, "one", ours);
    wrong.key = ours + "two.key";
    CHECK(contains(refused({.tls = wrong}), "caf_tls::key"));

    support::run_checked({.workers = 1}, []() -> task<> {
        co_await covey::with_caf([](caf_host& host) -> task<> {
            const std::string alone =
                co_await error_of<std::logic_error>(host.connect({.port = 1}, 1s));
            CHECK(contains(alone, "caf_options::network"));
        });
    });
    CHECK_THROWS_AS(support::run_virtual([]() -> task<> {
                        co_await covey::with_caf({.network = covey::caf_network{}},
                                                 [](caf_host&) {});
                    }),
                    std::logic_error);
}

namespace {

std::string milliseconds(steady::duration length) {
    return fmt::format("{:.3f} ms", std::chrono::duration<double, std::milli>(length).count());
}

task<> print_requests(const char* over, caf_host& host, std::uint16_t port) {
    const auto actor = co_await host.connect({.port = port}, 10s);
    std::vector<steady::duration> took;
    for (int i = 0; i != 20'000; ++i) {
        const auto start = steady::now();
        const int next = co_await host.request<int>(actor, 10s, i);
        REQUIRE(next == i + 1);
        took.push_back(steady::now() - start);
    }
    std::sort(took.begin(), took.end());
    fmt::print("a request over {}: p50 {}, p99 {}\n", over, milliseconds(took[took.size() / 2]),
               milliseconds(took[took.size() * 99 / 100]));
}

template <class F>
task<> print_loss(const char* how, caf_host& host, F lose) {
    std::vector<steady::duration> took;
    for (int i = 0; i != 5; ++i) {
        peer_process peer(COVEY_PEER, {"serve"});
        const auto actor = co_await host.connect({.port = peer.port()}, 10s);
        co_await host.request<int>(actor, 10s, 1);
        const auto start = steady::now();
        lose(peer);
        static_cast<void>(co_await error_of<covey::caf_error>(
            host.request(actor, covey::never, caf::ok_atom::value)));
        took.push_back(steady::now() - start);
    }
    std::sort(took.begin(), took.end());
    fmt::print("a peer that is {} is missed after {} ({} to {})\n", how, milliseconds(took[2]),
               milliseconds(took.front()), milliseconds(took.back()));
}

}  // namespace

TEST_CASE("remote: figures", "[.bench]") {
    peer_process peer(COVEY_PEER, {"serve"});
    with_network([&](caf_host& host) { return print_requests("TCP", host, peer.port()); });
    peer_process tls_peer = serving_with_tls();
    with_network({.tls = tls(ours, "one", ours)},
                 [&](caf_host& host) { return print_requests("TLS", host, tls_peer.port()); });
    with_network([](caf_host& host) -> task<> {
        co_await print_loss("killed", host, [](peer_process& lost) { lost.end(); });
        co_await print_loss("frozen", host, [](const peer_process& lost) { lost.freeze(); });
    });
}
