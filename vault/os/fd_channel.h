// One descriptor at a time, with a small message of fixed size, over a Unix
// SOCK_SEQPACKET pair. The keeper sends (sendmsg only), the gate receives.
// Neither side ever blocks. The receiver refuses a message of another size, one
// without a descriptor and one with more than one.
#pragma once

#include "vault/os/descriptor.h"

namespace coffer::os {

enum class SendOutcome { kSent, kWouldBlock };

// Sends a duplicate of `fd` with `message` (not empty). kUnreachable when the
// receiver is gone.
base::Result<SendOutcome> SendDescriptor(int channel, int fd,
                                         base::Bytes message);

enum class ReceiveOutcome { kReceived, kWouldBlock, kClosed };

struct ReceivedDescriptor {
  ReceiveOutcome outcome = ReceiveOutcome::kWouldBlock;
  FileDescriptor fd;  // valid exactly when kReceived; closed on exec
};

// Receives one message that fills `message` exactly. kDenied for any other
// form; whatever descriptors came with it are closed.
base::Result<ReceivedDescriptor> ReceiveDescriptor(int channel,
                                                   base::MutableBytes message);

}  // namespace coffer::os
