//! The contract's own refusals, by their numbers.

macro_rules! escrow_errors {
    ($($code:literal $name:ident $text:literal;)*) => {
        /// Why the escrow contract refused a call; numbers and names are the contract's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
        #[non_exhaustive]
        pub enum EscrowError {
            $(
                #[doc = $text]
                #[error($text)]
                $name,
            )*
        }

        impl EscrowError {
            /// Every refusal this program knows.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The refusal with this number; `None` for numbers of other contracts or later versions.
            #[must_use]
            pub const fn from_code(code: u32) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The refusal's number.
            #[must_use]
            pub const fn code(self) -> u32 {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

escrow_errors! {
    7001 Malformed "an argument is not the canonical encoding of what it should be";
    7002 BatchSize "the batch is empty or too long";
    7003 BadConfig "the deployment's tokens, beacon period or beacon key are unusable";
    7004 WrongAccount "the address is not a classic account, or not the one the terms name";
    7005 TokenNotAllowed "the asset is not one this contract escrows";
    7006 AmountNotPositive "nothing, or less, was to be moved";
    7007 BalanceTooSmall "the free balance does not cover the withdrawal or the collateral";
    7008 NotRegistered "the host key has no account";
    7009 TermsOutOfBounds "the terms are outside the contract's bounds";
    7010 OfferExpired "the host's offer has expired";
    7011 StartOutOfRange "the start is more than an hour away, or the end is not in the future";
    7012 SlotTaken "the slot the terms name is in use";
    7013 SlotMismatch "the slot does not hold these terms in this state: settled, never opened, or changed since";
    7014 WrongAgreement "the revision or split belongs to another agreement";
    7015 OldRevision "the published revision is as new or newer";
    7016 RevisionUnfit "the revision's amounts do not fit the terms";
    7017 WrongStage "too early or too late for this call";
    7018 SplitUnfit "the shares are negative or do not add up to what is locked";
    7019 StillOpenable "the same terms could still be opened again: too early to close";
    7020 BeaconInvalid "the beacon signature is not this round's";
    7021 BeaconMissing "the deciding beacon round has not been posted, or has lapsed: post it";
    7022 WrongRevision "this is not the published revision";
    7023 ProofInvalid "a leaf proof is missing, misplaced or wrong";
    7024 ProofSurplus "bytes follow the last proof";
    7025 ChallengeOpen "a challenge waits for its answer";
    7026 NoChallenge "no challenge is open";
    7027 TooManyChallenges "the challenge is not the next one, comes too soon, or the terms allow no more";
    7028 BondUnfit "the bond is below the disclosure price, or a host bonded a challenge of itself";
    7029 SignatureLapsed "the challenge's signature has lapsed";
    7030 NotPublished "no revision as new as the challenge wants is published";
    7031 NotParty "this party may not do that, or not this kind of it";
    7032 VoucherUnfit "the voucher is not above the last one, or above the voucher part";
    7033 KeyUnfit "the key is not the present one, the new one is in use, or nothing (or something else) is pending";
    7034 WrongLeaves "the list of leaves is not what the challenge commits to";
    7035 NotRenewal "the split or the terms are not a renewal's, or a renewal's split was passed to close";
    7036 BondLeaving "the bond's delay is not over";
    7037 BondTooSmall "the host's bond is below the deployment's least, or below what was to leave";
}
