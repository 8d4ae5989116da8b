// What a pane keeps besides sums: people, samples, who is busiest, what was said, pings, counts.
//
// Each takes in what came (`Came`), can be packed and unpacked, and gives equal bytes for equal contents.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dense.hpp"
#include "packing.hpp"
#include "sets.hpp"

namespace roomwatch {

using Count = std::pair<std::uint64_t, std::int64_t>;
using Ping = std::pair<std::uint64_t, std::uint64_t>;

// What came since the last merge, in the shape that the kind of extra takes.
struct Came {
    Hashes people;              // People, Sample
    std::vector<Count> counts;  // Busiest, Said, Counts
    std::vector<Ping> pings;    // Pings
};

class Kept {
public:
    virtual ~Kept() = default;
    virtual void merge(const Came& came) = 0;
    virtual void settle() {}  // before it is packed
    virtual void pack(Packer& out) const = 0;
    virtual void unpack(Unpacker& in) = 0;
};

// Rising numbers in few bits. Earlier versions kept them as they are, as bytes alone; these are a list of
// bytes.
template <typename Number>
void pack_rising(Packer& out, const std::vector<Number>& rising) {
    out.list(1);
    out.bytes(dense(rising));
}

template <typename Number>
std::vector<Number> unpack_rising(Unpacker& in) {
    if (!in.at_list()) {
        return numbers_of<Number>(in.bytes());
    }
    in.list();
    return undense<Number>(in.bytes());
}

// The set of people of a pane, by the upper 48 bits of their hashes: of the 4 096 whom the panes of a window
// keep at most two are alike once in 30 million windows.
class People final : public Kept {
public:
    People(int precision, std::size_t exact_max) : set(precision, exact_max) {}

    void merge(const Came& came) override {
        Hashes upper(came.people.size());
        std::transform(came.people.begin(), came.people.end(), upper.begin(), Distinct::upper);
        set.add(upper);
    }

    void pack(Packer& out) const override {
        if (set.exact()) {
            pack_rising(out, set.members());
        } else {
            out.bytes(set.pack());
        }
    }

    void unpack(Unpacker& in) override {
        if (in.at_list()) {
            set.take_members(unpack_rising<Hash>(in));
        } else {
            set.unpack(in.bytes());
            set.take_members(set.members());  // earlier versions kept 64 bits of a hash
        }
    }

    Distinct set;
};

// A sample of the people of a pane.
class Sample final : public Kept {
public:
    explicit Sample(std::size_t most) : people(most) {}
    void merge(const Came& came) override { people.add(came.people); }
    void pack(Packer& out) const override { pack_rising(out, people.kept()); }
    void unpack(Unpacker& in) override { people.take(unpack_rising<std::uint32_t>(in)); }

    Lowest people;
};

// The busiest users of ten seconds, by the lower half of their hash: Misra and Gries' summary.
class Busiest final : public Kept {
public:
    explicit Busiest(std::size_t capacity) : capacity_(capacity) {}

    // How many of the events that came are beyond what one user may do.
    std::int64_t beyond(const Came& came, std::int64_t most) const {
        std::int64_t found = 0;
        for (const auto& [user, number] : shortened(came)) {
            const std::int64_t before = number_of(user);
            found += std::max<std::int64_t>(0, before + number - std::max(most, before));
        }
        return found;
    }

    void merge(const Came& came) override {
        for (const auto& [user, number] : shortened(came)) {
            total_ += number;
            const auto at = numbers_.begin() + (place_of(user) - numbers_.cbegin());
            if (at != numbers_.end() && at->first == user) {
                at->second += number;
            } else {
                numbers_.insert(at, {user, number});
            }
        }
        if (numbers_.size() > kLoose * capacity_) {
            cut();
        }
    }

    // Cuts what is to be kept: seldom, for each cut makes the numbers less exact.
    void settle() override {
        if (numbers_.size() > capacity_) {
            cut();
        }
    }

    void pack(Packer& out) const override {
        std::vector<std::uint32_t> users;
        std::string counts;
        for (const auto& [user, number] : numbers_) {
            users.push_back(user);
            put_varint(counts, static_cast<std::uint64_t>(number));
        }
        out.list(4);
        out.number(total_);
        out.number(missed_);
        pack_rising(out, users);
        out.bytes(counts);
    }

    void unpack(Unpacker& in) override {
        in.list();
        total_ = in.number();
        missed_ = in.number();
        const bool plain = !in.at_list();  // as earlier versions kept it
        const auto users = unpack_rising<std::uint32_t>(in);
        const auto raw = in.bytes();
        const auto counts = plain ? numbers_of<std::uint32_t>(raw) : varints(raw);
        numbers_.clear();
        for (std::size_t at = 0; at < users.size(); ++at) {
            numbers_.emplace_back(users[at], counts.at(at));
        }
    }

    std::int64_t total() const { return total_; }
    std::int64_t missed() const { return missed_; }
    const std::vector<std::pair<std::uint32_t, std::int64_t>>& numbers() const { return numbers_; }

private:
    using Numbers = std::vector<std::pair<std::uint32_t, std::int64_t>>;
    static constexpr std::size_t kLoose = 16;  // between two flushes there may be so many times more

    static std::vector<std::uint32_t> varints(std::string_view raw) {
        std::vector<std::uint32_t> found;
        while (!raw.empty()) {
            found.push_back(static_cast<std::uint32_t>(take_varint(raw)));
        }
        return found;
    }

    static Numbers shortened(const Came& came) {
        Numbers found;
        for (const auto& [user, number] : came.counts) {
            found.emplace_back(static_cast<std::uint32_t>(user), number);
        }
        std::sort(found.begin(), found.end());
        std::size_t end = 0;
        for (const auto& one : found) {
            if (end > 0 && found[end - 1].first == one.first) {
                found[end - 1].second += one.second;
            } else {
                found[end++] = one;
            }
        }
        found.resize(end);
        return found;
    }

    Numbers::const_iterator place_of(std::uint32_t user) const {
        return std::lower_bound(numbers_.begin(), numbers_.end(), user,
                                [](const auto& one, std::uint32_t wanted) { return one.first < wanted; });
    }

    std::int64_t number_of(std::uint32_t user) const {
        const auto at = place_of(user);
        return at != numbers_.end() && at->first == user ? at->second : 0;
    }

    void cut() {
        std::vector<std::int64_t> counts;
        for (const auto& [user, number] : numbers_) {
            counts.push_back(number);
        }
        std::sort(counts.begin(), counts.end(), std::greater<>());
        const std::int64_t least = counts[capacity_];
        Numbers left;
        for (const auto& [user, number] : numbers_) {
            if (number > least) {
                left.emplace_back(user, number - least);
            }
        }
        numbers_ = std::move(left);
        missed_ += least;
    }

    std::size_t capacity_;
    std::int64_t total_ = 0;
    std::int64_t missed_ = 0;  // the most that a number may be too low by
    Numbers numbers_;          // users rising
};

// Who said what within ten seconds, and in which of them last.
class Said final : public Kept {
public:
    static constexpr int kSecondBits = 4;

    explicit Said(std::size_t most) : most_(most) {}

    void merge(const Came& came) override {
        for (const auto& [pair, second] : came.counts) {
            const Hash first = pair << kSecondBits;
            const Hash entry = first | static_cast<Hash>(second);
            const auto at = std::lower_bound(pairs_.begin(), pairs_.end(), first);
            if (at == pairs_.end() || *at >> kSecondBits != pair) {
                pairs_.insert(at, entry);
            } else if (*at < entry) {
                *at = entry;
            }
        }
        if (pairs_.size() > most_) {
            pairs_.resize(most_);
        }
    }

    void pack(Packer& out) const override { pack_rising(out, pairs_); }
    void unpack(Unpacker& in) override { pairs_ = unpack_rising<Hash>(in); }

    const Hashes& pairs() const { return pairs_; }

private:
    std::size_t most_;
    Hashes pairs_;  // pair of text and user, then the second; rising
};

// The pings of ten seconds: of each its probe, node and time, and its interval, stall and offset.
class Pings final : public Kept {
public:
    // How many pings of each probe are kept, and where the number of the probe begins.
    struct Bounds {
        std::vector<std::size_t> most;
        int probe_shift;
        int node_shift;
        std::uint64_t node_mask;
    };

    explicit Pings(const Bounds& bounds) : bounds_(bounds) {}

    void merge(const Came& came) override {
        pings_.insert(pings_.end(), came.pings.begin(), came.pings.end());
        std::sort(pings_.begin(), pings_.end());
        bound();
    }

    void pack(Packer& out) const override {
        out.list(2);
        out.number(cut_);
        out.bytes(raw());
    }

    void unpack(Unpacker& in) override {
        in.list();
        cut_ = in.number();
        const auto numbers = numbers_of<std::uint64_t>(in.bytes());
        pings_.clear();
        for (std::size_t at = 0; at + 1 < numbers.size(); at += 2) {
            pings_.emplace_back(numbers[at], numbers[at + 1]);
        }
    }

    std::string raw() const {
        std::vector<std::uint64_t> numbers;
        numbers.reserve(2 * pings_.size());
        for (const auto& [where, what] : pings_) {
            numbers.push_back(where);
            numbers.push_back(what);
        }
        return bytes_of(numbers);
    }

    // Of each probe of which some pings are left out the highest node that is still there.
    std::vector<std::pair<std::size_t, std::uint64_t>> limits() const {
        std::vector<std::pair<std::size_t, std::uint64_t>> found;
        for (std::size_t probe = 0; probe < bounds_.most.size(); ++probe) {
            if (cut_ >> probe & 1) {
                const auto end = end_of(probe);
                if (end != pings_.begin()) {
                    found.emplace_back(probe,
                                       std::prev(end)->first >> bounds_.node_shift & bounds_.node_mask);
                }
            }
        }
        return found;
    }

    std::size_t size() const { return pings_.size(); }
    const std::vector<Ping>& pings() const { return pings_; }

private:
    std::vector<Ping>::const_iterator end_of(std::size_t probe) const {
        return std::lower_bound(
            pings_.begin(), pings_.end(), probe + 1,
            [this](const Ping& one, std::size_t next) { return (one.first >> bounds_.probe_shift) < next; });
    }

    void bound() {
        if (pings_.size() <= *std::min_element(bounds_.most.begin(), bounds_.most.end())) {
            return;
        }
        auto begin = pings_.cbegin();
        std::vector<Ping> kept;
        for (std::size_t probe = 0; probe < bounds_.most.size(); ++probe) {
            const auto end = end_of(probe);
            const auto most = static_cast<std::ptrdiff_t>(bounds_.most[probe]);
            if (end - begin > most) {
                cut_ |= std::int64_t{1} << probe;
            }
            kept.insert(kept.end(), begin, begin + std::min(end - begin, most));
            begin = end;
        }
        pings_ = std::move(kept);
    }

    const Bounds& bounds_;
    std::int64_t cut_ = 0;  // bit by probe: whether some of its pings are left out
    std::vector<Ping> pings_;
};

// How often each of a few numbers came.
class Counts final : public Kept {
public:
    void merge(const Came& came) override {
        for (const auto& [step, number] : came.counts) {
            counts_[step] += number;
        }
    }

    void pack(Packer& out) const override {
        out.list(2 * counts_.size());
        for (const auto& [step, number] : counts_) {
            out.number(static_cast<std::int64_t>(step));
            out.number(number);
        }
    }

    void unpack(Unpacker& in) override {
        counts_.clear();
        for (std::size_t left = in.list() / 2; left > 0; --left) {
            const auto step = static_cast<std::uint64_t>(in.number());
            counts_[step] = in.number();
        }
    }

    const std::map<std::uint64_t, std::int64_t>& counts() const { return counts_; }

private:
    std::map<std::uint64_t, std::int64_t> counts_;
};

}  // namespace roomwatch
