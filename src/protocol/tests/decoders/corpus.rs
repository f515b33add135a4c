//! What the mutations begin with: the rooms' committed vectors, and messages made out of them.

use layr_audits::{Answer, AuditRecord, Challenge, Draw, Loss, Lost};
use layr_market::{Context, FinalSplit, Offer, Revision, Rotation, SlotState, Terms, Voucher};
use layr_merkle::{AgreementTree, GroupRange, SectorOutboard};
use layr_protocol::lane::{Op, Request, Response};
use layr_protocol::{
    Acknowledge, Append, AuditReply, AuditRequest, Carried, CoSigned, ContentsRequest, Finish, Free, Hello,
    Hex, HostApiRequest, HostApiResponse, OwnerRecordBytes, PREPARED_VERSION, PreparedCall, PreparedProof,
    Proposal, ReadAccount, ReadPass, Refusal, Renew, Renewed, Rotate, SignedOffer, SignedPass, SignedVoucher,
    SlotTold, Welcome,
};
use layr_types::{
    AgreementId, AuditSeed, ContractId, LeafIndex, NetworkId, NodeKey, SECTOR_BYTES, SectorIndex, SectorRoot,
    Signature, UnixSeconds,
};
use serde::Serialize;

/// Where the market's vectors count.
const CONTEXT: Context = Context { network: NetworkId([5; 32]), contract: ContractId([6; 32]) };

/// Bytes a target accepts.
pub struct Seed {
    /// Which target.
    pub target: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).expect("the vectors are hexadecimal")
}

/// A market vector by its name.
fn market(name: &str) -> Vec<u8> {
    let text = include_str!("../../../market/vectors/v1.txt");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    unhex(line.expect(name))
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("the vectors are JSON")
}

/// All of them.
pub fn seeds() -> Vec<Seed> {
    let mut all = Vec::new();
    let mut add = |target, bytes| all.push(Seed { target, bytes });
    for name in
        ["offer", "terms", "revision", "final", "slot state", "challenge", "notice", "voucher", "rotation"]
    {
        add(name, market(name));
    }
    add("slot state", market("challenged slot state with a pending rotation"));
    add("audit record", record());
    let formats = json(include_str!("../../../../manifests/vectors/v1.json"));
    for (target, key) in [
        ("manifest", "manifest"),
        ("catalogue update", "update"),
        ("catalogue head", "head"),
        ("object location", "location"),
        ("segment", "segment"),
    ] {
        add(target, unhex(formats[key].as_str().expect(key)));
    }
    for bytes in leaf_proofs() {
        add("leaf proof", bytes);
    }
    trees(&mut add);
    add("prepared proof", prepared());
    messages(&mut add);
    lane_frames(&mut add);
    all
}

fn record() -> Vec<u8> {
    let text = include_str!("../../../../audits/vectors/record.hex");
    let digits: String = text.lines().filter_map(|line| line.split('#').next()).map(str::trim).collect();
    unhex(&digits)
}

/// Leaf, number of sectors, root, proof.
fn leaf_proofs() -> Vec<Vec<u8>> {
    let all = json(include_str!("../../../merkle/vectors/leaf_proofs.json"));
    let of = |proof: &serde_json::Value| {
        let text = |key: &str| proof[key].as_str().expect("a string").to_owned();
        let number = |key: &str| proof[key].as_u64().expect("a number").to_be_bytes().to_vec();
        [number("leaf"), number("sectors"), unhex(&text("root")), unhex(&text("proof"))].concat()
    };
    all["leaf_proofs"].as_array().expect("a list").iter().map(of).collect()
}

fn trees(add: &mut impl FnMut(&'static str, Vec<u8>)) {
    let sector: Box<[u8; SECTOR_BYTES]> = vec![7; SECTOR_BYTES].into_boxed_slice().try_into().expect("sized");
    let outboard = SectorOutboard::of(&sector);
    add("outboard", outboard.encode().to_vec());
    let range = GroupRange::new(3, 5).expect("within the sector");
    let proof = outboard.range_proof(range);
    add("range proof", [vec![3, 5], outboard.root().0.to_vec(), proof].concat());
    let roots: Vec<SectorRoot> = (0..11).map(|i| SectorRoot([i; 32])).collect();
    let mut tree = AgreementTree::from_roots(&roots).expect("few");
    add("peaks", tree.peaks().encode());
    let root = tree.root();
    let proof = tree.swap_remove(SectorIndex(4)).expect("it is there");
    let head = [4u64.to_be_bytes(), 11u64.to_be_bytes()].concat();
    add("removal proof", [head, roots[4].0.to_vec(), root.0.to_vec(), proof].concat());
}

/// A file with the market's vectors in it.
fn prepared() -> Vec<u8> {
    let hex = |name: &str| Hex(market(name));
    let proof = PreparedProof {
        version: PREPARED_VERSION,
        call: PreparedCall::Prove,
        context: CONTEXT,
        agreement: AgreementId(market("agreement id").try_into().expect("32 bytes")),
        from: UnixSeconds(5),
        until: UnixSeconds(6),
        round: Some(7),
        terms: hex("terms"),
        state: hex("slot state"),
        revision: hex("revision"),
        leaves: Hex::default(),
        proofs: Hex(vec![9; 50]),
    };
    serde_json::to_vec(&proof).expect("memory")
}

fn written<T: Serialize>(message: &T) -> Vec<u8> {
    postcard::to_stdvec(message).expect("memory")
}

fn slot_told() -> SlotTold {
    let state = SlotState::decode(&market("slot state")).expect("a vector");
    SlotTold { state, published: Some(Revision::decode(&market("revision")).expect("a vector")) }
}

/// Giving sectors up, asking which there are and which are lost, and letting others read.
fn freeing(revision: &Revision, signature: Signature) -> [HostApiRequest; 5] {
    let places = vec![SectorIndex(u64::MAX), SectorIndex(300), SectorIndex(0)];
    let free = Free { revision: revision.clone(), signature, places };
    let request = ContentsRequest { id: revision.id, from: 4_096 };
    let losses = HostApiRequest::Losses { id: revision.id };
    let (owner, reader) = (NodeKey([3; 32]), NodeKey([4; 32]));
    let pass = ReadPass { owner, reader, ends: UnixSeconds(9), number: 1 };
    let show = HostApiRequest::ShowPass { pass: SignedPass { pass, signature } };
    let revoke = HostApiRequest::RevokePass { pass };
    [HostApiRequest::Free { free }, HostApiRequest::Contents { request }, losses, show, revoke]
}

fn messages(add: &mut impl FnMut(&'static str, Vec<u8>)) {
    let terms = Terms::decode(&market("terms")).expect("a vector");
    let offer = Offer::decode(&market("offer")).expect("a vector");
    let revision = Revision::decode(&market("revision")).expect("a vector");
    let split = FinalSplit::decode(&market("final")).expect("a vector");
    let record = AuditRecord::decode(&record()).expect("a vector");
    let voucher = Voucher::decode(&market("voucher")).expect("a vector");
    let rotation = Rotation::decode(&market("rotation")).expect("a vector");
    let (id, signature) = (AgreementId([1; 32]), Signature([2; 64]));
    let (seed, nonce) = (AuditSeed([3; 32]), [4; 32]);
    let random =
        Challenge { agreement: id, revision: 5, draw: Draw::Random { round: 6, nonce, seed, count: 20 } };
    let leaves = vec![LeafIndex(7), LeafIndex(u64::MAX)];
    let named = Challenge { agreement: id, revision: 5, draw: Draw::Named { leaves } };
    let lost = vec![Lost { position: 1, loss: Loss::Missing }, Lost { position: 9, loss: Loss::Corrupt }];
    let answer = Answer { lost, proofs: vec![8; 300].into() };
    let signed = SignedOffer { offer, signature };
    for challenge in [&random, &named] {
        add("audit challenge", written(challenge));
    }
    add("answer", written(&answer));
    let carried = Some(Carried { revision: revision.clone(), signature });
    let append = Append { revision: revision.clone(), signature, sectors: vec![SectorRoot([9; 32]); 3] };
    freeing(&revision, signature).iter().for_each(|request| add("request", written(request)));
    let acknowledge = Acknowledge { revision: revision.clone(), signature, record, seed };
    let requests = [
        HostApiRequest::Hello { hello: Hello { version: 1, context: CONTEXT } },
        HostApiRequest::Offer {},
        HostApiRequest::Propose { proposal: Proposal { terms: terms.clone(), offer: signed.clone() } },
        HostApiRequest::Renew {
            renew: Renew { terms: terms.clone(), offer: signed.clone(), split, signature, carried },
        },
        HostApiRequest::Rotate {
            rotate: Rotate { rotation, signature, newest: None, voucher: Some(signature) },
        },
        HostApiRequest::Voucher { voucher: SignedVoucher { voucher, signature } },
        HostApiRequest::Reads { id },
        HostApiRequest::Append { append },
        HostApiRequest::Audit { request: AuditRequest { challenge: named } },
        HostApiRequest::Acknowledge { acknowledge },
        HostApiRequest::Finish { finish: Finish { split, signature } },
        HostApiRequest::PutOwnerRecord { record: OwnerRecordBytes { bytes: vec![1; 90] } },
        HostApiRequest::GetOwnerRecord { owner: NodeKey([3; 32]) },
    ];
    requests.iter().for_each(|request| add("request", written(request)));
    let both = CoSigned { revision, owner: signature, host: signature };
    let responses = [
        HostApiResponse::Hello(Ok(Welcome { version: 1, now: UnixSeconds(9), free_reads_percent: 100 })),
        HostApiResponse::Offer(Ok(signed)),
        HostApiResponse::Append(Err(Refusal::Stale { newest: 9 })),
        HostApiResponse::Audit(Ok(AuditReply { answer, signature })),
        HostApiResponse::Latest(Ok(Some(both))),
        HostApiResponse::Slot(Ok(Some(slot_told()))),
        HostApiResponse::Agreements(Ok(vec![id; 4])),
        HostApiResponse::Terms(Ok(vec![1; 457])),
        HostApiResponse::Reads(Ok(ReadAccount::default())),
        HostApiResponse::Contents(Ok(vec![SectorRoot([6; 32]); 3])),
        HostApiResponse::Renew(Ok(Renewed { terms: signature, split: signature, carried: None })),
    ];
    responses.iter().for_each(|response| add("response", written(response)));
}

fn lane_frames(add: &mut impl FnMut(&'static str, Vec<u8>)) {
    let op = Op::Get { first: 3, groups: 9 };
    let (agreement, root) = (AgreementId([1; 32]), SectorRoot([7; 32]));
    let request = Request { op, number: 5, agreement, root };
    add("lane request", request.encode().to_vec());
    add("lane response", Response { status: 0, number: 5, length: 4_096 }.encode().to_vec());
}
