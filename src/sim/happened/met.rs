//! Which layer can meet what.

/// Whether drawn worlds of a layer can meet this.
#[must_use]
pub fn can_meet(layer: &str, name: &str) -> bool {
    match name {
        // What needs a disk, or a process that dies.
        "process_killed"
        | "power_lost"
        | "died_while_opening"
        | "died_before_a_reply"
        | "sync_failed"
        | "disk_nearly_full"
        | "disk_full"
        | "unknown groups kept"
        | "unknown groups gone"
        | "inspections"
        | "events let go" => layer != "core",
        // Nobody is beside the producers of the whole, and they see no reason of a refusal.
        "share of all the slow full"
        | "attempts of neighbours"
        | "operational events"
        | "applications deleted"
        | "turns waited for"
        | "asks put off" => layer != "full",
        "stores opened twice" => layer == "store",
        // Elsewhere it is so rare that a batch may have none: retries have half of all slots, nothing has to be read,
        // and a first attempt waits all the same.
        "firsts before retries" => layer == "core",
        "tls_failed" => layer != "full",
        // Where the network is data, a reply comes whole and in time, or there is none.
        "receiver_broke_off"
        | "receiver_too_late"
        | "receiver_clock_off"
        | "name_led_elsewhere"
        | "ask_not_valid"
        | "requests sent twice" => layer == "full",
        _ => true,
    }
}
