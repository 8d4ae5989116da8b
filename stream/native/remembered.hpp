// Maps by text.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

namespace roomwatch {

// Lets maps by text be asked with a piece of one.
struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

template <typename Value>
using ByText = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

// What is known of texts that were asked for lately: two generations of at most `most` each.
template <typename Value>
class Remembered {
public:
    explicit Remembered(std::size_t most) : most_(most) {}

    // Null where it is not known. What is found stays in place until the next call of `put`.
    const Value* find(std::string_view text) {
        if (const auto at = young_.find(text); at != young_.end()) {
            return &at->second;
        }
        const auto at = old_.find(text);
        if (at == old_.end()) {
            return nullptr;
        }
        Value value = std::move(at->second);
        old_.erase(at);
        return &put(text, std::move(value));
    }

    const Value& put(std::string_view text, Value value) {
        if (young_.size() >= most_) {
            old_.swap(young_);
            young_.clear();
        }
        return young_.insert_or_assign(std::string(text), std::move(value)).first->second;
    }

    std::size_t size() const { return young_.size() + old_.size(); }

private:
    std::size_t most_;
    ByText<Value> young_;
    ByText<Value> old_;
};

}  // namespace roomwatch
