// SPDX-License-Identifier: BSL-1.0
// Empty: CMake makes the precompiled header of a library only if a source of it uses that header,
// and main.cpp can't.
