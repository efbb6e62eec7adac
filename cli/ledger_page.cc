#include "cli/ledger_page.h"

#include <algorithm>
#include <set>

#include "cli/text.h"
#include "crypto/base/time_text.h"

namespace coffer::cli {
namespace {

constexpr std::string_view kStyle = R"(
:root{color-scheme:light;--ink:#1c2430;--soft:#5b6675;--line:#d9dee5;
--ground:#f4f6f8;--good:#12663f;--good-ground:#e3f4ea;--bad:#9a2f1d;
--bad-ground:#fbe9e5}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2rem 1.25rem 3rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .25rem}
h2{font-size:1.15rem;margin:2.25rem 0 .75rem}
p{margin:.4rem 0}
.soft{color:var(--soft)}
.sheet{background:#fff;border:1px solid var(--line);border-radius:.5rem;
padding:1rem 1.15rem;margin:0 0 .9rem;break-inside:avoid}
.sheet h3{font-size:1.02rem;margin:0;display:flex;gap:.6rem;flex-wrap:wrap;
align-items:baseline;justify-content:space-between}
dl{display:grid;grid-template-columns:9.5rem 1fr;gap:.2rem .9rem;
margin:.6rem 0 0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
.id{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.86em}
.mark{font-size:.8rem;font-weight:600;padding:.1rem .55rem;white-space:nowrap;
border-radius:1rem;background:#eceff3;color:var(--soft)}
.mark.good{background:var(--good-ground);color:var(--good)}
.mark.bad{background:var(--bad-ground);color:var(--bad)}
.figures{display:flex;flex-wrap:wrap;gap:.4rem 2.2rem;margin:1rem 0 0;padding:0;
list-style:none}
.figures b{font-size:1.35rem;display:block;line-height:1.2}
.frame{background:#fff;border:1px solid var(--line);border-radius:.5rem}
table{border-collapse:collapse;width:100%;font-size:.92em}
th,td{text-align:left;vertical-align:top;padding:.5rem .7rem;
border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--soft);font-weight:600;white-space:nowrap}
td{overflow-wrap:break-word}
td.n{text-align:right;font-variant-numeric:tabular-nums}
td.t{font-variant-numeric:tabular-nums;white-space:nowrap}
tr{break-inside:avoid}
thead{display:table-header-group}
small{color:var(--soft);display:block}
.warn{background:var(--bad-ground);color:var(--bad);padding:.7rem 1rem;
border-radius:.5rem;margin:1rem 0}
footer{margin-top:2rem;color:var(--soft);font-size:.88em}
@media (max-width:42rem){
main{padding:1.25rem .9rem 2rem}
dl{grid-template-columns:1fr;gap:0}
dt{margin-top:.45rem;font-size:.86em}
thead{display:none}
table,tbody,tr,td{display:block}
tr{border-top:1px solid var(--line);padding:.55rem .9rem}
tbody tr:first-child{border-top:0}
td,td.n,td.t{border:0;padding:.1rem 0;text-align:left;display:grid;
grid-template-columns:6.5rem 1fr;white-space:normal}
td:before{content:attr(data-is);color:var(--soft)}
td:empty{display:none}
}
@media print{
body{background:#fff;font-size:10.5pt}
main{max-width:none;padding:0}
th,td{padding:.3rem .45rem}
.sheet,.frame{border-radius:0}
.mark{border:1px solid currentColor;background:none!important}
}
@page{margin:16mm 14mm}
)";

struct ActionRow {
  std::string_view action;
  std::string_view text;
};
constexpr ActionRow kActions[] = {
    {"link.create", "Linking the bank"},
    {"link.read", "Look at link and consent"},
    {"link.bank_token", "Renewing the bank token"},
    {"link.consent", "New consent"},
    {"link.revoke", "Revoking the consent"},
    {"link.erase", "Erasing the link"},
    {"link.expire", "Erasing, past its date"},
    {"link.ledger", "Look at this record"},
    {"consent.history", "Look at a past consent"},
    {"token.issue", "Access token"},
    {"token.redeem", "Use of the bank token"},
    {"token.introspect", "Check of an access token"},
    {"token.revoke", "End of an access token"},
    {"store.settle", "Revocation stored again"},
};

// Codes of consents, for a customer.
constexpr ActionRow kWords[] = {
    {"ONE_TIME", "one use"},
    {"PERSISTENT", "until it is revoked"},
    {"USER_ACTION", "the customer wished it"},
    {"BUSINESS_RULE", "a rule of the service"},
};
std::string Words(std::string_view code) {
  for (const ActionRow& row : kWords) {
    if (row.action == code) return std::string(row.text);
  }
  return EscapeHtml(code);
}

// "2026-11-20 14:53:09" of an RFC 3339 time; anything else as it is.
std::string PlainTime(std::string_view time) {
  std::string text(time);
  if (text.size() == base::kTimeTextBytes && text[10] == 'T') {
    text[10] = ' ';
    text.pop_back();
  }
  return text;
}

std::string Counted(uint64_t count, std::string_view one,
                    std::string_view many) {
  return "<li><b>" + Grouped(count) + "</b>" +
         std::string(count == 1 ? one : many) + "</li>\n";
}

void Row(std::string& out, std::string_view name, const std::string& html,
         bool id = false) {
  if (html.empty()) return;
  out += "<dt>";
  out += name;
  out += id ? "</dt><dd class=\"id\">" : "</dt><dd>";
  out += html + "</dd>\n";
}

// A list's names, which may break behind an underscore.
std::string Names(std::string_view names) {
  std::string html;
  for (char c : EscapeHtml(names)) {
    html += c == ' ' ? "," : "";
    html += c;
    html += c == '_' ? "<wbr>" : "";
  }
  return html;
}

std::string UtcTime(std::string_view time) {
  return time.empty() ? "" : PlainTime(time) + " UTC";
}

void WriteLink(std::string& out, const HeldLink& link) {
  const HeldConsent& consent = link.consent;
  const bool good = consent.status == "ACTIVE";
  out += "<section class=\"sheet\">\n<h3><span>";
  out += EscapeHtml(link.institution) + "</span>";
  if (!consent.status.empty()) {
    out += good ? "<span class=\"mark good\">" : "<span class=\"mark\">";
    out += EscapeHtml(consent.status) + "</span>";
  }
  out += "</h3>\n<dl>\n";
  Row(out, "Agreed purposes", Names(consent.purposes));
  Row(out, "Agreed data", Names(consent.clusters));
  Row(out, "Since", EscapeHtml(UtcTime(consent.from)));
  Row(out, "Until", EscapeHtml(UtcTime(consent.until)));
  Row(out, "Ended", EscapeHtml(UtcTime(consent.ended)));
  Row(out, "Ended because", Words(consent.reason));
  Row(out, "Kept until", EscapeHtml(UtcTime(consent.kept_until)));
  Row(out, "Agreed for", Words(consent.duration));
  Row(out, "History covered", EscapeHtml(consent.lookback));
  Row(out, "Set up by", EscapeHtml(link.linker));
  Row(out, "Consent", EscapeHtml(consent.id), true);
  Row(out, "Link", EscapeHtml(link.link), true);
  out += "</dl>\n</section>\n";
}

void Cell(std::string& out, std::string_view of, std::string_view name,
          const std::string& html) {
  out += "<td";
  if (!of.empty()) out += " class=\"" + std::string(of) + "\"";
  out += " data-is=\"" + std::string(name) + "\">" + html + "</td>\n";
}

std::string Outcome(std::string_view outcome) {
  if (outcome == "allowed") {
    return "<span><span class=\"mark good\">allowed</span></span>";
  }
  std::string rule(outcome);
  std::replace(rule.begin(), rule.end(), '_', ' ');
  return "<span><span class=\"mark bad\">refused</span><small>" +
         EscapeHtml(rule) + "</small></span>";
}

void WriteUse(std::string& out, const HeldUse& use) {
  out += "<tr>\n";
  Cell(out, "t", "Time", EscapeHtml(PlainTime(use.time)));
  Cell(out, "", "Service", Names(use.caller));
  Cell(out, "", "What",
       "<span>" + EscapeHtml(ActionText(use.action)) + "<small>" +
           EscapeHtml(use.institution) + "</small></span>");
  Cell(out, "", "Purpose", Names(use.purpose));
  Cell(out, "", "Data", Names(use.scope));
  Cell(out, "", "Outcome", Outcome(use.outcome));
  Cell(out, "n", "Entry", EscapeHtml(use.audit_index));
  out += "</tr>\n";
}

void WriteHead(std::string& out, const HeldData& data) {
  out +=
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
      "<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
      "'none'; style-src 'unsafe-inline'\">\n"
      "<meta name=\"referrer\" content=\"no-referrer\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n<title>What is held about ";
  out += EscapeHtml(data.subject) + "</title>\n<style>";
  out += kStyle;
  out += "</style>\n</head>\n<body>\n<main>\n<header>\n";
  out += "<h1>What is held about <span class=\"id\">";
  out += EscapeHtml(data.subject) + "</span></h1>\n<p class=\"soft\">As of ";
  out += PlainTime(base::TimeText(data.asked_at)) + " UTC";
  if (!data.asked_by.empty()) {
    out += ", asked for by " + EscapeHtml(data.asked_by);
  }
  out += ".</p>\n";
}

void WriteFigures(std::string& out, const HeldData& data) {
  std::set<std::string_view> services;
  uint64_t refused = 0;
  uint64_t handed_out = 0;
  for (const HeldUse& use : data.uses) {
    const bool allowed = use.outcome == "allowed";
    if (!allowed) ++refused;
    if (allowed && use.action == "token.redeem") ++handed_out;
    if (!use.caller.empty()) services.insert(use.caller);
  }
  const auto linked = std::count_if(
      data.links.begin(), data.links.end(),
      [](const HeldLink& link) { return link.consent.status == "ACTIVE"; });
  out += "<ul class=\"figures\">\n";
  out += Counted(static_cast<uint64_t>(linked), "bank linked now",
                 "banks linked now");
  out += Counted(handed_out, "use of a bank token", "uses of a bank token");
  out += Counted(services.size(), "service involved", "services involved");
  out += Counted(refused, "request refused", "requests refused");
  out += "</ul>\n</header>\n";
  if (!data.complete) {
    out +=
        "<p class=\"warn\">Some entries may be missing from this page. Ask for "
        "it again.</p>\n";
  }
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    const bool c1 = c == 0xc2 && i + 1 < text.size() &&
                    static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c < 0x20 || c == 0x7f || c1) {
      out += "\xef\xbf\xbd";
      if (c1) ++i;
      continue;
    }
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += static_cast<char>(c);
    }
  }
  return out;
}

std::string_view ActionText(std::string_view action) {
  for (const ActionRow& row : kActions) {
    if (row.action == action) return row.text;
  }
  return action;
}

std::string LedgerPage(const HeldData& data) {
  std::string out;
  WriteHead(out, data);
  WriteFigures(out, data);
  out += "<h2>Linked banks and what was agreed</h2>\n";
  if (data.links.empty()) out += "<p class=\"soft\">None.</p>\n";
  for (const HeldLink& link : data.links) WriteLink(out, link);
  if (!data.past.empty()) {
    out += "<h2>Consents that have ended</h2>\n";
    for (const HeldLink& link : data.past) WriteLink(out, link);
  }
  out += "<h2>Every use, the latest first</h2>\n";
  if (data.uses.empty()) {
    out += "<p class=\"soft\">None.</p>\n";
  } else {
    out +=
        "<div class=\"frame\">\n<table>\n<thead><tr><th>Time (UTC)</th>"
        "<th>Service</th><th>What</th><th>Purpose</th><th>Data</th>"
        "<th>Outcome</th><th>Entry</th></tr></thead>\n<tbody>\n";
    for (auto use = data.uses.rbegin(); use != data.uses.rend(); ++use) {
      WriteUse(out, *use);
    }
    out += "</tbody>\n</table>\n</div>\n";
  }
  out +=
      "<footer><p>A bank token is never part of this page. Entry is the place "
      "in the audit log, where every decision stands before it takes effect. "
      "Entries are kept for 1095 days; those of a link that was erased can no "
      "longer be told from anybody's.</p></footer>\n"
      "</main>\n</body>\n</html>\n";
  return out;
}

}  // namespace coffer::cli
