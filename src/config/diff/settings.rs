//! Changes of everything that is no goal: company, cycles, teams, sources, the daemon. What may be a secret is told to have
//! changed and never shown.

use super::{Class, Comparing, Lean, OnRecord, Subject, plain, short};
use crate::config::finding::Code;
use crate::config::notify::NotifySpec;
use crate::config::schedule::show_duration;
use crate::config::spec::{HttpSpec, Limits, PushSpec, Reloading, SourceSpec, Synchronous};
use crate::domain::cycle::Cycle;
use crate::domain::goals::{Company, Team};
use crate::domain::id::CycleName;
use crate::domain::language::Language;
use crate::domain::status::Phase;

impl Comparing<'_> {
    pub(super) fn settings(&mut self) {
        self.company();
        self.cycles();
        self.teams();
        self.sources();
        self.daemon();
    }

    fn say(
        &mut self,
        subject: &Subject,
        class: Class,
        field: &'static str,
        was: Option<String>,
        is: Option<String>,
    ) {
        if was != is {
            let mut change = plain(subject.clone(), class, field);
            (change.before, change.after) = (was, is);
            self.push(change);
        }
    }

    fn company(&mut self) {
        let (old, new) = (self.old, self.new);
        let Company {
            name,
            vision,
            strategy,
            language,
        } = &old.goals.company;
        let now = &new.goals.company;
        let subject = Subject::Company;
        let text = |text: &str| Some(short(text)).filter(|text| !text.is_empty());
        self.say(
            &subject,
            Class::Cosmetic,
            "name",
            text(name),
            text(&now.name),
        );
        let whole = |vision: &Option<String>| vision.as_deref().and_then(text);
        let (was, is) = (whole(vision), whole(&now.vision));
        self.say(&subject, Class::Cosmetic, "vision", was, is);
        let (was, is) = (text(&strategy.join("; ")), text(&now.strategy.join("; ")));
        self.say(&subject, Class::Cosmetic, "strategy", was, is);
        let code = |language: Language| Some(language.as_str().to_owned());
        let (was, is) = (code(*language), code(now.language));
        self.say(&subject, Class::Cosmetic, "language", was, is);
        if old.goals.method != new.goals.method {
            let mut change = plain(subject, Class::Goalpost, "method");
            change.lean = Lean::Open;
            change.after =
                Some("another pace or other boundaries of verdicts, for everyone".into());
            self.push(change);
        }
    }

    fn cycles(&mut self) {
        let (old, new) = (self.old, self.new);
        for (name, before) in &old.goals.cycles {
            let subject = Subject::Cycle(name.clone());
            match new.goals.cycles.get(name) {
                Some(after) => self.days(name, before, after),
                None => {
                    let was = format!("{} to {}", before.first_day, before.last_day);
                    let mut change = plain(subject, Class::Goalpost, "cycle");
                    change.before = Some(was);
                    self.push(change);
                }
            }
        }
        for (name, after) in &new.goals.cycles {
            if !old.goals.cycles.contains_key(name) {
                let mut change = plain(Subject::Cycle(name.clone()), Class::Goalpost, "cycle");
                change.after = Some(format!("{} to {}", after.first_day, after.last_day));
                self.push(change);
            }
        }
        let (was, is) = (old.zone_name.clone(), new.zone_name.clone());
        self.say(
            &Subject::Daemon,
            Class::Comparability,
            "timezone",
            Some(was),
            Some(is),
        );
    }

    fn days(&mut self, name: &CycleName, before: &Cycle, after: &Cycle) {
        let noted = |config: &'_ crate::config::spec::Config| {
            config.records.cycles.get(name).cloned().unwrap_or_default()
        };
        let (known, noted) = (noted(self.old), noted(self.new));
        let begun = Phase::of(before, self.now) != Phase::Pending;
        for (field, was, is, easier) in [
            (
                "starts",
                before.first_day,
                after.first_day,
                after.first_day < before.first_day,
            ),
            (
                "ends",
                before.last_day,
                after.last_day,
                after.last_day > before.last_day,
            ),
        ] {
            if was == is {
                continue;
            }
            let mut change = plain(Subject::Cycle(name.clone()), Class::Goalpost, field);
            (change.before, change.after) = (Some(was.to_string()), Some(is.to_string()));
            change.lean = if easier { Lean::Easier } else { Lean::Harder };
            let new = noted.iter().filter(|noted| !known.contains(noted));
            let found = new
                .clone()
                .find(|noted| noted.field == field && noted.to == is.to_string());
            change.record = match found {
                _ if !begun => OnRecord::NotNeeded,
                Some(noted) => OnRecord::Yes(format!(
                    "amended on {} by {}",
                    noted.date, noted.approved_by
                )),
                None => OnRecord::No(format!(
                    "add [[cycles.\"{name}\".amendments]] with field = \"{field}\", from = {was}, to = {is}, date, reason and approved_by"
                )),
            };
            if change.needs_an_act() {
                change.remarks.push((
                    Code::ChgGoal,
                    "the days of a cycle were moved after its start".to_owned(),
                ));
            }
            self.push(change);
        }
    }

    fn teams(&mut self) {
        let (old, new) = (self.old, self.new);
        for (id, Team { name, slack }) in &old.goals.teams {
            let subject = Subject::Team(id.clone());
            let Some(now) = new.goals.teams.get(id) else {
                self.say(
                    &subject,
                    Class::Accountability,
                    "team",
                    Some(short(name)),
                    None,
                );
                continue;
            };
            let (was, is) = (Some(short(name)), Some(short(&now.name)));
            self.say(&subject, Class::Cosmetic, "name", was, is);
            let (was, is) = (slack.clone(), now.slack.clone());
            self.say(&subject, Class::Operational, "slack", was, is);
        }
        for (id, team) in &new.goals.teams {
            if !old.goals.teams.contains_key(id) {
                let is = Some(short(&team.name));
                self.say(
                    &Subject::Team(id.clone()),
                    Class::Accountability,
                    "team",
                    None,
                    is,
                );
            }
        }
    }

    fn sources(&mut self) {
        let (old, new) = (self.old, self.new);
        for (name, before) in &old.sources {
            let subject = Subject::Source(name.clone());
            let Some(after) = new.sources.get(name) else {
                let was = Some(before.kind().to_owned());
                self.say(&subject, Class::Operational, "source", was, None);
                continue;
            };
            for (field, was, is) in limits(old.limits.get(name), new.limits.get(name)) {
                self.say(&subject, Class::Operational, field, was, is);
            }
            for field in source_fields(before, after) {
                let mut change = plain(subject.clone(), Class::Operational, field);
                if field == "type" {
                    (change.before, change.after) =
                        (Some(before.kind().into()), Some(after.kind().into()));
                } else {
                    change.after =
                        Some("changed; the same questions must give the same numbers".into());
                }
                self.push(change);
            }
        }
        for (name, after) in &new.sources {
            if !old.sources.contains_key(name) {
                let is = Some(after.kind().to_owned());
                self.say(
                    &Subject::Source(name.clone()),
                    Class::Operational,
                    "source",
                    None,
                    is,
                );
            }
        }
    }

    fn daemon(&mut self) {
        let (old, new) = (self.old, self.new);
        let subject = Subject::Daemon;
        let class = Class::Operational;
        let (was, is) = (&old.server, &new.server);
        let listen = |server: &crate::config::spec::Server| Some(server.listen.to_string());
        self.say(&subject, class, "server.listen", listen(was), listen(is));
        let switch = |on: bool| Some(if on { "on" } else { "off" }.to_owned());
        let (before, after) = (switch(was.lifecycle), switch(is.lifecycle));
        self.say(&subject, class, "server.lifecycle", before, after);
        if was.write_token != is.write_token {
            let mut change = plain(subject.clone(), class, "server.write_token");
            change.after = Some("kept elsewhere now".into());
            self.push(change);
        }
        let names = |server: &crate::config::spec::Server| {
            let told = server.tokens.iter().map(|(name, token)| {
                let scopes = [
                    (token.read, "read"),
                    (token.write, "write"),
                    (token.reload, "reload"),
                ];
                let scopes = scopes
                    .into_iter()
                    .filter_map(|(has, word)| has.then_some(word));
                format!("{name} ({})", scopes.collect::<Vec<_>>().join(", "))
            });
            Some(told.collect::<Vec<_>>().join("; ")).filter(|told| !told.is_empty())
        };
        self.say(&subject, class, "server.tokens", names(was), names(is));
        let web = |server: &crate::config::spec::Server| {
            let path = server.web_config.as_ref();
            path.map(|path| path.display().to_string())
        };
        self.say(&subject, class, "server.web_config", web(was), web(is));
        let Reloading {
            watch,
            allow_mass_removal,
        } = old.reload;
        let (before, after) = (switch(watch), switch(new.reload.watch));
        self.say(&subject, class, "reload.watch", before, after);
        let before = switch(allow_mass_removal);
        let after = switch(new.reload.allow_mass_removal);
        self.say(&subject, class, "reload.allow_mass_removal", before, after);
        let path = |path: &std::path::Path| Some(path.display().to_string());
        let (before, after) = (path(&old.store.path), path(&new.store.path));
        self.say(&subject, class, "store.path", before, after);
        self.keeping();
        let before = Some(show_duration(old.catch_up));
        let after = Some(show_duration(new.catch_up));
        self.say(&subject, class, "polling.catch_up", before, after);
        let before = Some(show_duration(old.max_retry_after));
        let after = Some(show_duration(new.max_retry_after));
        self.say(&subject, class, "polling.max_retry_after", before, after);
        self.pushes();
        self.channels();
    }

    /// Through which channels people are told. Of where and how only that it changed: secrets may stand there.
    fn channels(&mut self) {
        let (old, new) = (&self.old.notify, &self.new.notify);
        let (subject, class) = (Subject::Daemon, Class::Operational);
        let names: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
        for name in names {
            let (was, is) = (old.get(name), new.get(name));
            let told =
                |spec: Option<&NotifySpec>| spec.map(|spec| format!("{name}, {}", spec.way.kind()));
            if told(was) == told(is) && was != is {
                let mut change = plain(subject.clone(), class, "notify");
                change.after = Some(format!("{name} is told otherwise"));
                self.push(change);
            } else {
                self.say(&subject, class, "notify", told(was), told(is));
            }
        }
    }

    /// Who is sent what the metrics show. Of where and how only that it changed: secrets may stand there.
    fn pushes(&mut self) {
        let (old, new) = (&self.old.pushes, &self.new.pushes);
        let (subject, class) = (Subject::Daemon, Class::Operational);
        let names: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
        for name in names {
            let (was, is) = (old.get(name), new.get(name));
            let told = |spec: Option<&PushSpec>| {
                spec.map(|spec| format!("{name}, {}", spec.protocol.as_str()))
            };
            if told(was) == told(is) && was != is {
                let mut change = plain(subject.clone(), class, "push");
                change.after = Some(format!("{name} is sent otherwise"));
                self.push(change);
            } else {
                self.say(&subject, class, "push", told(was), told(is));
            }
        }
    }

    /// How values are kept, and for how long.
    fn keeping(&mut self) {
        let (subject, class) = (Subject::Daemon, Class::Operational);
        let switch = |on: bool| Some(if on { "on" } else { "off" }.to_owned());
        let (was, is) = (&self.old.store, &self.new.store);
        let word = |synchronous: Synchronous| Some(synchronous.as_str().to_owned());
        let (before, after) = (word(was.synchronous), word(is.synchronous));
        self.say(&subject, class, "store.synchronous", before, after);
        let before = switch(was.allow_network_filesystem);
        let after = switch(is.allow_network_filesystem);
        self.say(
            &subject,
            class,
            "store.allow_network_filesystem",
            before,
            after,
        );
        let kept = |duration| Some(show_duration(duration));
        for (key, before, after) in [
            ("store.keep_values", was.keep.values, is.keep.values),
            ("store.keep_failures", was.keep.failures, is.keep.failures),
            ("store.keep_attempts", was.keep.attempts, is.keep.attempts),
        ] {
            self.say(&subject, class, key, kept(before), kept(after));
        }
    }
}

/// How often a source may be asked, before and after.
fn limits(
    before: Option<&Limits>,
    after: Option<&Limits>,
) -> [(&'static str, Option<String>, Option<String>); 2] {
    let each = |limits: Option<&Limits>| {
        let Limits {
            max_in_flight,
            per_minute,
        } = limits.copied().unwrap_or_default();
        let text = |n: u64| n.to_string();
        (
            max_in_flight.map(|n| text(n as u64)),
            per_minute.map(|n| text(n.into())),
        )
    };
    let (was, is) = (each(before), each(after));
    [("max_in_flight", was.0, is.0), ("per_minute", was.1, is.1)]
}

/// The keys of a source whose values differ.
fn source_fields(before: &SourceSpec, after: &SourceSpec) -> Vec<&'static str> {
    let mut fields = Vec::new();
    let mut differs = |field, does: bool| {
        if does {
            fields.push(field);
        }
    };
    match (before, after) {
        (SourceSpec::Sqlite { path: a }, SourceSpec::Sqlite { path: b }) => differs("path", a != b),
        (SourceSpec::Postgres { url: a }, SourceSpec::Postgres { url: b })
        | (SourceSpec::Mysql { url: a }, SourceSpec::Mysql { url: b }) => differs("url", a != b),
        (
            SourceSpec::Jira {
                http: a,
                deployment: c,
            },
            SourceSpec::Jira {
                http: b,
                deployment: d,
            },
        ) => {
            differs("deployment", c != d);
            fields.extend(http_fields(a, b));
        }
        (SourceSpec::Http(a), SourceSpec::Http(b)) => fields.extend(http_fields(a, b)),
        (SourceSpec::Preset { http: a, preset: c }, SourceSpec::Preset { http: b, preset: d })
            if c.kind() == d.kind() =>
        {
            let key = c.subject().map_or("type", |(key, _)| key);
            differs(key, c != d);
            fields.extend(http_fields(a, b));
        }
        _ => differs("type", true),
    }
    fields
}

fn http_fields(before: &HttpSpec, after: &HttpSpec) -> Vec<&'static str> {
    let HttpSpec {
        url,
        auth,
        headers,
        ca_file,
        max_body,
    } = before;
    [
        ("url", *url != after.url),
        ("auth", *auth != after.auth),
        ("headers", *headers != after.headers),
        ("ca_file", *ca_file != after.ca_file),
        ("max_body", *max_body != after.max_body),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}
