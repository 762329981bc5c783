// SPDX-License-Identifier: BSL-1.0
// An actor of covey behind a port, for programs that know CAF only: client.cpp is one.
// docs/guide/caf.md tells the story.
//
//     service CLIENT          runs the program CLIENT with the port, and ends with it
//     service [--tls FOLDER]  prints the port and serves until it is interrupted, with certificates
//                             of tools/test_certificates.sh FOLDER server ...
#include "child_program.hpp"

#include <covey/actor.hpp>
#include <covey/caf.hpp>
#include <covey/clock.hpp>
#include <covey/nursery.hpp>
#include <covey/run.hpp>
#include <covey/to_thread.hpp>

#include <caf/all.hpp>
#include <fmt/format.h>

#include <chrono>
#include <map>
#include <string>
#include <tuple>
#include <vector>

using namespace std::chrono_literals;

namespace {

// What CAF sends as three values comes as a tuple.
using deposit = std::tuple<caf::put_atom, std::string, int>;
using balance_of = std::tuple<caf::get_atom, std::string>;

class bank : public covey::actor {
 public:
    caf::expected<int> handle(deposit paid) {
        const auto& [put, owner, amount] = paid;
        if (amount <= 0)
            return caf::make_error(caf::sec::invalid_argument, "a deposit is a positive amount");
        return accounts_[owner] += amount;
    }
    int handle(balance_of asked) { return accounts_[std::get<1>(asked)]; }

 private:
    std::map<std::string, int> accounts_;
};

void run_client(const std::string& program, std::uint16_t port) {
    const child_program client({program, std::to_string(port)});
    for (std::string line = client.read_line(); !line.empty(); line = client.read_line())
        fmt::print("client: {}\n", line);
}

covey::task<> serve(covey::caf_host& host, std::string client) {
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const auto accounts = co_await covey::start_actor<bank>(nursery, {.name = "bank"});
        const caf::actor face = host.as_caf<deposit, balance_of>(accounts);
        const auto port = co_await host.publish(face, {}, 5s);
        if (client.empty()) {
            fmt::print("serving at port {}\n", port);
            co_await covey::sleep_forever();
        }
        co_await covey::to_thread(run_client, client, port);
        accounts.stop();
    });
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    covey::caf_network network;
    std::string client;
    if (arguments.size() == 2 && arguments[0] == "--tls") {
        const std::string folder = arguments[1] + "/";
        network.tls = {.certificate = folder + "server.pem",
                       .key = folder + "server.key",
                       .authority = folder + "authority.pem"};
    } else if (arguments.size() == 1) {
        client = arguments[0];
    }
    covey::run([&]() -> covey::task<> {
        co_await covey::with_caf({.network = network},
                                 [&](covey::caf_host& host) { return serve(host, client); });
    });
    fmt::print("closed\n");
}
