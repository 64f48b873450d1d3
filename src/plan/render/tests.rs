use super::*;
use crate::device::{ContentType, Reach};
use crate::plan::decide::tests::{content, drive};
use crate::plan::request::{PassChoice, VerificationChoice};
use crate::plan::{Policy, decide};
use crate::unit::{BlockCount, BlockSize, Geometry};

const MEASURED: Rates = Rates {
    write_bytes_per_second: 165_000_000,
    read_bytes_per_second: 165_000_000,
    seek_microseconds: 12_000,
    source: RateSource::Measured,
};

/// A drive of 16 TB in 4096-byte blocks.
fn sixteen_terabytes() -> DriveFacts {
    let block = BlockSize::new(4096).unwrap();
    let capacity = BlockCount(3_906_250_000);
    DriveFacts {
        reach: Reach::Addressable(Geometry { block_size: block, physical_block_size: block, capacity }),
        ..drive(DriveKind::Rotating)
    }
}

fn report_for(request: &Request, facts: &DriveFacts) -> PlanReport {
    report(&decide(request, facts, &Policy::builtin()), request, facts, &[], &Policy::builtin(), MEASURED)
}

#[test]
fn the_verification_choices_show_their_cost() {
    // By hand: 16e12 / 165e6 = 96,970 s = 26.9 h; 10 % of it 9,697 s, and 2,000 seeks of 12 ms 24 s: 2 h 42 min.
    let facts = sixteen_terabytes();
    let report = report_for(&Request::default(), &facts);
    let text = text(&report, &facts);
    assert!(text.contains("full 27 h (chosen), r1 sample 2 h 42 min, none"), "{text}");
    assert!(text.contains("about 54 h: 27 h writing, 27 h reading back, at 165 MB/s"), "{text}");
    let estimate = report.estimate.unwrap();
    assert_eq!(estimate.write_bytes, 16_000_000_000_000);
    assert_eq!(estimate.choices[1].bytes, 2000 * 195_313 * 4096);
}

#[test]
fn a_plan_fits_on_one_screen_and_says_everything() {
    let mut facts = sixteen_terabytes();
    facts.content = vec![content(ContentType::Gpt)];
    let request = Request {
        passes: PassChoice::Scheme("gutmann".into()),
        verification: VerificationChoice::SampledR1,
        ..Request::default()
    };
    let report = report_for(&request, &facts);
    let digest = report.digest.unwrap().to_string();
    let text = text(&report, &facts);
    for part in [
        "/dev/sdx (serial SER123)",
        "16.0 TB (3906250000 blocks of 4096 bytes)",
        "gpt at byte 4096",
        "clear by overwrite",
        "policy builtin",
        "Gutmann, 35 passes (listed order)",
        "fresh key for each pass) x 4, 0x55, 0xaa, 0x924924,",
        "560 TB written",
        "hidden areas not examined",
        "if every write and every comparison succeeds: clear by overwrite of the 3906250000",
        &format!("--scheme gutmann --verify sampled --confirm SER123 --plan {digest}"),
    ] {
        let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(folded.contains(part), "{part:?} is not in:\n{text}");
    }
    assert!(text.lines().count() <= 45, "{} lines:\n{text}", text.lines().count());
    let long = text.lines().filter(|line| line.chars().count() > LINE_WIDTH);
    assert!(long.into_iter().all(|line| line.starts_with("command")), "{text}");
}

#[test]
fn the_rules_are_two_lines_and_one_for_what_was_set() {
    let facts = sixteen_terabytes();
    let rows = |rules: &[&str]| {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let text = text(&report_for(&Request { rules, ..Request::default() }, &facts), &facts);
        let from = text.find("gives up").unwrap();
        text[from..text.find("\nclaim ").unwrap()].split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        rows(&[]),
        "gives up after 32768 failed transfers, below 500 kB/s over 1 h, after 30 min without an answer, at 70 °C \
         heat half speed from 55 °C, paused from 60 °C until 50 °C, where there is a sensor"
    );
    assert_eq!(
        rows(&[
            "floor=off",
            "errors-max=100",
            "errors-percent=20%",
            "time=30h",
            "stop=off",
            "silence=90s",
            "slow=52C"
        ]),
        "gives up after 100 failed transfers, above 20 % of the last 1000, after 30 h in all, after 2 min without an \
         answer heat half speed from 52 °C, paused from 60 °C until 50 °C, where there is a sensor rules unlike the \
         usual ones: errors-max=100 errors-percent=20% floor=off time=30h slow=52C stop=off silence=90s"
    );
}

#[test]
fn a_refusal_shows_every_reason_and_the_command_that_answers_it() {
    let mut facts = drive(DriveKind::Flash);
    facts.content = [ContentType::LinuxRaidMember, ContentType::Lvm2Member].map(content).into();
    let report = report_for(&Request::default(), &facts);
    assert_eq!(report.decision, "refused");
    // On flash there is no default, so the two lines of the remedy stand side by side and no third is preferred.
    assert_eq!(report.command, None);
    let text = text(&report, &facts);
    let options = "--known-content lvm2-member,linux-raid-member --confirm SER123";
    let clear = format!("expunge sanitize /dev/sdx --method clear {options}");
    let purge = format!("expunge sanitize /dev/sdx --method purge {options}");
    for part in ["[member-content]", "[method-required]", "nothing would be written", &clear, &purge] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    facts.kind = DriveKind::Rotating;
    let command = report_for(&Request::default(), &facts).command;
    assert_eq!(command, Some(format!("expunge sanitize /dev/sdx {options}")));
    facts.read_only = true;
    assert_eq!(report_for(&Request::default(), &facts).command, None);
}

#[test]
fn the_json_report_carries_the_plan_and_its_digest() {
    let facts = sixteen_terabytes();
    let value = serde_json::to_value(report_for(&Request::default(), &facts)).unwrap();
    assert_eq!(value["schema"], "urn:expunge:plan-report:v1");
    assert_eq!(value["decision"], "planned");
    let plan: Plan = serde_json::from_value(value["plan"].clone()).unwrap();
    assert_eq!(value["digest"], plan.digest().to_string());
    assert_eq!(value["estimate"]["choices"][0]["choice"], "full");
}

#[test]
fn what_a_drive_says_of_itself_cannot_steer_the_terminal() {
    let mut facts = drive(DriveKind::Rotating);
    facts.identity.model = Some("\u{1b}[2Jgone\u{9b}\r".into());
    facts.identity.serial = Some("S\u{1b}]0;x\u{7}".into());
    let text = text(&report_for(&Request::default(), &facts), &facts);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn a_sample_with_numbers_of_its_own_stands_before_the_other_choices() {
    let facts = sixteen_terabytes();
    let verification = VerificationChoice::Sampled {
        confidence: "0.99".parse().unwrap(),
        fraction: "0.001".parse().unwrap(),
    };
    let report = report_for(&Request { verification, ..Request::default() }, &facts);
    let text = text(&report, &facts);
    // 4,603 reads at 12 ms each are 55 s, and the bytes take one more.
    assert!(
        text.contains("sampled=0.99,0.001 56 s (chosen), full 27 h, r1 sample 2 h 42 min, none"),
        "{text}"
    );
    assert!(report.command.unwrap().contains(" --verify sampled=0.99,0.001 "));
}
