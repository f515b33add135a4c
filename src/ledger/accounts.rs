//! Lumens between accounts.

use crate::client::LedgerClient;
use crate::envelope::Payer;
use crate::error::{Cause, LedgerError, Stage};
use crate::fees::CallQuote;
use crate::operation;
use crate::prepare::Work;
use crate::receipt::Receipt;
use crate::xdr::from;
use layr_types::{AccountKey, Stroops};
use stellar_xdr::{Hash, Memo, ScString, ScVal, StringM};

/// Longest memo text, bytes.
pub const MAX_MEMO_BYTES: usize = 28;
/// Least a new account can begin with: two base reserves.
pub const LEAST_BALANCE: Stroops = Stroops::from_xlm(1);

/// What a payment tells its receiver, in public.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMemo {
    /// At most 28 bytes.
    Text(String),
    /// A number, as exchanges give their customers.
    Id(u64),
    /// A hash.
    Hash([u8; 32]),
}

impl PaymentMemo {
    /// The memo of a transaction.
    pub(crate) fn to_xdr(&self) -> Result<Memo, LedgerError> {
        Ok(match self {
            Self::Text(text) => {
                let text: StringM<28> = text.as_str().try_into().map_err(|_| unfit("the memo"))?;
                Memo::Text(text)
            }
            Self::Id(id) => Memo::Id(*id),
            Self::Hash(hash) => Memo::Hash(Hash(*hash)),
        })
    }

    /// A memo as payment events repeat it.
    pub(crate) fn read(value: &ScVal) -> Option<Self> {
        match value {
            ScVal::U64(id) => Some(Self::Id(*id)),
            ScVal::String(ScString(text)) => {
                Some(Self::Text(crate::rpc::shorten(&text.to_utf8_string_lossy())))
            }
            other => from::array(other).map(Self::Hash),
        }
    }
}

impl core::fmt::Display for PaymentMemo {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Id(id) => write!(f, "{id}"),
            Self::Hash(hash) => f.write_str(&hex::encode(hash)),
        }
    }
}

/// A payment that was made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SentPayment {
    /// What it cost, and where it is.
    pub receipt: Receipt,
    /// True where the payment created the receiver's account.
    pub created: bool,
}

impl LedgerClient {
    /// Sends lumens to an account, which is created where it does not exist yet.
    ///
    /// # Errors
    /// [`Cause::BelowReserve`] where a new account would get less than it must hold; what sending can meet.
    pub async fn send(
        &self,
        payer: &Payer,
        to: &AccountKey,
        amount: Stroops,
        memo: Option<&PaymentMemo>,
    ) -> Result<SentPayment, LedgerError> {
        let (work, created) = self.sending(to, amount, memo).await?;
        Ok(SentPayment { receipt: self.carry_out(payer, &work).await?.receipt, created })
    }

    /// What sending would cost in fees now, and whether it would create the account. Nothing is signed.
    ///
    /// # Errors
    /// As [`send`](Self::send), as far as that can be known before.
    pub async fn quote_send(
        &self,
        payer: &AccountKey,
        to: &AccountKey,
        amount: Stroops,
    ) -> Result<(CallQuote, bool), LedgerError> {
        let (work, created) = self.sending(to, amount, None).await?;
        Ok((self.prepare(payer, &work).await?.quote, created))
    }

    async fn sending(
        &self,
        to: &AccountKey,
        amount: Stroops,
        memo: Option<&PaymentMemo>,
    ) -> Result<(Work, bool), LedgerError> {
        let memo = memo.map_or(Ok(Memo::None), PaymentMemo::to_xdr)?;
        if self.account(to).await?.is_some() {
            return Ok((Work::Classic(operation::payment(to, amount)?, memo), false));
        }
        if amount < LEAST_BALANCE {
            let cause = Cause::BelowReserve { amount, least: LEAST_BALANCE };
            return Err(LedgerError::new(Stage::Prepare, cause));
        }
        Ok((Work::Classic(operation::create_account(to, amount)?, memo), true))
    }

    /// Pays lumens to an existing account.
    ///
    /// # Errors
    /// What sending can meet; [`LedgerError::effect`] says what became of the money.
    pub async fn pay(&self, payer: &Payer, to: &AccountKey, amount: Stroops) -> Result<Receipt, LedgerError> {
        let work = Work::Classic(operation::payment(to, amount)?, Memo::None);
        Ok(self.carry_out(payer, &work).await?.receipt)
    }

    /// Creates an account with lumens of its own, at least two base reserves (1 XLM).
    ///
    /// # Errors
    /// What sending can meet; the account may exist already.
    pub async fn create_account(
        &self,
        payer: &Payer,
        account: &AccountKey,
        amount: Stroops,
    ) -> Result<Receipt, LedgerError> {
        let work = Work::Classic(operation::create_account(account, amount)?, Memo::None);
        Ok(self.carry_out(payer, &work).await?.receipt)
    }

    /// What a payment costs in fees now.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn quote_payment(&self, payer: &AccountKey) -> Result<CallQuote, LedgerError> {
        let work = Work::Classic(operation::payment(payer, Stroops(1))?, Memo::None);
        Ok(self.prepare(payer, &work).await?.quote)
    }
}

fn unfit(what: &'static str) -> LedgerError {
    LedgerError::new(Stage::Prepare, Cause::Unrepresentable(what))
}
