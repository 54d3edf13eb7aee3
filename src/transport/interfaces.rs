//! The addresses of this machine, so that nobody has it send to itself.

use core::{cell::RefCell, time::Duration};
use std::{io, net::IpAddr, rc::Rc};

use tokio::time::Instant;

use crate::{limits, policy::address::AddressPolicy};

/// Lists the addresses of this machine's interfaces.
pub type ListInterfaces = fn() -> io::Result<Vec<IpAddr>>;

/// The addresses of all interfaces of this machine.
///
/// # Errors
/// The system's.
pub fn list_interfaces() -> io::Result<Vec<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let addresses = interfaces.iter().map(if_addrs::Interface::ip);
    Ok(addresses.collect())
}

/// A policy that knows which addresses this machine has now.
pub(super) struct CurrentPolicy {
    policy: RefCell<Rc<AddressPolicy>>,
    list: Option<ListInterfaces>,
    listed_at: RefCell<Option<Instant>>,
}

impl CurrentPolicy {
    /// The policy, with what `list` tells, which is asked once a minute at most; as it is without.
    pub(super) fn new(policy: AddressPolicy, list: Option<ListInterfaces>) -> Self {
        Self {
            policy: RefCell::new(Rc::new(policy)),
            list,
            listed_at: RefCell::new(None),
        }
    }

    /// The policy as it is now.
    pub(super) fn get(&self) -> Rc<AddressPolicy> {
        if let Some(list) = self.list {
            self.refresh(list);
        }
        Rc::clone(&self.policy.borrow())
    }

    fn refresh(&self, list: ListInterfaces) {
        let fresh_for = Duration::from_millis(limits::INTERFACES_MS);
        let mut listed_at = self.listed_at.borrow_mut();
        if listed_at.is_some_and(|at| at.elapsed() < fresh_for) {
            return;
        }
        *listed_at = Some(Instant::now());
        match list() {
            Ok(own) => {
                let mut policy = self.policy.borrow_mut();
                if policy.own != own {
                    *policy = Rc::new(AddressPolicy {
                        own,
                        ..AddressPolicy::clone(&policy)
                    });
                }
            }
            // What was known before still counts.
            Err(error) => {
                tracing::warn!(%error, "the addresses of this machine can't be listed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    static LISTED: AtomicU8 = AtomicU8::new(0);

    fn list() -> io::Result<Vec<IpAddr>> {
        match LISTED.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(vec![IpAddr::from([8, 8, 8, 8])]),
            1 => Err(io::Error::other("no")),
            _ => Ok(vec![IpAddr::from([8, 8, 4, 4])]),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_of_this_machine_are_listed_once_a_minute() {
        let policy = CurrentPolicy::new(AddressPolicy::default(), Some(list));
        let refused = |last: [u8; 4]| policy.get().judge(IpAddr::from(last)).is_err();
        let minute = Duration::from_millis(limits::INTERFACES_MS);
        assert!(refused([8, 8, 8, 8]) && !refused([8, 8, 4, 4]));
        assert_eq!(LISTED.load(Ordering::Relaxed), 1);
        tokio::time::advance(minute).await;
        assert!(
            refused([8, 8, 8, 8]),
            "what was known stays where the system fails"
        );
        tokio::time::advance(minute).await;
        assert!(!refused([8, 8, 8, 8]) && refused([8, 8, 4, 4]));
    }

    #[test]
    fn this_machine_has_a_loopback_address() {
        let addresses = list_interfaces().expect("the system tells");
        assert!(addresses.iter().any(IpAddr::is_loopback), "{addresses:?}");
    }
}
