//! `layr init`: a recovery phrase, a sealed key file, a settings file, and, on a test network, money.

use crate::args::{Global, Init};
use crate::compose;
use crate::envelope::Report;
use crate::exit;
use crate::failure::Failure;
use crate::passphrase;
use crate::settings::{self, Settings};
use layr_identity::{
    Identity, KEY_FILE_NONCE_BYTES, KEY_FILE_SALT_BYTES, PHRASE_ENTROPY_BYTES, Phrase, account_address,
    open_key_file, seal_key_file,
};
use serde::Serialize;
use std::fs;
use std::path::Path;
use zeroize::Zeroizing;

#[derive(Debug, Serialize)]
struct Made {
    dir: String,
    address: String,
    node_key: String,
    restored: bool,
    funded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    phrase: Option<String>,
}

/// Makes or restores an identity in the data directory.
pub async fn run(global: &Global, init: Init) -> Result<Report, Failure> {
    let dir = settings::data_dir(global)?;
    refuse_existing(&dir)?;
    let phrase = match &init.restore {
        Some(path) => restored(path)?,
        None => Phrase::from_entropy(&*random::<PHRASE_ENTROPY_BYTES>()?),
    };
    let identity = Identity::from_phrase(phrase);
    let passphrase = passphrase::new(global)?;
    write_files(&dir, global, &init, &identity, &passphrase)?;
    // The keys are made: whatever becomes of the money, their words must be seen.
    let refused = if init.fund { fund(global, &identity).await.err() } else { None };
    let funded = init.fund && refused.is_none();
    let restored = init.restore.is_some();
    let made = Made {
        dir: dir.display().to_string(),
        address: account_address(&identity.account()),
        node_key: identity.node_key().to_string(),
        restored,
        funded,
        phrase: (!restored).then(|| identity.phrase().reveal().to_string()),
    };
    let report = Report::new(&made, words(&made))?;
    Ok(match refused {
        None => report,
        Some(failure) => report
            .note("init/fund", format!("the account was not funded: {}", failure.in_one_line()))
            .with_exit(failure.exit),
    })
}

fn words(made: &Made) -> String {
    let mut text = String::new();
    if let Some(phrase) = &made.phrase {
        text.push_str(
            "Write these 24 words down and keep them safe. They are the only way to your files and your\n",
        );
        text.push_str("money if this machine is lost, and whoever has them has both.\n\n");
        let words: Vec<&str> = phrase.split(' ').collect();
        for (row, chunk) in words.chunks(6).enumerate() {
            let cells: Vec<String> = chunk
                .iter()
                .enumerate()
                .map(|(column, word)| format!("{:>2} {word:<9}", row * 6 + column + 1))
                .collect();
            text.push_str(&format!("  {}\n", cells.join(" ").trim_end()));
        }
        text.push('\n');
    }
    text.push_str(&format!(
        "Directory  {}\nAccount    {}\nNode       {}\n",
        made.dir, made.address, made.node_key
    ));
    text.push_str(if made.funded {
        "Funded by the network's friendbot.\n"
    } else {
        "The account needs lumens before it can pay: send some to the address above, or on a test network run 'layr wallet fund'.\n"
    });
    text.push_str(if made.restored {
        "Next: layr recover"
    } else {
        "Next: layr upload FILE --dry-run, or layr node run --quota SIZE"
    });
    text
}

fn refuse_existing(dir: &Path) -> Result<(), Failure> {
    if dir.join(compose::KEY_FILE).exists() {
        return Err(Failure::usage(
            format!("{} already holds layr keys", dir.display()),
            "Name another directory with --dir; layr never overwrites keys.",
        ));
    }
    Ok(())
}

fn restored(path: &Path) -> Result<Phrase, Failure> {
    let text = passphrase::read_secret(path)?;
    Phrase::parse(&text).map_err(|error| {
        Failure::new(
            exit::KEY,
            "identity/phrase",
            "this is not a valid recovery phrase",
            "Compare the words with what you wrote down; the order counts too.",
        )
        .because(&error)
    })
}

fn write_files(
    dir: &Path,
    global: &Global,
    init: &Init,
    identity: &Identity,
    passphrase: &Zeroizing<String>,
) -> Result<(), Failure> {
    let salt = random::<KEY_FILE_SALT_BYTES>()?;
    let nonce = random::<KEY_FILE_NONCE_BYTES>()?;
    let sealed = seal_key_file(identity.phrase(), passphrase, &salt, &nonce).map_err(|error| {
        Failure::usage("the passphrase cannot be used", "Choose another one.").because(&error)
    })?;
    let network = global
        .network
        .clone()
        .or_else(|| std::env::var("LAYR_NETWORK").ok())
        .unwrap_or_else(|| "local".into());
    let template = settings::render_template(&network, &init.bootstrap);
    compose::private_dir(dir)
        .and_then(|()| write_new(&dir.join(settings::FILE_NAME), template.as_bytes()))
        .and_then(|()| write_new(&dir.join(compose::KEY_FILE), &sealed))
        .map_err(|error| {
            Failure::new(
                exit::INTERNAL,
                "init/write",
                format!("cannot write to {}", dir.display()),
                "Check that the directory can be written, or name another with --dir.",
            )
            .because(&error)
        })?;
    open_key_file(&sealed, passphrase)
        .map(|_| ())
        .map_err(|error| Failure::internal("read the key file back", &error))
}

/// Creates a file only this user can read; keeps one that is there (a settings file of before).
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match file {
        Ok(mut file) => file.write_all(bytes).and_then(|()| file.sync_all()),
        Err(error)
            if error.kind() == std::io::ErrorKind::AlreadyExists && path.ends_with(settings::FILE_NAME) =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

async fn fund(global: &Global, identity: &Identity) -> Result<(), Failure> {
    let settings = Settings::load(global)?;
    compose::ledger(&settings)?.fund(&identity.account()).await.map_err(crate::failures::ledger)?;
    Ok(())
}

/// Random bytes from the operating system.
pub fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Failure> {
    let mut bytes = Zeroizing::new([0u8; N]);
    match getrandom::fill(&mut *bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(Failure::internal("get random bytes from the operating system", &error)),
    }
}
