// What the word lists say of chat lines, remembered, as viewers repeat each other.
#pragma once

#include "events.hpp"
#include "heard.hpp"
#include "remembered.hpp"

namespace roomwatch {

// What is said of a text.
struct Reading {
    Hash key = 0;           // stands for the normalised text, above the bits of a user; 0 for an empty one
    bool troubled = false;  // whether it says that something does not work
    std::optional<Owned> hits;  // what was found, as Python has it; nothing where nothing was
};

// Reads texts by a function of Python's, which gives key, whether it is troubled, and the hits.
class Reader {
public:
    Reader(PyObject* read, std::size_t most) : read_(Py_NewRef(read)), known_(most) {}

    const Reading& read(std::string_view text) {
        const Reading* known = known_.find(text);
        return known != nullptr ? *known : known_.put(text, asked(text));
    }

private:
    Reading asked(std::string_view text) const {
        const Owned given(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr));
        const Owned said(PyObject_CallOneArg(read_.get(), given.get()));
        if (!PyTuple_Check(said.get()) || PyTuple_GET_SIZE(said.get()) != 3) {
            throw std::invalid_argument("a reading is key, troubled and hits");
        }
        Reading found;
        found.key = hash_of(PyTuple_GET_ITEM(said.get(), 0)) << Heard::kUserBits;
        found.troubled = PyTuple_GET_ITEM(said.get(), 1) == Py_True;
        PyObject* hits = PyTuple_GET_ITEM(said.get(), 2);
        if (PyObject_IsTrue(hits) == 1) {
            found.hits.emplace(Py_NewRef(hits));
        }
        return found;
    }

    Owned read_;
    Remembered<Reading> known_;
};

}  // namespace roomwatch
