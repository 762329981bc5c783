// SPDX-License-Identifier: BSL-1.0
#pragma once

// Another program, while this one needs it.

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>

class child_program {
 public:
    explicit child_program(std::vector<std::string> command) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) throw_error("pipe");
        posix_spawn_file_actions_t output;
        posix_spawn_file_actions_init(&output);
        posix_spawn_file_actions_adddup2(&output, ends[1], STDOUT_FILENO);
        std::vector<char*> words;
        for (std::string& each : command) words.push_back(each.data());
        words.push_back(nullptr);
        const int error = posix_spawn(&id_, words[0], &output, nullptr, words.data(), environ);
        posix_spawn_file_actions_destroy(&output);
        close(ends[1]);
        output_ = ends[0];
        if (error != 0) {
            close(output_);
            throw std::system_error(error, std::generic_category(), "can't run " + command[0]);
        }
    }
    child_program(const child_program&) = delete;
    child_program& operator=(const child_program&) = delete;
    ~child_program() {
        kill();
        if (id_ > 0) waitpid(id_, nullptr, 0);
        close(output_);
    }

    // The next line that it prints; "" when there are no more. Blocks.
    [[nodiscard]] std::string read_line() const {
        std::string line;
        char byte = 0;
        while (read(output_, &byte, 1) == 1 && byte != '\n') line += byte;
        return line;
    }
    void kill() const noexcept {
        if (id_ > 0) ::kill(id_, SIGKILL);
    }

 private:
    [[noreturn]] static void throw_error(const char* what) {
        throw std::system_error(errno, std::generic_category(), what);
    }

    pid_t id_ = 0;
    int output_ = -1;
};
