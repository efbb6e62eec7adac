// An audit leaf for people and programs. Runs in the CLI and the gate. Says no
// more than the leaf holds.
#pragma once

#include <string>

#include "vault/api/json.h"
#include "vault/wire/leaf.h"

namespace coffer::api {

inline constexpr size_t kLeafLineBytesMax = 80;

// {"index","time","kind","outcome":"allowed"|"refused","rule",...}; fields that
// the leaf leaves empty are left out.
void WriteLeaf(TextBuilder& out, const wire::Leaf& leaf);

// Index, time, kind, "ok" or the rule that refused, then who and what as far as
// kLeafLineBytesMax reaches; "~" marks a cut.
std::string LeafLine(const wire::Leaf& leaf);

}  // namespace coffer::api
