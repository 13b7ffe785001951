//! The manifests: rendered as kustomize does, held against the schemas of Kubernetes in their strict form, and okrd run on the
//! ConfigMap that they make. What kustomize renders is kept in `golden/`, under the digest of the files it was made from, so that
//! a machine without kubectl finds out what was changed and not rendered again: `OKRD_GOLDEN=write` does that.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::home::{Home, PATIENT, swap, within};
use crate::tools::{path, run, said, text, tools};

const FOLDER: &str = "deploy/kubernetes";
const OVERLAYS: [&str; 3] = ["plain", "monitoring", "postgresql"];
/// The oldest and the newest Kubernetes that the manifests are held against.
const VERSIONS: [&str; 2] = ["1.30", "1.37"];

/// Every file that an overlay may be made from, in order.
fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            sources(&entry, found);
        } else {
            found.push(entry);
        }
    }
}

fn digest() -> String {
    let mut files = Vec::new();
    for part in ["base", "overlays"] {
        sources(&path(FOLDER).join(part), &mut files);
    }
    let mut digest = Sha256::new();
    for file in files {
        let name = file
            .strip_prefix(path(FOLDER))
            .unwrap()
            .display()
            .to_string();
        let bytes = std::fs::read(&file).unwrap();
        digest.update(format!("{name}\0{}\0", bytes.len()));
        digest.update(bytes);
    }
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    hex(&digest.finalize())
}

fn golden(overlay: &str) -> String {
    format!("tests/deploy/golden/{overlay}.yaml")
}

/// What an overlay comes to.
fn rendered(overlay: &str) -> Vec<Value> {
    documents(&path(&golden(overlay)))
}

/// The documents of a YAML file.
fn documents(file: &Path) -> Vec<Value> {
    let program = "import json, sys, yaml; json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)";
    let file = file.display().to_string();
    serde_json::from_str(&said("python3", &["-c", program, &file])).unwrap()
}

fn one<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    let mut found = documents.iter().filter(|document| document["kind"] == kind);
    let first = found.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(found.next().is_none(), "more than one {kind}");
    first
}

#[test]
fn what_is_kept_is_what_kustomize_renders() {
    let made_from = format!(
        "# What kustomize makes of files with the digest {}\n",
        digest()
    );
    let kubectl = Command::new("kubectl")
        .arg("version")
        .arg("--client")
        .output();
    for overlay in OVERLAYS {
        let file = golden(overlay);
        if kubectl.is_ok() {
            let folder = path(FOLDER)
                .join("overlays")
                .join(overlay)
                .display()
                .to_string();
            let now = said("kubectl", &["kustomize", &folder]);
            if std::env::var_os("OKRD_GOLDEN").is_some_and(|value| value == "write") {
                std::fs::write(path(&file), format!("{made_from}{now}")).unwrap();
            }
            let (_, kept) = text(&file)
                .split_once('\n')
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .unwrap();
            assert_eq!(kept, now, "{file}: look at it, then OKRD_GOLDEN=write");
        }
        assert!(
            text(&file).starts_with(&made_from),
            "{file} was made from other files than are there: OKRD_GOLDEN=write on a machine with kubectl"
        );
    }
}

#[test]
fn the_manifests_keep_to_the_strict_schemas_of_kubernetes() {
    let judge = |version: &str, files: &[&str]| {
        let program = tools()
            .join("bin/kubernetes-validate")
            .display()
            .to_string();
        let head = [program.as_str(), "--strict", "-k", version];
        let done = run("python3", &[&head, files].concat());
        let told = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        (done.status.success(), told)
    };
    let files = OVERLAYS.map(|overlay| path(&golden(overlay)).display().to_string());
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let documents: usize = OVERLAYS.iter().map(|overlay| rendered(overlay).len()).sum();
    for version in VERSIONS {
        let (fine, told) = judge(version, &files);
        assert!(fine, "{told}");
        // The two of the operator have no schema there; a test of their own looks at them.
        assert_eq!(told.matches("Couldn't find schema").count(), 2, "{told}");
        assert_eq!(told.matches(" passed ").count() + 2, documents, "{told}");
    }
    // They do see what is misspelt.
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.yaml");
    let misspelt =
        text(&golden("plain")).replace("readOnlyRootFilesystem", "readOnlyRootFileSystem");
    std::fs::write(&wrong, misspelt).unwrap();
    assert!(!judge(VERSIONS[1], &[&wrong.display().to_string()]).0);
}

/// What the API server would refuse, or a careless change would weaken.
#[test]
fn the_pod_may_nothing_and_is_the_only_one_of_its_store() {
    for overlay in OVERLAYS {
        let all = rendered(overlay);
        let namespace = &one(&all, "Namespace")["metadata"];
        assert_eq!(
            namespace["labels"]["pod-security.kubernetes.io/enforce"],
            "restricted"
        );
        for document in &all {
            let place = &document["metadata"]["namespace"];
            assert!(*place == namespace["name"] || document["kind"] == "Namespace");
        }
        let set = &one(&all, "StatefulSet")["spec"];
        assert_eq!(set["replicas"], 1);
        let pod = &set["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(
            pod["securityContext"]["seccompProfile"]["type"],
            "RuntimeDefault"
        );
        for forbidden in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(pod[forbidden].is_null(), "{forbidden}");
        }
        let [container] = &pod["containers"].as_array().unwrap()[..] else {
            panic!("{overlay}: one container");
        };
        assert_eq!(
            container["securityContext"],
            json!({
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            })
        );
        assert!(container["resources"]["limits"]["memory"].is_string());
        assert!(
            container["resources"]["limits"]["cpu"].is_null(),
            "a throttled daemon answers late"
        );
        for mount in container["volumeMounts"].as_array().unwrap() {
            let store = mount["name"] == "store";
            assert!(store || mount["readOnly"] == true, "{overlay}: {mount}");
            assert!(
                mount["subPath"].is_null(),
                "what is mounted so never changes"
            );
        }
        for secret in container["env"].as_array().unwrap() {
            assert!(secret["valueFrom"].is_null(), "secrets are files: {secret}");
        }
        let image = container["image"].as_str().unwrap();
        assert!(
            image.ends_with(concat!(":", env!("CARGO_PKG_VERSION"))),
            "{image}"
        );
        // The user that the image is made for owns the store.
        assert!(text("deploy/container/Containerfile").contains("\nUSER 65532:65532\n"));
        for who in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert_eq!(pod["securityContext"][who], 65532);
        }
    }
}

/// Probes, service and scrape ask the port that the configuration opens, by one name.
#[test]
fn everybody_asks_the_same_port() {
    let all = rendered("monitoring");
    let config = one(&all, "ConfigMap")["data"]["okrd.toml"]
        .as_str()
        .unwrap();
    assert!(config.contains("listen = \"0.0.0.0:10650\""));
    let container = &one(&all, "StatefulSet")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(
        container["ports"],
        json!([{ "name": "http-metrics", "containerPort": 10650 }])
    );
    for (probe, asks) in [
        ("startupProbe", "/-/healthy"),
        ("livenessProbe", "/-/healthy"),
        ("readinessProbe", "/-/ready"),
    ] {
        assert_eq!(
            container[probe]["httpGet"],
            json!({ "path": asks, "port": "http-metrics" })
        );
    }
    let service = one(&all, "Service");
    let labels = &one(&all, "StatefulSet")["spec"]["template"]["metadata"]["labels"];
    assert_eq!(service["spec"]["selector"], *labels);
    assert_eq!(service["spec"]["ports"][0]["targetPort"], "http-metrics");
    // The alerts look for this job, and the operator makes it the name of the service.
    assert_eq!(service["metadata"]["name"], "okrd");
    let monitor = one(&all, "ServiceMonitor");
    assert_eq!(monitor["apiVersion"], "monitoring.coreos.com/v1");
    let spec = json!({
        "selector": { "matchLabels": service["metadata"]["labels"] },
        "sampleLimit": 50000,
        "endpoints": [{ "port": "http-metrics", "interval": "60s" }],
    });
    assert_eq!(monitor["spec"], spec);
    let shipped = &documents(&path("deploy/prometheus/prometheus.yml"))[0];
    assert_eq!(shipped["scrape_configs"][0]["sample_limit"], 50000);
    assert_eq!(shipped["global"]["scrape_interval"], "60s");
}

#[test]
fn the_operator_computes_the_rules_that_are_shipped_for_prometheus() {
    let made = said(path(FOLDER).join("rules"), &[]);
    let file = format!("{FOLDER}/overlays/monitoring/prometheusrule.yaml");
    assert_eq!(text(&file), made, "deploy/kubernetes/rules > {file}");
    let all = rendered("monitoring");
    let rule = one(&all, "PrometheusRule");
    assert_eq!(rule["apiVersion"], "monitoring.coreos.com/v1");
    let shipped = ["okrd.rules.yml", "okrd.alerts.yml"].map(|name| {
        let file = documents(&path("deploy/prometheus").join(name)).remove(0);
        file["groups"].as_array().unwrap().clone()
    });
    assert_eq!(rule["spec"], json!({ "groups": shipped.concat() }));
}

#[test]
fn each_dashboard_is_handed_to_a_grafana_of_the_cluster() {
    let file = documents(&path("deploy/grafana/kustomization.yaml")).remove(0);
    let [generator] = &file["configMapGenerator"].as_array().unwrap()[..] else {
        panic!("one ConfigMap");
    };
    assert_eq!(generator["options"]["labels"]["grafana_dashboard"], "1");
    let folder = path("deploy/grafana/dashboards");
    let mut there = Vec::new();
    sources(&folder, &mut there);
    let there: Vec<_> = there
        .iter()
        .map(|p| format!("dashboards/{}", p.file_name().unwrap().display()))
        .collect();
    assert_eq!(generator["files"], json!(there));
    // What a ConfigMap may hold.
    let bytes: u64 = there
        .iter()
        .map(|name| path("deploy/grafana").join(name).metadata().unwrap().len())
        .sum();
    assert!(bytes < 1_000_000, "{bytes} bytes");
}

/// The kubelet lays a ConfigMap out as links through `..data`, and changes it by swapping that one link.
#[test]
fn f54_okrd_runs_on_the_configmap_and_follows_its_swap() {
    for overlay in OVERLAYS {
        let home = Home::new(&[]);
        std::fs::create_dir(home.path("config")).unwrap();
        let all = rendered(overlay);
        let data = one(&all, "ConfigMap")["data"].as_object().unwrap().clone();
        let store = home.path("okrd.db").display().to_string();
        let files = |title: &str| -> Vec<(&str, String)> {
            let text = |value: &Value| {
                let text = value.as_str().unwrap();
                let text = text
                    .replace("0.0.0.0:10650", "127.0.0.1:0")
                    .replace("/var/lib/okrd/okrd.db", &store);
                text.replace("Our website becomes the reflex of everyone online", title)
            };
            data.iter()
                .map(|(name, value)| (name.as_str(), text(value)))
                .collect()
        };
        swap(&home.path("config"), 1, &files("As it was"));
        let checked = home.ends(0, &["--config", "config", "check", "--deny-warnings"]);
        assert!(checked.err.contains("no findings"), "{checked:?}");
        // One of them is enough to see it run: that with most in it.
        if overlay != "postgresql" {
            continue;
        }
        let daemon = home.start_with(&["--config", "config", "run"]);
        assert!(daemon.get("/").body.contains("As it was"));
        swap(&home.path("config"), 2, &files("As it is now"));
        within(PATIENT, "the swapped files are taken in", || {
            daemon.get("/").body.contains("As it is now").then_some(())
        });
        daemon.end();
    }
}
