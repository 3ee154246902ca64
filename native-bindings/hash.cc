#include "hash.h"

#include <array>

#define INLINED inline __attribute__((always_inline))

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ecmp {

namespace {

// The key as the little-endian words that the hashes read; of `last` one byte.
struct Key {
  uint32_t source;
  uint32_t destination;
  uint32_t protocol_and_ports;
  uint32_t last;
};

INLINED Key key_at(const uint32_t* sources, const uint32_t* destinations, const uint32_t* protocols, const uint32_t* ports, size_t i) {
  return {__builtin_bswap32(sources[i]), __builtin_bswap32(destinations[i]), (protocols[i] & 0xff) | (__builtin_bswap32(ports[i]) << 8),
          ports[i] & 0xff};
}

INLINED uint32_t rotate(uint32_t word, int bits) { return (word << bits) | (word >> (32 - bits)); }

constexpr uint32_t kXxh32Prime1 = 0x9e3779b1;
constexpr uint32_t kXxh32Prime2 = 0x85ebca77;
constexpr uint32_t kXxh32Prime3 = 0xc2b2ae3d;
constexpr uint32_t kXxh32Prime4 = 0x27d4eb2f;
constexpr uint32_t kXxh32Prime5 = 0x165667b1;

INLINED uint32_t xxh32(uint32_t seed, const Key& key) {
  uint32_t hash = seed + kXxh32Prime5 + 13;
  hash = rotate(hash + key.source * kXxh32Prime3, 17) * kXxh32Prime4;
  hash = rotate(hash + key.destination * kXxh32Prime3, 17) * kXxh32Prime4;
  hash = rotate(hash + key.protocol_and_ports * kXxh32Prime3, 17) * kXxh32Prime4;
  hash = rotate(hash + key.last * kXxh32Prime5, 11) * kXxh32Prime1;
  hash = (hash ^ (hash >> 15)) * kXxh32Prime2;
  hash = (hash ^ (hash >> 13)) * kXxh32Prime3;
  return hash ^ (hash >> 16);
}

INLINED uint32_t murmur3_scramble(uint32_t word) { return rotate(word * 0xcc9e2d51, 15) * 0x1b873593; }

INLINED uint32_t murmur3(uint32_t seed, const Key& key) {
  uint32_t hash = seed;
  hash = rotate(hash ^ murmur3_scramble(key.source), 13) * 5 + 0xe6546b64;
  hash = rotate(hash ^ murmur3_scramble(key.destination), 13) * 5 + 0xe6546b64;
  hash = rotate(hash ^ murmur3_scramble(key.protocol_and_ports), 13) * 5 + 0xe6546b64;
  hash ^= murmur3_scramble(key.last) ^ 13;
  hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
  return hash ^ (hash >> 16);
}

using TupleHash = uint32_t (*)(uint32_t seed, const Key& key);

// A plain loop, compiled for what each processor can do: 16, 8 or 4 tuples a step. The columns are taken out of the struct
// first, because behind a reference any store to `hashes` might change them, and then nothing is vectorized.
template <TupleHash Hash>
INLINED void hash_each(uint32_t seed, const Tuples& tuples, uint32_t* __restrict hashes) {
  const auto [sources, destinations, protocols, ports, count] = tuples;
  for (size_t i = 0; i < count; i++) hashes[i] = Hash(seed, key_at(sources, destinations, protocols, ports, i));
}

#if defined(__x86_64__)
template <TupleHash Hash>
__attribute__((target("avx512f,avx512bw"))) void hash_by_16(uint32_t seed, const Tuples& tuples, uint32_t* hashes) {
  hash_each<Hash>(seed, tuples, hashes);
}

template <TupleHash Hash>
__attribute__((target("avx2"))) void hash_by_8(uint32_t seed, const Tuples& tuples, uint32_t* hashes) {
  hash_each<Hash>(seed, tuples, hashes);
}
#endif

template <TupleHash Hash>
void hash_by_processor(uint32_t seed, const Tuples& tuples, uint32_t* hashes) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bw")) return hash_by_16<Hash>(seed, tuples, hashes);
  if (__builtin_cpu_supports("avx2")) return hash_by_8<Hash>(seed, tuples, hashes);
#endif
  hash_each<Hash>(seed, tuples, hashes);
}

// Table k, at 256 * k: what becomes of a byte that k zero bytes follow.
constexpr std::array<uint32_t, 1024> crc32c_tables() {
  std::array<uint32_t, 1024> tables{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t remainder = byte;
    for (int bit = 0; bit < 8; bit++) remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0x82f63b78 : 0);
    tables[byte] = remainder;
  }
  for (size_t i = 256; i < tables.size(); i++) tables[i] = (tables[i - 256] >> 8) ^ tables[tables[i - 256] & 0xff];
  return tables;
}

constexpr std::array<uint32_t, 1024> kCrc32cTables = crc32c_tables();

inline uint32_t crc32c_word(uint32_t crc, uint32_t word) {
  crc ^= word;
  return kCrc32cTables[768 + (crc & 0xff)] ^ kCrc32cTables[512 + ((crc >> 8) & 0xff)] ^ kCrc32cTables[256 + ((crc >> 16) & 0xff)] ^
         kCrc32cTables[crc >> 24];
}

void hash_crc32c_by_tables(uint32_t start, const Tuples& tuples, uint32_t* hashes) {
  const auto [sources, destinations, protocols, ports, count] = tuples;
  for (size_t i = 0; i < count; i++) {
    const Key key = key_at(sources, destinations, protocols, ports, i);
    const uint32_t crc = crc32c_word(crc32c_word(crc32c_word(start, key.source), key.destination), key.protocol_and_ports);
    hashes[i] = ~((crc >> 8) ^ kCrc32cTables[(crc ^ key.last) & 0xff]);
  }
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) void hash_crc32c_by_instruction(uint32_t start, const Tuples& tuples, uint32_t* hashes) {
  const auto [sources, destinations, protocols, ports, count] = tuples;
  for (size_t i = 0; i < count; i++) {
    const Key key = key_at(sources, destinations, protocols, ports, i);
    const uint64_t addresses = key.source | static_cast<uint64_t>(key.destination) << 32;
    const auto crc = static_cast<uint32_t>(_mm_crc32_u64(start, addresses));
    hashes[i] = ~_mm_crc32_u8(_mm_crc32_u32(crc, key.protocol_and_ports), static_cast<uint8_t>(key.last));
  }
}
#endif

// From tuple `first` on.
void hash_toeplitz_by_1(const uint32_t* tables, const Tuples& tuples, size_t first, uint32_t* hashes) {
  const auto [sources, destinations, protocols, ports, count] = tuples;
  const auto word = [tables](size_t byte, uint32_t value) {
    const uint32_t* table = tables + 256 * byte;
    return table[value >> 24] ^ table[256 + ((value >> 16) & 0xff)] ^ table[512 + ((value >> 8) & 0xff)] ^ table[768 + (value & 0xff)];
  };
  for (size_t i = first; i < count; i++) {
    hashes[i] = word(0, sources[i]) ^ word(4, destinations[i]) ^ tables[256 * 8 + (protocols[i] & 0xff)] ^ word(9, ports[i]);
  }
}

#if defined(__x86_64__)
// Thirteen loads from tables become 36 permutations of a register: a digit of three bits picks one of eight words, in eight
// tuples at once. VPERMD takes no notice of higher bits.
constexpr int kWordDigits = 11;
constexpr int kByteDigits = 3;
constexpr int kToeplitzDigits = 3 * kWordDigits + kByteDigits;
using Digit = uint32_t[8];

// The digits of a number of `bytes` bytes, the lowest digit first, from the tables of its bytes, the highest byte first.
void fill_digits(const uint32_t* tables, int bytes, Digit* digits) {
  for (int first = 0; first < 8 * bytes; first += 3, digits++) {
    uint32_t* digit = *digits;
    digit[0] = 0;
    for (int i = 0; i < 3; i++) {
      const int bit = first + i;
      const uint32_t added = bit < 8 * bytes ? tables[256 * (bytes - 1 - bit / 8) + (1u << bit % 8)] : 0;
      for (int rest = 0; rest < 1 << i; rest++) digit[(1 << i) + rest] = digit[rest] ^ added;
    }
  }
}

template <int Digits>
__attribute__((target("avx2"), always_inline)) inline __m256i look_up(const Digit* digits, const uint32_t* column) {
  const __m256i numbers = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(column));
  __m256i sum = _mm256_setzero_si256();
#pragma GCC unroll 11
  for (int i = 0; i < Digits; i++) {
    const __m256i digit = _mm256_load_si256(reinterpret_cast<const __m256i*>(digits[i]));
    sum = _mm256_xor_si256(sum, _mm256_permutevar8x32_epi32(digit, _mm256_srli_epi32(numbers, 3 * i)));
  }
  return sum;
}

__attribute__((target("avx2"))) void hash_toeplitz_by_8(const uint32_t* tables, const Tuples& tuples, uint32_t* hashes) {
  alignas(32) Digit digits[kToeplitzDigits];
  Digit* const destination = digits + kWordDigits;
  Digit* const ports = digits + 2 * kWordDigits;
  Digit* const protocol = digits + 3 * kWordDigits;
  fill_digits(tables, 4, digits);
  fill_digits(tables + 256 * 4, 4, destination);
  fill_digits(tables + 256 * 9, 4, ports);
  fill_digits(tables + 256 * 8, 1, protocol);
  size_t i = 0;
  for (; i + 8 <= tuples.count; i += 8) {
    const __m256i addresses = _mm256_xor_si256(look_up<kWordDigits>(digits, tuples.sources + i),
                                               look_up<kWordDigits>(destination, tuples.destinations + i));
    const __m256i others = _mm256_xor_si256(look_up<kWordDigits>(ports, tuples.ports + i),
                                            look_up<kByteDigits>(protocol, tuples.protocols + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(hashes + i), _mm256_xor_si256(addresses, others));
  }
  hash_toeplitz_by_1(tables, tuples, i, hashes);
}
#endif

}  // namespace

void hash_xxh32(uint32_t seed, const Tuples& tuples, uint32_t* hashes) { hash_by_processor<xxh32>(seed, tuples, hashes); }

void hash_murmur3(uint32_t seed, const Tuples& tuples, uint32_t* hashes) { hash_by_processor<murmur3>(seed, tuples, hashes); }

void hash_crc32c(uint32_t seed, const Tuples& tuples, uint32_t* hashes) {
  const uint32_t start = ~seed;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return hash_crc32c_by_instruction(start, tuples, hashes);
#endif
  hash_crc32c_by_tables(start, tuples, hashes);
}

void hash_toeplitz(const uint32_t* tables, const Tuples& tuples, uint32_t* hashes) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return hash_toeplitz_by_8(tables, tuples, hashes);
#endif
  hash_toeplitz_by_1(tables, tuples, 0, hashes);
}

}  // namespace ecmp
