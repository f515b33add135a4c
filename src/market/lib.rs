//! Offers, terms, revisions and settle(): the money arithmetic shared with the contract.
