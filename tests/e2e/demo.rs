//! The whole story in one command.

use crate::support::{Layr, scratch, write_noise};

#[test]
fn the_demo_goes_as_told() {
    let dir = scratch("demo");
    let file = dir.join("film");
    write_noise(&file, 2 << 20, 110);
    let told =
        Layr::new(&dir.join("nobody")).args(["demo", "--file"]).args([&file]).env("TMPDIR", &dir).data();
    assert_eq!(told["file_bytes"], 2 << 20);
    assert_eq!(told["conserved"], true, "{told}");
    assert_eq!(told["sha256_in"], told["sha256_out"]);
    assert_eq!(told["sha256_in"].as_str().map(str::len), Some(64));
    assert_eq!(told["balances"]["sum"]["before"], told["balances"]["sum"]["after"]);
    for key in ["upload_mib_s", "download_mib_s", "owner_peak_rss_mib", "host_peak_rss_mib"] {
        assert!(told[key].as_f64().is_some_and(|value| value > 0.0), "{key}: {told}");
    }
    let settled = told["settlements"].as_array().expect("settlements");
    let missed = settled.iter().filter(|line| line["outcome"] == "missed").count();
    assert_eq!((settled.len(), missed), (12, 2), "{told}");
    let owner = &told["vanished_owner"];
    assert_eq!((&owner["verdict"], &owner["refunded"]), (&"paid-by-proof".into(), &owner["says"]), "{told}");
    let hosts = owner["hosts"].as_array().expect("hosts");
    assert!(hosts.len() == 4 && hosts.iter().all(|host| host["income"].as_i64() > Some(0)), "{owner}");
    let host = &told["vanished_host"];
    assert_eq!((&host["verdict"], &host["audit"]), (&"defaulted".into(), &"offline".into()), "{told}");
    assert_eq!(host["to_owner"], host["says"], "{host}");
    assert!(host["repair"].as_i64() > Some(0), "{host}");
    let left: Vec<_> =
        std::fs::read_dir(&dir).expect("readable").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["film"], "the demo left something behind");
}
