// Hashes of many IPv4 5-tuples at once, each equal to the TypeScript row of the same name over the 13-byte key
//
//   source 4 | destination 4 | protocol 1 | source port 2 | destination port 2
//
// A call for one tuple would cost more than the whole hash does in TypeScript; from some 32 on it pays.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ecmp {

// A column a field, numbers in host order; `ports` has the source port in its upper half. None may overlap the answers.
struct Tuples {
  const uint32_t* sources;
  const uint32_t* destinations;
  const uint32_t* protocols;
  const uint32_t* ports;
  size_t count;
};

void hash_xxh32(uint32_t seed, const Tuples& tuples, uint32_t* hashes);
void hash_murmur3(uint32_t seed, const Tuples& tuples, uint32_t* hashes);
void hash_crc32c(uint32_t seed, const Tuples& tuples, uint32_t* hashes);

// `tables`: for each byte of the key, what each of its 256 values adds (src/ecmp/hash/toeplitz.ts).
constexpr size_t kToeplitzTableWords = 13 * 256;
void hash_toeplitz(const uint32_t* tables, const Tuples& tuples, uint32_t* hashes);

}  // namespace ecmp
