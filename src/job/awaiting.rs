//! Waits for what a drive does to itself and what is not this job's: a sanitize operation or a format that another program
//! began, or an earlier host. It is never claimed: when it is over, the job begins with a look at the drive as it is then.
use std::time::Duration;

use super::prepare::Prepared;
use crate::unit::ReasonCode;

/// Between two looks. Each asks the drive for all that a survey asks for, and its node is nobody's meanwhile.
const STEP: Duration = Duration::from_secs(15);

/// How long a job waits for a drive that is at work on itself, and who hears of it.
#[derive(Clone, Copy)]
pub struct Wait<'a> {
    /// At most so long; zero refuses at once.
    pub patience: Duration,
    /// Is told why, and how long the job has waited already.
    pub tell: &'a (dyn Fn(&str, Duration) + Sync),
}

impl Wait<'_> {
    /// Looks until the drive is free, or refused for something else, or the time is over.
    pub(super) fn until_free(
        self,
        mut look: impl FnMut() -> Prepared,
        mut rest: impl FnMut(Duration),
    ) -> Prepared {
        let mut waited = Duration::ZERO;
        loop {
            let one = look();
            let Some(why) = busy_alone(&one).filter(|_| waited < self.patience) else { return one };
            (self.tell)(&why, waited);
            let step = STEP.min(self.patience.saturating_sub(waited));
            rest(step);
            waited += step;
        }
    }
}

impl std::fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wait").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// Why a drive is busy with itself, if nothing else is against the job: what would still be against it afterwards is
/// told at once.
fn busy_alone(one: &Prepared) -> Option<String> {
    let Prepared::Refused(refused) = one else { return None };
    let busy = refused.reasons.iter().all(|reason| reason.code == ReasonCode::FirmwareBusy);
    refused.reasons.first().filter(|_| busy).map(|reason| reason.text.clone())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::Mutex;

    use super::super::prepare::RefusedDrive;
    use super::*;
    use crate::unit::Reason;

    fn refused(codes: &[ReasonCode]) -> Prepared {
        let reasons = codes.iter().map(|code| Reason::new(*code, "it sanitizes itself", "wait")).collect();
        Prepared::Refused(Box::new(RefusedDrive { device: "/dev/x".to_owned(), facts: None, reasons }))
    }

    /// Looks that found these reasons in turn, and the last again and again; seconds rested, and what it came to.
    fn waits(minutes: u64, found: &[&[ReasonCode]]) -> (Vec<u64>, Vec<ReasonCode>) {
        let told = Mutex::new(Vec::new());
        let tell = |why: &str, waited: Duration| told.lock().unwrap().push((why.to_owned(), waited));
        let wait = Wait { patience: Duration::from_secs(minutes * 60), tell: &tell };
        let mut looks = found.iter().chain(std::iter::repeat(&found[found.len() - 1]));
        let rests = RefCell::new(Vec::new());
        let end = wait
            .until_free(|| refused(looks.next().unwrap()), |time| rests.borrow_mut().push(time.as_secs()));
        let rests = rests.into_inner();
        let told = told.into_inner().unwrap();
        assert_eq!(told.len(), rests.len(), "each rest is told of");
        assert!(told.iter().all(|(why, _)| why == "it sanitizes itself"));
        let Prepared::Refused(refused) = end else { panic!() };
        (rests, refused.reasons.iter().map(|reason| reason.code).collect())
    }

    #[test]
    fn a_job_waits_for_a_busy_drive_and_for_nothing_else() {
        use ReasonCode::{FirmwareBusy, Mounted, Unidentified};
        let busy: &[ReasonCode] = &[FirmwareBusy];
        assert_eq!(waits(0, &[busy]), (vec![], vec![FirmwareBusy]), "not asked to wait");
        assert_eq!(waits(1, &[busy, busy, &[Unidentified]]), (vec![15, 15], vec![Unidentified]));
        assert_eq!(waits(1, &[busy]), (vec![15; 4], vec![FirmwareBusy]), "the time is over");
        let used: &[ReasonCode] = &[FirmwareBusy, Mounted];
        assert_eq!(waits(1, &[used]), (vec![], used.to_vec()), "it would be refused afterwards, too");
        assert_eq!(waits(1, &[&[]]), (vec![], vec![]));
    }
}
