// The operator socket's questions about operations that await approval; see
// operator_message.h for the frames. What an approver signs is a text of lines
// that the keeper made (the statement), as an SSH signature (SSHSIG, namespace
// "coffer", SHA-512, Ed25519), which `ssh-keygen -Y sign -n coffer` makes.
#pragma once

#include "vault/wire/operator_message.h"

namespace coffer::wire {

using OperationId = ByteArray<8>;
// "op_" and 16 hex digits.
inline constexpr size_t kOperationTextBytes = 19;
std::string OperationText(const OperationId& id);
base::Result<OperationId> ParseOperation(std::string_view text);

// --- The answer to whatever awaits approval (kAwaitsApproval)
struct AwaitingAnswer {
  OperationId id{};
  uint8_t approvals = 0;
  uint8_t needed = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.id);
    coder.Number(self.approvals);
    coder.Number(self.needed);
  }
};

// --- kOperationShow
// --- kOperationCancel: by the uid that asked for it
struct OperationQuestion {
  OperationId id{};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.id);
  }
};
// --- kOperationList
struct OperationRow {
  OperationId id{};
  OperatorOp op = OperatorOp::kStatus;
  uint32_t uid = 0;  // who asked for it
  uint64_t asked_at = 0;
  uint64_t expires_at = 0;
  std::string_view what;  // "institution withdraw citi"
  NameList approvers;     // who approved
  uint8_t needed = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.id);
    coder.Number(self.op);
    coder.Number(self.uid);
    coder.Number(self.asked_at);
    coder.Number(self.expires_at);
    coder.Text(self.what, 128);
    coder.Texts(self.approvers, base::kNameBytesMax);
    coder.Number(self.needed);
  }
};
struct OperationListAnswer {
  base::BoundedList<OperationRow, base::kOperationsMax> rows;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Structs(self.rows);
  }
};
struct OperationShowAnswer {
  OperationRow row;
  std::string_view statement;  // the bytes to sign

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Struct(self.row);
    coder.Text(self.statement, base::kStatementBytesMax);
  }
};

// --- kOperationApprove: the last one needed carries the operation out; `done`
// then tells how that ended.
struct ApproveQuestion {
  OperationId id{};
  ByteArray<32> public_key{};
  ByteArray<64> signature{};  // Ed25519, over the SSHSIG blob

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.id);
    coder.Fixed(self.public_key);
    coder.Fixed(self.signature);
  }
};
struct ApproveAnswer {
  uint8_t approvals = 0;
  uint8_t needed = 0;
  bool carried_out = false;
  std::string_view message;  // of what was carried out; empty: done

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.approvals);
    coder.Number(self.needed);
    coder.Flag(self.carried_out);
    coder.Text(self.message, kOperatorMessageBytesMax);
  }
};

}  // namespace coffer::wire
