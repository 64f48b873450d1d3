//! Overwrite passes as state machines that decide what next but do nothing, and the one loop that does.

pub mod firmware;
pub mod frontier;
pub mod governor;
pub mod observe;
pub mod pass;
pub mod tally;
pub mod throttle;
pub mod watch;
pub mod work;
pub mod zones;

pub use frontier::{Frontier, Settled};
pub use governor::{Governor, HeatTally, Pace, SetPoint, SetPoints, SetPointsFault, Unreadable};
pub use observe::{Admission, Observer, Phase, Progress, Unobserved};
pub use pass::{Pass, PassEnd, write_pass};
pub use tally::{FlushState, PassTally};
pub use throttle::Throttle;
