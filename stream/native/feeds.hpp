// How events of the feeds that flood are counted: likes, visits, chat lines.
#pragma once

#include "events.hpp"
#include "heard.hpp"
#include "reading.hpp"
#include "tally.hpp"

namespace roomwatch {

// What a visitor does: its cell, the set that it joins by it, whether it is an event of theirs among the
// busiest.
struct Action {
    std::string name;
    Cell cell;
    std::optional<std::size_t> set;
    bool busy;
};

// What the feeds count into.
struct Feeds {
    Number second_ms = 1'000;
    Number pane_ms = 10'000;
    Number minute_ms = 60'000;
    Number judged_ms = 0;  // who comes so long after the event's time is not among the busiest
    Cell like_events = 0;
    Cell likes = 0;
    Cell lines = 0;
    Cell again = 0;    // lines whose text was seen within the minute before
    Cell repeats = 0;  // lines whose text many have sent
    std::size_t interacters = 0;
    std::size_t writers = 0;
    std::size_t complainers = 0;
    std::size_t said = 0;
    std::size_t busiest = 0;
    std::size_t texts_max = 0;  // texts of a room that are remembered at least
    std::size_t clicked = 0;
    std::vector<Action> actions;
    std::size_t enter = 0;  // places among the actions
    std::size_t leave = 0;
    std::size_t click = 0;
    Cell stays = 0;
    Cell stays_ms = 0;
    Cell bounced = 0;
    std::vector<Cell> left;               // before each time to look again
    std::vector<std::int64_t> afters_ms;  // the times to look again
    std::vector<std::int64_t> dwell_bounds_ms;
    std::int64_t dwell_max_ms = 0;
    std::int64_t bounce_ms = 0;

    // The place of an action that a batch has at a place of its own.
    std::size_t action(const std::vector<std::string>& names, std::size_t place) const {
        const std::string& name = names.at(place);
        if (place < actions.size() && actions[place].name == name) {
            return place;
        }
        for (std::size_t at = 0; at < actions.size(); ++at) {
            if (actions[at].name == name) {
                return at;
            }
        }
        throw std::invalid_argument("no action " + name);
    }
};

// What came, by second, until it is taken in.
class Gathered {
public:
    Gathered(bool late) : late_(late) {}

    void add(std::int64_t at_ms, Cell cell, std::int64_t number) {
        Amounts& cells = at(at_ms).cells;
        for (auto& [known, sum] : cells) {
            if (known == cell) {
                sum += number;
                return;
            }
        }
        cells.emplace_back(cell, number);
    }

    void join(std::int64_t at_ms, std::size_t extra, Hash user) { came(at_ms, extra).people.push_back(user); }
    void count(std::int64_t at_ms, std::size_t extra, Hash what, std::int64_t number) {
        came(at_ms, extra).counts.emplace_back(what, number);
    }

    void into(Tally& tally, const Oldest& oldest) const {
        for (const Second& one : seconds_) {
            tally.take(one.second, one.cells, one.extras, oldest);
        }
    }

private:
    struct Second {
        Number second;
        Amounts cells;
        std::vector<std::pair<std::size_t, Came>> extras;
    };

    Second& at(std::int64_t at_ms) {
        const Number second = late_ ? Tally::kLate : at_ms / 1'000;
        for (auto one = seconds_.rbegin(); one != seconds_.rend(); ++one) {
            if (one->second == second) {
                return *one;
            }
        }
        seconds_.push_back({second, {}, {}});
        return seconds_.back();
    }

    Came& came(std::int64_t at_ms, std::size_t extra) {
        auto& extras = at(at_ms).extras;
        for (auto& [known, found] : extras) {
            if (known == extra) {
                return found;
            }
        }
        extras.emplace_back(extra, Came());
        return extras.back().second;
    }

    bool late_;
    std::vector<Second> seconds_;
};

// Events of one feed that belong to one session.
struct Batch {
    const Part& part;
    bool late;   // whether they count in totals only
    bool whole;  // false where only the core of the catalogue is counted
};

class Feeding {
public:
    Feeding(const Feeds& feeds, const Batch& batch)
        : feeds_(feeds), part_(batch.part), late_(batch.late), whole_(batch.whole), gathered_(batch.late) {}

    void likes() {
        for (std::size_t number = 0; number < part_.size(); ++number) {
            const Event& event = part_.at(number);
            gathered_.add(event.at_ms, feeds_.like_events, 1);
            gathered_.add(event.at_ms, feeds_.likes, event.count);
            if (whole_) {
                gathered_.join(minute(event.at_ms), feeds_.interacters, event.user);
                busy(event);
            }
        }
    }

    // Counts chat lines. `read` gives the reading of a text; `found` is called with the place of each line in
    // which something was found, and its reading.
    template <typename Read, typename Found>
    void lines(Heard& heard, Read read, Found found) {
        for (std::size_t number = 0; number < part_.size(); ++number) {
            const Event& event = part_.at(number);
            gathered_.add(event.at_ms, feeds_.lines, 1);
            if (!whole_) {
                continue;
            }
            gathered_.join(minute(event.at_ms), feeds_.writers, event.user);
            gathered_.join(minute(event.at_ms), feeds_.interacters, event.user);
            busy(event);
            const Reading& reading = read(part_.text(event.text));
            if (reading.troubled) {
                gathered_.join(event.at_ms, feeds_.complainers, event.user);
            }
            if (!late_ && reading.key != 0 && judged(event)) {
                hear(heard, event, reading.key);
            }
            if (reading.hits) {
                found(number, reading);
            }
        }
        heard.bound();
    }

    // What Python counts itself of visits.
    struct Visits {
        std::int64_t here;  // who is there, and the most that were
        std::int64_t most;
        std::vector<std::pair<std::uint32_t, std::int64_t>> sources;  // texts of those who entered, or none
        std::vector<std::int64_t> stays;                              // by bound, empty without any
        std::vector<std::size_t> clicks;                              // on items: places among the events
    };

    Visits visits(std::int64_t here, std::int64_t most) {
        Visits found{here, most, {}, {}, {}};
        for (std::size_t number = 0; number < part_.size(); ++number) {
            const Event& event = part_.at(number);
            const std::size_t which = feeds_.action(*part_.events->actions, event.action);
            gathered_.add(event.at_ms, feeds_.actions[which].cell, 1);
            if (which == feeds_.enter) {
                found.most = std::max(found.most, ++found.here);
                came_from(found, event.source);
            } else if (which == feeds_.leave) {
                --found.here;
                stay(found, event);
                continue;
            }
            if (which == feeds_.click && event.text != Event::kNone) {
                found.clicks.push_back(number);
            }
            if (whole_) {
                join(event, which);
            }
        }
        return found;
    }

    void into(Tally& tally, const Oldest& oldest) const { gathered_.into(tally, oldest); }

private:
    std::int64_t minute(std::int64_t at_ms) const { return at_ms / feeds_.minute_ms * feeds_.minute_ms; }
    std::int64_t pane(std::int64_t at_ms) const { return at_ms / feeds_.pane_ms * feeds_.pane_ms; }

    // Tells whether an event came soon enough after its time to be held against what was there then.
    bool judged(const Event& event) const { return event.at_ms > event.append_ms - feeds_.judged_ms; }

    void busy(const Event& event) {
        if (!late_ && judged(event)) {
            gathered_.count(pane(event.at_ms), feeds_.busiest, event.user, 1);
        }
    }

    // Notes a line of which the text is known by a key.
    void hear(Heard& heard, const Event& event, Hash key) {
        const Number second = event.at_ms / feeds_.second_ms;
        const Heard::Verdict verdict = heard.say(key, second, event.user);
        if (verdict.noted) {
            gathered_.count(pane(event.at_ms), feeds_.said, key | Heard::brief(event.user),
                            second % (feeds_.pane_ms / feeds_.second_ms));
        }
        if (verdict.again) {
            gathered_.add(event.at_ms, feeds_.again, 1);
        }
        if (verdict.suspect) {
            gathered_.add(event.at_ms, feeds_.repeats, 1);
        }
    }

    void join(const Event& event, std::size_t which) {
        const Action& action = feeds_.actions[which];
        if (action.set) {
            gathered_.join(minute(event.at_ms), *action.set, event.user);
        }
        if (which == feeds_.click) {
            gathered_.join(pane(event.at_ms), feeds_.clicked, event.user);
        } else if (action.busy) {
            busy(event);
        }
    }

    static void came_from(Visits& found, std::uint32_t source) {
        for (auto& [known, number] : found.sources) {
            if (known == source) {
                ++number;
                return;
            }
        }
        found.sources.emplace_back(source, 1);
    }

    void stay(Visits& found, const Event& event) {
        if (event.dwell_ms < 0) {
            return;
        }
        const std::int64_t stay_ms = std::min(event.dwell_ms, feeds_.dwell_max_ms);
        const auto& bounds = feeds_.dwell_bounds_ms;
        found.stays.resize(bounds.size() + 1);
        ++found.stays[static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), stay_ms) -
                                               bounds.begin())];
        gathered_.add(event.at_ms, feeds_.stays, 1);
        gathered_.add(event.at_ms, feeds_.stays_ms, stay_ms);
        const auto& afters = feeds_.afters_ms;
        const auto after = std::upper_bound(afters.begin(), afters.end(), stay_ms);
        if (after != afters.end()) {
            const Cell cell = stay_ms <= feeds_.bounce_ms
                                  ? feeds_.bounced
                                  : feeds_.left[static_cast<std::size_t>(after - afters.begin())];
            gathered_.add(pane(event.at_ms - stay_ms), cell, 1);
        }
    }

    const Feeds& feeds_;
    const Part& part_;
    bool late_;
    bool whole_;
    Gathered gathered_;
};

}  // namespace roomwatch
