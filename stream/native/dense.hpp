// Numbers in few bits: small ones in as many bytes as they need, rising ones by their distances.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace roomwatch {

// Seven bits a byte, the lowest first; the highest bit of a byte says that more follow.
inline void put_varint(std::string& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
        out.push_back(static_cast<char>(value | 0x80));
    }
    out.push_back(static_cast<char>(value));
}

inline std::uint64_t take_varint(std::string_view& in) {
    constexpr int kBits = 64;
    std::uint64_t value = 0;
    for (int shift = 0; shift < kBits && !in.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(in.front());
        in.remove_prefix(1);
        value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    throw std::invalid_argument("packed numbers end too early");
}

// Bits one after the other, the lowest of a byte first.
class BitsOut {
public:
    explicit BitsOut(std::string& out) : out_(out) {}

    // At most 63 bits.
    void put(std::uint64_t bits, int number) {
        while (number > 0) {
            if (used_ == 0) {
                out_.push_back(0);
            }
            const int some = std::min(number, 8 - used_);
            const auto part = (bits & ((std::uint64_t{1} << some) - 1)) << used_;
            out_.back() = static_cast<char>(static_cast<unsigned char>(out_.back()) | part);
            used_ = (used_ + some) % 8;
            number -= some;
            bits >>= some;
        }
    }

private:
    std::string& out_;
    int used_ = 0;
};

class BitsIn {
public:
    explicit BitsIn(std::string_view in) : in_(in) {}

    // At most 63 bits.
    std::uint64_t take(int number) {
        std::uint64_t bits = 0;
        for (int have = 0; have < number;) {
            if (next_ / 8 >= in_.size()) {
                throw std::invalid_argument("packed numbers end too early");
            }
            const int begin = static_cast<int>(next_ % 8);
            const int some = std::min(number - have, 8 - begin);
            const std::uint64_t byte = static_cast<unsigned char>(in_[next_ / 8]);
            bits |= (byte >> begin & ((std::uint64_t{1} << some) - 1)) << have;
            have += some;
            next_ += static_cast<std::size_t>(some);
        }
        return bits;
    }

private:
    std::string_view in_;
    std::size_t next_ = 0;
};

// Rising numbers, none twice: how many low bits all have at 0, how many bits of a distance stand as they are
// (Rice's code: the rest of it in as many zeros and a one), how many numbers, the distances. Of n numbers
// spread evenly over a range each takes two bits more than a distance of that range's n-th part.
template <typename Number>
std::string dense(const std::vector<Number>& rising) {
    std::string out;
    if (rising.empty()) {
        return out;
    }
    std::uint64_t together = 0;
    for (const Number number : rising) {
        together |= number;
    }
    const int zeros = together == 0 ? 0 : std::countr_zero(together);
    const std::uint64_t mean = (static_cast<std::uint64_t>(rising.back()) >> zeros) / rising.size();
    const int plain = std::max(0, static_cast<int>(std::bit_width(mean)) - 1);
    out.push_back(static_cast<char>(zeros));
    out.push_back(static_cast<char>(plain));
    put_varint(out, rising.size());
    BitsOut bits(out);
    std::uint64_t next = 0;  // the least that the next number can be
    for (const Number number : rising) {
        const std::uint64_t distance = (static_cast<std::uint64_t>(number) >> zeros) - next;
        for (std::uint64_t left = distance >> plain; left > 0; --left) {
            bits.put(0, 1);
        }
        bits.put(1, 1);
        bits.put(distance, plain);
        next += distance + 1;
    }
    return out;
}

template <typename Number>
std::vector<Number> undense(std::string_view in) {
    std::vector<Number> rising;
    if (in.empty()) {
        return rising;
    }
    constexpr int kBits = 64;
    const auto refuse = [](bool wrong) {
        if (wrong) {
            throw std::invalid_argument("packed numbers that cannot be");
        }
    };
    refuse(in.size() < 2);
    const int zeros = static_cast<unsigned char>(in[0]);
    const int plain = static_cast<unsigned char>(in[1]);
    refuse(zeros >= kBits || plain >= kBits);
    in.remove_prefix(2);
    const std::uint64_t size = take_varint(in);
    refuse(size > 8 * in.size());
    rising.reserve(size);
    const std::uint64_t most = static_cast<std::uint64_t>(std::numeric_limits<Number>::max()) >> zeros;
    BitsIn bits(in);
    std::uint64_t next = 0;
    for (std::uint64_t left = size; left > 0; --left) {
        std::uint64_t distance = 0;
        while (bits.take(1) == 0) {
            ++distance;
        }
        refuse(distance > most >> plain);
        distance = distance << plain | bits.take(plain);
        refuse(next > most || distance > most - next);
        rising.push_back(static_cast<Number>((next + distance) << zeros));
        next += distance + 1;  // beyond `most` nothing can follow; it does not overflow, or begins at 0 again
        refuse(next == 0 && left > 1);
    }
    return rising;
}

}  // namespace roomwatch
