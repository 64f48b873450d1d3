//! Pages and names that the kernel passes on as the drive gave them.
#![no_main]
use expunge::device::sysfs::{device_number, rotation, serial_of_t10, unit_serial, zoned};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(serial) = unit_serial(bytes) {
        assert!(!serial.is_empty() && serial.trim() == serial);
    }
    let _rotation = rotation(bytes);
    let text = String::from_utf8_lossy(bytes);
    let _number = (device_number(&text), zoned(Some(&text)));
    assert!(serial_of_t10(&text).is_none_or(|serial| !serial.is_empty()));
});
