//! How long nothing may be heard from a worker, and what follows.
use std::time::{Duration, Instant};

use super::carry_out::{Broken, Talk};
use super::course::LeftAtWork;
use super::listen::Happening;
use crate::unit::{Reason, ReasonCode};
use crate::verify::Ending;

/// Silence from which on it is looked at what the worker is doing.
const SILENCE_LOOKED_AT: Duration = Duration::from_secs(5);

/// How long a worker may take to come to an end after it was asked to stop.
const STOP_PATIENCE: Duration = Duration::from_mins(2);

impl Talk<'_> {
    /// While a command runs that answers only at its end. It cannot be stopped: whoever wants to is let go, and the worker
    /// stays with the drive until the command has ended.
    fn quietly(&mut self) -> Result<(), Broken> {
        self.tell(&Happening::Silence { silent: self.heard.elapsed(), whereabouts: None });
        if self.stop_sent.is_none_or(|sent| sent.elapsed() <= STOP_PATIENCE) {
            return Ok(());
        }
        self.conduct.left_behind = Some(self.means.link.whereabouts());
        self.left_at_work = LeftAtWork::Yes;
        Err(Broken(Ending::Stopped))
    }

    pub(super) fn silence(&mut self) -> Result<(), Broken> {
        if let Some(until) = self.quiet {
            if Instant::now() < until {
                return self.quietly();
            }
            // From now on it is late.
            self.heard = self.heard.max(until);
            self.quiet = None;
        }
        let silent = self.heard.elapsed();
        let millis = u64::try_from(silent.as_millis()).unwrap_or(u64::MAX);
        self.conduct.longest_silence_millis = self.conduct.longest_silence_millis.max(millis);
        let place = (silent >= SILENCE_LOOKED_AT).then(|| self.means.link.whereabouts());
        self.means.listener.hear(&Happening::Silence { silent, whereabouts: place.as_deref() });
        if let Some(seat) = self.means.seat.as_ref().filter(|_| place.is_some()) {
            // Others can use its share better, and a drive that waits for its turn is not silent.
            seat.report(0);
        }
        // What comes to its end after it was asked to is waited for as long as it gives a sign.
        let since_stop = self.stop_sent.map(|sent| sent.elapsed().min(silent));
        let limit = Duration::from_secs(self.rules.silence_seconds);
        if silent <= limit && since_stop.is_none_or(|since| since <= STOP_PATIENCE.min(limit)) {
            return Ok(());
        }
        let who = self.means.link.whereabouts();
        self.conduct.left_behind = Some(who.clone());
        let why = if silent > limit { "rule silence" } else { "since it was asked to stop" };
        Err(Broken(Ending::Lost(Reason::new(
            ReasonCode::NotAnswering,
            format!(
                "the drive has not answered since {} ({} s, {why}); {who} is given up",
                self.means.clock.before(silent),
                silent.as_secs()
            ),
            "treat the drive as not sanitized; power it off and on, then resume the job; or destroy the drive",
        ))))
    }
}
