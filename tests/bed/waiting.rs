//! Answers that come later: after a time, or when somebody writes `release`.
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::effects::Effects;

/// When an answer is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    pub(crate) delay: Duration,
    pub(crate) held: bool,
}

#[derive(Debug, Default)]
struct State {
    unanswered: u64,
    releases: u64,
}

/// The requests whose answer is still to come.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    state: Mutex<State>,
    released: Condvar,
}

/// What a request that came must show to be let go: how many releases there were before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(u64);

impl When {
    pub(crate) const fn of(effects: &Effects) -> Self {
        Self { delay: effects.delay, held: effects.held }
    }

    pub(crate) const fn is_now(self) -> bool {
        self.delay.is_zero() && !self.held
    }
}

impl Waiting {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request in, when it comes: a release that is written later must find it.
    pub(crate) fn enter(&self) -> Ticket {
        let mut state = self.state();
        state.unanswered += 1;
        Ticket(state.releases)
    }

    /// Returns when the answer is due.
    pub(crate) fn wait(&self, Ticket(before): Ticket, when: When) {
        thread::sleep(when.delay);
        let mut state = self.state();
        if when.held {
            let released = self.released.wait_while(state, |state| state.releases == before);
            state = released.unwrap_or_else(PoisonError::into_inner);
        }
        state.unanswered -= 1;
    }

    /// Lets go of the requests that are held now.
    pub(crate) fn release(&self) {
        self.state().releases += 1;
        self.released.notify_all();
    }

    /// How many answers are still to come.
    pub(crate) fn unanswered(&self) -> u64 {
        self.state().unanswered
    }
}
