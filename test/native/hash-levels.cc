// The hash kernels with a processor that can do no more than it is allowed to: `hash-levels` prints what this one can do;
// `hash-levels HASH SEED COUNT [LEVEL ...]` reads the four columns (of toeplitz the tables first) and writes the hashes.
// hash.cc is compiled within, so that what it asks of the processor is asked here; nothing of it is changed.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

std::vector<std::string> allowed;

bool processor_can(const std::string& level) {
#if defined(__x86_64__)
  if (level == "sse4.2") return __builtin_cpu_supports("sse4.2");
  if (level == "avx2") return __builtin_cpu_supports("avx2");
  if (level == "avx512bw") return __builtin_cpu_supports("avx512bw");
#endif
  return false;
}

// Says what it grants.
[[maybe_unused]] bool may_use(const std::string& level) {
  for (const std::string& one : allowed) {
    if (one != level || !processor_can(level)) continue;
    std::fprintf(stderr, "%s\n", level.c_str());
    return true;
  }
  return false;
}

std::vector<uint32_t> read_words(size_t count) {
  std::vector<uint32_t> words(count);
  if (std::fread(words.data(), sizeof(uint32_t), count, stdin) != count) std::exit(2);
  return words;
}

}  // namespace

#define __builtin_cpu_supports(level) may_use(level)
#include "hash.cc"

int main(int count, char** arguments) {
  if (count == 1) {
    for (const char* level : {"sse4.2", "avx2", "avx512bw"}) {
      if (processor_can(level)) std::puts(level);
    }
    return 0;
  }
  if (count < 4) return 2;
  const std::string hash = arguments[1];
  const auto seed = static_cast<uint32_t>(std::stoul(arguments[2]));
  const size_t rows = std::stoul(arguments[3]);
  allowed.assign(arguments + 4, arguments + count);
  const std::vector<uint32_t> tables = read_words(hash == "toeplitz" ? 13 * 256 : 0);
  const std::vector<uint32_t> columns = read_words(4 * rows);
  const ecmp::Tuples tuples{columns.data(), columns.data() + rows, columns.data() + 2 * rows, columns.data() + 3 * rows, rows};
  std::vector<uint32_t> hashes(rows);
  if (hash == "xxh32") ecmp::hash_xxh32(seed, tuples, hashes.data());
  else if (hash == "murmur3-32") ecmp::hash_murmur3(seed, tuples, hashes.data());
  else if (hash == "crc32c") ecmp::hash_crc32c(seed, tuples, hashes.data());
  else if (hash == "toeplitz") ecmp::hash_toeplitz(tables.data(), tuples, hashes.data());
  else return 2;
  return std::fwrite(hashes.data(), sizeof(uint32_t), rows, stdout) == rows ? 0 : 2;
}
