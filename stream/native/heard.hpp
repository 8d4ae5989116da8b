// What is said again: who sent a text last, and when.
#pragma once

#include "tally.hpp"

namespace roomwatch {

// The texts of a room that were heard last, each with the newest mention of each of its last speakers. A line
// is judged by what is known when it is said, so the order of the log counts.
class Heard {
public:
    static constexpr int kUserBits = 28;         // of a user's hash that are kept
    static constexpr std::size_t kSpeakers = 5;  // so many people who send a text within a minute are suspect
    static constexpr Number kMinute = 60;        // seconds

    // `texts` are remembered at least, twice as many at most.
    explicit Heard(std::size_t texts) : most_(texts) {}

    struct Verdict {
        bool noted;    // whether the mention tells anything new
        bool again;    // whether the text was said within the minute before
        bool suspect;  // whether many said it
    };

    static Hash brief(Hash user) { return user & kUser; }

    Verdict say(Hash key, Number second, Hash user) {
        const Mention start = static_cast<Mention>(second) << kUserBits;
        const Mention since = static_cast<Mention>(second - kMinute) << kUserBits;
        Mentions& known = texts_[key];
        if (known.full() && known.first() >= start) {
            return {false, true,
                    true};  // who else says it in this second changes nothing that could be asked later
        }
        const bool again = known.size > 0 && known.last() >= since;
        known.add(start | static_cast<Mention>(brief(user)));
        known.turn = ++turns_;
        return {true, again, again && known.full() && known.first() >= since};
    }

    // Takes in what a pane holds of ten seconds: pairs of text and user, and the second in them.
    void recall(Number pane_second, const Hashes& pairs, int second_bits) {
        for (const Hash entry : pairs) {
            const Hash pair = entry >> second_bits;
            const auto within = static_cast<Number>(entry & ((Hash{1} << second_bits) - 1));
            texts_[pair & ~kUser].add(static_cast<Mention>(pane_second + within) << kUserBits |
                                      static_cast<Mention>(brief(pair)));
        }
    }

    // Forgets what was said longest ago when there is too much.
    void bound() {
        if (texts_.size() <= 2 * most_) {
            return;
        }
        std::vector<std::tuple<Mention, std::uint64_t, Hash>> newest;
        newest.reserve(texts_.size());
        for (const auto& [key, mentions] : texts_) {
            newest.emplace_back(mentions.last(), mentions.turn, key);
        }
        const auto end = newest.begin() + static_cast<std::ptrdiff_t>(newest.size() - most_);
        std::nth_element(newest.begin(), end, newest.end());
        for (auto at = newest.begin(); at != end; ++at) {
            texts_.erase(std::get<2>(*at));
        }
    }

private:
    using Mention = std::int64_t;  // a second, and below it a user
    static constexpr Hash kUser = (Hash{1} << kUserBits) - 1;

    static bool same(Mention one, Mention other) {
        return ((one ^ other) & static_cast<Mention>(kUser)) == 0;
    }

    struct Mentions {
        std::array<Mention, kSpeakers> all{};  // of different users, rising
        std::size_t size = 0;
        std::uint64_t turn = 0;  // when it was said last, of those that were said in one second

        bool full() const { return size == kSpeakers; }
        Mention first() const { return all.front(); }
        Mention last() const { return all[size - 1]; }

        void add(Mention mention) {
            const auto end = all.begin() + static_cast<std::ptrdiff_t>(size);
            const auto own = std::find_if(all.begin(), end, [&](Mention one) { return same(one, mention); });
            if (own != end) {
                *own = std::max(*own, mention);
            } else if (size < kSpeakers) {
                all[size++] = mention;
            } else if (mention > first()) {
                all.front() = mention;
            }
            std::sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size));
        }
    };

    std::size_t most_;
    std::uint64_t turns_ = 0;
    std::unordered_map<Hash, Mentions> texts_;
};

}  // namespace roomwatch
