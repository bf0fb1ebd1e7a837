//! Keys, passwords, certificates, redirects and proxies.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::live_capture::{SHORT, everything};
use crate::live_fake::{Engine, Fake, Setup, Trick};
use crate::support::{Run, STATE, Scratch, arg};

const API_KEY: &str = "k1-do-not-tell";
const ADMIN_KEY: &str = "a1-do-not-tell";

fn capture(url: &str, scratch: &Scratch, more: &[&str], env: &[(&str, &str)]) -> Run {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_profgate"))
        .args(["capture", "--url", url, "-o", "capture", "--stage", "prefill"])
        .args(SHORT)
        .args(more)
        .env("XDG_STATE_HOME", STATE)
        .envs(env.iter().copied())
        .current_dir(scratch.path(""))
        .output()
        .unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Nothing that a user can see holds one of these.
fn assert_untold(run: &Run, scratch: &Scratch, secrets: &[&str]) {
    let mut seen = vec![("stdout".into(), run.stdout.clone()), ("stderr".into(), run.stderr.clone())];
    if scratch.path("capture").exists() {
        seen.extend(everything(&scratch.path("capture")));
    }
    for (place, text) in seen {
        for secret in secrets {
            assert!(!text.contains(secret), "{} holds {secret}: {text:.300}", place.display());
        }
    }
}

#[test]
fn two_keys_open_their_endpoints_and_are_told_nowhere() {
    let scratch = Scratch::new("live-keys");
    let setup = Setup { api_key: Some(API_KEY), admin_key: Some(ADMIN_KEY), ..Setup::new(Engine::Sglang) };
    let fake = Fake::start(setup);
    let file = scratch.file("admin.txt", format!("{ADMIN_KEY}\n"));
    let secrets = [API_KEY, ADMIN_KEY, "leaked-by-the-server"];
    let env = [("PROFGATE_API_KEY", API_KEY)];
    let run = capture(&fake.url, &scratch, &["--admin-api-key-file", arg(&file), "-v"], &env);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert_untold(&run, &scratch, &secrets);
    for call in fake.calls() {
        let wanted = if call.path.ends_with("_profile") { ADMIN_KEY } else { API_KEY };
        assert_eq!(call.key(), Some(wanted), "{}", call.path);
    }
    // Without the admin key the start is refused, and the message says which key is missing.
    let scratch = Scratch::new("live-keys-missing");
    let run = capture(&fake.url, &scratch, &[], &env);
    assert_eq!(run.code, 5);
    assert!(run.stderr.contains("PROFGATE_ADMIN_API_KEY"), "{}", run.stderr);
    assert_untold(&run, &scratch, &secrets);
    let scratch = Scratch::new("live-keys-none");
    let run = capture(&fake.url, &scratch, &[], &[]);
    assert_eq!((run.code, run.stderr.contains("PROFGATE_API_KEY")), (5, true), "{}", run.stderr);
}

#[test]
fn a_password_in_the_url_is_used_and_never_printed() {
    let scratch = Scratch::new("live-password");
    let fake = Fake::start(Setup::new(Engine::Sglang));
    let url = fake.url.replace("http://", "http://me:hunter2@");
    let run = capture(&url, &scratch, &["-v"], &[]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert_untold(&run, &scratch, &["hunter2"]);
    assert!(fake.calls().iter().all(|call| call.authorization.as_deref() == Some("Basic bWU6aHVudGVyMg==")));
    for wrong in
        ["http://me:hunter2@127.0.0.1:1", "ftp://me:hunter2@h", "http://me:hunter2@", "http://h/?k=hunter2"]
    {
        let scratch = Scratch::new("live-password-wrong");
        let run = capture(wrong, &scratch, &[], &[]);
        assert!([2, 5].contains(&run.code), "{}", run.stderr);
        assert_untold(&run, &scratch, &["hunter2"]);
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let scratch = Scratch::new("live-redirect");
    let other = Fake::start(Setup::new(Engine::Sglang));
    let fake = Fake::start(Setup::new(Engine::Sglang).trick(Trick::StartStatus(307)));
    let run = capture(&fake.url, &scratch, &[], &[("PROFGATE_API_KEY", API_KEY)]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("answered 307"), "{}", run.stderr);
    assert!(other.calls().is_empty());
}

#[test]
fn the_loopback_needs_no_proxy() {
    let scratch = Scratch::new("live-proxy");
    let fake = Fake::start(Setup::new(Engine::Sglang));
    let proxies = [
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("http_proxy", "http://127.0.0.1:1"),
        ("ALL_PROXY", "http://127.0.0.1:1"),
    ];
    let run = capture(&fake.url, &scratch, &[], &proxies);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn a_proxy_is_used_for_the_rest_unless_no_proxy_says_otherwise() {
    // Linux and macOS reach this machine by an address that is not the loopback's.
    let (behind, proxy) = (Fake::start(Setup::new(Engine::Sglang)), Fake::start(Setup::new(Engine::Sglang)));
    let url = behind.url.replace("127.0.0.1", "0.0.0.0");
    let through = [("http_proxy", proxy.url.as_str()), ("NO_PROXY", ""), ("no_proxy", "")];
    let around = [through[0], ("NO_PROXY", "0.0.0.0"), ("no_proxy", "0.0.0.0")];
    for (env, asked, unasked, code) in [(through, &proxy, &behind, 5), (around, &behind, &proxy, 2)] {
        let scratch = Scratch::new("live-no-proxy");
        let before = unasked.calls().len();
        let run = capture(&url, &scratch, &[], &env);
        // This proxy knows no other server, and where the server itself writes is not said: neither records.
        assert_eq!(run.code, code, "{}", run.stderr);
        assert!(!asked.calls().is_empty(), "{}", run.stderr);
        assert_eq!(unasked.calls().len(), before, "{}", run.stderr);
    }
}

#[test]
fn an_answer_without_end_is_cut() {
    let scratch = Scratch::new("live-endless");
    let fake = Fake::start(Setup::new(Engine::Sglang).trick(Trick::Endless));
    let run = capture(&fake.url, &scratch, &[], &[]);
    assert_eq!(run.code, 5, "{:.300}", run.stderr);
    assert!(run.stderr.contains("more than 8 MiB") && run.stderr.len() < 2000, "{:.300}", run.stderr);
}

/// A certificate for the loopback that nobody signed, and a server that shows it.
fn certified() -> (String, Arc<ServerConfig>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    (cert.pem(), Arc::new(config))
}

#[test]
fn a_certificate_must_be_trusted() {
    let scratch = Scratch::new("live-tls");
    let (pem, config) = certified();
    let fake = Fake::start(Setup { tls: Some(config), ..Setup::new(Engine::Sglang) });
    let untrusted = capture(&fake.url, &scratch, &[], &[]);
    assert_eq!(untrusted.code, 5, "{}", untrusted.stderr);
    assert!(untrusted.stderr.contains("--ca-cert"), "{}", untrusted.stderr);
    let file = scratch.file("ca.pem", pem);
    let trusted = capture(&fake.url, &scratch, &["--ca-cert", arg(&file)], &[]);
    assert_eq!(trusted.code, 0, "{}", trusted.stderr);
    let plain = Fake::start(Setup::new(Engine::Sglang));
    let scratch = Scratch::new("live-tls-plain");
    let encrypted = capture(&plain.url.replace("http:", "https:"), &scratch, &[], &[]);
    assert_eq!(encrypted.code, 5, "{}", encrypted.stderr);
    let unencrypted = capture(&fake.url.replace("https:", "http:"), &scratch, &[], &[]);
    assert_eq!(unencrypted.code, 5, "{}", unencrypted.stderr);
    let bad = scratch.file("bad.pem", "no certificate");
    let unusable = capture(&fake.url, &scratch, &["--ca-cert", arg(&bad)], &[]);
    assert_eq!(unusable.code, 2, "{}", unusable.stderr);
}
