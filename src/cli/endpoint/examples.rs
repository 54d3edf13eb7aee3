//! What the helps of `fanfare endpoint …` show.

pub(super) const ENDPOINT_EXAMPLES: &str = "\
Examples:
  Make an endpoint and see the key that its receiver verifies with
    fanfare endpoint create acme https://example.com/hook --uid billing --event-type 'invoice.*'
    fanfare endpoint secret acme billing

  Hold it, and let it go on
    fanfare endpoint update acme billing --disable
    fanfare endpoint update acme billing --enable

Exit codes:
  0 done, 1 the server refused what was asked, 2 wrong usage, 3 not found, 4 the key is refused,
  5 the server can't be reached";

pub(super) const LIST_EXAMPLES: &str = "\
Examples:
  All of an application
    fanfare endpoint list acme --all

  The URLs of those that are disabled
    fanfare endpoint list acme --all --json | jq -r 'select(.disabled).url'";

pub(super) const SHOW_EXAMPLES: &str = "\
Examples:
  By the uids of both
    fanfare endpoint show acme billing";

pub(super) const CREATE_EXAMPLES: &str = "\
Examples:
  For two kinds of events of one channel
    fanfare endpoint create acme https://example.com/hook \\
      --event-type 'invoice.*' --event-type order.paid --channel eu

  One delivery after the other, in the order in which events were sent
    fanfare endpoint create acme https://example.com/ledger --ordering endpoint

  With a header field that goes out with each delivery, and a key of your own
    fanfare endpoint create acme https://example.com/hook --header x-tenant=7 --secret-file key.txt";

pub(super) const UPDATE_EXAMPLES: &str = "\
Examples:
  Send it elsewhere, and all events
    fanfare endpoint update acme billing --url https://example.com/new --clear event-types";

pub(super) const DELETE_EXAMPLES: &str = "\
Examples:
  What waits for it is called off
    fanfare endpoint delete acme billing --yes";

pub(super) const SECRET_EXAMPLES: &str = "\
Examples:
  Into a file, for fanfare verify
    fanfare endpoint secret acme billing > key.txt";

pub(super) const STATS_EXAMPLES: &str = "\
Examples:
  Of the last four weeks, then how much failed in the last hour
    fanfare endpoint stats acme billing
    fanfare endpoint stats acme billing --since 1h --json | jq .fail";

pub(super) const SEND_EXAMPLE_EXAMPLES: &str = "\
Examples:
  One that every server has, then the second example in the schema of a type
    fanfare endpoint send-example acme billing svix.ping
    fanfare endpoint send-example acme billing invoice.paid --index 1";

pub(super) const ROTATE_EXAMPLES: &str = "\
Examples:
  A new key; the old one signs for another hour, too
    fanfare endpoint rotate acme billing --grace 1h";
