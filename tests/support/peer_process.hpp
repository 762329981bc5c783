// SPDX-License-Identifier: BSL-1.0
#pragma once

// Another process, which is told to go on, to freeze and to die.

#include "support/catch.hpp"

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace support {

class peer_process {
 public:
    // Runs the program; its first line is the port that it listens at.
    peer_process(const std::string& program, std::vector<std::string> arguments) {
        int input[2];
        int output[2];
        if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0)
            throw std::runtime_error("no pipes");
        arguments.insert(arguments.begin(), program);
        std::vector<char*> words;
        for (std::string& each : arguments) words.push_back(each.data());
        words.push_back(nullptr);
        child_ = fork();
        if (child_ == 0) {
            dup2(input[0], STDIN_FILENO);
            dup2(output[1], STDOUT_FILENO);
            execv(program.c_str(), words.data());
            _exit(127);
        }
        close(input[0]);
        close(output[1]);
        input_ = input[1];
        std::string line;
        char byte = 0;
        while (read(output[0], &byte, 1) == 1 && byte != '\n') line += byte;
        output_ = output[0];  // it may say more, which nobody reads
        if (line.empty()) {
            end();
            throw std::runtime_error(program + " hasn't said its port");
        }
        port_ = static_cast<std::uint16_t>(std::stoul(line));
    }
    peer_process(const peer_process&) = delete;
    peer_process& operator=(const peer_process&) = delete;
    ~peer_process() { end(); }

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    void freeze() const { kill(child_, SIGSTOP); }
    void thaw() const { kill(child_, SIGCONT); }
    // Gives the exit status. -1: killed by a signal.
    int end_input() {
        close(std::exchange(input_, -1));
        return wait();
    }
    void end() {
        if (child_ <= 0) return;
        kill(child_, SIGKILL);
        wait();
    }

 private:
    int wait() {
        int status = 0;
        waitpid(std::exchange(child_, 0), &status, 0);
        if (input_ >= 0) close(std::exchange(input_, -1));
        close(std::exchange(output_, -1));
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

    pid_t child_ = 0;
    int input_ = -1;
    int output_ = -1;
    std::uint16_t port_ = 0;
};

}  // namespace support
