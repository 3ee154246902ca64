#include "ring.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>

#include <algorithm>

#include "failure.h"

namespace ecmp {

namespace {

constexpr uint32_t kMinimumSlotBytes = 256;
constexpr uint32_t kMaximumSlotBytes = 2048;
// A block is what the kernel allocates at once; small enough to be found in a fragmented memory.
constexpr uint32_t kSlotsPerBlock = 32;
constexpr uint32_t kMaximumSlots = 1 << 17;
constexpr uint32_t kPageBytes = 4096;

// The kernel puts the IP header at align16(52 + 16) + reserve + 10; with 6 that is 96, a multiple of 4 (and of 32).
constexpr int kReserveBytes = 6;

// The largest frame without BIG TCP is 14 + 4 + 65535 bytes. It starts at 18, so that its IP header lies at 32.
constexpr uint32_t kJumboBytes = 65 * 1024;
constexpr uint32_t kJumboFrameOffset = 18;
// Frames larger than a slot are copied into the jumbo area and out of it again: as many at a time as stay in the second cache.
constexpr uint32_t kJumboBatchBytes = 256 * 1024;

constexpr uint32_t kDefaultTpid = 0x8100;

constexpr uint32_t kSlotsAhead = 8;

constexpr uint32_t kNoRow = UINT32_MAX;

size_t round_to_page(size_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }

uint32_t load_status(const tpacket2_hdr* slot) { return __atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE); }

// The tag that the kernel has taken out of the frame, as the four bytes it was: type above, control below. 0: there was none.
uint32_t vlan_word(const tpacket2_hdr* slot, uint32_t status) {
  if ((status & TP_STATUS_VLAN_VALID) == 0) return 0;
  const uint32_t tpid = (status & TP_STATUS_VLAN_TPID_VALID) != 0 ? slot->tp_vlan_tpid : kDefaultTpid;
  return tpid << 16 | slot->tp_vlan_tci;
}

// A frame that this machine sent: shown to a fan-out group by kernels that lack the group's flag against it.
bool is_outgoing(const tpacket2_hdr* slot) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(slot) + TPACKET_ALIGN(sizeof *slot);
  return reinterpret_cast<const sockaddr_ll*>(bytes)->sll_pkttype == PACKET_OUTGOING;
}

// The options as they came, or a Failure: before anything is opened.
const RingOptions& checked(const RingOptions& options) {
  const auto& name = options.interface;
  if (options.capacity == 0 || options.capacity > 1024) {
    throw Failure(name + ": capacity " + std::to_string(options.capacity) + "; wanted 1 to 1024 frames a batch");
  }
  if (!options.receive) return options;
  const uint32_t slot_bytes = options.slot_bytes;
  if (slot_bytes < kMinimumSlotBytes || slot_bytes > kMaximumSlotBytes || (slot_bytes & (slot_bytes - 1)) != 0) {
    throw Failure(name + ": slots of " + std::to_string(slot_bytes) + " bytes; wanted a power of two from " +
                  std::to_string(kMinimumSlotBytes) + " to " + std::to_string(kMaximumSlotBytes));
  }
  const uint32_t slots = options.slots;
  if (slots < options.capacity || slots > kMaximumSlots || slots % kSlotsPerBlock != 0) {
    throw Failure(name + ": " + std::to_string(slots) + " slots; wanted a multiple of " + std::to_string(kSlotsPerBlock) +
                  " from the batch's capacity to " + std::to_string(kMaximumSlots));
  }
  return options;
}

}  // namespace

Ring::Ring(const RingOptions& options) : options_(checked(options)), socket_(options.interface), sender_(socket_, counters_) {
  const size_t ring_bytes = options.receive ? size_t{options.slots} * options.slot_bytes : 0;
  const size_t jumbo_bytes = options.receive ? size_t{options.capacity} * kJumboBytes : 0;
  frame_bytes_ = ring_bytes + round_to_page(jumbo_bytes);
  mapping_ = std::make_shared<Mapping>(frame_bytes_ + round_to_page(options.capacity * sizeof(Row)));
  rows_ = reinterpret_cast<Row*>(mapping_->base() + frame_bytes_);
  socket_.bind(0);
  if (!options.receive) return;
  socket_.set_option(PACKET_VERSION, TPACKET_V2, "PACKET_VERSION");
  socket_.set_option(PACKET_RESERVE, kReserveBytes, "PACKET_RESERVE");
  socket_.set_option(PACKET_COPY_THRESH, 1, "PACKET_COPY_THRESH");
  const tpacket_req request{kSlotsPerBlock * options.slot_bytes, options.slots / kSlotsPerBlock, options.slot_bytes, options.slots};
  if (setsockopt(socket_.descriptor(), SOL_PACKET, PACKET_RX_RING, &request, sizeof request) != 0) {
    fail(options.interface, "allocate a ring of " + std::to_string(ring_bytes) + " bytes", "fewer slots, or more memory");
  }
  if (!mapping_->share_ring(socket_.descriptor(), ring_bytes)) fail(options.interface, "map the ring");
  jumbo_rows_.reserve(options.capacity);
  jumbo_messages_.resize(options.capacity);
  jumbo_vectors_.resize(options.capacity);
  for (uint32_t i = 0; i < options.capacity; i++) {
    constexpr uint32_t before = kJumboFrameOffset - kVirtioHeaderLength;
    jumbo_vectors_[i] = {mapping_->base() + ring_bytes + size_t{i} * kJumboBytes + before, kJumboBytes - before};
    jumbo_messages_[i].msg_hdr.msg_iov = &jumbo_vectors_[i];
    jumbo_messages_[i].msg_hdr.msg_iovlen = 1;
  }
}

void Ring::listen(uint32_t fanout_group) {
  if (!options_.receive) return;
  if (fanout_group == kNoFanout) {
    socket_.listen();
    socket_.bind(ETH_P_ALL);
    return;
  }
  // Only a bound socket may join (in most kernels), and between the two it would hear what the members of the group hear.
  socket_.deafen();
  socket_.bind(ETH_P_ALL);
  socket_.join_fanout(fanout_group);
  socket_.listen();
}

// A filter and not another `bind`: the kernel would wait until no processor can be in the socket's code any more, for 20 ms.
void Ring::deafen() {
  if (options_.receive) socket_.deafen();
}

// The mapping may live on in JavaScript's hands; the socket must not live on in the mapping.
Ring::~Ring() { mapping_->release_ring(); }

tpacket2_hdr* Ring::slot(uint32_t index) const {
  return reinterpret_cast<tpacket2_hdr*>(mapping_->base() + size_t{index} * options_.slot_bytes);
}

bool Ring::ready() const {
  return options_.receive && outstanding_ < options_.slots && (load_status(slot(head_)) & TP_STATUS_USER) != 0;
}

void Ring::give_back() {
  uint32_t index = head_ >= outstanding_ ? head_ - outstanding_ : head_ + options_.slots - outstanding_;
  for (; outstanding_ > 0; outstanding_--) {
    __atomic_store_n(&slot(index)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    if (++index == options_.slots) index = 0;
  }
}

uint32_t Ring::receive() {
  if (!options_.receive) return 0;
  give_back();
  uint32_t count = 0;
  uint64_t bytes = 0;
  uint32_t jumbo_bytes = 0;
  // Slots that we hold still say "user": going round the ring would deliver them again.
  while (count < options_.capacity && outstanding_ < options_.slots && jumbo_rows_.size() < options_.capacity &&
         jumbo_bytes < kJumboBatchBytes) {
    // The lines that this loop and the forwarding core will read of a slot to come: its header, and the frame up to the ports.
    // With megabytes of slots they are in no near cache; asking early takes a frame's cost here and there from 50 ns to 31. Written
    // out: GCC 12 takes a function that only prefetches for one without effect, and removes the call.
    const auto* coming = reinterpret_cast<const uint8_t*>(slot(head_ + kSlotsAhead < options_.slots ? head_ + kSlotsAhead : head_));
    __builtin_prefetch(coming, 1);
    __builtin_prefetch(coming + 64, 1);
    tpacket2_hdr* const header = slot(head_);
    const uint32_t status = load_status(header);
    if ((status & TP_STATUS_USER) == 0) break;
    outstanding_++;
    if (++head_ == options_.slots) head_ = 0;
    const bool outgoing = is_outgoing(header);
    if ((status & TP_STATUS_COPY) != 0) {
      jumbo_rows_.push_back(outgoing ? kNoRow : count);
      jumbo_bytes += header->tp_len;
    } else if (header->tp_snaplen < header->tp_len) {
      counters_.cut_frames++;
    }
    if (outgoing) continue;
    const auto offset = static_cast<uint32_t>(reinterpret_cast<uint8_t*>(header) - mapping_->base()) + header->tp_mac;
    rows_[count++] = {offset, header->tp_snaplen, header->tp_len, vlan_word(header, status), 0, 0, 0, 0};
    bytes += header->tp_len;
  }
  if (!jumbo_rows_.empty()) receive_jumbo();
  counters_.received_frames += count;
  counters_.received_bytes += bytes;
  return count;
}

// The queue holds exactly one entry for each slot marked TP_STATUS_COPY, in the same order (both are made under one lock). Each
// must be taken, or poll says "readable" for ever. An error left on the socket by its interface comes out of recv first.
void Ring::receive_jumbo() {
  const auto wanted = static_cast<uint32_t>(jumbo_rows_.size());
  uint32_t taken = 0;
  for (int patience = 4; taken < wanted && patience > 0;) {
    const int got = recvmmsg(socket_.descriptor(), jumbo_messages_.data() + taken, wanted - taken, MSG_DONTWAIT | MSG_TRUNC, nullptr);
    if (got > 0) {
      taken += static_cast<uint32_t>(got);
    } else {
      note_interface_error(errno);
      patience--;
    }
  }
  for (uint32_t i = 0; i < wanted; i++) {
    if (jumbo_rows_[i] == kNoRow) continue;
    Row& row = rows_[jumbo_rows_[i]];
    const uint32_t whole = i < taken ? jumbo_messages_[i].msg_len - kVirtioHeaderLength : 0;
    // Anything but the length that the slot announced is not that frame: the row stays what the slot holds, a cut frame.
    if (whole == row.wire_length) {
      const auto* start = static_cast<uint8_t*>(jumbo_vectors_[i].iov_base) + kVirtioHeaderLength;
      row.offset = static_cast<uint32_t>(start - mapping_->base());
      row.length = std::min(whole, kJumboBytes - kJumboFrameOffset);
    }
    if (row.length < row.wire_length) counters_.cut_frames++;
  }
  jumbo_rows_.clear();
}

void Ring::note_interface_error(int error) {
  if (error != ENETDOWN && error != ENXIO && error != ENODEV) return;
  counters_.interface_errors++;
  counters_.last_interface_error = error;
}

void Ring::take_interface_error() { note_interface_error(socket_.take_error()); }

const Counters& Ring::counters() {
  tpacket_stats statistics{};
  socklen_t length = sizeof statistics;
  if (options_.receive && getsockopt(socket_.descriptor(), SOL_PACKET, PACKET_STATISTICS, &statistics, &length) == 0) {
    counters_.receive_drops += statistics.tp_drops;
  }
  return counters_;
}

}  // namespace ecmp
