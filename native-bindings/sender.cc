#include "sender.h"

#include "failure.h"

namespace ecmp {

namespace {

// The interface is down or gone: whatever follows in this batch would be refused too.
bool is_interface_error(int error) { return error == ENETDOWN || error == ENXIO || error == ENODEV; }

[[noreturn]] void refuse_row(const PacketSocket& socket, uint32_t index, const Row& row, size_t byte_length) {
  throw Failure(socket.interface() + ": row " + std::to_string(index) + ": frame at " + std::to_string(row.offset) + " of " +
                std::to_string(row.length) + " bytes; wanted at least 10 bytes in front and an Ethernet header, within the " +
                std::to_string(byte_length) + " bytes of the batch");
}

}  // namespace

Sender::Sender(PacketSocket& socket, Counters& counters) : socket_(socket), counters_(counters), messages_{}, vectors_{} {
  for (uint32_t i = 0; i < kMessages; i++) {
    messages_[i].msg_hdr.msg_iov = &vectors_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
}

uint32_t Sender::transmit(uint8_t* bytes, size_t byte_length, const Row* rows, uint32_t count, uint32_t egress) {
  uint32_t refused = 0;
  uint32_t gathered = 0;
  for (uint32_t i = 0; i < count; i++) {
    // A copy: other threads may hold the rows, and what was checked must be what is used.
    const Row row = rows[i];
    if (row.verdict != kVerdictForward || row.egress != egress) continue;
    if (row.offset < kVirtioHeaderLength || row.length < kEthernetHeaderLength || row.offset > byte_length ||
        row.length > byte_length - row.offset) {
      refuse_row(socket_, i, row, byte_length);
    }
    vectors_[gathered] = {bytes + row.offset - kVirtioHeaderLength, row.length + kVirtioHeaderLength};
    if (++gathered == kMessages) {
      refused += flush(gathered);
      gathered = 0;
    }
  }
  return gathered == 0 ? refused : refused + flush(gathered);
}

// sendmmsg stops at the first frame that fails and tells why only when that frame is the first of a call. So each turn of this
// loop sends at least one frame or gives one up; the exceptions are an interruption and an error that was left on the socket
// when the interface went down, which are each forgiven once a batch.
uint32_t Sender::flush(uint32_t count) {
  uint32_t next = 0;
  uint32_t refused = 0;
  bool forgiven = false;
  while (next < count) {
    const int sent = sendmmsg(socket_.descriptor(), messages_ + next, count - next, MSG_DONTWAIT);
    if (sent > 0) {
      for (const uint32_t end = next + static_cast<uint32_t>(sent); next < end; next++) {
        counters_.transmitted_frames++;
        counters_.transmitted_bytes += vectors_[next].iov_len - kVirtioHeaderLength;
      }
      continue;
    }
    const int error = errno;
    if ((error == EINTR || is_interface_error(error)) && !forgiven) {
      forgiven = true;
      continue;
    }
    if (is_interface_error(error)) {
      counters_.interface_errors++;
      counters_.last_interface_error = error;
      refused += count - next;
      break;
    }
    if (error == ENOBUFS && retry_segmented(next)) {
      counters_.transmitted_frames++;
      counters_.transmitted_bytes += vectors_[next].iov_len - kVirtioHeaderLength;
    } else {
      refused++;
    }
    next++;
  }
  counters_.transmit_errors += refused;
  return refused;
}

// PACKET_QDISC_BYPASS drops a frame that must be segmented by software (__dev_direct_xmit: skb != orig_skb), and says ENOBUFS
// as it does for a full queue. If the device does not segment TCP, the way around is the one through the queueing discipline,
// for every frame from now on, so that none overtakes another.
bool Sender::retry_segmented(uint32_t index) {
  const bool segmented = static_cast<const uint8_t*>(vectors_[index].iov_base)[kVirtioGsoType] != 0;
  if (!bypass_ || !segmented || socket_.device_segments_tcp()) return false;
  bypass_ = !socket_.leave_bypass();
  return !bypass_ && sendmsg(socket_.descriptor(), &messages_[index].msg_hdr, MSG_DONTWAIT) >= 0;
}

}  // namespace ecmp
