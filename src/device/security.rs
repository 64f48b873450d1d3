//! Security commands (TCG) over a channel: which command carries them, what a refusal means, and the first thing
//! that is asked, Level 0 discovery.

use std::time::Duration;

use crate::command::tcg::carry::{self, Address, Route, Way};
use crate::command::tcg::discovery::{COM_ID_DISCOVERY, Discovery, NotUsable};
use crate::command::tcg::packet::{PROTOCOL_TCG, TRANSFER_BYTES};
use crate::io::{Channel, Data, NvmeAnswer, ScsiAnswer};
use crate::unit::digest::to_hex;

/// How long a security command may take that is answered at once: sedutil's minute.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// BUSY, RESERVATION CONFLICT and TASK SET FULL: the command was not taken.
const NOT_TAKEN: [u8; 3] = [0x08, 0x18, 0x28];

/// How often a command is given again that a unit attention kept from being carried out.
const ATTENTIONS: u32 = 4;

/// A security command that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What it was.
    pub name: &'static str,
    /// Command block or submission queue entry.
    pub command: Vec<u8>,
    /// What came back, in one line.
    pub answer: String,
    /// What that means.
    pub end: DeliveryEnd,
}

/// What became of a security command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// Carried out.
    Done {
        /// Bytes that travelled, as far as the channel counts them.
        bytes: usize,
    },
    /// Not carried out: the drive or the kernel says so.
    Refused(Refusal),
    /// Nobody knows.
    Lost,
}

/// Why a security command was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The drive does not know the command.
    UnknownCommand,
    /// The kernel lets no TRUSTED command through (`libata.allow_tpm` is 0).
    ByKernel,
    /// For some other reason.
    Other,
}

/// Why no discovery could be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDiscovery {
    /// The drive does not know security commands.
    NoTcg,
    /// The kernel lets none through to this drive.
    ByKernel,
    /// The drive refused.
    Refused,
    /// No answer.
    Lost,
    /// An answer that cannot be used.
    NotUsable(NotUsable),
}

impl std::fmt::Display for NoDiscovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoTcg => f.write_str("the drive does not know security commands"),
            Self::ByKernel => f.write_str("the kernel lets no TRUSTED command through to an ATA drive"),
            Self::Refused => f.write_str("the drive refused Level 0 discovery"),
            Self::Lost => f.write_str("Level 0 discovery was not answered"),
            Self::NotUsable(why) => write!(f, "TCG is not usable: {why}"),
        }
    }
}

impl NoDiscovery {
    /// What helps against it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::ByKernel => {
                "start the kernel with libata.allow_tpm=1, or write 1 to /sys/module/libata/parameters/allow_tpm"
            }
            Self::NoTcg => "use another technique",
            Self::Refused | Self::Lost | Self::NotUsable(_) => {
                "cycle the drive's power, attach it without a bridge, or use another technique"
            }
        }
    }
}

/// Level 0 discovery, asked on every route that a channel has until one works.
#[derive(Clone, Debug)]
pub struct Discovered {
    /// What was sent, with the bytes that came back where some did.
    pub deliveries: Vec<(Delivery, Option<Vec<u8>>)>,
    /// The route that works, and what the drive told.
    pub result: Result<(Route, Discovery), NoDiscovery>,
}

/// Asks for Level 0 discovery. It changes nothing on the drive.
pub fn discover(channel: &mut Channel) -> Discovered {
    let routes: &[Route] = match channel {
        Channel::Nvme(_) => &[Route::Nvme],
        Channel::Scsi(_) => &[Route::Scsi, Route::Ata],
    };
    let mut deliveries = Vec::new();
    let mut refused = NoDiscovery::NoTcg;
    for route in routes {
        let address = Address { protocol: PROTOCOL_TCG, com_id: COM_ID_DISCOVERY };
        let mut buffer = vec![0; TRANSFER_BYTES];
        let delivery = receive(channel, *route, address, &mut buffer);
        let end = delivery.end;
        let came = match end {
            DeliveryEnd::Done { bytes } => Some(buffer.get(..bytes).unwrap_or(&buffer).to_vec()),
            DeliveryEnd::Refused(_) | DeliveryEnd::Lost => None,
        };
        deliveries.push((delivery, came.clone()));
        let no = match end {
            DeliveryEnd::Done { .. } => {
                let result = Discovery::decode(&came.unwrap_or_default()).map_err(NoDiscovery::NotUsable);
                return Discovered { deliveries, result: result.map(|discovery| (*route, discovery)) };
            }
            DeliveryEnd::Lost => return Discovered { deliveries, result: Err(NoDiscovery::Lost) },
            DeliveryEnd::Refused(Refusal::UnknownCommand) => continue,
            DeliveryEnd::Refused(Refusal::ByKernel) => NoDiscovery::ByKernel,
            DeliveryEnd::Refused(Refusal::Other) => NoDiscovery::Refused,
        };
        // What the kernel keeps back hides more than what the drive refused.
        if refused != NoDiscovery::ByKernel {
            refused = no;
        }
    }
    Discovered { deliveries, result: Err(refused) }
}

/// IF-RECV. The buffer is a multiple of 512 bytes and is zero where the drive sent nothing.
pub fn receive(channel: &mut Channel, route: Route, address: Address, buffer: &mut [u8]) -> Delivery {
    deliver(channel, route, Way::Receive, address, Payload::Receive(buffer), PATIENCE)
}

/// IF-SEND of a multiple of 512 bytes, which may take this long: some drives answer it only when they have done what
/// it asks for.
pub fn send(
    channel: &mut Channel,
    route: Route,
    address: Address,
    data: &[u8],
    patience: Duration,
) -> Delivery {
    deliver(channel, route, Way::Send, address, Payload::Send(data), patience)
}

enum Payload<'a> {
    Receive(&'a mut [u8]),
    Send(&'a [u8]),
}

impl Payload<'_> {
    fn length(&self) -> u32 {
        let bytes = match self {
            Self::Receive(buffer) => buffer.len(),
            Self::Send(data) => data.len(),
        };
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }

    fn data(&mut self) -> Data<'_> {
        match self {
            Self::Receive(buffer) => {
                buffer.fill(0);
                Data::FromDrive(buffer)
            }
            Self::Send(data) => Data::ToDrive(data),
        }
    }
}

fn deliver(
    channel: &mut Channel,
    route: Route,
    way: Way,
    address: Address,
    mut payload: Payload<'_>,
    patience: Duration,
) -> Delivery {
    let length = payload.length();
    let name = way.name(route);
    match channel {
        Channel::Nvme(port) => {
            let entry = carry::nvme(way, address, length);
            let answer = port.admin(&entry, payload.data(), patience);
            let (answer, end) = told_by_nvme(answer, way, length);
            Delivery { name, command: entry.to_vec(), answer, end }
        }
        Channel::Scsi(port) => {
            let command = match route {
                Route::Ata => {
                    carry::ata(way, address, u8::try_from(length / 512).unwrap_or(u8::MAX)).to_vec()
                }
                Route::Scsi | Route::Nvme => carry::scsi(way, address, length).to_vec(),
            };
            let mut answer = port.execute(&command, payload.data(), patience);
            for _ in 1..ATTENTIONS {
                if !is_unit_attention(&answer) {
                    break;
                }
                answer = port.execute(&command, payload.data(), patience);
            }
            let (answer, end) = told_by_scsi(&answer, way, route);
            Delivery { name, command, answer, end }
        }
    }
}

fn told_by_nvme(answer: NvmeAnswer, way: Way, length: u32) -> (String, DeliveryEnd) {
    match answer {
        NvmeAnswer::Completed { result } => {
            let bytes = usize::try_from(length).unwrap_or(usize::MAX);
            (format!("completed result {result:08x}"), DeliveryEnd::Done { bytes })
        }
        NvmeAnswer::Status { field } => {
            let end = match (field & 0x07FF, way) {
                // SCT 0, SC 01h: invalid command opcode.
                (0x0001, _) => DeliveryEnd::Refused(Refusal::UnknownCommand),
                // Invalid field, command sequence error, operation denied; SCT 2: access denied.
                (0x0002 | 0x000C | 0x0015 | 0x0286, _) | (_, Way::Receive) => {
                    DeliveryEnd::Refused(Refusal::Other)
                }
                // An internal error, an abort or a failure of the path does not say that nothing was begun.
                (_, Way::Send) => DeliveryEnd::Lost,
            };
            (format!("status {field:04x}"), end)
        }
        NvmeAnswer::NotCompleted { errno } => (format!("not completed, errno {errno}"), DeliveryEnd::Lost),
    }
}

/// Key, code and qualifier of sense data in either format.
fn sense_of(sense: &[u8]) -> Option<(u8, u8, u8)> {
    match sense.first()? & 0x7F {
        0x72 | 0x73 => Some((sense.get(1)? & 0xF, *sense.get(2)?, *sense.get(3)?)),
        0x70 | 0x71 => Some((sense.get(2)? & 0xF, *sense.get(12)?, *sense.get(13)?)),
        _ => None,
    }
}

fn is_unit_attention(answer: &ScsiAnswer) -> bool {
    match answer {
        ScsiAnswer::Answered { status: 0x02, sense, .. } => {
            // Deferred sense is about an earlier command: what became of this one is not known.
            let current = sense.first().is_some_and(|format| matches!(format & 0x7F, 0x70 | 0x72));
            current && sense_of(sense).is_some_and(|(key, ..)| key == 6)
        }
        ScsiAnswer::Answered { .. } | ScsiAnswer::Transport { .. } | ScsiAnswer::NotCompleted { .. } => false,
    }
}

fn told_by_scsi(answer: &ScsiAnswer, way: Way, route: Route) -> (String, DeliveryEnd) {
    match answer {
        ScsiAnswer::Answered { status: 0, moved, .. } => {
            let bytes = usize::try_from(*moved).unwrap_or(usize::MAX);
            ("status 00".to_owned(), DeliveryEnd::Done { bytes })
        }
        ScsiAnswer::Answered { status, sense, .. } => {
            let current = sense.first().is_some_and(|format| matches!(format & 0x7F, 0x70 | 0x72));
            let end = match sense_of(sense) {
                Some((5, 0x20, 0)) if current => DeliveryEnd::Refused(Refusal::UnknownCommand),
                // libata answers so for commands 5Ch to 5Fh, before any drive sees them (from memory).
                Some((5, 0x24, 0)) if current && route == Route::Ata => {
                    DeliveryEnd::Refused(Refusal::ByKernel)
                }
                // Invalid operation code, field in the block or the parameters, sequence; DATA PROTECT; UNIT ATTENTION.
                Some((5, 0x20 | 0x24 | 0x26 | 0x2C, _) | (6 | 7, ..)) if current => {
                    DeliveryEnd::Refused(Refusal::Other)
                }
                _ if NOT_TAKEN.contains(status) => DeliveryEnd::Refused(Refusal::Other),
                Some(_) | None => match way {
                    Way::Receive => DeliveryEnd::Refused(Refusal::Other),
                    // An abort or a hardware error does not say that nothing was begun.
                    Way::Send => DeliveryEnd::Lost,
                },
            };
            (format!("status {status:02x} sense {}", to_hex(sense)), end)
        }
        ScsiAnswer::Transport { host, driver } => {
            (format!("host status {host:04x} driver status {driver:04x}"), DeliveryEnd::Lost)
        }
        ScsiAnswer::NotCompleted { errno } => (format!("not completed, errno {errno}"), DeliveryEnd::Lost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::ScsiPort;

    /// Answers in their order, with this much data for each that is good.
    struct Script(Vec<ScsiAnswer>, Vec<Vec<u8>>);

    impl ScsiPort for Script {
        fn execute(&mut self, block: &[u8], data: Data<'_>, _: Duration) -> ScsiAnswer {
            self.1.push(block.to_vec());
            if let Data::FromDrive(buffer) = data {
                buffer[3] = 0x3C; // 64 bytes of discovery, the last 16 a TPer feature.
                buffer[49..52].copy_from_slice(&[1, 0x10, 12]);
            }
            self.0.remove(0)
        }
    }

    fn check(sense: &[u8]) -> ScsiAnswer {
        ScsiAnswer::Answered { status: 2, sense: sense.to_vec(), moved: 0 }
    }

    fn good(moved: u32) -> ScsiAnswer {
        ScsiAnswer::Answered { status: 0, sense: Vec::new(), moved }
    }

    fn discovered(answers: Vec<ScsiAnswer>) -> Discovered {
        discover(&mut Channel::Scsi(Box::new(Script(answers, Vec::new()))))
    }

    const ATTENTION: [u8; 8] = [0x72, 6, 0x29, 0, 0, 0, 0, 0];
    const NO_COMMAND: [u8; 18] = [0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0];
    const NO_FIELD: [u8; 8] = [0x72, 5, 0x24, 0, 0, 0, 0, 0];

    #[test]
    fn a_unit_attention_is_no_answer() {
        let found = discovered(vec![check(&ATTENTION), check(&ATTENTION), good(64)]);
        assert_eq!(found.result.unwrap().0, Route::Scsi);
        let found = discovered(vec![check(&ATTENTION); 8]);
        assert_eq!(found.result.unwrap_err(), NoDiscovery::Refused, "not for ever");
    }

    #[test]
    fn the_second_route_is_tried_when_the_first_is_refused() {
        let found = discovered(vec![check(&NO_COMMAND), good(512)]);
        assert_eq!(found.result.unwrap().0, Route::Ata);
        let found = discovered(vec![check(&NO_COMMAND), check(&NO_COMMAND)]);
        assert_eq!(found.result.unwrap_err(), NoDiscovery::NoTcg);
        let found = discovered(vec![check(&NO_FIELD), check(&NO_FIELD)]);
        assert_eq!(found.result.unwrap_err(), NoDiscovery::ByKernel, "refused as a TRUSTED command only");
    }

    /// What was sent may be a revert: only an answer that says that nothing was begun is a refusal.
    #[test]
    fn a_sent_command_is_refused_only_by_what_says_so() {
        let sent = |answer: ScsiAnswer| {
            let mut channel = Channel::Scsi(Box::new(Script(vec![answer], Vec::new())));
            let address = Address { protocol: PROTOCOL_TCG, com_id: 0x07FE };
            send(&mut channel, Route::Scsi, address, &[0; 512], PATIENCE).end
        };
        for key in [[5, 0x20], [5, 0x24], [5, 0x26], [7, 0x20], [7, 0x27]] {
            let end = sent(check(&[0x72, key[0], key[1], 0, 0, 0, 0, 0]));
            assert!(matches!(end, DeliveryEnd::Refused(_)), "{key:02x?}");
        }
        let deferred = [0x73, 5, 0x24, 0, 0, 0, 0, 0];
        let doubtful =
            [[0x72, 0x0B, 0, 0], [0x72, 4, 0x44, 0], [0x72, 3, 0x11, 0], [0x72, 2, 4, 1], [0x73, 6, 0x29, 0]];
        for sense in
            doubtful.iter().map(|head| [&head[..], &[0; 4]].concat()).chain([deferred.to_vec(), Vec::new()])
        {
            assert_eq!(sent(check(&sense)), DeliveryEnd::Lost, "{sense:02x?}");
        }
        for (field, refused) in [
            (0x4001, true),
            (0x4002, true),
            (0x4015, true),
            (0x4286, true),
            (6, false),
            (7, false),
            (0x371, false),
        ] {
            let (_, end) = told_by_nvme(NvmeAnswer::Status { field }, Way::Send, 512);
            assert_eq!(matches!(end, DeliveryEnd::Refused(_)), refused, "{field:04x}");
        }
    }

    #[test]
    fn an_answer_that_is_lost_or_short_is_not_filled_up() {
        let found = discovered(vec![ScsiAnswer::NotCompleted { errno: 110 }]);
        assert_eq!(found.result.unwrap_err(), NoDiscovery::Lost);
        let short = NoDiscovery::NotUsable(NotUsable::ShortHeader { bytes: 40 });
        assert_eq!(discovered(vec![good(40)]).result.unwrap_err(), short);
        let empty = NoDiscovery::NotUsable(NotUsable::Empty);
        assert_eq!(discovered(vec![good(0)]).result.unwrap_err(), empty);
    }
}
