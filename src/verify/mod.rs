//! What to read back, how it compares, and the verdict. The verifier is given a reader: it cannot write. What it
//! found wrong is written once more by [`repair()`], afterwards.

pub mod canaries;
pub mod fingerprint;
pub mod growth;
pub mod read_back;
pub mod repair;
pub mod sample;
pub mod steps;
pub mod tally;
pub mod verdict;

pub use canaries::{Canaries, Fingerprints, UnitCanaries};
pub use fingerprint::{Prints, fingerprint};
pub use growth::{Counted, Growth};
pub use read_back::{ReadBackEnd, read_back};
pub use repair::{RepairTally, repair};
pub use sample::{Sample, Seed};
pub use steps::StepTally;
pub use tally::VerificationTally;
pub use verdict::{Ending, Evidence, Verdict, judge};
