// The figures of one subject in the order of its columns, and how they are written down.
#pragma once

#include <charconv>
#include <cmath>

#include "names.hpp"

namespace roomwatch {

// A column: one figure, or an object of figures by label.
struct Column {
    enum class Kind {
        figure,
        labelled,  // by labels that are known beforehand
        open,      // by labels that the subject brought along
        given      // an object that Python has worked out and encoded
    };
    Kind kind = Kind::figure;
    std::vector<std::string> labels;
    std::vector<std::size_t> places;  // which instructions work out its figures
    std::vector<bool> whole;          // whether they are whole numbers
    std::string name;                 // of the amounts of open labels,
    std::size_t at = 0;               // which of them,
    double unit = 0;                  // and how many of them make one; 0 leaves them whole
};

using Columns = std::vector<Column>;

// Writes figures as MessagePack.
class PackedFigures {
public:
    void list(std::size_t size) { out_.list(size); }
    void open(std::size_t size) { out_.map(size); }
    void label(const std::string& text) { out_.text(text); }
    void close() {}
    void given(const py::tuple& encoded) { out_.raw(view_of(encoded[1])); }
    void nothing() { out_.nil(); }
    void whole(std::int64_t figure) { out_.number(figure); }
    void real(double figure) { out_.real(figure); }
    py::bytes take() { return out_.take(); }

private:
    Packer out_;
};

// Writes figures as JSON.
class JsonFigures {
public:
    void list(std::size_t) { out_ += '['; }

    void open(std::size_t) {
        next();
        out_ += '{';
    }

    void label(const std::string& text) {
        next();
        quote(text);
        out_ += ':';
    }

    void close() { out_ += '}'; }

    void given(const py::tuple& encoded) {
        next();
        out_ += view_of(encoded[2]);
    }

    void nothing() {
        next();
        out_ += "null";
    }

    void whole(std::int64_t figure) {
        next();
        add(figure);
    }

    void real(double figure) {
        if (!std::isfinite(figure)) {
            nothing();  // JSON has no other word for it
            return;
        }
        next();
        const std::size_t begin = out_.size();
        add(figure);
        if (out_.find_first_of(".e", begin) == std::string::npos) {
            out_ += ".0";
        }
    }

    py::bytes take() {
        out_ += ']';
        return out_;
    }

private:
    void next() {
        const char before = out_.back();
        if (before != '[' && before != '{' && before != ':') {
            out_ += ',';
        }
    }

    template <typename Figure>
    void add(Figure figure) {
        std::array<char, 32> text{};
        const auto end = std::to_chars(text.data(), text.data() + text.size(), figure).ptr;
        out_.append(text.data(), end);
    }

    void quote(const std::string& text) {
        constexpr unsigned char kFirstPrinted = 0x20;
        constexpr const char* kDigits = "0123456789abcdef";
        out_ += '"';
        for (const char one : text) {
            const auto byte = static_cast<unsigned char>(one);
            if (byte < kFirstPrinted) {
                out_ += {'\\', 'u', '0', '0', kDigits[byte >> 4], kDigits[byte & 0xF]};
            } else {
                if (one == '"' || one == '\\') {
                    out_ += '\\';
                }
                out_ += one;
            }
        }
        out_ += '"';
    }

    std::string out_;
};

// Makes Python objects of figures.
class PythonFigures {
public:
    void list(std::size_t) {}
    void open(std::size_t) { object_ = py::dict(); }
    void label(const std::string& text) { label_ = py::str(text); }

    void close() {
        list_.append(object_);
        object_ = py::none();
    }

    void given(const py::tuple& encoded) { add(encoded[0]); }
    void nothing() { add(py::none()); }
    void whole(std::int64_t figure) { add(py::int_(figure)); }
    void real(double figure) { add(py::float_(figure)); }
    py::list take() { return list_; }

private:
    void add(const py::object& figure) {
        if (object_.is_none()) {
            list_.append(figure);
        } else {
            object_[label_] = figure;
        }
    }

    py::list list_;
    py::object object_ = py::none();
    py::str label_;
};

// The figures of one subject: a list, of which it is written down what is asked for.
class Values {
public:
    using Amounts = std::vector<std::pair<std::string, std::int64_t>>;

    explicit Values(std::shared_ptr<const Columns> columns) : columns_(std::move(columns)) {}

    std::vector<double> figures;   // of all columns, in their order
    std::vector<Amounts> amounts;  // of each column with open labels
    py::list given;                // of each column that Python has worked out

    std::size_t size() const { return columns_->size(); }

    template <typename Writer>
    auto written() const {
        Writer out;
        auto figure = figures.begin();
        auto some = amounts.begin();
        std::size_t objects = 0;
        out.list(columns_->size());
        for (const Column& column : *columns_) {
            switch (column.kind) {
                case Column::Kind::figure:
                    write(out, *figure++, column.whole[0]);
                    break;
                case Column::Kind::labelled:
                    out.open(column.labels.size());
                    for (std::size_t at = 0; at < column.labels.size(); ++at) {
                        out.label(column.labels[at]);
                        write(out, *figure++, column.whole[at]);
                    }
                    out.close();
                    break;
                case Column::Kind::open:
                    write(out, *some++, column.unit);
                    break;
                case Column::Kind::given: {
                    const py::object object = given[objects++];
                    object.is_none() ? out.nothing() : out.given(object);
                    break;
                }
            }
        }
        return out.take();
    }

private:
    template <typename Writer>
    static void write(Writer& out, double figure, bool whole) {
        if (std::isnan(figure)) {
            out.nothing();
        } else if (whole) {
            out.whole(static_cast<std::int64_t>(figure));
        } else {
            out.real(figure);
        }
    }

    template <typename Writer>
    static void write(Writer& out, const Amounts& amounts, double unit) {
        out.open(amounts.size());
        for (const auto& [label, amount] : amounts) {
            out.label(label);
            if (unit == 0) {
                out.whole(amount);
            } else {
                out.real(static_cast<double>(amount) / unit);
            }
        }
        out.close();
    }

    std::shared_ptr<const Columns> columns_;
};

}  // namespace roomwatch
