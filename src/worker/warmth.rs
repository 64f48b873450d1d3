//! Reads the drive's temperature in a thread of its own, so that a sensor that hangs with its drive holds up no
//! transfer; the pace that follows goes to the reins, what was read to the parent.
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::message::Event;
use super::reins::Reins;
use crate::device::thermometer::Thermometer;
use crate::engine::{Governor, SetPoints, Unreadable};
use crate::plan::Rules;
use crate::unit::Temperature;

/// How often a kernel's sensor is read: each reading is a command to the drive.
const SENSOR_EVERY: Duration = Duration::from_secs(10);

/// How often a file is read that somebody else writes.
const FILE_EVERY: Duration = Duration::from_millis(500);

/// How often it is looked whether the work is over.
const LOOK_UP: Duration = Duration::from_millis(250);

/// Set points of these rules; `None` when they contradict each other, which planning refuses.
fn set_points(rules: &Rules) -> Option<SetPoints> {
    let degrees = Temperature::from_degrees;
    let stop = rules.stop_celsius.map(degrees);
    SetPoints::new(
        degrees(rules.resume_celsius),
        degrees(rules.slow_celsius),
        degrees(rules.pause_celsius),
        stop,
    )
    .ok()
}

/// Starts the reading; it ends with the work.
pub(super) fn watch(
    thermometer: Thermometer,
    rules: &Rules,
    reins: Arc<Reins>,
    parent: Arc<Mutex<UnixStream>>,
) {
    let Some(points) = set_points(rules) else { return };
    std::thread::spawn(move || {
        let began = Instant::now();
        let mut governor = Governor::new(points);
        let every = if thermometer.driver.is_some() { SENSOR_EVERY } else { FILE_EVERY };
        while !reins.is_stopped() {
            // A sensor that asks the drive comes between two commands that must follow one another.
            if reins.is_commanding() {
                std::thread::sleep(LOOK_UP);
                continue;
            }
            let read = thermometer.read().map_err(|_| Unreadable);
            let now = began.elapsed();
            let pace = governor.observe(now, read);
            reins.set_heat(pace);
            let event = Event::Heat { pace, tally: governor.tally(now) };
            if tell(&parent, &event).is_err() {
                return;
            }
            let next = Instant::now() + every;
            while Instant::now() < next && !reins.is_stopped() {
                std::thread::sleep(LOOK_UP);
            }
        }
    });
}

/// Tells the parent one event, whole, whoever else tells something at the same time.
///
/// # Errors
/// When nobody listens any more.
pub(super) fn tell(parent: &Mutex<UnixStream>, event: &Event) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    // A thread that died while it wrote has at worst left half a line, which the parent takes for nonsense.
    parent.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
}
