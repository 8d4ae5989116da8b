// What there is to count, once for all sessions, and what came of it.
#pragma once

#include <optional>

#include "kept.hpp"

namespace roomwatch {

using Cell = std::uint16_t;
using Amount = std::pair<Cell, std::int64_t>;
using Amounts = std::vector<Amount>;
using Number = std::int64_t;  // of a pane

// An extra: what panes or sessions keep besides cells. See stream.cells.Extra.
struct Extra {
    std::string name;
    std::function<std::unique_ptr<Kept>()> pane;  // empty where panes keep none
    bool fine = false;
    bool coarse = false;
    bool brief = false;
    Number every = 1;
    std::optional<std::size_t> growing;  // place among the session's sets that it goes into
    std::optional<std::size_t> sampled;  // place among the session's samples that it goes into
};

// Cells whose sums over a window are asked for together.
struct Frame {
    bool coarse;                       // the panes of the window
    std::vector<std::int32_t> column;  // place of a cell -> its column, negative for one of another frame
    std::size_t columns;
};

// What is counted, once for all sessions.
struct Schema {
    std::size_t cells = 0;
    Number seconds_a_coarse = 10;
    std::vector<Frame> frames;
    std::vector<Extra> extras;
    std::vector<std::string> sets;     // names of the sets of people that sessions keep
    std::vector<std::string> samples;  // names of their samples
    int set_precision = 14;
    std::size_t set_exact_max = 1024;
    std::vector<std::size_t> sample_most;
    std::size_t busiest = 0;  // the extra that tells who floods
    Cell flooded = 0;         // the cell of events beyond `flood`
    std::int64_t flood = 0;   // events of a user within ten seconds
    Pings::Bounds pings{};

    // The extra of this name that panes keep, if there is one.
    std::optional<std::size_t> pane_extra(std::string_view name) const {
        const auto found = std::find_if(extras.begin(), extras.end(),
                                        [name](const Extra& one) { return one.name == name && one.pane; });
        return found == extras.end() ? std::nullopt
                                     : std::optional(static_cast<std::size_t>(found - extras.begin()));
    }
};

// The oldest panes that may be begun.
struct Oldest {
    Number fine;
    Number coarse;
    Number brief;
};

// Old place of a cell -> its place now, negative for one that is not counted any more; nothing if none moved.
using Places = std::optional<std::vector<std::int64_t>>;

// A window in panes: [first, end), fine or coarse.
struct Span {
    bool coarse;
    Number first;
    Number end;
    bool operator==(const Span&) const = default;
};

}  // namespace roomwatch
