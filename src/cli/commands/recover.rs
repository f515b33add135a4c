//! `layr recover`.

use super::interrupt::or_interrupted;
use super::tell::Teller;
use crate::args::Global;
use crate::compose;
use crate::envelope::Report;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;

/// Rebuilds this machine's records from the network.
pub async fn run(global: &Global, settings: &Settings) -> Result<Report, Failure> {
    let node = compose::joined_owner(global, settings).await?;
    let recovering = async { node.owner.recover(Teller::new(global)).await.map_err(failures::recover) };
    let done = or_interrupted(recovering).await;
    node.stop().await;
    let done = done?;
    let mut words =
        format!("Recovered {} file(s), {}, and {} agreements.", done.files, done.bytes, done.agreements);
    if !done.unreachable.is_empty() {
        words.push_str(&format!(
            "\n{} host(s) could not be asked for their newest revision; 'layr audit' tries again.",
            done.unreachable.len()
        ));
    }
    Report::new(&done, words)
}
