//! Lanes, frame by frame: bytes in, bytes out, and what a hostile or slow peer can do.

use super::*;
use layr_merkle::{GroupRange, verify_range_proof};
use layr_types::GROUP_BYTES;

struct Lane {
    stream: DuplexStream,
    serving: tokio::task::JoinHandle<Result<(), crate::LaneError>>,
}

impl Lane {
    fn open(world: &World, peer: NodeKey) -> Self {
        let (stream, theirs) = tokio::io::duplex(256 * 1024);
        let serving = tokio::spawn(serve_lane(Arc::clone(&world.host), peer, theirs));
        Self { stream, serving }
    }

    async fn ask(&mut self, op: Op, number: u32, at: (AgreementId, SectorRoot), body: &[u8]) {
        let request = lane::Request { op, number, agreement: at.0, root: at.1 };
        self.stream.write_all(&request.encode()).await.expect("the lane takes it");
        self.stream.write_all(body).await.expect("the lane takes it");
    }

    async fn answer(&mut self) -> (u32, Result<Vec<u8>, Refusal>) {
        let mut header = [0; RESPONSE_BYTES];
        self.stream.read_exact(&mut header).await.expect("an answer comes");
        let response = lane::Response::decode(&header).expect("it is one");
        let mut body = vec![0; response.length as usize];
        self.stream.read_exact(&mut body).await.expect("with its body");
        let result = match response.status {
            0 => Ok(body),
            code => {
                let refusal: Refusal = postcard::from_bytes(&body).expect("a refusal");
                assert_eq!(refusal.code(), code);
                Err(refusal)
            }
        };
        (response.number, result)
    }

    async fn close(self) -> Result<(), crate::LaneError> {
        drop(self.stream);
        self.serving.await.expect("the lane ends")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_sectors_in_flight_are_stored_and_come_back_with_their_proofs() {
    let world = World::new(20);
    let owner = Owner::open(&world, 1, 20).await;
    let mut lane = Lane::open(&world, owner.key);
    let sectors: Vec<_> = (0..16).map(sector).collect();
    let (mut reader, mut writer) = tokio::io::split(&mut lane.stream);
    let write = async {
        for (number, sector) in (0..).zip(&sectors) {
            let request = lane::Request { op: Op::Put, number, agreement: owner.id, root: root_of(sector) };
            writer.write_all(&request.encode()).await.expect("sent");
            writer.write_all(sector).await.expect("sent");
        }
    };
    let read = async {
        let mut numbers = Vec::new();
        for _ in 0..16 {
            let mut header = [0; RESPONSE_BYTES];
            reader.read_exact(&mut header).await.expect("an answer comes");
            let response = lane::Response::decode(&header).expect("it is one");
            assert_eq!((response.status, response.length), (0, 0));
            numbers.push(response.number);
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (0..16).collect::<Vec<_>>());
    };
    tokio::join!(write, read);
    let after = world.crash(0);
    assert_eq!(after.host.space().live, 16, "every acknowledged sector survives a crash");
    let mut lane = Lane::open(&after, owner.key);
    for (first, groups) in [(0u16, 64u16), (5, 1), (62, 2), (1, 33)] {
        let (sector, root) = (&sectors[3], root_of(&sectors[3]));
        lane.ask(Op::Get { first, groups }, 9, (owner.id, root), &[]).await;
        let (number, body) = lane.answer().await;
        let body = body.expect("served");
        let range = GroupRange::new(first.into(), groups.into()).expect("within");
        let (proof, bytes) = body.split_at(range.proof_len() * 32);
        let verified = verify_range_proof(proof, range, &root).expect("the proof holds");
        for (at, group) in range.groups().zip(bytes.as_chunks::<GROUP_BYTES>().0) {
            verified.check(at, group).expect("the group is the sector's");
        }
        let from = usize::from(first) * GROUP_BYTES;
        assert_eq!((number, bytes), (9, &sector[from..from + range.bytes()]));
    }
    assert!(lane.close().await.is_ok());
}

#[tokio::test]
async fn refusals_come_as_frames_and_the_lane_goes_on() {
    let world = World::new(4);
    let owner = Owner::open(&world, 1, 1).await;
    let waiting = Owner::proposed(&world, 2, 1).await.expect("agreed");
    let (a, b) = (sector(1), sector(2));
    let mut lane = Lane::open(&world, owner.key);
    let nobody = AgreementId([9; 32]);
    let whole = Op::Get { first: 0, groups: 64 };
    type Case<'a> = (Op, AgreementId, SectorRoot, &'a [u8], Result<usize, Refusal>);
    let cases: [Case<'_>; 8] = [
        (Op::Put, owner.id, root_of(&b), &a, Err(Refusal::RootMismatch)),
        (Op::Put, nobody, root_of(&a), &a, Err(Refusal::UnknownAgreement)),
        (Op::Put, waiting.id, root_of(&a), &a, Err(Refusal::UnknownAgreement)),
        (whole, owner.id, root_of(&a), &[], Err(Refusal::SectorMissing { root: root_of(&a) })),
        (Op::Put, owner.id, root_of(&a), &a, Ok(0)),
        (Op::Put, owner.id, root_of(&a), &a, Ok(0)),
        (Op::Put, owner.id, root_of(&b), &b, Err(Refusal::OverCapacity)),
        (whole, owner.id, root_of(&a), &[], Ok(64 * 32 + SECTOR_BYTES)),
    ];
    for (number, (op, id, root, body, expected)) in (0..).zip(cases) {
        lane.ask(op, number, (id, root), body).await;
        let (answered, result) = lane.answer().await;
        assert_eq!((answered, result.map(|body| body.len())), (number, expected), "request {number}");
    }
    let mut other = Lane::open(&world, waiting.key);
    other.ask(Op::Put, 1, (waiting.id, root_of(&a)), &a).await;
    assert_eq!(other.answer().await.1, Err(Refusal::NotOpen));
    other.ask(whole, 2, (owner.id, root_of(&a)), &[]).await;
    assert_eq!(other.answer().await.1, Err(Refusal::UnknownAgreement), "another owner's agreement");
    assert_eq!(world.host.space().live, 1);
    world.assert_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_room_of_an_agreement_can_be_filled_by_many_at_once() {
    for _ in 0..20 {
        let world = World::new(12);
        let owner = Owner::open(&world, 1, 12).await;
        let puts = (0..24).map(|number| {
            let (owner, host) = (owner.clone(), Arc::clone(&world.host));
            tokio::spawn(async move {
                let sector = sector(number / 2);
                let mut buffer = host.buffers.take().await;
                buffer.copy_from_slice(&sector);
                host.put_sector(owner.key, owner.id, root_of(&sector), buffer).await
            })
        });
        for put in puts.collect::<Vec<_>>() {
            put.await.expect("no panic").expect("each has its room, and its twin needs none");
        }
        assert_eq!((world.host.space().live, world.host.space().reserved), (12, 0));
        world.assert_books();
    }
}

#[tokio::test]
async fn a_sector_that_rots_is_refused_and_never_served() {
    let world = World::new(4);
    let owner = Owner::open(&world, 1, 1).await;
    let root = owner.put(&world, &sector(1)).await.expect("stored");
    world.sectors.rot(crate::ports::Slot(0), 20 * GROUP_BYTES);
    let mut lane = Lane::open(&world, owner.key);
    lane.ask(Op::Get { first: 0, groups: 64 }, 1, (owner.id, root), &[]).await;
    assert_eq!(lane.answer().await.1, Err(Refusal::SectorDamaged { root }));
    lane.ask(Op::Get { first: 0, groups: 20 }, 2, (owner.id, root), &[]).await;
    assert!(lane.answer().await.1.is_ok(), "the sound part is still served");
}

#[tokio::test]
async fn the_scrub_finds_every_damaged_sector_and_only_those() {
    let world = World::new(8);
    let owner = Owner::open(&world, 1, 8).await;
    let mut roots = Vec::new();
    for number in 0..7 {
        roots.push(owner.put(&world, &sector(number)).await.expect("stored"));
    }
    world.sectors.rot(crate::ports::Slot(2), 63 * GROUP_BYTES + 9);
    world.sectors.break_slot(crate::ports::Slot(5));
    let (mut from, mut checked, mut damaged) = (None, 0, Vec::new());
    loop {
        let scrub = world.host.scrub(from, 3).await.expect("readable");
        checked += scrub.checked;
        damaged.extend(scrub.damaged);
        from = scrub.next;
        if from.is_none() {
            break;
        }
    }
    damaged.sort_unstable();
    let mut expected = vec![roots[2], roots[5]];
    expected.sort_unstable();
    assert_eq!((checked, damaged), (7, expected));
}

#[tokio::test]
async fn a_full_disk_refuses_the_sector_and_leaks_nothing() {
    let world = World::new(4);
    let owner = Owner::open(&world, 1, 2).await;
    world.records.fill(true);
    assert_eq!(owner.put(&world, &sector(1)).await, Err(Refusal::DiskFault));
    world.records.fill(false);
    world.sectors.resize_disk(0);
    assert_eq!(owner.put(&world, &sector(1)).await, Err(Refusal::DiskFault));
    world.sectors.resize_disk(4);
    for number in 0..2 {
        owner.put(&world, &sector(number)).await.expect("both slots are still there");
    }
    assert_eq!(world.host.space().live, 2);
    world.assert_books();
}

#[tokio::test]
async fn a_stranger_is_answered_without_any_of_the_lanes_memory() {
    let world = World::new(4);
    let owner = Owner::open(&world, 1, 1).await;
    let mut taken = Vec::new();
    for _ in 0..world.config.lane_memory.whole_sectors() {
        taken.push(world.host.buffers.take().await);
    }
    let mut lane = Lane::open(&world, NodeKey([9; 32]));
    lane.ask(Op::Put, 1, (owner.id, root_of(&sector(1))), &sector(1)).await;
    assert_eq!(lane.answer().await.1, Err(Refusal::UnknownAgreement));
    lane.ask(Op::Get { first: 0, groups: 1 }, 2, (owner.id, root_of(&sector(1))), &[]).await;
    assert_eq!(lane.answer().await.1, Err(Refusal::UnknownAgreement));
}

#[tokio::test]
async fn bytes_that_are_no_request_end_the_lane() {
    let world = World::new(4);
    let mut lane = Lane::open(&world, NodeKey([1; 32]));
    lane.stream.write_all(&[0; 80]).await.expect("sent");
    let ended = lane.serving.await.expect("no panic");
    assert!(matches!(ended, Err(crate::LaneError::Malformed(_))));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stops_in_the_middle_of_a_sector_loses_its_lane_and_frees_the_memory() {
    let world = World::new(4);
    let owner = Owner::open(&world, 1, 2).await;
    let mut lane = Lane::open(&world, owner.key);
    lane.ask(Op::Put, 1, (owner.id, root_of(&sector(1))), &[7; 1000]).await;
    let ended = lane.serving.await.expect("no panic");
    assert!(matches!(ended, Err(crate::LaneError::Slow)));
    let all = world.config.lane_memory.whole_sectors();
    let mut taken = Vec::new();
    for _ in 0..all {
        taken.push(world.host.buffers.take().await);
    }
    assert_eq!(taken.len() as u64, all, "the whole budget is there again");
}

#[tokio::test]
async fn a_sector_nobody_appends_is_let_go_and_its_room_returns_to_the_agreement() {
    let world = World::new(4);
    let mut owner = Owner::open(&world, 1, 2).await;
    owner.put(&world, &sector(1)).await.expect("stored");
    owner.store(&world, &[2], START).await.expect("stored and appended");
    let later = START.plus(world.config.pending_life);
    let tick = world.at(later).await;
    assert_eq!((tick.let_go, world.host.space().live, world.host.space().reserved), (1, 1, 1));
    world.assert_books();
    let full = owner.clone().store(&world, &[3], later).await;
    assert!(full.is_ok(), "the room can be used again: {full:?}");
    world.restart().assert_books();
}

#[tokio::test]
async fn one_sector_under_two_agreements_lies_once_and_leaves_with_the_last() {
    let world = World::new(8);
    let mut first = Owner::open(&world, 1, 2).await;
    let mut second = Owner::open(&world, 2, 2).await;
    first.store(&world, &[1], START).await.expect("stored");
    second.store(&world, &[1], START).await.expect("stored");
    assert_eq!((world.host.space().live, world.host.space().reserved), (1, 3));
    world.assert_books();
    world.ledger.set_now(first.terms.end.plus(1));
    world.host.finish(first.key, first.finish(FinalReason::TermOver)).await.map(drop).expect("signed");
    for later in [700, 800, 2_000] {
        world.at(first.terms.end.plus(later)).await;
        world.assert_books();
    }
    assert_eq!((world.host.space().live, world.host.space().trash), (1, 0), "the second still holds it");
    let mut lane = Lane::open(&world, second.key);
    lane.ask(Op::Get { first: 0, groups: 1 }, 1, (second.id, root_of(&sector(1))), &[]).await;
    assert!(lane.answer().await.1.is_ok());
}
