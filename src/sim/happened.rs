//! What happened in a run beside deliveries: faults by kind, and the rarer paths that were taken.

mod met;

use std::collections::BTreeMap;

pub use self::met::can_meet;
use super::odd_waits;
use crate::domain::outcome::{Outcome, OutcomeKind};

/// Counts of faults and paths; equal runs have equal ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Happened {
    /// Batches whose commit failed.
    pub failed_commits: u64,
    /// Pages of events that were loaded.
    pub event_pages: u64,
    /// Pages of open deliveries that were loaded.
    pub open_pages: u64,
    /// Pages that came late.
    pub late_loads: u64,
    /// Loads that failed.
    pub failed_loads: u64,
    /// Shards that the engine gave up.
    pub shards_lost: u64,
    /// Attempts in flight when a shard was given up.
    pub orphans: u64,
    /// Attempts that were made again because their result was lost.
    pub repeated: u64,
    /// Lives of the process that ended when only the process went.
    pub kills: u64,
    /// Lives that ended when the power went.
    pub power_losses: u64,
    /// Lives that ended before the store was open: in recovery, or in the first creation.
    pub died_opening: u64,
    /// Lives that ended between a commit and all that would have been told of it.
    pub died_untold: u64,
    /// Lives that ended in order.
    pub shut_downs: u64,
    /// Attempts that were called off since the grace of an orderly end was over.
    pub called_off: u64,
    /// Syncs that failed.
    pub failed_syncs: u64,
    /// Groups of which nobody knew, and that were durable.
    pub unsure_there: u64,
    /// Groups of which nobody knew, and that were not durable.
    pub unsure_gone: u64,
    /// Times that the disk was nearly full.
    pub reserves: u64,
    /// Times that the disk was full.
    pub full_disks: u64,
    /// Steps of the wall clock.
    pub wall_steps: u64,
    /// Asks that were answered with what their key had made before.
    pub replayed: u64,
    /// Asks that were put off since there was no room for more.
    pub put_off: u64,
    /// Changes of endpoints by hand that were acknowledged, other than deletions.
    pub changed: u64,
    /// Changes of what an endpoint wants that became durable.
    pub refiltered: u64,
    /// Endpoints that kept another order from some time on.
    pub reordered: u64,
    /// Endpoints that had another rate from some time on.
    pub rerated: u64,
    /// Endpoints that had other header fields from some time on.
    pub reheaded: u64,
    /// First attempts that had to wait for others of their line.
    pub waited_in_line: u64,
    /// Endpoints that were made while events came.
    pub added: u64,
    /// Deletions of endpoints.
    pub deleted: u64,
    /// Attempts that were asked for by hand.
    pub resent: u64,
    /// Deliveries that were skipped or parked.
    pub set_aside: u64,
    /// Tasks that were begun by hand.
    pub tasks: u64,
    /// Deliveries that a task made begin anew.
    pub reopened: u64,
    /// Tasks that were called off, whether they had ended or not.
    pub tasks_called_off: u64,
    /// Payloads that were taken away.
    pub expunged: u64,
    /// Times that a circuit opened.
    pub circuits_opened: u64,
    /// Attempts that were the last for which the budget of their host had room.
    pub hosts_full: u64,
    /// Attempts that were the last for which the share of slow receivers had room.
    pub slow_full: u64,
    /// Attempts that were the last for which the share of slow receivers of all applications had room, where
    /// several had some.
    pub slow_of_all_full: u64,
    /// Attempts of neighbours.
    pub neighbours_sent: u64,
    /// Operational events.
    pub news_told: u64,
    /// Applications that were deleted while others went on.
    pub applications_deleted: u64,
    /// First attempts that waited long for a slot which others had.
    pub turns_waited_for: u64,
    /// Attempts that were the last for which the window of their endpoint had room, where it had grown.
    pub windows_used_up: u64,
    /// First attempts before which retries made way.
    pub firsts_before_retries: u64,
    /// Waits of schedules in which receivers had no say.
    pub waits_spread: u64,
    /// Attempts that went out to find out whether a receiver is well.
    pub probes: u64,
    /// Times that a receiver was found to be well again.
    pub recoveries: u64,
    /// Endpoints that were disabled since they failed for too long.
    pub disabled_failing: u64,
    /// Endpoints that were disabled since they are gone.
    pub disabled_gone: u64,
    /// Runs in which all was well for a core at some time.
    pub healed: u64,
    /// Stores that were opened twice and compared with ones that were opened once.
    pub opened_twice: u64,
    /// Inspections of lists and history.
    pub inspections: u64,
    /// Buckets or payloads that had gone when somebody looked.
    pub retained: u64,
    /// Attempts that found nobody listening.
    pub refusals: u64,
    /// Attempts that had no reply in time.
    pub timeouts: u64,
    /// Attempts that were answered with an error status, those below included.
    pub error_statuses: u64,
    /// Attempts whose receiver said when to come again.
    pub retry_afters: u64,
    /// Of these by other than a number of seconds that people wait.
    pub odd_waits: u64,
    /// Times that a receiver was out of order for a while.
    pub outages: u64,
    /// Pairs of receivers that are out of order together.
    pub outages_together: u64,
    /// Of these, those that were back in another order than they went.
    pub outages_crossed: u64,
    /// Times that the process stood still.
    pub stalls: u64,
    /// Attempts that were refused because the receiver's clock is off; in the layer `full` only.
    pub off_clocks: u64,
    /// Asks that were refused because their key belongs to another body.
    pub other_bodies: u64,
    /// Asks that were refused since they are too large or not valid; in the layer `full` only.
    pub bad_asks: u64,
    /// Attempts whose receiver said that it is gone.
    pub gone: u64,
    /// Attempts whose connection did not come about, or ended or was spoilt before a reply; in the
    /// layer `full` only.
    pub broken: u64,
    /// Attempts whose receiver's name was not known, or not told.
    pub names_unresolved: u64,
    /// Attempts whose receiver's name led to where nothing is sent.
    pub names_astray: u64,
    /// Requests that a stranger got to whom a receiver's name had led; in the layer `full` only.
    pub names_elsewhere: u64,
    /// Attempts for which TLS did not come about, or with somebody else; not in the layer `full`.
    pub tls_failed: u64,
    /// Requests that were sent once more since a kept connection ended under them; in the layer `full` only.
    pub sent_twice: u64,
    /// Receivers that did what was asked when nobody waited for the answer any more; in the layer
    /// `full` only.
    pub late_successes: u64,
}

impl Happened {
    /// What was done to the run, by kind; `docs/simulation.md` has what each is.
    const fn faults(&self) -> [(&'static str, u64); 30] {
        [
            ("process_killed", self.kills),
            ("power_lost", self.power_losses),
            ("died_while_opening", self.died_opening),
            ("died_before_a_reply", self.died_untold),
            ("shut_down", self.shut_downs),
            ("sync_failed", self.failed_syncs),
            ("disk_nearly_full", self.reserves),
            ("disk_full", self.full_disks),
            ("wall_clock_set", self.wall_steps),
            ("shard_lost", self.shards_lost),
            ("commit_failed", self.failed_commits),
            ("page_late", self.late_loads),
            ("page_failed", self.failed_loads),
            ("receiver_refused", self.refusals),
            ("receiver_silent", self.timeouts),
            ("receiver_error", self.error_statuses),
            ("receiver_asked_to_wait", self.retry_afters),
            ("receiver_asked_oddly", self.odd_waits),
            ("process_stood_still", self.stalls),
            ("receiver_out_of_order", self.outages),
            ("receiver_clock_off", self.off_clocks),
            ("key_with_another_body", self.other_bodies),
            ("ask_not_valid", self.bad_asks),
            ("receiver_gone", self.gone),
            ("receiver_broke_off", self.broken),
            ("receiver_too_late", self.late_successes),
            ("name_not_resolved", self.names_unresolved),
            ("name_led_astray", self.names_astray),
            ("name_led_elsewhere", self.names_elsewhere),
            ("tls_failed", self.tls_failed),
        ]
    }

    /// Rarer paths that the run took because of it.
    #[must_use]
    pub const fn paths(&self) -> [(&'static str, u64); 45] {
        [
            ("unknown groups kept", self.unsure_there),
            ("unknown groups gone", self.unsure_gone),
            ("pages of events", self.event_pages),
            ("pages of retries", self.open_pages),
            ("orphaned attempts", self.orphans),
            ("repeated attempts", self.repeated),
            ("keys used again", self.replayed),
            ("attempts called off", self.called_off),
            ("asks put off", self.put_off),
            ("endpoints changed", self.changed),
            ("filters changed", self.refiltered),
            ("orders changed", self.reordered),
            ("rates changed", self.rerated),
            ("header fields changed", self.reheaded),
            ("deliveries waited in line", self.waited_in_line),
            ("endpoints added", self.added),
            ("endpoints deleted", self.deleted),
            ("attempts asked for", self.resent),
            ("payloads taken away", self.expunged),
            ("deliveries set aside", self.set_aside),
            ("tasks begun", self.tasks),
            ("deliveries begun anew", self.reopened),
            ("tasks called off", self.tasks_called_off),
            ("circuits opened", self.circuits_opened),
            ("hosts full", self.hosts_full),
            ("share of the slow full", self.slow_full),
            ("share of all the slow full", self.slow_of_all_full),
            ("attempts of neighbours", self.neighbours_sent),
            ("operational events", self.news_told),
            ("applications deleted", self.applications_deleted),
            ("turns waited for", self.turns_waited_for),
            ("windows used up", self.windows_used_up),
            ("firsts before retries", self.firsts_before_retries),
            ("waits spread", self.waits_spread),
            ("circuits probed", self.probes),
            ("circuits recovering", self.recoveries),
            ("endpoints disabled", self.disabled_failing),
            ("endpoints gone", self.disabled_gone),
            ("cores healed", self.healed),
            ("outages together", self.outages_together),
            ("outages crossed", self.outages_crossed),
            ("stores opened twice", self.opened_twice),
            ("inspections", self.inspections),
            ("requests sent twice", self.sent_twice),
            ("events let go", self.retained),
        ]
    }

    /// Faults and paths together, each with its name; a batch of runs must have met them all.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.faults().into_iter().chain(self.paths())
    }

    /// What drawn worlds of a layer can meet and did not: with enough of them, a hole in the
    /// simulation, through which a bug would pass unseen.
    #[must_use]
    pub fn unmet(&self, layer: &str) -> Vec<&'static str> {
        let missing = self
            .counts()
            .filter(|(name, count)| *count == 0 && can_meet(layer, name));
        missing.map(|(name, _)| name).collect()
    }

    /// The faults that there were, by kind.
    #[must_use]
    pub fn faults_met(&self) -> BTreeMap<&'static str, u64> {
        let met = self.faults().into_iter().filter(|(_, count)| *count > 0);
        met.collect()
    }

    /// How often the process died.
    #[must_use]
    pub const fn crashes(&self) -> u64 {
        self.kills + self.power_losses
    }

    /// Counts what an attempt met.
    pub(super) fn met(&mut self, outcome: &Outcome) {
        match outcome.kind {
            OutcomeKind::Refused => self.refusals += 1,
            OutcomeKind::ConnectTimeout { .. }
            | OutcomeKind::Reset
            | OutcomeKind::Closed
            | OutcomeKind::ProtocolError => self.broken += 1,
            OutcomeKind::DnsNotFound | OutcomeKind::DnsFailed => self.names_unresolved += 1,
            OutcomeKind::AddressBlocked => self.names_astray += 1,
            OutcomeKind::TlsCertificate | OutcomeKind::TlsHandshake => self.tls_failed += 1,
            OutcomeKind::Timeout { .. } => self.timeouts += 1,
            OutcomeKind::Status(status) if !(200..300).contains(&status) => {
                self.error_statuses += 1;
                self.gone += u64::from(status == 410);
            }
            _ => {}
        }
        self.sent_twice += u64::from(outcome.resent);
        let asked = outcome.retry_after.as_deref();
        self.retry_afters += u64::from(asked.is_some());
        self.odd_waits += u64::from(asked.is_some_and(odd_waits::is_odd));
    }

    /// Adds another run's counts.
    pub const fn add(&mut self, other: &Self) {
        self.failed_commits += other.failed_commits;
        self.event_pages += other.event_pages;
        self.open_pages += other.open_pages;
        self.late_loads += other.late_loads;
        self.failed_loads += other.failed_loads;
        self.shards_lost += other.shards_lost;
        self.orphans += other.orphans;
        self.repeated += other.repeated;
        self.kills += other.kills;
        self.power_losses += other.power_losses;
        self.died_opening += other.died_opening;
        self.died_untold += other.died_untold;
        self.shut_downs += other.shut_downs;
        self.called_off += other.called_off;
        self.failed_syncs += other.failed_syncs;
        self.unsure_there += other.unsure_there;
        self.unsure_gone += other.unsure_gone;
        self.reserves += other.reserves;
        self.full_disks += other.full_disks;
        self.wall_steps += other.wall_steps;
        self.replayed += other.replayed;
        self.put_off += other.put_off;
        self.changed += other.changed;
        self.refiltered += other.refiltered;
        self.reordered += other.reordered;
        self.rerated += other.rerated;
        self.reheaded += other.reheaded;
        self.waited_in_line += other.waited_in_line;
        self.added += other.added;
        self.deleted += other.deleted;
        self.resent += other.resent;
        self.expunged += other.expunged;
        self.set_aside += other.set_aside;
        self.tasks += other.tasks;
        self.reopened += other.reopened;
        self.tasks_called_off += other.tasks_called_off;
        self.circuits_opened += other.circuits_opened;
        self.hosts_full += other.hosts_full;
        self.slow_full += other.slow_full;
        self.slow_of_all_full += other.slow_of_all_full;
        self.neighbours_sent += other.neighbours_sent;
        self.news_told += other.news_told;
        self.applications_deleted += other.applications_deleted;
        self.turns_waited_for += other.turns_waited_for;
        self.windows_used_up += other.windows_used_up;
        self.firsts_before_retries += other.firsts_before_retries;
        self.waits_spread += other.waits_spread;
        self.probes += other.probes;
        self.recoveries += other.recoveries;
        self.disabled_failing += other.disabled_failing;
        self.disabled_gone += other.disabled_gone;
        self.healed += other.healed;
        self.opened_twice += other.opened_twice;
        self.inspections += other.inspections;
        self.retained += other.retained;
        self.add_met(other);
    }

    /// Adds what another run's attempts met.
    const fn add_met(&mut self, other: &Self) {
        self.refusals += other.refusals;
        self.timeouts += other.timeouts;
        self.error_statuses += other.error_statuses;
        self.retry_afters += other.retry_afters;
        self.odd_waits += other.odd_waits;
        self.outages += other.outages;
        self.outages_together += other.outages_together;
        self.outages_crossed += other.outages_crossed;
        self.stalls += other.stalls;
        self.off_clocks += other.off_clocks;
        self.other_bodies += other.other_bodies;
        self.bad_asks += other.bad_asks;
        self.gone += other.gone;
        self.broken += other.broken;
        self.late_successes += other.late_successes;
        self.names_unresolved += other.names_unresolved;
        self.names_astray += other.names_astray;
        self.names_elsewhere += other.names_elsewhere;
        self.tls_failed += other.tls_failed;
        self.sent_twice += other.sent_twice;
    }
}
