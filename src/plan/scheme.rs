//! Named legacy schemes: patterns, not levels. No scheme turns an overwrite into more than clear.
//!
//! The bytes follow what the text of each scheme, or the best source that could be read, says; tools differ from
//! it and from each other. Where no source gives a list of passes the title says "convention".
use super::{PassPattern, PassSpec, SchemeRef};
use crate::unit::pattern::FixedBytes;

/// A named scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// Name on the command line.
    pub name: &'static str,
    /// Title for people.
    pub title: &'static str,
    /// Where its bytes come from, and where tools differ.
    pub source: &'static str,
    passes: &'static [Step],
}

/// One pass of a scheme, as a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// These bytes, repeated.
    Bytes(&'static [u8]),
    /// A random stream: the keyed stream with a key of its own.
    Random,
    /// The job's random byte of this slot.
    Byte(u8),
    /// Its complement.
    Complement(u8),
}

use Step::{Byte, Bytes, Complement, Random};

const ZEROS: Step = Bytes(&[0x00]);
const ONES: Step = Bytes(&[0xFF]);

impl Scheme {
    /// The scheme of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SCHEMES.iter().find(|scheme| scheme.name == name)
    }

    /// Its passes in the order of writing.
    pub fn passes(&self) -> Vec<PassSpec> {
        self.passes.iter().map(|step| PassSpec { pattern: step.pattern() }).collect()
    }

    /// How a plan and a record refer to it.
    pub fn reference(&self) -> SchemeRef {
        SchemeRef { name: self.name.to_owned(), title: self.title.to_owned(), source: self.source.to_owned() }
    }
}

impl Step {
    fn pattern(self) -> PassPattern {
        match self {
            Bytes(bytes) => PassPattern::Fixed {
                bytes: FixedBytes::new(bytes).expect("every step of the table below has 1 to 3 bytes"),
            },
            Random => PassPattern::Keyed,
            Byte(slot) => PassPattern::JobByte { slot, complement: false },
            Complement(slot) => PassPattern::JobByte { slot, complement: true },
        }
    }
}

/// Every scheme, in the order of the documentation.
pub const SCHEMES: &[Scheme] = &[
    Scheme {
        name: "dod-5220.22-m",
        title: "DoD 5220.22-M, 8-306 (d)",
        source: "quotation of the 1995 supplement: a character, its complement, then a random character, and \
                 verify. Here both characters are drawn for each job. Tools differ: many write 00, FF and a random \
                 stream",
        passes: &[Byte(0), Complement(0), Byte(1)],
    },
    Scheme {
        name: "dod-ece",
        title: "DoD 5220.22-M (E, C, E), seven passes",
        source: "convention of other tools, seen in two of them: method E (a character, its complement, a random \
                 stream), method C (one character), method E again; no text of the scheme was read. The characters \
                 are drawn for each job",
        passes: &[Byte(0), Complement(0), Random, Byte(1), Byte(2), Complement(2), Random],
    },
    Scheme {
        name: "vsitr",
        title: "VSITR (German BMI, 1998)",
        source: "encyclopedia and vendor's help, in agreement: 00 and FF three times, then AA. No longer valid \
                 since 2009. Some tools write 01 for FF, or end with a random stream",
        passes: &[ZEROS, ONES, ZEROS, ONES, ZEROS, ONES, Bytes(&[0xAA])],
    },
    Scheme {
        name: "hmg-is5-baseline",
        title: "HMG Infosec Standard 5, Baseline",
        source: "encyclopedia and a vendor's manual: one pass of 00, verified. The standard itself was not read",
        passes: &[ZEROS],
    },
    Scheme {
        name: "hmg-is5-enhanced",
        title: "HMG Infosec Standard 5, Enhanced",
        source: "encyclopedia: ones, zeros, then a random stream, verified. The standard itself was not read. Most \
                 tools write 00 first, some 01 for FF",
        passes: &[ONES, ZEROS, Random],
    },
    Scheme {
        name: "gost-r50739",
        title: "GOST R 50739-95 (convention)",
        source: "convention of other tools: 00, then a random stream. The standard demands clearing and gives no \
                 list of passes (from memory)",
        passes: &[ZEROS, Random],
    },
    Scheme {
        name: "rcmp-ops-ii",
        title: "RCMP TSSIT OPS-II",
        source: "a vendor's manual: 00 and FF three times, then a random stream, verified. Some tools write random \
                 bytes and their complements instead",
        passes: &[ZEROS, ONES, ZEROS, ONES, ZEROS, ONES, Random],
    },
    Scheme {
        name: "schneier",
        title: "Schneier, Applied Cryptography, seven passes",
        source: "a vendor's help and another tool's source, in agreement: FF, 00, then five random streams. Some \
                 tools write 01 for FF",
        passes: &[ONES, ZEROS, Random, Random, Random, Random, Random],
    },
    Scheme {
        name: "gutmann",
        title: "Gutmann, 35 passes (listed order)",
        source: "two other tools' sources, in agreement: four random streams, 27 fixed patterns, four random \
                 streams. The text wants the 27 in random order; here they come in the listed order, so that the \
                 plan is known beforehand",
        passes: GUTMANN,
    },
];

const GUTMANN: &[Step] = &[
    Random,
    Random,
    Random,
    Random,
    Bytes(&[0x55]),
    Bytes(&[0xAA]),
    Bytes(&[0x92, 0x49, 0x24]),
    Bytes(&[0x49, 0x24, 0x92]),
    Bytes(&[0x24, 0x92, 0x49]),
    Bytes(&[0x00]),
    Bytes(&[0x11]),
    Bytes(&[0x22]),
    Bytes(&[0x33]),
    Bytes(&[0x44]),
    Bytes(&[0x55]),
    Bytes(&[0x66]),
    Bytes(&[0x77]),
    Bytes(&[0x88]),
    Bytes(&[0x99]),
    Bytes(&[0xAA]),
    Bytes(&[0xBB]),
    Bytes(&[0xCC]),
    Bytes(&[0xDD]),
    Bytes(&[0xEE]),
    Bytes(&[0xFF]),
    Bytes(&[0x92, 0x49, 0x24]),
    Bytes(&[0x49, 0x24, 0x92]),
    Bytes(&[0x24, 0x92, 0x49]),
    Bytes(&[0x6D, 0xB6, 0xDB]),
    Bytes(&[0xB6, 0xDB, 0x6D]),
    Bytes(&[0xDB, 0x6D, 0xB6]),
    Random,
    Random,
    Random,
    Random,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// One pass in the notation of the tables that the tests are typed from: hexadecimal bytes, `R` for a random
    /// stream, `c1` for a random character, `~c1` for its complement.
    fn notation(pass: &PassSpec) -> String {
        match &pass.pattern {
            PassPattern::Fixed { bytes } => {
                bytes.bytes().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ")
            }
            PassPattern::Keyed => "R".to_owned(),
            PassPattern::Stamped { .. } => panic!("no scheme has stamps"),
            PassPattern::JobByte { slot, complement: false } => format!("c{}", slot + 1),
            PassPattern::JobByte { slot, complement: true } => format!("~c{}", slot + 1),
        }
    }

    fn written(name: &str) -> String {
        Scheme::named(name).unwrap().passes().iter().map(notation).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn the_bytes_are_those_of_the_published_lists() {
        // Typed from the survey of sources, column "what the text or the best source says".
        for (name, expected) in [
            ("dod-5220.22-m", "c1,~c1,c2"),
            ("dod-ece", "c1,~c1,R,c2,c3,~c3,R"),
            ("vsitr", "00,FF,00,FF,00,FF,AA"),
            ("hmg-is5-baseline", "00"),
            ("hmg-is5-enhanced", "FF,00,R"),
            ("gost-r50739", "00,R"),
            ("rcmp-ops-ii", "00,FF,00,FF,00,FF,R"),
            ("schneier", "FF,00,R,R,R,R,R"),
            (
                "gutmann",
                "R,R,R,R,55,AA,92 49 24,49 24 92,24 92 49,00,11,22,33,44,55,66,77,88,99,AA,BB,CC,DD,EE,FF,\
                 92 49 24,49 24 92,24 92 49,6D B6 DB,B6 DB 6D,DB 6D B6,R,R,R,R",
            ),
        ] {
            assert_eq!(written(name), expected, "{name}");
        }
        assert_eq!(SCHEMES.len(), 9);
    }

    #[test]
    fn gutmann_has_35_passes_of_which_27_are_fixed() {
        let passes = Scheme::named("gutmann").unwrap().passes();
        assert_eq!(passes.len(), 35);
        let fixed = passes.iter().filter(|pass| matches!(pass.pattern, PassPattern::Fixed { .. })).count();
        assert_eq!(fixed, 27);
    }

    #[test]
    fn names_are_distinct_and_a_list_without_a_source_is_called_a_convention() {
        let names: BTreeSet<_> = SCHEMES.iter().map(|scheme| scheme.name).collect();
        assert_eq!(names.len(), SCHEMES.len());
        assert!(Scheme::named("gost-r50739").unwrap().title.contains("convention"));
        assert!(Scheme::named("gutmann").unwrap().source.contains("listed order"));
        assert_eq!(Scheme::named("DoD"), None);
    }
}
