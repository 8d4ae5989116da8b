// Sets of people by 64-bit hashes: exact while small, a HyperLogLog above, and samples of the lowest hashes.
//
// All give equal results and equal bytes for the same members, however they were split and merged, so that a
// log read twice gives the same figures.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace roomwatch {

using Hash = std::uint64_t;
using Hashes = std::vector<Hash>;

// Numbers lie in memory as they lie in the store.
static_assert(std::endian::native == std::endian::little);

template <typename Number>
std::string bytes_of(const std::vector<Number>& numbers) {
    return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number)};
}

template <typename Number>
std::vector<Number> numbers_of(std::string_view raw) {
    if (raw.size() % sizeof(Number) != 0) {
        throw std::invalid_argument("packed numbers end too early");
    }
    std::vector<Number> numbers(raw.size() / sizeof(Number));
    if (!numbers.empty()) {
        std::memcpy(numbers.data(), raw.data(), numbers.size() * sizeof(Number));
    }
    return numbers;
}

// Deflates and inflates; Python's zlib, which the module hands in.
struct Zlib {
    std::string (*deflate)(const std::string&);
    std::string (*inflate)(std::string_view);
};
inline Zlib zlib{};

// A set of hashes whose size can be told: exact up to `exact_max` members.
class Distinct {
public:
    Distinct(int precision, std::size_t exact_max) : precision_(precision), exact_max_(exact_max) {
        if (precision < 4 || precision > 16) {
            throw std::invalid_argument("precision of a HyperLogLog: 4 to 16 bits");
        }
    }

    bool changed = false;

    bool exact() const { return registers_.empty(); }
    int precision() const { return precision_; }
    const Hashes& members() const { return members_; }

    // Adds hashes; appends those that changed anything to `fresh`, if given.
    void add(const Hashes& hashes, Hashes* fresh = nullptr) {
        for (const Hash hashed : hashes) {
            if (add_one(hashed)) {
                changed = true;
                if (fresh != nullptr) {
                    fresh->push_back(hashed);
                }
            }
        }
    }

    // Adds the members of another set of the same precision.
    void merge(const Distinct& other, Hashes* fresh = nullptr) {
        if (other.precision_ != precision_) {
            throw std::invalid_argument("sets of different precision cannot be united");
        }
        if (other.exact()) {
            add(other.members_, fresh);
            return;
        }
        condense();
        for (std::size_t at = 0; at < registers_.size(); ++at) {
            registers_[at] = std::max(registers_[at], other.registers_[at]);
        }
        changed = true;
    }

    // The number of members, exact or estimated.
    std::int64_t count() const {
        return exact() ? static_cast<std::int64_t>(members_.size())
                       : static_cast<std::int64_t>(std::nearbyint(estimate()));
    }

    std::string pack() const {
        if (exact()) {
            return "e" + bytes_of(members_);
        }
        std::vector<std::uint16_t> places;
        std::string ranks;
        for (std::size_t at = 0; at < registers_.size(); ++at) {
            if (registers_[at] != 0) {
                places.push_back(static_cast<std::uint16_t>(at));
                ranks.push_back(static_cast<char>(registers_[at]));
            }
        }
        const std::size_t sparse = places.size() * kSparseBytes;
        if (8 * sparse > registers_.size()) {  // all of them take a bit each at least
            const std::string whole = zlib.deflate(bytes_of(registers_));
            if (whole.size() <= sparse) {
                return "z" + whole;
            }
        }
        return "s" + bytes_of(places) + ranks;
    }

    // The bits of a hash that panes keep.
    static Hash upper(Hash hashed) { return hashed >> kLowBits << kLowBits; }

    // Takes members, rising, by their upper bits; on an empty set, or on one that has the same.
    void take_members(Hashes members) {
        std::transform(members.begin(), members.end(), members.begin(), upper);
        members.erase(std::unique(members.begin(), members.end()), members.end());
        members_ = std::move(members);
    }

    // Takes in the set that `pack` gave; on an empty one only.
    void unpack(std::string_view raw) {
        if (raw.empty()) {
            throw std::invalid_argument("a packed set has at least a byte");
        }
        const char kind = raw.front();
        raw.remove_prefix(1);
        if (kind == 'e') {
            members_ = numbers_of<Hash>(raw);
            return;
        }
        const std::size_t size = std::size_t{1} << precision_;
        std::vector<std::uint8_t> registers;
        if (kind == 'z') {
            registers = numbers_of<std::uint8_t>(zlib.inflate(raw));
        } else if (kind == 's' && raw.size() % kSparseBytes == 0) {
            registers.assign(size, 0);
            const std::size_t used = raw.size() / kSparseBytes;
            const auto places = numbers_of<std::uint16_t>(raw.substr(0, used * sizeof(std::uint16_t)));
            for (std::size_t at = 0; at < used; ++at) {
                registers.at(places[at]) = static_cast<std::uint8_t>(raw[used * sizeof(std::uint16_t) + at]);
            }
        }
        if (registers.size() != size || *std::max_element(registers.begin(), registers.end()) > most_rank()) {
            throw std::invalid_argument("a packed set of another precision, or none");
        }
        registers_ = std::move(registers);
    }

protected:
    // The register of a hash, and what it is raised to.
    std::pair<std::uint16_t, std::uint8_t> rank_of(Hash hashed) const {
        const int rest_bits = kHashBits - precision_;
        const Hash rest = hashed & ((Hash{1} << rest_bits) - 1);
        return {static_cast<std::uint16_t>(hashed >> rest_bits),
                static_cast<std::uint8_t>(rest_bits - std::bit_width(rest) + 1)};
    }

    bool raise(std::uint16_t place, std::uint8_t rank) {
        std::uint8_t& kept = registers_.at(place);
        if (kept >= rank) {
            return false;
        }
        kept = rank;
        return true;
    }

    void condense() {
        if (!exact()) {
            return;
        }
        registers_.assign(std::size_t{1} << precision_, 0);
        for (const Hash hashed : members_) {
            raise(hashed);
        }
        Hashes().swap(members_);
    }

    std::uint8_t most_rank() const { return static_cast<std::uint8_t>(kHashBits - precision_ + 1); }

private:
    static constexpr std::size_t kSparseBytes = 3;  // a place, and the register there
    static constexpr int kHashBits = 64;
    static constexpr int kLowBits = 16;

    bool add_one(Hash hashed) {
        if (!exact()) {
            return raise(hashed);
        }
        const auto at = std::lower_bound(members_.begin(), members_.end(), hashed);
        if (at != members_.end() && *at == hashed) {
            return false;
        }
        members_.insert(at, hashed);
        if (members_.size() > exact_max_) {
            condense();
        }
        return true;
    }

    bool raise(Hash hashed) {
        const auto [place, rank] = rank_of(hashed);
        return raise(place, rank);
    }

    // Ertl's improved estimate, which needs no bias tables (arXiv 1702.01284, algorithm 6).
    double estimate() const {
        const int top = kHashBits - precision_;
        std::vector<std::size_t> counts(static_cast<std::size_t>(top) + 2);
        for (const std::uint8_t rank : registers_) {
            ++counts.at(rank);
        }
        const auto size = static_cast<double>(registers_.size());
        double total = size * tau(1 - static_cast<double>(counts.back()) / size);
        for (int rank = top; rank > 0; --rank) {
            total = 0.5 * (total + static_cast<double>(counts[static_cast<std::size_t>(rank)]));
        }
        total += size * sigma(static_cast<double>(counts.front()) / size);
        return 0.5 / std::log(2.0) * size * size / total;
    }

    static double sigma(double share) {
        if (share == 1) {
            return std::numeric_limits<double>::infinity();
        }
        double power = 1;
        double total = share;
        double before = -1;
        while (total != before) {
            share *= share;
            before = total;
            total += share * power;
            power += power;
        }
        return total;
    }

    static double tau(double share) {
        if (share == 0 || share == 1) {
            return 0;
        }
        double power = 1;
        double total = 1 - share;
        double before = -1;
        while (total != before) {
            share = std::sqrt(share);
            before = total;
            power *= 0.5;
            total -= (1 - share) * (1 - share) * power;
        }
        return total / 3;
    }

    int precision_;
    std::size_t exact_max_;
    Hashes members_;                       // rising; empty once there are registers
    std::vector<std::uint8_t> registers_;  // empty while exact
};

// The number of members of a union, exact while every part is.
inline std::int64_t union_count(const std::vector<const Distinct*>& parts) {
    if (parts.empty()) {
        return 0;
    }
    if (parts.size() == 1) {
        return parts.front()->count();
    }
    if (std::all_of(parts.begin(), parts.end(), [](const Distinct* part) { return part->exact(); })) {
        Hashes all;
        for (const Distinct* part : parts) {
            all.insert(all.end(), part->members().begin(), part->members().end());
        }
        std::sort(all.begin(), all.end());
        return std::unique(all.begin(), all.end()) - all.begin();
    }
    Distinct whole(parts.front()->precision(), 0);
    for (const Distinct* part : parts) {
        whole.merge(*part);
    }
    return whole.count();
}

// Of a set of people those with the lowest hashes: the same people in every set that they are in.
//
// The upper half of a hash is kept: of a million people two of the lowest 256 are alike once in 2^24 sets.
class Lowest {
public:
    explicit Lowest(std::size_t most) : most_(most) {
        if (most == 0) {
            throw std::invalid_argument("a sample has room for one at least");
        }
    }

    bool changed = false;

    const std::vector<std::uint32_t>& kept() const { return kept_; }

    // The half of a hash below which everyone is kept.
    std::uint64_t limit() const { return kept_.size() >= most_ ? kept_.back() : std::uint64_t{1} << 32; }

    void add(const Hashes& hashes) {
        for (const Hash hashed : hashes) {
            const std::uint64_t half = hashed >> 32;
            if (half >= limit()) {
                continue;
            }
            const auto low = static_cast<std::uint32_t>(half);
            const auto at = std::lower_bound(kept_.begin(), kept_.end(), low);
            if (at != kept_.end() && *at == low) {
                continue;
            }
            kept_.insert(at, low);
            if (kept_.size() > most_) {
                kept_.pop_back();
            }
            changed = true;
        }
    }

    std::string pack() const { return bytes_of(kept_); }
    void unpack(std::string_view raw) { take(numbers_of<std::uint32_t>(raw)); }
    void take(std::vector<std::uint32_t> kept) { kept_ = std::move(kept); }

private:
    std::size_t most_;
    std::vector<std::uint32_t> kept_;  // rising
};

}  // namespace roomwatch
