// SPDX-License-Identifier: BSL-1.0
// A program that knows CAF and nothing of covey: it asks the bank of service.cpp.
//
//     client PORT
#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <iostream>
#include <string>

namespace {

void ask(caf::actor_system& system, std::uint16_t port) {
    const auto bank = system.middleman().remote_actor("127.0.0.1", port);
    if (!bank) {
        std::cerr << "no bank: " << system.render(bank.error()) << std::endl;
        return;
    }
    caf::scoped_actor self(system);
    for (const int amount : {20, 22, -1}) {
        self->request(*bank, std::chrono::seconds(10), caf::put_atom::value, std::string("ada"),
                      amount)
            .receive([](int balance) { std::cout << "ada has " << balance << std::endl; },
                     [&](const caf::error& error) {
                         std::cout << "refused: " << error.context().get_as<std::string>(0)
                                   << std::endl;
                     });
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: client PORT" << std::endl;
        return 2;
    }
    caf::actor_system_config config;
    config.load<caf::io::middleman>();
    caf::actor_system system(config);
    ask(system, static_cast<std::uint16_t>(std::stoul(argv[1])));
}
