//! Where the kernel tells the temperature of a drive (hwmon), and reading it.
//!
//! ```text
//! ATA, driver drivetemp     DEVICE/hwmon/hwmonN/{name,temp1_input}
//! NVMe since Linux 5.5      CONTROLLER/hwmonN/...          child of the controller
//!                           CONTROLLER/hwmon/hwmonN/...    the same with a folder between
//!                           CONTROLLER/device/hwmon/...    child of its PCI function
//! ```
//!
//! `DEVICE` is `/sys/block/NAME/device`. It is the controller of an NVMe drive too, unless native multipath is on:
//! then it is the subsystem, and the first of its controllers that has a sensor is taken. When that path is lost the
//! sensor is lost with it, although the drive may still be reached by another; it is not looked for again.
//!
//! Nothing is found for SAS drives (no driver gives them a sensor), for ATA drives while `drivetemp` is not loaded,
//! behind most USB bridges and RAID controllers, and for volumes. A file of the operator's can stand in.
//!
//! Nothing but `name` is read here: for the limits of a sensor (`temp1_max`) the kernel sends an NVMe drive a command,
//! and whoever looks for a sensor must not wait for a drive that does not answer.
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::bus::{device_folder, nvme_controllers};
use super::root::SysRoot;
use crate::unit::Temperature;

/// Lowest and highest reading that is believed, in millidegrees: sensors that are broken or have nothing to say
/// give absolute zero, or 65,262 degrees (0xFFFF kelvin). No drive works beyond either limit.
const BELIEVED: std::ops::RangeInclusive<i64> = -60_000..=200_000;

/// Most bytes that are read of a sensor: a number and its end of line, with room.
const TEXT_BYTES_MAX: u64 = 64;

/// A sensor for the temperature of one drive. It goes to the worker as JSON, so its path must be UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Thermometer {
    /// The file that holds the temperature, in millidegrees as text. The number in `hwmonN` is valid until the
    /// drive or the driver goes away.
    pub input: PathBuf,
    /// Driver of the sensor, such as `drivetemp` or `nvme`; `None` for a file of the operator's.
    pub driver: Option<String>,
}

/// The sensor of a drive (or of the drive of a partition); `None` when the kernel knows none. Asks the drive nothing.
pub fn find(root: &SysRoot, kernel_name: &str) -> Option<Thermometer> {
    let device = device_folder(root, kernel_name)?;
    let controllers = nvme_controllers(root, &device);
    let functions: Vec<PathBuf> = controllers.iter().map(|folder| folder.join("device")).collect();
    let mut folders = std::iter::once(&device).chain(&controllers).chain(&functions);
    folders.find_map(|folder| sensor_below(root, folder))
}

/// The first sensor that is a child of a device.
fn sensor_below(root: &SysRoot, device: &Path) -> Option<Thermometer> {
    let mut groups = [device.join("hwmon"), device.to_owned()].into_iter();
    groups.find_map(|group| {
        let names = root.names(&group).into_iter();
        let mut folders = names.filter(|name| is_sensor(name)).map(|name| group.join(name));
        folders.find_map(|folder| sensor(root, &folder))
    })
}

fn is_sensor(name: &str) -> bool {
    name.strip_prefix("hwmon").is_some_and(|number| number.parse::<u32>().is_ok())
}

fn sensor(root: &SysRoot, folder: &Path) -> Option<Thermometer> {
    let input = folder.join("temp1_input");
    input.exists().then(|| Thermometer {
        input,
        driver: root.text(&folder.join("name")).or_else(|| Some("unknown".to_owned())),
    })
}

impl Thermometer {
    /// A plain file in place of a sensor: whoever measures writes whole millidegrees Celsius into it as text. Give
    /// an absolute path, because a worker may read it. Whether it is there shows with the first reading.
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self { input: path.into(), driver: None }
    }

    /// The temperature now. The kernel asks the drive, so this takes as long as the drive does, and on some drives
    /// it counts as a use that keeps them from standby: call it where waiting holds up no other drive.
    ///
    /// # Errors
    /// When the sensor cannot be read, with the kind of error that the kernel gave; of kind `InvalidData` when it
    /// gives what is no temperature, or one below -60 or above 200 degrees Celsius, and when a file of the operator's
    /// gives a number that looks like degrees. The text names the sensor.
    pub fn read(&self) -> io::Result<Temperature> {
        let named = |error: io::Error| {
            let text = format!("the temperature in {} cannot be read: {error}", self.input.display());
            io::Error::new(error.kind(), text)
        };
        self.text().and_then(|text| self.taken(&text)).map_err(named)
    }

    fn text(&self) -> io::Result<String> {
        // Without waiting: a pipe in the place of a file would otherwise hold up whoever reads.
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&self.input)?;
        let mut bytes = Vec::new();
        file.take(TEXT_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    fn taken(&self, text: &str) -> io::Result<Temperature> {
        let nonsense = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
        let temperature = believed(text).map_err(nonsense)?;
        // Degrees taken for millidegrees would be a drive at 0 degrees for ever, which nothing would ever slow.
        if self.driver.is_none() && (1..=200).contains(&temperature.millidegrees()) {
            return Err(nonsense(format!("it says {text:?}, which looks like degrees; write millidegrees")));
        }
        Ok(temperature)
    }
}

/// The temperature that a text gives, or what is wrong with it.
fn believed(text: &str) -> Result<Temperature, String> {
    if text.is_empty() {
        return Err("it says nothing".to_owned());
    }
    let Ok(millidegrees) = text.parse::<i64>() else {
        return Err(format!("it says {text:?}, which is no whole number of millidegrees"));
    };
    let believed = i32::try_from(millidegrees).ok().filter(|_| BELIEVED.contains(&millidegrees));
    believed.map(Temperature::from_millidegrees).ok_or_else(|| {
        format!("it says {millidegrees} millidegrees, which is not between -60 and 200 degrees Celsius")
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What reading a sensor of the kernel, or a file of the operator's, with this content gives.
    fn reading(driver: Option<&str>, content: &str) -> Result<i32, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("temp1_input");
        fs::write(&path, content).unwrap();
        let driver = driver.map(ToOwned::to_owned);
        let read = Thermometer { driver, ..Thermometer::from_file(path) }.read();
        read.map(Temperature::millidegrees).map_err(|error| {
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert!(error.to_string().contains("temp1_input cannot be read: "), "{error}");
            error.to_string()
        })
    }

    #[test]
    fn sensible_readings_are_taken_and_nonsense_is_an_error_that_says_why() {
        for driver in [Some("drivetemp"), None] {
            for (content, wanted) in [
                ("41000\n", 41_000),
                ("41250", 41_250),
                (" -5300 \n", -5_300),
                ("0\n", 0),
                ("-60000", -60_000),
                ("200000", 200_000),
            ] {
                assert_eq!(reading(driver, content), Ok(wanted), "{content:?}");
            }
            for (content, why) in [
                ("", "says nothing"),
                ("\n", "says nothing"),
                ("N/A\n", "\"N/A\", which is no whole number"),
                ("41.5", "no whole number"),
                ("-60001", "not between -60 and 200"),
                ("200001", "not between"),
                // Absolute zero and 0xFFFF kelvin.
                ("-273150", "not between"),
                ("65261850", "not between"),
                ("9223372036854775808", "no whole number"),
                ("4294967296000", "not between"),
                (&"9".repeat(4096), "no whole number"),
            ] {
                let error = reading(driver, content).unwrap_err();
                assert!(error.contains(why), "{content:?}: {error}");
            }
        }
    }

    #[test]
    fn a_file_of_the_operators_in_degrees_is_told_and_a_sensor_near_zero_is_not() {
        for content in ["1", "45", "200"] {
            assert!(reading(None, content).unwrap_err().contains("looks like degrees"), "{content}");
            assert!(reading(Some("nvme"), content).is_ok(), "{content}");
        }
        assert_eq!(reading(None, "201"), Ok(201));
    }

    #[test]
    fn a_sensor_that_is_gone_and_one_that_never_answers_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let error = Thermometer::from_file(folder.path().join("none")).read().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("none cannot be read"), "{error}");
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(Thermometer::from_file(&pipe).read().unwrap_err().to_string().contains("says nothing"));
        assert!(Thermometer::from_file(folder.path()).read().is_err());
        assert!(Thermometer::from_file("/dev/zero").read().is_err());
    }

    #[test]
    fn a_thermometer_survives_the_way_to_the_worker() {
        let sensor = Thermometer {
            input: "/sys/devices/x/hwmon/hwmon2/temp1_input".into(),
            driver: Some("drivetemp".to_owned()),
        };
        let json = serde_json::to_string(&sensor).unwrap();
        assert_eq!(serde_json::from_str::<Thermometer>(&json).unwrap(), sensor);
        assert!(serde_json::from_str::<Thermometer>(&json.replace("driver", "maker")).is_err());
    }
}
