//! A batch of record changes in the making.

use crate::agreement::{Agreement, AgreementState};
use crate::ports::{Change, Table};
use crate::rows;
use crate::space::Space;
use layr_types::UnixSeconds;

/// Changes that happen together or not at all.
#[derive(Debug, Default)]
pub(crate) struct Batch(Vec<Change>);

impl Batch {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn put(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        self.0.push(rows::put(table, key, value));
    }

    pub fn delete(&mut self, table: Table, key: Vec<u8>) {
        self.0.push(rows::delete(table, key));
    }

    /// The new space ledger: part of every batch that moves a slot.
    pub fn space(&mut self, space: &Space) {
        self.put(Table::Meta, rows::SPACE_KEY.to_vec(), space.encode().to_vec());
    }

    /// An agreement's new record and its place in the watcher's agenda. `was_due` is where it stood before.
    pub fn agreement(&mut self, agreement: &Agreement, was_due: Option<UnixSeconds>) {
        if let Some(was) = was_due.filter(|was| *was != agreement.due) {
            self.delete(Table::Due, rows::due_key(was, &agreement.id));
        }
        self.put(Table::Due, rows::due_key(agreement.due, &agreement.id), Vec::new());
        self.put(Table::Agreements, agreement.id.0.to_vec(), agreement.encode());
    }

    /// Nothing is left to do for an agreement: its record goes, unless it was settled and is worth remembering.
    pub fn retire(&mut self, agreement: &Agreement) {
        self.delete(Table::Due, rows::due_key(agreement.due, &agreement.id));
        self.delete(Table::Agreements, agreement.id.0.to_vec());
        if agreement.state == AgreementState::Settled {
            self.put(Table::Closed, agreement.id.0.to_vec(), agreement.encode());
        }
    }

    pub fn into_changes(self) -> Vec<Change> {
        self.0
    }
}
