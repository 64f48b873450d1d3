//! Which fields of the NIST forms a record does not fill.
//!
//! The lists follow SP 800-88 Rev. 1, 4.8 and appendix G, and Rev. 2, 4.6 and appendix C, both read second-hand;
//! the latter calls method and technique what the former called description and method used.
use serde::Serialize;

use super::counts::has_canaries_instead;
use crate::certificate::provenance::Person;
use crate::certificate::record::Record;

/// A form to be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// SP 800-88 Rev. 1, 4.8 and appendix G.
    NistR1,
    /// SP 800-88 Rev. 2, 4.6 and appendix C.
    NistR2,
}

/// Whether the form asks for a field or only has a place for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Asked for.
    Required,
    /// Called optional, or asked for only where it applies.
    Optional,
}

/// A field of the form that the record does not fill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The form's words for it.
    pub field: String,
    /// Where a record has it.
    pub place: &'static str,
    /// Whether it is asked for.
    pub need: Need,
}

type Row = (&'static str, &'static str, Need, bool);

/// The fields of `form` that `record` does not fill, in the order of the form.
pub fn gaps(record: &Record, form: Form) -> Vec<Gap> {
    let mut rows = medium_rows(record);
    rows.extend(work_rows(record, form));
    let mut gaps: Vec<Gap> = rows
        .into_iter()
        .filter(|(.., filled)| !filled)
        .map(|(field, place, need, _)| Gap { field: field.to_owned(), place, need })
        .collect();
    let given = &record.provenance.given;
    let (performed, verified, validated) = ("given.operator", "given.verifier", "given.validator");
    // Who performs the work is where it is done.
    let location = given.operator.location.clone().or_else(|| given.location.clone());
    let operator = Person { location, ..given.operator.clone() };
    gaps.extend(person_gaps("sanitization", performed, &operator, Need::Required, true));
    match form {
        Form::NistR1 => {
            gaps.extend(person_gaps("verification", verified, &given.verifier, Need::Required, false));
            gaps.extend(person_gaps("validation", validated, &given.validator, Need::Required, false));
        }
        Form::NistR2 => {
            gaps.extend(person_gaps("verification", verified, &given.verifier, Need::Required, false));
            gaps.extend(person_gaps("validation", validated, &given.validator, Need::Required, false));
            let place = "given.concurrence";
            gaps.extend(person_gaps("concurrence", place, &given.concurrence, Need::Optional, false));
        }
    }
    gaps
}

fn medium_rows(record: &Record) -> Vec<Row> {
    let identity = &record.drive.identity_before;
    let given = &record.provenance.given;
    vec![
        ("manufacturer", "drive.identityBefore.vendor", Need::Required, identity.vendor.is_some()),
        ("model", "drive.identityBefore.model", Need::Required, identity.model.is_some()),
        ("serial number", "drive.identityBefore.serial", Need::Required, identity.serial.is_some()),
        ("media property number", "given.assetTag", Need::Optional, given.asset_tag.is_some()),
        ("media source", "given.source", Need::Required, given.source.is_some()),
        (
            "pre-sanitization confidentiality categorization",
            "given.classificationBefore",
            Need::Optional,
            given.classification_before.is_some(),
        ),
        ("media destination", "given.destination", Need::Optional, given.destination.is_some()),
    ]
}

fn work_rows(record: &Record, form: Form) -> Vec<Row> {
    let given = &record.provenance.given;
    let claimed = record.claim.is_some();
    let verified = record.verification.is_some() || has_canaries_instead(record);
    match form {
        Form::NistR1 => vec![
            ("sanitization description (clear, purge)", "claim.method", Need::Required, claimed),
            ("method used", "claim.technique", Need::Required, claimed),
            ("verification method", "verification.plan", Need::Required, verified),
            (
                "post-sanitization confidentiality categorization",
                "given.classificationAfter",
                Need::Optional,
                given.classification_after.is_some(),
            ),
            (
                "media destination: details",
                "given.destinationDetails",
                Need::Optional,
                given.destination_details.is_some(),
            ),
            ("data backed up", "given.dataBackedUp", Need::Optional, given.data_backed_up.is_some()),
            ("backup location", "given.backupLocation", Need::Optional, given.backup_location.is_some()),
        ],
        Form::NistR2 => vec![
            ("sanitization method (clear, purge)", "claim.method", Need::Required, claimed),
            ("sanitization technique", "claim.technique", Need::Required, claimed),
            ("verification method", "verification.plan", Need::Required, verified),
        ],
    }
}

/// Fields about one person. The date of the work itself is on every record; a signature is on the envelope.
fn person_gaps(part: &str, place: &'static str, person: &Person, need: Need, dated: bool) -> Vec<Gap> {
    let fields = [
        ("name", person.name.is_some()),
        ("title", person.title.is_some()),
        ("date", dated || person.date.is_some()),
        ("location", person.location.is_some()),
        ("contact", person.contact.is_some()),
    ];
    let missing = fields.into_iter().filter(|(_, filled)| !filled);
    missing.map(|(field, _)| Gap { field: format!("{part}: {field}"), place, need }).collect()
}
