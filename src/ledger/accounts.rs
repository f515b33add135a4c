//! Lumens between accounts.

use crate::client::LedgerClient;
use crate::envelope::Payer;
use crate::error::LedgerError;
use crate::fees::CallQuote;
use crate::operation;
use crate::prepare::Work;
use crate::receipt::Receipt;
use layr_types::{AccountKey, Stroops};

impl LedgerClient {
    /// Pays lumens to an existing account.
    ///
    /// # Errors
    /// What sending can meet; [`LedgerError::effect`] says what became of the money.
    pub async fn pay(&self, payer: &Payer, to: &AccountKey, amount: Stroops) -> Result<Receipt, LedgerError> {
        let work = Work::Classic(operation::payment(to, amount)?);
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
        let work = Work::Classic(operation::create_account(account, amount)?);
        Ok(self.carry_out(payer, &work).await?.receipt)
    }

    /// What a payment costs in fees now.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn quote_payment(&self, payer: &AccountKey) -> Result<CallQuote, LedgerError> {
        let work = Work::Classic(operation::payment(payer, Stroops(1))?);
        Ok(self.prepare(payer, &work).await?.quote)
    }
}
