//! Public randomness that nobody can bias: fetched from anyone, believed only with its signature.
//!
//! drand's unchained scheme: round r is a BLS12-381 signature (on G1) over SHA-256(r), by a group key (on G2)
//! that is part of the configuration; its randomness is SHA-256 of the compressed signature. drand's public
//! servers and the local ledger answer alike. An absent beacon is an error, never a substitute.

use crate::config::BeaconConfig;
use crate::error::{Cause, Fault, LedgerError, Stage};
use crate::http::{Answer, Ask, Endpoints, HttpLimits, Unanswered, Verdict};
use blst::BLST_ERROR;
use blst::min_sig::{PublicKey, Signature};
use layr_market::BeaconSchedule;
use layr_types::UnixSeconds;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Domain separation of drand's G1 signatures (RFC 9380).
const DOMAIN: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
/// A beacon's answer is a few hundred bytes.
const MAX_BODY: usize = 16 << 10;

/// One verified round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeaconRound {
    /// Its number, from 1.
    pub round: u64,
    /// The signature on G1, compressed, as drand publishes it.
    pub signature: [u8; 48],
    /// The randomness: SHA-256 of the signature.
    pub randomness: [u8; 32],
}

impl BeaconRound {
    /// The signature as the contract takes it: both coordinates, uncompressed.
    #[must_use]
    pub fn uncompressed(&self) -> [u8; 96] {
        // A round is only ever made from a signature that decoded.
        Signature::uncompress(&self.signature).map_or([0; 96], |signature| signature.serialize())
    }
}

/// A beacon's public key, and nothing else: checks rounds offline.
pub struct BeaconKey(PublicKey);

impl BeaconKey {
    /// Reads a group key on G2, compressed; `None` where it is none.
    #[must_use]
    pub fn new(key: &[u8; 96]) -> Option<Self> {
        PublicKey::key_validate(key).ok().map(Self)
    }

    /// Whether the beacon signed this round.
    #[must_use]
    pub fn signed(&self, round: u64, signature: &[u8; 48]) -> bool {
        let Ok(decoded) = Signature::uncompress(signature) else { return false };
        let message = Sha256::digest(round.to_be_bytes());
        decoded.verify(true, &message, DOMAIN, &[], &self.0, true) == BLST_ERROR::BLST_SUCCESS
    }
}

impl core::fmt::Debug for BeaconKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("BeaconKey").finish_non_exhaustive()
    }
}

/// A source of verified rounds.
pub struct Beacon {
    endpoints: Endpoints,
    key: BeaconKey,
    schedule: BeaconSchedule,
}

impl Beacon {
    pub(crate) fn new(config: &BeaconConfig, limits: HttpLimits) -> Result<Self, LedgerError> {
        let key = PublicKey::key_validate(&config.public_key).map_err(|_| {
            LedgerError::new(Stage::Configure, Cause::Unrepresentable("the beacon's public key"))
        })?;
        let limits = HttpLimits { max_body: MAX_BODY, ..limits };
        Ok(Self {
            endpoints: Endpoints::new(&config.urls, limits)?,
            key: BeaconKey(key),
            schedule: config.schedule,
        })
    }

    /// When which round is published.
    #[must_use]
    pub const fn schedule(&self) -> BeaconSchedule {
        self.schedule
    }

    /// The group key as the contract takes it: on G2, uncompressed.
    #[must_use]
    pub fn uncompressed_key(&self) -> [u8; 192] {
        self.key.0.serialize()
    }

    /// A round, verified.
    ///
    /// # Errors
    /// [`Cause::BeaconNotYet`] where a server says so and none has it; [`Cause::Unreachable`] where none gave a
    /// genuine one.
    pub async fn round(&self, round: u64) -> Result<BeaconRound, LedgerError> {
        let asked = self.ask(format!("/public/{round}"), Some(round)).await;
        asked.map_err(|error| match *error.cause {
            Cause::Unreachable(ref faults) if faults.iter().any(|f| is_absence(&f.fault)) => {
                LedgerError::new(Stage::Beacon, Cause::BeaconNotYet(round))
            }
            _ => error,
        })
    }

    /// The newest round a server has, verified.
    ///
    /// # Errors
    /// As [`round`](Self::round).
    pub async fn latest(&self) -> Result<BeaconRound, LedgerError> {
        self.ask("/public/latest".to_owned(), None).await
    }

    /// Checks a round got elsewhere.
    #[must_use]
    pub fn verify(&self, round: u64, signature: &[u8; 48]) -> Option<BeaconRound> {
        self.key.signed(round, signature).then(|| BeaconRound {
            round,
            signature: *signature,
            randomness: Sha256::digest(signature).into(),
        })
    }

    async fn ask(&self, path: String, wanted: Option<u64>) -> Result<BeaconRound, LedgerError> {
        let answered = self.endpoints.ask(&Ask::Get(path), |answer| self.accept(answer, wanted)).await;
        match answered {
            Ok((round, _)) => Ok(round),
            Err(Unanswered { cause, .. }) => Err(LedgerError::new(Stage::Beacon, cause)),
        }
    }

    fn accept(&self, answer: &Answer, wanted: Option<u64>) -> Result<BeaconRound, Verdict> {
        let given: PublicRound =
            serde_json::from_slice(&answer.body).map_err(|_| Verdict::TryNext(Fault::Garbage))?;
        let forged = |what| Verdict::TryNext(Fault::Forged(what));
        if wanted.is_some_and(|wanted| wanted != given.round) {
            return Err(forged("it is another round than asked for"));
        }
        let mut signature = [0; 48];
        hex::decode_to_slice(&given.signature, &mut signature)
            .map_err(|_| Verdict::TryNext(Fault::Garbage))?;
        self.verify(given.round, &signature).ok_or_else(|| forged("its signature is wrong"))
    }
}

impl core::fmt::Debug for Beacon {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Beacon").field("schedule", &self.schedule).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct PublicRound {
    round: u64,
    signature: String,
}

#[derive(Deserialize)]
struct Info {
    public_key: String,
    period: u32,
    genesis_time: u64,
}

/// What a beacon says of itself. Believed only of one's own.
pub(crate) async fn ask_info(url: &str, limits: HttpLimits) -> Result<BeaconConfig, LedgerError> {
    let urls = vec![url.to_owned()];
    let endpoints = Endpoints::new(&urls, HttpLimits { max_body: MAX_BODY, ..limits })?;
    let read = |answer: &Answer| {
        let info: Info =
            serde_json::from_slice(&answer.body).map_err(|_| Verdict::TryNext(Fault::Garbage))?;
        let mut public_key = [0; 96];
        hex::decode_to_slice(&info.public_key, &mut public_key)
            .map_err(|_| Verdict::TryNext(Fault::Garbage))?;
        let schedule = BeaconSchedule { genesis: UnixSeconds(info.genesis_time), period: info.period.max(1) };
        Ok((public_key, schedule))
    };
    match endpoints.ask(&Ask::Get("/info".to_owned()), read).await {
        Ok(((public_key, schedule), _)) => Ok(BeaconConfig { urls, public_key, schedule }),
        Err(unanswered) => Err(LedgerError::new(Stage::Beacon, unanswered.cause)),
    }
}

/// Servers answer so for rounds that do not exist yet.
const fn is_absence(fault: &Fault) -> bool {
    matches!(fault, Fault::Status(404 | 425))
}
