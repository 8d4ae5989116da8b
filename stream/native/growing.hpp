// Sets of people that sessions keep: in the store as a base and pieces.
#pragma once

#include <map>

#include "sets.hpp"

namespace roomwatch {

// A set that is kept for long while it grows: as a base, and what came since in small pieces.
//
// Writing a large set anew with every flush would cost more than counting. What is in a piece is in the next
// base too, so the pieces are emptied with it; one that outlives its base changes nothing.
class GrowingDistinct : public Distinct {
public:
    using Distinct::Distinct;

    static constexpr std::size_t kPieces = 8;  // between two bases
    static constexpr std::size_t kPieceHashes = 64;

    void add(const Hashes& hashes) { Distinct::add(hashes, &open_); }
    void merge(const Distinct& other) { Distinct::merge(other, &open_); }

    // What must be kept since the last call: name of the part, empty for the base -> bytes.
    std::map<std::string, std::string> pack_changes() {
        changed = false;
        std::map<std::string, std::string> parts;
        while (full_ < kPieces && !open_.empty()) {
            const std::size_t size = std::min(open_.size(), kPieceHashes);
            const auto end = open_.begin() + static_cast<std::ptrdiff_t>(size);
            parts[std::to_string(full_)] = piece(Hashes(open_.begin(), end));
            written_ = std::max(written_, full_ + 1);
            if (size < kPieceHashes) {
                return parts;
            }
            open_.erase(open_.begin(), end);
            ++full_;
        }
        if (full_ < kPieces) {
            return parts;
        }
        Hashes().swap(open_);
        full_ = 0;
        parts = {{"", pack()}};
        for (; written_ > 0; --written_) {
            parts[std::to_string(written_ - 1)] = "";
        }
        return parts;
    }

    // Takes in a part; the parts may come in any order.
    void unpack_part(const std::string& name, std::string_view raw) {
        if (name.empty()) {
            Distinct base(precision(), 0);
            base.unpack(raw);
            merge(base);
        } else if (!raw.empty()) {
            full_ = written_ = kPieces;  // the next change writes a base, and the pieces begin anew
            if (raw.size() % sizeof(Hash) == 0) {
                add(numbers_of<Hash>(raw));
            } else {
                take_ranks(raw);
            }
        }
        open_.clear();
    }

private:
    static constexpr std::size_t kRankBytes = 3;
    static constexpr std::size_t kRanksTogether =
        8;  // so that a piece of ranks is never as long as one of hashes

    // What hashes change: themselves, or once there are registers a mark, places and ranks.
    std::string piece(const Hashes& hashes) const {
        if (exact()) {
            return bytes_of(hashes);
        }
        std::string raw = "r";
        for (const Hash hashed : hashes) {
            const auto [place, rank] = rank_of(hashed);
            raw.append(reinterpret_cast<const char*>(&place), sizeof place);
            raw.push_back(static_cast<char>(rank));
        }
        const std::size_t spare = (kRanksTogether - hashes.size() % kRanksTogether) % kRanksTogether;
        return raw.append(kRankBytes * spare, '\0');
    }

    void take_ranks(std::string_view raw) {
        if (raw.front() != 'r' || raw.size() % kRankBytes != 1) {
            throw std::invalid_argument("a packed set ends too early");
        }
        condense();
        for (raw.remove_prefix(1); !raw.empty(); raw.remove_prefix(kRankBytes)) {
            std::uint16_t place = 0;
            std::memcpy(&place, raw.data(), sizeof place);
            const auto rank = static_cast<std::uint8_t>(raw[sizeof place]);
            if (rank > most_rank()) {
                throw std::invalid_argument("a packed set of another precision, or none");
            }
            changed |= raise(place, rank);
        }
    }

    Hashes open_;  // what the last piece holds, and what came since
    std::size_t full_ = 0;
    std::size_t written_ = 0;  // pieces that hold something in the store
};

}  // namespace roomwatch
