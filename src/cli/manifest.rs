//! A list of drives, as CSV with a heading line or as a JSON array of objects.
//!
//! Listed but absent is `missing`; present but unlisted is never touched.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::Deserialize;

use super::args::parse_content;
use crate::device::ContentType;

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
    /// Profile of the site; only `reuse` exists so far.
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
    let size = std::fs::metadata(path).map_err(|error| fault(0, error))?.len();
    if size > MANIFEST_BYTES_MAX {
        return Err(fault(0, format!("{size} bytes are more than a manifest has")));
    }
    parse(&std::fs::read_to_string(path).map_err(|error| fault(0, error))?)
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
        match row.profile.as_deref() {
            None | Some("reuse") => {}
            Some(other) => {
                return Err(fault(number, format!("profile {other:?} is not known; known: reuse")));
            }
        }
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
            ("serial,profile\nS1,rma\n", 1, "rma"),
            ("serial,wwn\nS1\n", 1, "fields"),
            ("[{\"serial\": 7}]", 0, "string"),
        ];
        for (text, row, words) in cases {
            let found = parse(text).unwrap_err();
            assert_eq!(found.row, row, "{text}: {found}");
            assert!(found.text.contains(words), "{text}: {found}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,200}") {
            let _answer = parse(&text);
        }
    }
}
