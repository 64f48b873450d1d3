//! A list of drives, as CSV with a heading line or as a JSON array of objects.
//!
//! Listed but absent is `missing`; present but unlisted is never touched.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;

use super::args::parse_content;
use crate::device::resolve::is_same_name;
use crate::device::{ContentType, DriveFacts};
use crate::plan::{Profile, Request};
use crate::unit::term::{DriveKind, word};
use crate::unit::{Reason, ReasonCode};

/// Longest manifest, in bytes: a row is a few hundred bytes, and no host has a million drives.
const MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Row {
    /// Serial number.
    pub serial: Option<String>,
    /// World wide name.
    pub wwn: Option<String>,
    /// Node or file of a test object; never for real drives, whose nodes change.
    pub device: Option<String>,
    /// Property number.
    pub asset_tag: Option<String>,
    /// Ticket or order.
    pub ticket: Option<String>,
    /// Where the drive came from.
    pub source: Option<String>,
    /// Where the work is done.
    pub location: Option<String>,
    /// Where the drive goes.
    pub destination: Option<String>,
    /// What is intended with the drive: `reuse`, `rma` or `retire`.
    pub profile: Option<String>,
    /// Content accepted to be lost, words separated by blanks or semicolons.
    pub known_content: Option<String>,
}

/// Why a manifest cannot be used. Nothing is done then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFault {
    /// Row, from 1, without the heading; 0 for the whole file.
    pub row: usize,
    /// What is the matter.
    pub text: String,
}

impl fmt::Display for ManifestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            0 => f.write_str(&self.text),
            row => write!(f, "row {row}: {}", self.text),
        }
    }
}

impl std::error::Error for ManifestFault {}

fn fault(row: usize, text: impl fmt::Display) -> ManifestFault {
    ManifestFault { row, text: text.to_string() }
}

/// Reads a manifest file.
///
/// # Errors
/// [`ManifestFault`] for the first thing that is wrong.
pub fn read(path: &Path) -> Result<Vec<Row>, ManifestFault> {
    let mut text = String::new();
    // The size that a pipe or a device tells means nothing, so what is read is limited, not what is told.
    let file = std::fs::File::open(path).map_err(|error| fault(0, error))?;
    file.take(MANIFEST_BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| fault(0, error))?;
    if text.len() as u64 > MANIFEST_BYTES_MAX {
        return Err(fault(0, format!("more than {MANIFEST_BYTES_MAX} bytes are no manifest")));
    }
    parse(&text)
}

/// Reads a manifest's text: JSON when it begins with a bracket, else CSV.
///
/// # Errors
/// [`ManifestFault`] for the first thing that is wrong.
pub fn parse(text: &str) -> Result<Vec<Row>, ManifestFault> {
    let text = text.trim_start_matches('\u{feff}');
    let rows = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(|error| fault(0, error))?
    } else {
        parse_csv(text)?
    };
    check(&rows)?;
    Ok(rows)
}

fn parse_csv(text: &str) -> Result<Vec<Row>, ManifestFault> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for (index, row) in reader.deserialize::<BTreeMap<String, String>>().enumerate() {
        let cells = row.map_err(|error| fault(index + 1, error))?;
        let cells: serde_json::Map<String, serde_json::Value> = cells
            .into_iter()
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(name, cell)| (name, cell.into()))
            .collect();
        let row = serde_json::from_value(cells.into()).map_err(|error| fault(index + 1, error))?;
        rows.push(row);
    }
    Ok(rows)
}

fn check(rows: &[Row]) -> Result<(), ManifestFault> {
    if rows.is_empty() {
        return Err(fault(0, "the manifest lists no drive"));
    }
    let mut seen = BTreeSet::new();
    for (index, row) in rows.iter().enumerate() {
        let number = index + 1;
        let name = row.name().ok_or_else(|| fault(number, "neither serial nor wwn is given"))?;
        if !seen.insert(name.clone()) {
            return Err(fault(number, format!("{name} is listed twice")));
        }
        row.content().map_err(|text| fault(number, text))?;
        row.intent().map_err(|text| fault(number, text))?;
    }
    Ok(())
}

impl Row {
    /// How the drive is named on the command line.
    pub fn name(&self) -> Option<String> {
        match (&self.serial, &self.wwn, &self.device) {
            (Some(serial), _, _) => Some(format!("serial:{serial}")),
            (None, Some(wwn), _) => Some(format!("wwn:{wwn}")),
            (None, None, device) => device.clone(),
        }
    }

    /// What the row says about the drive that is not so: its serial number, a world wide name, or the node of
    /// a real drive, which another drive has after the next restart.
    pub fn contradiction(&self, facts: &DriveFacts) -> Option<Reason> {
        let identity = &facts.identity;
        let title = facts.title();
        let other = |what: &str, wanted: &str| {
            Some(Reason::new(
                ReasonCode::IdentityChanged,
                format!("{title} was found by its row of the manifest, but {what} {wanted:?} is not its own"),
                "find out which drive the row means, and correct the row",
            ))
        };
        if let Some(serial) = self.serial.as_deref()
            && identity.serial.as_deref() != Some(serial)
        {
            return other("the serial number", serial);
        }
        if let Some(wwn) = self.wwn.as_deref() {
            let names = [&identity.wwn, &identity.nguid, &identity.eui64];
            if !names.into_iter().flatten().any(|name| is_same_name(name, wwn)) {
                return other("the world wide name", wwn);
            }
        }
        let device = self.device.as_deref()?;
        match (facts.kind, &self.serial, &self.wwn) {
            (DriveKind::TestObject, None, None) => None,
            (DriveKind::TestObject, ..) => {
                other("a serial number or world wide name beside the device", device)
            }
            (DriveKind::Rotating | DriveKind::Flash | DriveKind::LogicalVolume | DriveKind::Unknown, ..) => {
                Some(Reason::new(
                    ReasonCode::ConfirmationMissing,
                    format!(
                        "{title} is a drive, and a manifest names drives by serial number or world wide name"
                    ),
                    "give its serial or wwn in the row, and no device",
                ))
            }
        }
    }

    /// What is intended with the drive, where the row says so.
    ///
    /// # Errors
    /// With the word that is no profile.
    pub fn intent(&self) -> Result<Option<Profile>, String> {
        let Some(text) = self.profile.as_deref() else { return Ok(None) };
        let known = Profile::ALL.into_iter().find(|profile| word(profile) == text);
        let names: Vec<String> = Profile::ALL.iter().map(word).collect();
        let unknown = || format!("profile {text:?} is not known; known: {}", names.join(", "));
        known.map(Some).ok_or_else(unknown)
    }

    /// What is to be done to the row's drive: what the command line asks for, filled in by the profile of the row, or
    /// of the command line where the row has none.
    ///
    /// # Errors
    /// What contradicts the profile, in words.
    pub fn request(&self, asked: &Request, common: Option<Profile>) -> Result<Request, String> {
        let own = self.intent()?;
        let request = match (own, common) {
            (Some(own), Some(common)) if own != common => {
                return Err(format!("its profile {} is not that of --profile {}", word(own), word(common)));
            }
            (Some(profile), _) => profile.fill_in(asked).map_err(|wrong| {
                format!("its profile {} does not go with {}", word(wrong.profile), wrong.option)
            })?,
            (None, Some(profile)) => profile.fill_in(asked).map_err(|wrong| wrong.to_string())?,
            (None, None) => asked.clone(),
        };
        let known_content = request.known_content.iter().copied().chain(self.content()?).collect();
        Ok(Request { known_content, ..request })
    }

    /// Content accepted to be lost.
    ///
    /// # Errors
    /// With the word that is no type of content.
    pub fn content(&self) -> Result<Vec<ContentType>, String> {
        let text = self.known_content.as_deref().unwrap_or_default();
        let words = text.split([' ', ';', ',']).filter(|word| !word.is_empty());
        words.map(parse_content).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn csv_and_json_say_the_same() {
        let csv = "serial,wwn,asset_tag,known_content\nS1,,A-7,lvm2-member zfs-member\n,naa.5,\"B, 8\",\n";
        let json = r#"[{"serial":"S1","asset_tag":"A-7","known_content":"lvm2-member;zfs-member"},
                       {"wwn":"naa.5","asset_tag":"B, 8"}]"#;
        let rows = parse(csv).unwrap();
        let words = |row: &Row| row.content().unwrap();
        assert_eq!(words(&rows[0]), [ContentType::Lvm2Member, ContentType::ZfsMember]);
        assert_eq!(rows[1].asset_tag.as_deref(), Some("B, 8"));
        assert_eq!(rows[1].name().unwrap(), "wwn:naa.5");
        let from_json = parse(json).unwrap();
        assert_eq!(words(&rows[0]), words(&from_json[0]));
        assert_eq!(rows[1], from_json[1]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_row() {
        let cases = [
            ("serial\n", 0, "no drive"),
            ("serial,asset_tag\nS1,1\nS1,2\n", 2, "twice"),
            ("asset_tag\n7\n", 1, "neither serial nor wwn"),
            ("serial,colour\nS1,red\n", 1, "colour"),
            ("serial,known_content\nS1,everything\n", 1, "everything"),
            ("serial,profile\nS0,rma\nS1,scrap\n", 2, "reuse, rma, retire"),
            ("serial,wwn\nS1\n", 1, "fields"),
            ("[{\"serial\": 7}]", 0, "string"),
        ];
        for (text, row, words) in cases {
            let found = parse(text).unwrap_err();
            assert_eq!(found.row, row, "{text}: {found}");
            assert!(found.text.contains(words), "{text}: {found}");
        }
    }

    fn drive(kind: DriveKind, serial: Option<&str>, wwn: Option<&str>) -> DriveFacts {
        use crate::device::{Identity, QueueLimits, Reach, Zoned};
        let text = |text: Option<&str>| text.map(str::to_owned);
        DriveFacts {
            node: "/dev/sdx".into(),
            kernel_name: "sdx".into(),
            device: None,
            diskseq: None,
            identity: Identity { serial: text(serial), wwn: text(wwn), ..Identity::default() },
            kind,
            transport: None,
            bay: None,
            reach: Reach::Dead(Reason::new(ReasonCode::NoCapacity, "not asked", "")),
            queue: QueueLimits::default(),
            zoned: Zoned::None,
            zones: None,
            read_only: false,
            removable: false,
            other_units: Vec::new(),
            other_paths: Vec::new(),
            content: Vec::new(),
            capability: None,
        }
    }

    /// A list is confirmed by its number alone: each fact of a row must be the drive's.
    #[test]
    fn a_row_that_names_two_drives_at_once_is_a_contradiction() {
        let found = drive(DriveKind::Rotating, Some("S1"), Some("naa.5000c500a1b2c3d4"));
        let row = |text: &str| parse(text).unwrap().remove(0).contradiction(&found).map(|reason| reason.code);
        assert_eq!(row("serial,wwn\nS1,5000C500A1B2C3D4\n"), None);
        assert_eq!(row("serial,wwn\nS1,\n"), None);
        assert_eq!(row("serial,wwn\n,0x5000c500a1b2c3d4\n"), None);
        let changed = Some(ReasonCode::IdentityChanged);
        assert_eq!(row("serial,wwn\nS1,naa.5000c500a1b2c3d5\n"), changed);
        assert_eq!(row("serial,wwn\nS2,naa.5000c500a1b2c3d4\n"), changed);
        assert_eq!(row("device\n/dev/sdx\n"), Some(ReasonCode::ConfirmationMissing));
        assert_eq!(row("serial,device\nS1,/dev/sdx\n"), Some(ReasonCode::ConfirmationMissing));
        let file = drive(DriveKind::TestObject, None, None);
        assert_eq!(parse("device\n/tmp/x\n").unwrap()[0].contradiction(&file), None);
    }

    /// What each profile fills in is DESIGN's: reuse clears, rma and retire purge, rma writes a pass after it.
    #[test]
    fn a_row_is_carried_out_as_its_profile() {
        use crate::plan::request::{Afterwards, Fallback};
        use crate::unit::term::Method;
        let rows =
            parse("serial,profile,known_content\nS1,rma,\nS2,retire,\nS3,reuse,lvm2-member\nS4,,\n").unwrap();
        let plain = Request::default();
        let done = |request: Request| (request.method, request.afterwards, request.profile);
        let each: Vec<_> = rows.iter().map(|row| done(row.request(&plain, None).unwrap())).collect();
        let (clear, purge) = (Some(Method::Clear), Some(Method::Purge));
        let expected = [
            (purge, Afterwards::Overwrite, Some(Profile::Rma)),
            (purge, Afterwards::Nothing, Some(Profile::Retire)),
            (clear, Afterwards::Nothing, Some(Profile::Reuse)),
            (None, Afterwards::Nothing, None),
        ];
        assert_eq!(each, expected);
        assert!(rows[2].request(&plain, None).unwrap().known_content.contains(&ContentType::Lvm2Member));
        // The profile of the command line is that of rows without one, and no other than that of the rest.
        assert_eq!(rows[3].request(&plain, Some(Profile::Rma)).unwrap().method, purge);
        assert_eq!(rows[0].request(&plain, Some(Profile::Rma)).unwrap().method, purge);
        let other = rows[2].request(&plain, Some(Profile::Rma)).unwrap_err();
        assert_eq!(other, "its profile reuse is not that of --profile rma");
        let cleared = Request { method: clear, ..plain.clone() };
        let wrong = rows[0].request(&cleared, None).unwrap_err();
        assert_eq!(wrong, "its profile rma does not go with --method clear");
        let lower = Request { fallback: Fallback::Clear, ..plain };
        assert!(rows[1].request(&lower, None).is_err() && rows[3].request(&lower, None).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,200}") {
            let _answer = parse(&text);
        }
    }
}
