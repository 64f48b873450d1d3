use proptest::prelude::*;

use super::*;

const MB: u64 = 1_000_000;

fn limit(bytes: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(bytes)
}

fn limits(host: u64, bus: u64, drive: u64) -> Limits {
    Limits { host: limit(host), bus: limit(bus), drive: limit(drive) }
}

fn member(bus: &str, demand: Option<u64>) -> Member {
    Member { bus: (!bus.is_empty()).then(|| bus.to_owned()), demand }
}

/// Shares in MB/s worked out by hand; 0 is no limit, and a demand of `None` wants all.
#[test]
fn shares_are_those_of_the_textbook() {
    let all = |buses: &[&str]| buses.iter().map(|bus| member(bus, None)).collect::<Vec<_>>();
    let slow = |rate: u64| Some(rate * MB);
    let table = [
        ("equal parts of the host", limits(900, 0, 0), all(&["a", "a", "b"]), vec![300, 300, 300]),
        // Bus a gives its two 100 each; the third takes what the host has left.
        ("a narrow bus", limits(900, 200, 0), all(&["a", "a", "b"]), vec![100, 100, 200]),
        ("a bus that is wide enough", limits(900, 600, 0), all(&["a", "a", "b"]), vec![300, 300, 300]),
        ("what a narrow bus leaves", limits(900, 250, 0), all(&["a", "a", "a", "b"]), vec![83, 83, 83, 250]),
        ("each unknown bus is one of its own", limits(0, 200, 0), all(&["", "", "a"]), vec![200, 200, 200]),
        ("the limit of a drive", limits(900, 0, 100), all(&["a", "b"]), vec![100, 100]),
        ("a limit of a drive alone", limits(0, 0, 100), all(&["a", "b"]), vec![100, 100]),
        // 40 measured, 50 kept: 850 are left for two.
        (
            "a slow drive leaves the rest",
            limits(900, 0, 0),
            vec![member("a", slow(40)), member("a", None), member("b", None)],
            vec![50, 425, 425],
        ),
        (
            "a slow drive leaves its bus to its neighbour",
            limits(0, 200, 0),
            vec![member("a", slow(40)), member("a", None), member("b", slow(400))],
            vec![50, 150, 200],
        ),
        (
            "a measured rate above the share is no demand below it",
            limits(900, 0, 0),
            vec![member("a", slow(290)), member("a", None), member("b", None)],
            vec![300, 300, 300],
        ),
    ];
    for (what, limits, members, wanted) in table {
        let scaled = |limit: Option<NonZeroU64>| limit.and_then(|limit| NonZeroU64::new(limit.get() * MB));
        let limits =
            Limits { host: scaled(limits.host), bus: scaled(limits.bus), drive: scaled(limits.drive) };
        let shares = allot(&limits, &members).into_iter().map(|share| share.unwrap().get() / MB);
        assert_eq!(shares.collect::<Vec<_>>(), wanted, "{what}");
    }
}

#[test]
fn nothing_limits_where_no_limit_is_and_nobody_stands_still() {
    let members = [member("a", None), member("a", Some(0)), member("", Some(7))];
    assert_eq!(allot(&Limits::default(), &members), [None, None, None]);
    assert_eq!(allot(&limits(5, 5, 5), &[]), []);
    // Two bytes for three drives: one each, although that is one too many.
    assert_eq!(allot(&limits(2, 0, 0), &members), [limit(1), limit(1), limit(1)]);
    // A drive that stood still keeps enough to show that it goes on.
    assert_eq!(allot(&limits(100 * MB, 0, 0), &members[1..2]), [limit(4 << 20)]);
    assert_eq!(
        allot(&limits(u64::MAX, u64::MAX, u64::MAX), &[member("a", Some(u64::MAX))]),
        [limit(u64::MAX)]
    );
}

#[test]
fn seats_share_as_drives_come_report_and_go() {
    let shares = Shares::new(limits(900 * MB, 0, 0));
    let allowed = |seat: &Seat| seat.allowance().unwrap().get();
    let first = shares.join(Some("a".to_owned()));
    assert_eq!(allowed(&first), 900 * MB);
    let second = shares.join(Some("a".to_owned()));
    let third = shares.join(None);
    assert_eq!([&first, &second, &third].map(allowed), [300 * MB; 3]);
    // The first can do 80 only, and keeps 100; the others use what they have.
    first.report(80 * MB);
    assert_eq!([&first, &second, &third].map(allowed), [100 * MB, 400 * MB, 400 * MB]);
    // They were given 400 during the time that this report is about, and could not know it: 300 is all of it.
    second.report(300 * MB);
    assert_eq!([&first, &second, &third].map(allowed), [100 * MB, 400 * MB, 400 * MB]);
    // The next report is judged by the 400 alone: 300 is what the drive can do, and it keeps 375.
    second.report(300 * MB);
    assert_eq!([&first, &second, &third].map(allowed), [100 * MB, 375 * MB, 425 * MB]);
    // The same rate again is the same answer, for as long as it lasts.
    for _ in 0..10 {
        first.report(80 * MB);
        assert_eq!(allowed(&first), 100 * MB);
    }
    // It becomes faster: nine tenths of what it has are enough to be given its part again.
    first.report(90 * MB);
    assert_eq!([&first, &second, &third].map(allowed), [300 * MB; 3]);
    drop(second);
    assert_eq!([&first, &third].map(allowed), [450 * MB; 2]);
    drop(third);
    assert_eq!(allowed(&first), 900 * MB);
    let free = Shares::new(Limits::default()).join(Some("a".to_owned()));
    free.report(1);
    assert_eq!(free.allowance(), None);
}

/// A drive that can do so much, under whatever it is allowed, settles at all that it can do and is not held back.
#[test]
fn slow_drives_settle_and_fast_drives_get_the_rest() {
    let shares = Shares::new(limits(1000 * MB, 0, 0));
    let able = [30, 180, 220, 5000].map(|rate| rate * MB);
    let seats = able.map(|_| shares.join(None));
    let mut used = [0; 4];
    for _ in 0..20 {
        for ((seat, able), used) in seats.iter().zip(able).zip(&mut used) {
            *used = able.min(seat.allowance().unwrap().get());
            seat.report(*used);
        }
    }
    assert_eq!(used[..3], able[..3]);
    // What is left beside 30, 180 and 220 with a quarter of headroom each: 1000 - 537.5.
    assert!((460 * MB..=570 * MB).contains(&used[3]), "{used:?}");
}

#[test]
fn seats_of_many_threads_come_and_go() {
    let shares = Shares::new(limits(1000 * MB, 300 * MB, 0));
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let shares = shares.clone();
            scope.spawn(move || {
                for round in 0..50 {
                    let seat = shares.join(Some((thread % 3).to_string()));
                    seat.report(round * MB);
                    assert!(seat.allowance().unwrap().get() <= 300 * MB);
                }
            });
        }
    });
    assert!(shares.lock().seats.is_empty(), "all have left");
    assert_eq!(shares.join(None).allowance(), limit(300 * MB));
}

fn some_limit() -> impl Strategy<Value = Option<NonZeroU64>> {
    let bytes = prop_oneof![20..100_u64, 1_000..100_000_u64, MB..10_000 * MB, Just(u64::MAX)];
    prop::option::of(bytes).prop_map(|bytes| bytes.and_then(NonZeroU64::new))
}

fn some_member() -> impl Strategy<Value = Member> {
    let bus = prop::option::of(0..4_u8).prop_map(|bus| bus.map(|bus| bus.to_string()));
    let demand = prop::option::of(prop_oneof![0..100_000_u64, MB..1_000 * MB, any::<u64>()]);
    (bus, demand).prop_map(|(bus, demand)| Member { bus, demand })
}

proptest! {
    /// A share is max-min fair exactly when it cannot grow for a reason: the member's own limit, or a limit that is used
    /// up and of which nobody has more (Bertsekas and Gallager, Data Networks, 6.5.2: every session has a bottleneck).
    /// "Used up" leaves a byte for each member, because shares are whole bytes.
    #[test]
    fn every_share_has_a_bottleneck_and_no_limit_is_exceeded(
        host in some_limit(),
        bus in some_limit(),
        drive in some_limit(),
        members in prop::collection::vec(some_member(), 1..20),
    ) {
        let limits = Limits { host, bus, drive };
        let shares = allot(&limits, &members);
        prop_assert_eq!(shares.len(), members.len());
        if host.is_none() && bus.is_none() {
            prop_assert!(shares.iter().all(|share| *share == drive));
            return Ok(());
        }
        let shares: Vec<u128> = shares.iter().map(|share| u128::from(share.unwrap().get())).collect();
        let on_bus_of = |index: usize| -> Vec<u128> {
            let same = |other: &usize| {
                *other == index || (members[index].bus.is_some() && members[*other].bus == members[index].bus)
            };
            (0..shares.len()).filter(same).map(|other| shares[other]).collect()
        };
        for (index, member) in members.iter().enumerate() {
            let share = shares[index];
            let wide = |limit: NonZeroU64| u128::from(limit.get());
            let pools = [(host.map(wide), shares.clone()), (bus.map(wide), on_bus_of(index))];
            for (limit, among) in &pools {
                prop_assert!(limit.is_none_or(|limit| among.iter().sum::<u128>() <= limit));
            }
            prop_assert!(drive.map(wide).is_none_or(|drive| share <= drive));
            // A quarter over the measured rate, or 4 MiB/s.
            let wants = member.demand.map(|rate| (u128::from(rate) * 5 / 4).max(4 << 20));
            let own = [drive.map(wide), wants, Some(u128::from(u64::MAX))].into_iter().flatten().min();
            let bottleneck = |(limit, among): &(Option<u128>, Vec<u128>)| limit.is_some_and(|limit| {
                let used_up = among.iter().sum::<u128>() + among.len() as u128 > limit;
                used_up && among.iter().all(|other| *other <= share + 1)
            });
            prop_assert!(own.is_some_and(|own| share >= own) || pools.iter().any(bottleneck), "{index}: {shares:?}");
            // Nobody gets less than an equal part of its tightest limit, unless it wants less.
            let equal = pools.iter().filter_map(|(limit, among)| Some((*limit)? / among.len() as u128)).min();
            let least = equal.into_iter().chain(own).min().unwrap_or_default();
            prop_assert!(share >= least, "{index}: {share} is less than {least}");
        }
    }
}
