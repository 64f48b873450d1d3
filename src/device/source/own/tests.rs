use super::*;

#[test]
fn what_is_offered_not_offered_and_not_told_are_three_things() {
    let list = |one, two| listed(&[("this", one), ("that", two)]);
    assert_eq!(list(Support::Yes, Support::No), "this");
    assert_eq!(list(Support::No, Support::No), "no");
    assert_eq!(list(Support::Yes, Support::NotTold), "this (not told: that)");
    assert_eq!(list(Support::NotTold, Support::No), "not told: this");
}
