// Panes, and how several of them lie in one field of the store.
#pragma once

#include "dense.hpp"
#include "schema.hpp"

namespace roomwatch {

// The sums of a pane; as small as can be, for most of the memory of a room that is live for long is this.
class Cells {
public:
#pragma pack(push, 2)
    struct Entry {
        Cell cell;
        std::int64_t number;
    };
#pragma pack(pop)

    void add(Cell cell, std::int64_t number) {
        const auto at = std::lower_bound(entries_.begin(), entries_.end(), cell,
                                         [](const Entry& one, Cell wanted) { return one.cell < wanted; });
        if (at != entries_.end() && at->cell == cell) {
            at->number += number;
        } else {
            entries_.insert(at, {cell, number});
        }
    }

    bool empty() const { return entries_.empty(); }
    std::vector<Entry>::const_iterator begin() const { return entries_.begin(); }
    std::vector<Entry>::const_iterator end() const { return entries_.end(); }
    void shrink() { entries_.shrink_to_fit(); }

private:
    std::vector<Entry> entries_;  // cells rising
};

struct Pane {
    Cells cells;
    std::vector<std::pair<std::size_t, std::unique_ptr<Kept>>> extras;

    const Kept* extra(std::size_t which) const {
        for (const auto& [number, kept] : extras) {
            if (number == which) {
                return kept.get();
            }
        }
        return nullptr;
    }

    Kept& own_extra(std::size_t which, const Schema& schema) {
        for (const auto& [number, kept] : extras) {
            if (number == which) {
                return *kept;
            }
        }
        extras.emplace_back(which, schema.extras[which].pane());
        return *extras.back().second;
    }
};

// Panes by their number, rising: nearly all that comes belongs to the last ones.
class Panes {
public:
    using Entries = std::vector<std::pair<Number, Pane>>;

    Entries::const_iterator begin() const { return entries_.begin(); }
    Entries::const_iterator end() const { return entries_.end(); }
    Entries::iterator begin() { return entries_.begin(); }
    Entries::iterator end() { return entries_.end(); }

    Entries::const_iterator lower_bound(Number number) const {
        return std::lower_bound(entries_.begin(), entries_.end(), number, before);
    }

    const Pane* find(Number number) const {
        const auto at = lower_bound(number);
        return at != entries_.end() && at->first == number ? &at->second : nullptr;
    }

    // The pane of this number, begun if there is none.
    Pane& operator[](Number number) {
        if (!entries_.empty() && entries_.back().first == number) {
            return entries_.back().second;
        }
        auto at = std::lower_bound(entries_.begin(), entries_.end(), number, before);
        if (at == entries_.end() || at->first != number) {
            at = entries_.emplace(at, number, Pane());
        }
        return at->second;
    }

    // Drops panes before this number, and the room that the others do not use.
    void forget(Number number) {
        entries_.erase(entries_.cbegin(), lower_bound(number));
        entries_.shrink_to_fit();
        for (auto& [_, pane] : entries_) {
            pane.cells.shrink();
            pane.extras.shrink_to_fit();
        }
    }

private:
    static bool before(const std::pair<Number, Pane>& one, Number number) { return one.first < number; }

    Entries entries_;
};

// Packed amounts: 2 bytes for the cell, 4 for the number; what is above 32 bits is an entry of its own.
template <typename Some>
std::string packed(const Some& amounts) {
    constexpr Cell kHigh = 0x8000;
    std::string raw;
    const auto put = [&raw](Cell cell, std::uint32_t number) {
        raw.append(reinterpret_cast<const char*>(&cell), sizeof cell);
        raw.append(reinterpret_cast<const char*>(&number), sizeof number);
    };
    Amounts above;
    for (const auto& [cell, number] : amounts) {
        put(cell, static_cast<std::uint32_t>(number));
        if (number >> 32 != 0) {
            above.emplace_back(cell, number >> 32);
        }
    }
    for (const auto& [cell, number] : above) {
        put(static_cast<Cell>(cell | kHigh), static_cast<std::uint32_t>(number));
    }
    return raw;
}

inline Amounts unpacked(std::string_view raw) {
    constexpr Cell kHigh = 0x8000;
    constexpr std::size_t kEntry = sizeof(Cell) + sizeof(std::uint32_t);
    if (raw.size() % kEntry != 0) {
        throw std::invalid_argument("a packed pane ends too early");
    }
    Amounts amounts;
    for (std::size_t at = 0; at + kEntry <= raw.size(); at += kEntry) {
        Cell cell = 0;
        std::uint32_t number = 0;
        std::memcpy(&cell, raw.data() + at, sizeof cell);
        std::memcpy(&number, raw.data() + at + sizeof cell, sizeof number);
        const bool high = (cell & kHigh) != 0;
        const auto low = static_cast<std::uint64_t>(number);
        amounts.emplace_back(static_cast<Cell>(cell & ~kHigh),
                             static_cast<std::int64_t>(high ? low << 32 : low));
    }
    return amounts;
}

// Neighbours that lie in one field of the store: the panes [first, first + size).
struct Together {
    Panes::Entries::const_iterator begin;
    Panes::Entries::const_iterator end;
    Number first;
};

inline constexpr std::string_view kCells = "cells";  // stands beside the names of extras

// The sums of neighbours: of each cell how much its number is above the one before, in which panes it is (a
// bit for each) and its sums there. Cells rise.
inline std::string packed_cells(const Together& some) {
    std::string raw;
    std::vector<std::pair<std::vector<Cells::Entry>::const_iterator, const Cells*>> left;
    for (auto at = some.begin; at != some.end; ++at) {
        left.emplace_back(at->second.cells.begin(), &at->second.cells);
    }
    constexpr int kNone = std::numeric_limits<Cell>::max() + 1;
    for (int next = 0;;) {
        int cell = kNone;
        for (const auto& [entry, cells] : left) {
            if (entry != cells->end()) {
                cell = std::min(cell, static_cast<int>(entry->cell));
            }
        }
        if (cell == kNone) {
            return raw;
        }
        std::uint64_t places = 0;
        for (std::size_t at = 0; at < left.size(); ++at) {
            if (left[at].first != left[at].second->end() && left[at].first->cell == cell) {
                places |= std::uint64_t{1}
                          << (std::next(some.begin, static_cast<std::ptrdiff_t>(at))->first - some.first);
            }
        }
        put_varint(raw, static_cast<std::uint64_t>(cell - next));
        put_varint(raw, places);
        for (auto& [entry, cells] : left) {
            if (entry != cells->end() && entry->cell == cell) {
                put_varint(raw, static_cast<std::uint64_t>(entry->number));
                ++entry;
            }
        }
        next = cell + 1;
    }
}

// Calls with number of the pane, cell and sum of each.
template <typename Visit>
void each_packed_cell(std::string_view raw, Number first, Number size, Visit visit) {
    std::uint64_t next = 0;
    while (!raw.empty()) {
        const std::uint64_t cell = take_varint(raw) + next;
        std::uint64_t places = take_varint(raw);
        if (cell > std::numeric_limits<Cell>::max() || places >> size != 0) {
            throw std::invalid_argument("packed panes of other sizes");
        }
        for (Number number = first; places != 0; ++number, places >>= 1) {
            if (places & 1) {
                visit(number, static_cast<Cell>(cell), static_cast<std::int64_t>(take_varint(raw)));
            }
        }
        next = cell + 1;
    }
}

// Neighbours as MessagePack: a map of their sums, and by name of an extra of a list: number of the pane,
// counted from the first, what it keeps, and so on.
inline std::string packed_together(const Together& some, const Schema& schema) {
    std::vector<std::tuple<std::size_t, Number, const Kept*>> extras;
    for (auto at = some.begin; at != some.end; ++at) {
        for (const auto& [which, kept] : at->second.extras) {
            extras.emplace_back(which, at->first - some.first, kept.get());
        }
    }
    std::sort(extras.begin(), extras.end());
    std::size_t names = 0;
    for (std::size_t at = 0; at < extras.size(); ++at) {
        names += at == 0 || std::get<0>(extras[at - 1]) != std::get<0>(extras[at]);
    }
    const std::string cells = packed_cells(some);
    Packer out;
    out.map(names + (cells.empty() ? 0 : 1));
    if (!cells.empty()) {
        out.text(kCells);
        out.bytes(cells);
    }
    for (auto at = extras.begin(); at != extras.end();) {
        const std::size_t which = std::get<0>(*at);
        const auto end =
            std::find_if(at, extras.end(), [which](const auto& one) { return std::get<0>(one) != which; });
        out.text(schema.extras[which].name);
        out.list(2 * static_cast<std::size_t>(end - at));
        for (; at != end; ++at) {
            out.number(std::get<1>(*at));
            std::get<2>(*at)->pack(out);
        }
    }
    return out.take();
}

}  // namespace roomwatch
