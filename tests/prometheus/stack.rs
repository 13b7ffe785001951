//! The shipped stack, as far as it can be judged without starting it: the schema of Compose, the paths it mounts, what its
//! containers may do, and whether its parts fit each other.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::shipped::{path, text, yaml};

const STACK: &str = "deploy/compose";
const PASSWORD: &str = "grafana-admin-password";

fn compose() -> Value {
    yaml(&format!("{STACK}/compose.yaml"))
}

fn services(compose: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let services = compose["services"].as_object().unwrap();
    services
        .iter()
        .map(|(name, service)| (name.as_str(), service))
}

/// The texts of a list.
fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().into_iter().flatten();
    list.map(|text| text.as_str().unwrap()).collect()
}

/// Source, target and mode of each mount of a service: a path or the name of a volume, where it appears, `ro` or nothing.
fn mounts(service: &Value) -> Vec<(&str, &str, &str)> {
    texts(&service["volumes"])
        .into_iter()
        .map(|mount| {
            let mut parts = mount.split(':');
            let (source, target) = (parts.next().unwrap(), parts.next().unwrap());
            (source, target, parts.next().unwrap_or_default())
        })
        .collect()
}

#[test]
fn the_stack_is_a_compose_file() {
    let schema = text("tests/prometheus/schemas/compose-spec.json");
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::draft7::new(&schema).unwrap();
    let faults = |file: &Value| -> Vec<String> {
        let errors = validator.iter_errors(file);
        errors
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect()
    };
    let file = compose();
    assert_eq!(faults(&file), [""; 0]);
    // The schema does see what is misspelt.
    let mut misspelt = file;
    misspelt["services"]["okrd"]["helthcheck"] = Value::Null;
    assert!(!faults(&misspelt).is_empty());
}

#[test]
fn everything_it_mounts_is_in_the_repository_and_stays_as_it_is() {
    let compose = compose();
    let volumes = compose["volumes"].as_object().unwrap();
    let mut used = BTreeSet::new();
    for (name, service) in services(&compose) {
        for (source, target, mode) in mounts(service) {
            if source.starts_with('.') {
                assert!(path(STACK).join(source).exists(), "{name}: no {source}");
                assert_eq!(mode, "ro", "{name}: {source} may be written to");
            } else {
                assert!(volumes.contains_key(source), "{name}: no volume {source}");
                used.insert(source);
            }
            assert!(target.starts_with('/'), "{name}: {target}");
        }
        if let Some(build) = service["build"].as_object() {
            let context = path(STACK).join(build["context"].as_str().unwrap());
            let dockerfile = build["dockerfile"].as_str().unwrap();
            assert!(
                context.join(dockerfile).is_file(),
                "{name}: no {dockerfile}"
            );
        }
    }
    assert!(volumes.keys().all(|volume| used.contains(volume.as_str())));
}

#[test]
fn no_container_may_more_than_it_needs_and_nobody_else_gets_in() {
    let compose = compose();
    let mut names = Vec::new();
    for (name, service) in services(&compose) {
        names.push(name);
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
        let security = texts(&service["security_opt"]);
        assert_eq!(security, ["no-new-privileges:true"], "{name}");
        for forbidden in ["privileged", "cap_add", "network_mode", "pid", "devices"] {
            assert!(service[forbidden].is_null(), "{name}: {forbidden}");
        }
        let ports = texts(&service["ports"]);
        assert!(!ports.is_empty(), "{name}");
        for port in ports {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
        assert!(service["healthcheck"]["test"].is_array(), "{name}");
        let image = service["image"].as_str().unwrap();
        let (_, version) = image.rsplit_once(':').unwrap();
        let fixed = version.trim_start_matches('v').split('.').count() == 3;
        assert!(fixed || name == "okrd", "{name}: {image}");
        for (other, how) in service["depends_on"].as_object().into_iter().flatten() {
            assert_eq!(how["condition"], "service_healthy", "{name}: {other}");
        }
    }
    names.sort_unstable();
    assert_eq!(names, ["alertmanager", "grafana", "okrd", "prometheus"]);
    let waits = |name: &str, other: &str| !compose["services"][name]["depends_on"][other].is_null();
    assert!(waits("prometheus", "okrd") && waits("grafana", "prometheus"));
}

#[test]
fn no_password_stands_in_it_and_none_is_a_default() {
    let compose = compose();
    for (name, service) in services(&compose) {
        for (key, value) in service["environment"].as_object().into_iter().flatten() {
            let secret = ["PASSWORD", "SECRET", "TOKEN", "KEY"];
            if secret.iter().any(|word| key.contains(word)) {
                let file = value.as_str().unwrap().starts_with("/run/secrets/");
                assert!(key.ends_with("__FILE") && file, "{name}: {key}");
            }
        }
    }
    let grafana = &compose["services"]["grafana"];
    assert_eq!(texts(&grafana["secrets"]), [PASSWORD]);
    assert_eq!(
        grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"],
        format!("/run/secrets/{PASSWORD}")
    );
    // Compose refuses to start where the file of a secret is missing, and this one is in no repository.
    let file = compose["secrets"][PASSWORD]["file"].as_str().unwrap();
    assert_eq!(file, format!("./secrets/{PASSWORD}"));
    let ignored = text(&format!("{STACK}/.gitignore"));
    assert!(ignored.lines().any(|line| line == "/secrets"));
}

/// Grafana takes `admin` for a password that is empty, so it must not come to that.
#[test]
fn grafana_does_not_begin_without_a_password() {
    let compose = compose();
    let entrypoint = texts(&compose["services"]["grafana"]["entrypoint"]);
    let ["/bin/sh", "-c", script] = entrypoint[..] else {
        panic!("{entrypoint:?}");
    };
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    let script = script
        .replace(
            &format!("/run/secrets/{PASSWORD}"),
            &secret.display().to_string(),
        )
        .replace("exec /run.sh", "echo begun");
    let run = || {
        let done = Command::new("/bin/sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        (
            done.status.success(),
            String::from_utf8(done.stdout).unwrap(),
        )
    };
    assert_eq!(run(), (false, String::new()));
    std::fs::write(&secret, "").unwrap();
    assert_eq!(run(), (false, String::new()));
    std::fs::write(&secret, "correct horse\n").unwrap();
    assert_eq!(run(), (true, "begun\n".into()));
}

#[test]
fn prometheus_keeps_400_days_and_differs_from_the_shipped_one_in_addresses_alone() {
    let compose = compose();
    let prometheus = &compose["services"]["prometheus"];
    assert!(texts(&prometheus["command"]).contains(&"--storage.tsdb.retention.time=400d"));
    let mut here = yaml(&format!("{STACK}/prometheus.yml"));
    let mut shipped = yaml("deploy/prometheus/prometheus.yml");
    let okrd = "/scrape_configs/0/static_configs/0/targets/0";
    let alertmanager = "/alerting/alertmanagers/0/static_configs/0/targets/0";
    for (place, address) in [(okrd, "okrd:10650"), (alertmanager, "alertmanager:9093")] {
        assert_eq!(*here.pointer(place).unwrap(), address);
        for file in [&mut here, &mut shipped] {
            *file.pointer_mut(place).unwrap() = Value::Null;
        }
    }
    assert_eq!(here, shipped);
    // Each rule file is where the configuration looks for it.
    let mounted: Vec<_> = mounts(prometheus)
        .into_iter()
        .map(|(_, at, _)| at)
        .collect();
    for rules in texts(&shipped["rule_files"]) {
        assert!(mounted.contains(&format!("/etc/prometheus/{rules}").as_str()));
    }
    // And who scrapes keeps to the port that okrd has there.
    let okrd = text(&format!("{STACK}/okrd/okrd.toml"));
    assert!(okrd.contains("listen = \"0.0.0.0:10650\""));
}

#[test]
fn grafana_finds_its_dashboards_and_prometheus() {
    let compose = compose();
    let mounted = mounts(&compose["services"]["grafana"]);
    let provider = yaml("deploy/grafana/provisioning/dashboards/okrd.yaml");
    let looks_in = provider["providers"][0]["options"]["path"]
        .as_str()
        .unwrap();
    assert!(mounted.contains(&("../grafana/dashboards", looks_in, "ro")));
    assert!(mounted.contains(&("../grafana/provisioning", "/etc/grafana/provisioning", "ro")));
    let home =
        &compose["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    let home = home
        .as_str()
        .unwrap()
        .strip_prefix(&format!("{looks_in}/"))
        .unwrap();
    assert!(
        path("deploy/grafana/dashboards").join(home).is_file(),
        "{home}"
    );
    let sources = yaml("deploy/grafana/provisioning/datasources/okrd.yaml");
    assert_eq!(sources["datasources"][0]["url"], "http://prometheus:9090");
}

/// But for what a later day may have against its cycle.
#[test]
fn the_example_beside_it_checks_without_a_finding() {
    let done = Command::new(env!("CARGO_BIN_EXE_okrd"))
        .arg("--config")
        .arg(path(STACK).join("okrd"))
        .args(["check", "--format", "json"])
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    let findings = told["findings"].as_array().unwrap().iter();
    let mut codes = findings.map(|finding| finding["code"].as_str().unwrap());
    assert!(codes.all(|code| code.starts_with("CYC-")), "{told:#}");
    assert!(done.status.success());
}

/// The image is built with what a build needs, by the compiler that okrd wants at least, and holds the program where the
/// stack looks for it.
#[test]
fn the_image_fits_the_program_and_the_stack() {
    let file = text("deploy/container/Containerfile");
    let cargo = text("Cargo.toml");
    let wanted = cargo
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "));
    let wanted = wanted.unwrap().trim_matches('"');
    assert!(file.contains(&format!("rust:{wanted}-")), "Rust {wanted}");
    let needs = text("deploy/build-needs");
    for line in needs
        .lines()
        .filter(|line| line.contains("missing=\"$missing "))
    {
        let (_, names) = line.split_once("missing=\"$missing ").unwrap();
        for name in names.split('"').next().unwrap().split(' ') {
            assert!(file.contains(&format!(" {name}")), "{name}");
        }
    }
    let compose = compose();
    let okrd = &compose["services"]["okrd"];
    let (_, program, command) = match texts(&okrd["healthcheck"]["test"])[..] {
        [how, program, command] => (how, program, command),
        ref other => panic!("{other:?}"),
    };
    assert_eq!(command, "healthcheck");
    assert!(file.contains(&format!("ENTRYPOINT [\"{program}\"]")));
    let root = text("deploy/container/root");
    assert!(root.contains(&format!("/root{program}\"")), "{root}");
    let user = okrd["user"].as_str().unwrap();
    assert!(file.contains(&format!("USER {user}")));
    // What it writes lies on a volume that belongs to it.
    let store = text(&format!("{STACK}/okrd/okrd.toml"));
    let kept = mounts(okrd)
        .into_iter()
        .find(|mount| mount.0 == "okrd-data");
    let (_, kept, _) = kept.unwrap();
    assert!(store.contains(&format!("path = \"{kept}/okrd.db\"")));
    let (folder, name) = kept.rsplit_once('/').unwrap();
    assert!(root.contains(&format!("/state/{name}\"")), "{root}");
    assert!(file.contains(&format!("--chown=65532:65532 /image/state/ {folder}/")));
}

#[test]
fn its_page_says_what_each_part_is_and_where() {
    let page = text(&format!("{STACK}/README.md"));
    for (name, service) in services(&compose()) {
        let port = texts(&service["ports"])[0];
        let port = port.rsplit(':').nth(1).unwrap();
        let row = page.lines().find(|line| {
            line.to_lowercase().starts_with(&format!("| {name} |")) && line.contains(port)
        });
        assert!(row.is_some(), "{name} at {port}");
    }
    for link in page
        .split("](")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap())
    {
        assert!(Path::new(&path(STACK)).join(link).exists(), "{link}");
    }
}
