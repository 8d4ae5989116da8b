// As much of MessagePack as panes need: maps and lists of whole numbers, text and bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace roomwatch {

class Packer {
public:
    void map(std::size_t size) { head(size, 0x80, 15, 0, 0xDE); }
    void list(std::size_t size) { head(size, 0x90, 15, 0, 0xDC); }

    void text(std::string_view value) {
        head(value.size(), 0xA0, 31, 0xD9, 0xDA);
        out_.append(value);
    }

    void bytes(std::string_view value) {
        head(value.size(), 0, -1, 0xC4, 0xC5);
        out_.append(value);
    }

    void number(std::int64_t value) {
        if (value < 0) {
            out_.push_back(static_cast<char>(0xD3));
            big_endian(static_cast<std::uint64_t>(value), 8);
        } else if (value < 0x80) {
            out_.push_back(static_cast<char>(value));
        } else {
            const auto bits = static_cast<std::uint64_t>(value);
            const int log = bits <= 0xFF ? 0 : bits <= 0xFFFF ? 1 : bits <= 0xFFFF'FFFF ? 2 : 3;
            out_.push_back(static_cast<char>(0xCC + log));
            big_endian(bits, 1 << log);
        }
    }

    void nil() { out_.push_back(static_cast<char>(0xC0)); }

    void real(double value) {
        out_.push_back(static_cast<char>(0xCB));
        big_endian(std::bit_cast<std::uint64_t>(value), 8);
    }

    // What is packed already.
    void raw(std::string_view value) { out_.append(value); }

    std::string take() { return std::move(out_); }

private:
    // A size: in the mark itself, or after a mark in 1, 2 or 4 bytes; the mark of 4 follows that of 2.
    void head(std::size_t size, int fixed, int fixed_max, int mark_1, int mark_2) {
        if (static_cast<std::int64_t>(size) <= fixed_max) {
            out_.push_back(static_cast<char>(fixed | static_cast<int>(size)));
        } else if (mark_1 != 0 && size <= 0xFF) {
            out_.push_back(static_cast<char>(mark_1));
            big_endian(size, 1);
        } else if (size <= 0xFFFF) {
            out_.push_back(static_cast<char>(mark_2));
            big_endian(size, 2);
        } else {
            out_.push_back(static_cast<char>(mark_2 + 1));
            big_endian(size, 4);
        }
    }

    void big_endian(std::uint64_t value, int bytes) {
        for (int at = bytes - 1; at >= 0; --at) {
            out_.push_back(static_cast<char>(value >> (8 * at)));
        }
    }

    std::string out_;
};

class Unpacker {
public:
    explicit Unpacker(std::string_view raw) : left_(raw) {}

    std::size_t map() { return size(0x80, 0xF0, 0, 0xDE); }
    std::size_t list() { return size(0x90, 0xF0, 0, 0xDC); }
    std::string_view text() { return take(size(0xA0, 0xE0, 0xD9, 0xDA)); }
    std::string_view bytes() { return take(size(-1, 0, 0xC4, 0xC5)); }

    bool at_list() const {
        const int mark = left_.empty() ? 0 : static_cast<unsigned char>(left_.front());
        return (mark & 0xF0) == 0x90 || mark == 0xDC || mark == 0xDD;
    }

    std::int64_t number() {
        const int mark = byte();
        if (mark < 0x80) {
            return mark;
        }
        if (mark >= 0xE0) {
            return mark - 0x100;
        }
        if (mark >= 0xCC && mark <= 0xCF) {
            return static_cast<std::int64_t>(big_endian(1 << (mark - 0xCC)));
        }
        if (mark >= 0xD0 && mark <= 0xD3) {
            const int bytes = 1 << (mark - 0xD0);
            const int unused = 64 - 8 * bytes;
            return static_cast<std::int64_t>(big_endian(bytes) << unused) >> unused;
        }
        throw std::invalid_argument("packed panes: a number was expected");
    }

    // Passes over a value of any kind, however deep.
    void skip() {
        for (std::size_t left = 1; left > 0; --left) {
            const int mark = left_.empty() ? 0 : static_cast<unsigned char>(left_.front());
            if ((mark & 0xF0) == 0x80 || mark == 0xDE || mark == 0xDF) {
                left += 2 * map();
            } else if ((mark & 0xF0) == 0x90 || mark == 0xDC || mark == 0xDD) {
                left += list();
            } else if ((mark & 0xE0) == 0xA0 || (mark >= 0xD9 && mark <= 0xDB)) {
                text();
            } else if (mark >= 0xC4 && mark <= 0xC6) {
                bytes();
            } else if (mark == 0xC0 || mark == 0xC2 || mark == 0xC3) {
                byte();  // nil, false, true
            } else if (mark == 0xCA || mark == 0xCB) {
                take(mark == 0xCA ? 5 : 9);  // floating point
            } else if (mark >= 0xD4 && mark <= 0xD8) {
                take(2 + (std::size_t{1} << (mark - 0xD4)));  // an extension of a fixed size
            } else if (mark >= 0xC7 && mark <= 0xC9) {
                byte();
                const std::size_t size = big_endian(1 << (mark - 0xC7));
                take(1 + size);
            } else {
                number();
            }
        }
    }

private:
    std::size_t size(int fixed, int mask, int mark_1, int mark_2) {
        const int mark = byte();
        if (fixed >= 0 && (mark & mask) == fixed) {
            return static_cast<std::size_t>(mark & ~mask & 0xFF);
        }
        if (mark_1 != 0 && mark == mark_1) {
            return big_endian(1);
        }
        if (mark == mark_2 || mark == mark_2 + 1) {
            return big_endian(mark == mark_2 ? 2 : 4);
        }
        throw std::invalid_argument("packed panes: something else was expected");
    }

    int byte() { return static_cast<unsigned char>(take(1).front()); }

    std::uint64_t big_endian(int bytes) {
        std::uint64_t value = 0;
        for (const char one : take(static_cast<std::size_t>(bytes))) {
            value = value << 8 | static_cast<unsigned char>(one);
        }
        return value;
    }

    std::string_view take(std::size_t size) {
        if (size > left_.size()) {
            throw std::invalid_argument("packed panes end too early");
        }
        const std::string_view taken = left_.substr(0, size);
        left_.remove_prefix(size);
        return taken;
    }

    std::string_view left_;
};

}  // namespace roomwatch
