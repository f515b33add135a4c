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
}
