// From records' bytes to events, for the feeds that flood.
//
// Accepts only what is plainly good, in the sense of stream.judge; whatever else a record may be, Python
// says.
#pragma once

#include <simdjson.h>

#include "events.hpp"
#include "remembered.hpp"

namespace roomwatch {

// What one field of a record may hold; bounds are those of stream.model.
struct Field {
    enum class Kind { kId, kText, kInteger, kNumber, kWord };

    std::string name;
    Kind kind;
    bool required;
    double least;  // of a number; of a text, its characters
    double most;
    std::vector<std::string> words;
};

// Tells whether a text is an id: 1 to 64 of A-Z a-z 0-9 _ . : -
inline bool is_id(std::string_view text) {
    constexpr std::size_t kMost = 64;
    return !text.empty() && text.size() <= kMost && std::all_of(text.begin(), text.end(), [](char one) {
        return (one >= '0' && one <= '9') || (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') ||
               one == '_' || one == '.' || one == ':' || one == '-';
    });
}

// The partition that Kafka's Java client gives a key: murmur2, without its sign.
inline std::size_t partition_of(std::string_view key, std::size_t partitions) {
    constexpr std::uint32_t kSeed = 0x9747B28C;
    constexpr std::uint32_t kFactor = 0x5BD1E995;
    const std::size_t whole = key.size() & ~std::size_t{3};
    std::uint32_t digest = kSeed ^ static_cast<std::uint32_t>(key.size());
    for (std::size_t at = 0; at < whole; at += 4) {
        std::uint32_t word = 0;
        std::memcpy(&word, key.data() + at, sizeof word);
        word *= kFactor;
        word = (word ^ word >> 24) * kFactor;
        digest = digest * kFactor ^ word;
    }
    if (whole < key.size()) {
        std::uint32_t rest = 0;
        std::memcpy(&rest, key.data() + whole, key.size() - whole);
        digest = (digest ^ rest) * kFactor;
    }
    digest = (digest ^ digest >> 13) * kFactor;
    digest ^= digest >> 15;
    return (digest & 0x7FFFFFFF) % partitions;
}

class FloodDecoder {
public:
    struct Bounds {
        std::size_t partitions;
        std::size_t value_bytes;  // most of a value
        std::int64_t ahead_ms;    // most that an event may be ahead of its append time
        std::size_t rooms;        // most that are remembered as good, of a partition
    };

    FloodDecoder(std::vector<Field> fields, const Bounds& bounds, std::shared_ptr<Users> users)
        : fields_(std::move(fields)),
          bounds_(bounds),
          users_(std::move(users)),
          rooms_(bounds.partitions),
          actions_(std::make_shared<std::vector<std::string>>()),
          padded_(bounds.value_bytes + simdjson::SIMDJSON_PADDING) {
        for (std::size_t at = 0; at < fields_.size(); ++at) {
            const Field& field = fields_[at];
            if (field.required) {
                required_ |= std::uint32_t{1} << at;
            }
            targets_.push_back(target_of(field.name));
            if (field.name == "action") {
                actions_ = std::make_shared<std::vector<std::string>>(field.words);
            }
        }
    }

    bool lenient = false;  // whether fields that are not known are passed over

    // Returns the events of records (tuples of value, key, append time and offset), and the places of those
    // that are not plainly good.
    std::pair<std::shared_ptr<Events>, std::vector<std::size_t>> decode(PyObject* records,
                                                                        std::size_t partition) {
        auto events = std::make_shared<Events>();
        events->actions = actions_;
        std::vector<std::size_t> odd;
        if (!PyList_Check(records)) {
            throw std::invalid_argument("a list of records was expected");
        }
        const Py_ssize_t size = PyList_GET_SIZE(records);
        events->all.resize(static_cast<std::size_t>(size));
        ++batch_;
        for (Py_ssize_t at = 0; at < size; ++at) {
            const auto place = static_cast<std::size_t>(at);
            if (!read(PyList_GET_ITEM(records, at), partition, *events, events->all[place])) {
                events->all[place] = {};
                odd.push_back(place);
            }
        }
        return {std::move(events), std::move(odd)};
    }

private:
    // A room that is known to lie in a partition, and its place in the batch that last had an event of it.
    struct Room {
        std::uint64_t batch = 0;
        std::uint32_t place = 0;
    };

    // Where the value of a field goes.
    enum class Target { kNowhere, kRoom, kUser, kTime, kCount, kDwell, kText, kSource, kAction };

    static Target target_of(std::string_view name) {
        static constexpr std::pair<std::string_view, Target> kTargets[] = {
            {"room_id", Target::kRoom}, {"user_id", Target::kUser},   {"at_ms", Target::kTime},
            {"count", Target::kCount},  {"dwell_ms", Target::kDwell}, {"text", Target::kText},
            {"item_id", Target::kText}, {"source", Target::kSource},  {"action", Target::kAction},
        };
        for (const auto& [known, target] : kTargets) {
            if (known == name) {
                return target;
            }
        }
        return Target::kNowhere;
    }

    // What a record says of its place, while it is read.
    struct Said {
        std::string_view room_id;
        std::string_view user_id;
    };

    bool read(PyObject* record, std::size_t partition, Events& events, Event& event) {
        if (!PyTuple_Check(record) || PyTuple_GET_SIZE(record) != 4) {
            throw std::invalid_argument("a record is a tuple of value, key, append time and offset");
        }
        PyObject* value = PyTuple_GET_ITEM(record, 0);
        PyObject* key = PyTuple_GET_ITEM(record, 1);
        if (!PyBytes_Check(value) || !PyBytes_Check(key)) {
            return false;
        }
        event.append_ms = whole_number(PyTuple_GET_ITEM(record, 2));
        event.offset = whole_number(PyTuple_GET_ITEM(record, 3));
        const std::string_view raw(PyBytes_AS_STRING(value),
                                   static_cast<std::size_t>(PyBytes_GET_SIZE(value)));
        Said said;
        if (!parse(raw, events, event, said) || event.at_ms > event.append_ms + bounds_.ahead_ms) {
            return false;
        }
        const std::string_view room(PyBytes_AS_STRING(key), static_cast<std::size_t>(PyBytes_GET_SIZE(key)));
        if (room != said.room_id || !placed(room, partition, events, event)) {
            return false;
        }
        event.user = users_->brief(said.user_id);
        return true;
    }

    // Gives the event its room; false where the room does not belong into this partition.
    bool placed(std::string_view room_id, std::size_t partition, Events& events, Event& event) {
        auto& rooms = rooms_.at(partition);
        auto known = rooms.find(room_id);
        if (known == rooms.end()) {
            if (partition_of(room_id, rooms_.size()) != partition) {
                return false;
            }
            if (rooms.size() >= bounds_.rooms) {
                rooms.clear();
            }
            known = rooms.try_emplace(std::string(room_id)).first;
        }
        Room& room = known->second;
        if (room.batch != batch_) {
            room = {batch_, static_cast<std::uint32_t>(events.rooms.size())};
            events.rooms.emplace_back(room_id);
        }
        event.room = room.place;
        return true;
    }

    // Texts that `said` gets live until the next value is parsed.
    bool parse(std::string_view raw, Events& events, Event& event, Said& said) {
        if (raw.size() > bounds_.value_bytes || raw.empty() || raw.front() != '{') {
            return false;
        }
        std::memcpy(padded_.data(), raw.data(), raw.size());
        simdjson::dom::object object;
        if (parser_.parse(padded_.data(), raw.size(), false).get(object) != simdjson::SUCCESS) {
            return false;
        }
        escapes_ = raw.find("\\u") != std::string_view::npos;
        std::uint32_t seen = 0;
        std::size_t next = 0;  // producers name the fields in one order
        for (const auto& [name, given] : object) {
            const std::size_t at = place_of(name, next);
            if (at == fields_.size()) {
                if (!lenient || given.is_array() || given.is_object() || !whole(given)) {
                    return false;
                }
                continue;
            }
            next = at + 1;
            const std::uint32_t bit = std::uint32_t{1} << at;
            if ((seen & bit) != 0) {  // the last one would count
                return false;
            }
            if (given.is_null() ? fields_[at].required : !take(at, given, events, event, said)) {
                return false;
            }
            seen |= bit;
        }
        return (seen & required_) == required_;
    }

    std::size_t place_of(std::string_view name, std::size_t next) const {
        if (next < fields_.size() && fields_[next].name == name) {
            return next;
        }
        const auto at = std::find_if(fields_.begin(), fields_.end(),
                                     [name](const Field& one) { return one.name == name; });
        return static_cast<std::size_t>(at - fields_.begin());
    }

    // Tells that no text in a value is half a surrogate pair, which JSON can escape and UTF-8 cannot say.
    bool whole(const simdjson::dom::element& given) const {
        std::string_view text;
        return given.get(text) != simdjson::SUCCESS || whole(text);
    }

    bool whole(std::string_view text) const {
        if (escapes_) {
            for (std::size_t at = 0; at + 1 < text.size(); ++at) {
                if (static_cast<unsigned char>(text[at]) == 0xED &&
                    static_cast<unsigned char>(text[at + 1]) >= 0xA0) {
                    return false;
                }
            }
        }
        return true;
    }

    bool take(std::size_t at, const simdjson::dom::element& given, Events& events, Event& event, Said& said) {
        const Field& field = fields_[at];
        switch (field.kind) {
            case Field::Kind::kInteger: {
                std::int64_t number = 0;
                return given.is_int64() && given.get(number) == simdjson::SUCCESS &&
                       within(field, static_cast<double>(number)) && put(at, number, event);
            }
            case Field::Kind::kNumber: {
                double number = 0;
                return given.get(number) == simdjson::SUCCESS && within(field, number);
            }
            case Field::Kind::kId:
            case Field::Kind::kText:
            case Field::Kind::kWord: {
                std::string_view text;
                return given.get(text) == simdjson::SUCCESS && whole(text) && fits(field, text) &&
                       put(at, text, events, event, said);
            }
        }
        return false;
    }

    static bool within(const Field& field, double number) {
        return number >= field.least && number <= field.most;
    }

    static bool fits(const Field& field, std::string_view text) {
        if (field.kind == Field::Kind::kId) {
            return is_id(text);
        }
        if (field.kind == Field::Kind::kWord) {
            return std::find(field.words.begin(), field.words.end(), text) != field.words.end();
        }
        const auto characters = std::count_if(text.begin(), text.end(), [](char one) {
            return (static_cast<unsigned char>(one) & 0xC0) != 0x80;
        });
        return within(field, static_cast<double>(characters));
    }

    bool put(std::size_t at, std::int64_t number, Event& event) const {
        switch (targets_[at]) {
            case Target::kTime:
                event.at_ms = number;
                break;
            case Target::kCount:
                event.count = number;
                break;
            case Target::kDwell:
                event.dwell_ms = number;
                break;
            default:
                break;
        }
        return true;
    }

    bool put(std::size_t at, std::string_view text, Events& events, Event& event, Said& said) const {
        switch (targets_[at]) {
            case Target::kRoom:
                said.room_id = text;
                break;
            case Target::kUser:
                said.user_id = text;
                break;
            case Target::kText:
                event.text = events.keep(text);
                break;
            case Target::kSource:
                event.source = events.keep_source(text);
                break;
            case Target::kAction: {
                const auto& words = fields_[at].words;
                event.action =
                    static_cast<std::uint8_t>(std::find(words.begin(), words.end(), text) - words.begin());
                break;
            }
            default:
                break;
        }
        return true;
    }

    std::vector<Field> fields_;
    Bounds bounds_;
    std::shared_ptr<Users> users_;
    std::vector<ByText<Room>> rooms_;  // of each partition
    std::shared_ptr<std::vector<std::string>> actions_;
    std::vector<Target> targets_;
    std::uint32_t required_ = 0;
    std::uint64_t batch_ = 0;
    bool escapes_ = false;  // whether the value that is read has escapes of Unicode
    simdjson::dom::parser parser_;
    std::vector<char> padded_;
};

}  // namespace roomwatch
