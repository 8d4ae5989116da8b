// User ids as the store may see them: a keyed hash.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "sets.hpp"

namespace roomwatch {

// The hashes of users that were asked for lately, by a fingerprint of their ids: eight megabytes. Two ids
// have the same fingerprint as seldom as two users have the same hash.
class KnownUsers {
public:
    // Zero where it is not known.
    Hash find(Hash fingerprint) const {
        for (const Entry& entry : ways(fingerprint)) {
            if (entry.fingerprint == fingerprint) {
                return entry.user;
            }
        }
        return 0;
    }

    // Takes the place of what came first of those that it shares its places with.
    void put(Hash fingerprint, Hash user) {
        Ways& all = sets_[fingerprint % kSets];
        std::move_backward(all.begin(), all.end() - 1, all.end());
        all.front() = {fingerprint, user};
    }

private:
    static constexpr std::size_t kSets = std::size_t{1} << 17;

    struct Entry {
        Hash fingerprint = 0;
        Hash user = 0;
    };
    using Ways = std::array<Entry, 4>;  // a line of the processor's cache

    const Ways& ways(Hash fingerprint) const { return sets_[fingerprint % kSets]; }

    std::vector<Ways> sets_ = std::vector<Ways>(kSets);
};

// Hashes user ids with HMAC-SHA-256 (RFC 2104). Its two keyed states are copied for each user, which takes a
// part of the time of starting anew.
class Users {
public:
    static constexpr std::size_t kBytes = 16;  // of a hash that are kept

    explicit Users(std::string_view key) : inner_(keyed(key, 0x36)), outer_(keyed(key, 0x5C)) {}

    std::string full(std::string_view user_id) {
        std::array<unsigned char, kDigest> digest = hashed(inner_, user_id);
        digest = hashed(outer_, {reinterpret_cast<const char*>(digest.data()), digest.size()});
        return {reinterpret_cast<const char*>(digest.data()), kBytes};
    }

    // The first 64 bits, for counting.
    Hash brief(std::string_view user_id) {
        const Hash fingerprint = std::hash<std::string_view>{}(user_id);
        Hash found = known_.find(fingerprint);
        if (found == 0) {
            for (const char byte : full(user_id).substr(0, sizeof found)) {
                found = found << 8 | static_cast<unsigned char>(byte);
            }
            known_.put(fingerprint, found);
        }
        return found;
    }

private:
    static constexpr std::size_t kDigest = 32;
    static constexpr std::size_t kBlock = 64;

    struct Free {
        void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    };
    using Context = std::unique_ptr<EVP_MD_CTX, Free>;

    static void check(int done) {
        if (done != 1) {
            throw std::runtime_error("SHA-256 is refused by this machine's OpenSSL");
        }
    }

    static Context keyed(std::string_view key, unsigned char pad) {
        std::array<unsigned char, kBlock> block{};
        if (key.size() > kBlock) {
            check(EVP_Digest(key.data(), key.size(), block.data(), nullptr, EVP_sha256(), nullptr));
        } else {
            std::copy(key.begin(), key.end(), block.begin());
        }
        for (unsigned char& byte : block) {
            byte ^= pad;
        }
        Context context(EVP_MD_CTX_new());
        check(EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr));
        check(EVP_DigestUpdate(context.get(), block.data(), block.size()));
        return context;
    }

    std::array<unsigned char, kDigest> hashed(const Context& keyed, std::string_view text) {
        std::array<unsigned char, kDigest> digest{};
        check(EVP_MD_CTX_copy_ex(work_.get(), keyed.get()));
        check(EVP_DigestUpdate(work_.get(), text.data(), text.size()));
        check(EVP_DigestFinal_ex(work_.get(), digest.data(), nullptr));
        return digest;
    }

    Context inner_;
    Context outer_;
    Context work_{EVP_MD_CTX_new()};
    KnownUsers known_;
};

}  // namespace roomwatch
