//! The clock of a simulated process: steady time from its anchor on, wall time as far ahead as it
//! was set.

use std::rc::Rc;

use super::stage::Stage;
use crate::{
    runtime::clock::Clock,
    time::{Now, Timestamp},
};

/// What the process is told of time.
#[derive(Clone)]
pub(super) struct SimulatedClock(pub(super) Rc<Stage>);

impl Clock for SimulatedClock {
    fn now(&self) -> Now {
        {
            let real = self.0.real();
            self.0.clocks().now(real)
        }
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        tokio::time::sleep(deadline.since(self.now().steady).as_duration()).await;
    }
}
