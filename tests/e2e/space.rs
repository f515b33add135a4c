//! Space is finite: what does not fit is refused clearly, and the last of it goes to exactly one.

use crate::support::{Person, World, until, write_noise};
use std::time::Duration;

/// One host with room for one smallest agreement (16 sectors), not for two.
const QUOTA: &str = "24MiB";

fn file(owner: &Person, seed: u64) {
    write_noise(&owner.home.join("film"), 3 << 20, seed);
}

#[test]
fn two_owners_race_for_the_last_space_and_exactly_one_gets_it() {
    let world = World::start("last-space", 1, QUOTA);
    let owners = [world.owner("racer"), world.owner("rival")];
    for (owner, seed) in owners.iter().zip(70..) {
        file(owner, seed);
    }
    let before = owners.each_ref().map(Person::money);

    // More than the host has at all: refused, nothing paid.
    write_noise(&owners[0].home.join("huge"), 64 << 20, 72);
    let error = owners[0].layr(["upload", "huge", "--profile", "1/1"]).error(3);
    assert_eq!(error["money_effect"], "none", "{error}");
    assert!(error["message"].as_str().unwrap_or_default().contains("1 missing"), "{error}");

    let running =
        owners.each_ref().map(|owner| owner.layr(["upload", "film", "--profile", "1/1"]).json().start());
    let ended = running.map(|upload| upload.finish(Duration::from_secs(120)));
    let won: Vec<usize> = (0..2).filter(|at| ended[*at].exit == Some(0)).collect();
    assert_eq!(won.len(), 1, "{}{}", ended[0].story(), ended[1].story());
    let (winner, loser) = (won[0], 1 - won[0]);
    let [first, second] = ended;
    let refused = if loser == 0 { first } else { second }.error(3);
    assert_eq!(refused["money_effect"], "none", "{refused}");
    assert_eq!(owners[loser].money(), before[loser], "the loser paid");

    owners[winner].assert_comes_back("film", &owners[winner].home.join("film"));
    owners[winner].layr(["audit"]).data();
    // The host's books show one agreement and nothing reserved for anybody else.
    until("the host's books", Duration::from_secs(30), || {
        let shown = world.hosts[0].layr(["node", "status"]).data();
        let status = &shown["status"];
        (status["agreements"].as_array().map(Vec::len) == Some(1)).then_some(())
    });
    owners[loser].layr(["upload", "film", "--profile", "1/1"]).error(3);
}
