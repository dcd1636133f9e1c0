//! What a ROS master knows, without sockets: who publishes, subscribes and serves what, and the parameters.
//!
//! Methods, answers and their texts are those of Python's rosmaster 1.15; names are resolved as there.

use crate::courier::Notice;
use crate::uri::Uri;
use crate::xmlrpc::{self, Answer, Call, Value};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Registrations of all kinds, and bytes of parameters, that are kept.
const MAX_REGISTRATIONS: usize = 20_000;
const MAX_PARAMETER_BYTES: usize = 32 << 20;
/// Calls within one `system.multicall`.
const MAX_MULTICALL: usize = 10_000;

/// Who registered what: for each name the nodes, in the order they came, each with the address of its XML-RPC server.
type Table = BTreeMap<String, Vec<(String, String)>>;

#[derive(Debug)]
pub(crate) struct Registry {
    uri: String,
    /// Address of each node's XML-RPC server, and whence it registered.
    nodes: BTreeMap<String, (String, IpAddr)>,
    publishers: Table,
    subscribers: Table,
    parameter_subscribers: Table,
    services: BTreeMap<String, (String, String)>,
    types: BTreeMap<String, String>,
    parameters: BTreeMap<String, Value>,
}

/// `[code, message, value]`, with the code of success or of an error.
type Outcome = Result<(String, Value), String>;

fn ok(message: impl Into<String>, value: impl Into<Value>) -> Outcome {
    Ok((message.into(), value.into()))
}

impl Registry {
    pub(crate) fn new(uri: String) -> Registry {
        Registry {
            uri,
            nodes: BTreeMap::new(),
            publishers: Table::new(),
            subscribers: Table::new(),
            parameter_subscribers: Table::new(),
            services: BTreeMap::new(),
            types: BTreeMap::new(),
            parameters: BTreeMap::new(),
        }
    }

    /// Answers a call; what other nodes have to be told goes to `notices`.
    pub(crate) fn answer(&mut self, call: &Call, from: IpAddr, notices: &mut Vec<Notice>) -> Answer {
        if call.method == "system.multicall" {
            return self.multicall(&call.params, from, notices);
        }
        if let Some(answer) = introspection(call) {
            return answer;
        }
        let Some(arity) = METHODS.iter().find(|(name, _)| *name == call.method).map(|(_, arity)| *arity)
        else {
            let message = format!("method \"{}\" is not supported", call.method);
            return Answer::Fault { code: 1, message };
        };
        let outcome = if call.params.len() == arity || (call.method == "shutdown" && call.params.len() == 1) {
            self.method(&call.method, &call.params, from, notices)
        } else {
            Err(format!("{} takes {arity} arguments, got {}", call.method, call.params.len()))
        };
        let parts = match outcome {
            Ok((message, value)) => vec![Value::Int(1), Value::Text(message), value],
            Err(message) => vec![Value::Int(-1), Value::Text(message), nothing(&call.method)],
        };
        Answer::Value(Value::Array(parts))
    }

    fn multicall(&mut self, params: &[Value], from: IpAddr, notices: &mut Vec<Notice>) -> Answer {
        let calls = params.first().and_then(Value::as_array).unwrap_or_default();
        if calls.len() > MAX_MULTICALL {
            let message = format!("{} calls at once; at most {MAX_MULTICALL} are taken", calls.len());
            return Answer::Fault { code: 1, message };
        }
        let answers = calls.iter().map(|call| {
            let Value::Struct(members) = call else { return xmlrpc::fault(1, "a call is a struct") };
            let method = members.get("methodName").and_then(Value::as_text).unwrap_or_default();
            if method == "system.multicall" {
                return xmlrpc::fault(1, "system.multicall cannot call itself");
            }
            let params = members.get("params").and_then(Value::as_array).unwrap_or_default().to_vec();
            match self.answer(&Call::new(method, params), from, notices) {
                Answer::Value(value) => Value::Array(vec![value]),
                Answer::Fault { code, message } => xmlrpc::fault(code, &message),
            }
        });
        Answer::Value(Value::Array(answers.collect()))
    }

    fn method(&mut self, method: &str, params: &[Value], from: IpAddr, notices: &mut Vec<Notice>) -> Outcome {
        let caller = text(params, 0, "caller_id")?;
        match method {
            "getPid" => ok("", std::process::id() as i32),
            "getUri" => ok("", self.uri.as_str()),
            // The run owns this master: nobody else ends it.
            "shutdown" => Err("this master ends with the run of Skidpad that serves it".into()),
            "registerPublisher" => {
                let (topic, kind, api) = registration(params)?;
                self.make_room(caller, api, from, notices)?;
                add(&mut self.publishers, &topic, caller, api);
                // A type that is not known does not replace one that is.
                if kind != "*" || !self.types.contains_key(&topic) {
                    self.types.insert(topic.clone(), kind.to_string());
                }
                self.tell_subscribers(&topic, notices);
                let subscribers = apis(&self.subscribers, &topic);
                ok(format!("Registered [{caller}] as publisher of [{topic}]"), subscribers)
            }
            "registerSubscriber" => {
                let (topic, kind, api) = registration(params)?;
                self.make_room(caller, api, from, notices)?;
                add(&mut self.subscribers, &topic, caller, api);
                if kind != "*" {
                    self.types.entry(topic.clone()).or_insert_with(|| kind.to_string());
                }
                ok(format!("Subscribed to [{topic}]"), apis(&self.publishers, &topic))
            }
            "unregisterPublisher" => {
                let (topic, api) = (name(params, 1)?, text(params, 2, "caller_api")?);
                let outcome = remove(&mut self.publishers, &topic, caller, api);
                if outcome.1 == Value::Int(1) {
                    self.tell_subscribers(&topic, notices);
                }
                self.forget_if_empty(caller);
                Ok(outcome)
            }
            "unregisterSubscriber" => {
                let (topic, api) = (name(params, 1)?, text(params, 2, "caller_api")?);
                let outcome = remove(&mut self.subscribers, &topic, caller, api);
                self.forget_if_empty(caller);
                Ok(outcome)
            }
            "registerService" => {
                let (service, at) = (name(params, 1)?, text(params, 2, "service_api")?);
                let api = text(params, 3, "caller_api")?;
                self.make_room(caller, api, from, notices)?;
                self.services.insert(service.clone(), (caller.to_string(), at.to_string()));
                ok(format!("Registered [{caller}] as provider of [{service}]"), 1)
            }
            "unregisterService" => {
                let (service, at) = (name(params, 1)?, text(params, 2, "service_api")?);
                if self
                    .services
                    .get(&service)
                    .is_none_or(|(owner, api)| (owner.as_str(), api.as_str()) != (caller, at))
                {
                    let message =
                        format!("[{at}] is no longer the current service api handle for [{service}]");
                    return ok(message, 0);
                }
                self.services.remove(&service);
                self.forget_if_empty(caller);
                ok(format!("Unregistered [{caller}] as provider of [{service}]"), 1)
            }
            "lookupService" => {
                let service = name(params, 1)?;
                let (_, at) = self.services.get(&service).ok_or("no provider")?;
                ok(format!("rosrpc URI: [{at}]"), at.as_str())
            }
            "lookupNode" => {
                let node = name(params, 1)?;
                let (api, _) = self.nodes.get(&node).ok_or_else(|| format!("unknown node [{node}]"))?;
                ok("node api", api.as_str())
            }
            "getPublishedTopics" => {
                let below = text(params, 1, "subgraph")?.trim_end_matches('/');
                let below = if below.is_empty() { String::new() } else { format!("{below}/") };
                let topics = self.publishers.keys().filter(|topic| topic.starts_with(&below));
                let typed = |topic: &String| {
                    let kind = self.types.get(topic).map_or("*", String::as_str);
                    Value::Array(vec![topic.as_str().into(), kind.into()])
                };
                ok("current topics", topics.map(typed).collect::<Vec<_>>())
            }
            "getTopicTypes" => {
                let typed = |(topic, kind): (&String, &String)| {
                    Value::Array(vec![topic.as_str().into(), kind.as_str().into()])
                };
                ok("current system state", self.types.iter().map(typed).collect::<Vec<_>>())
            }
            "getSystemState" => {
                let services = self.services.iter().map(|(service, (node, _))| {
                    Value::Array(vec![service.as_str().into(), vec![node.as_str().into()].into()])
                });
                let state =
                    vec![state(&self.publishers), state(&self.subscribers), Value::Array(services.collect())];
                ok("current system state", state)
            }
            _ => self.parameter_method(method, caller, params, from, notices),
        }
    }

    fn parameter_method(
        &mut self,
        method: &str,
        caller: &str,
        params: &[Value],
        from: IpAddr,
        notices: &mut Vec<Notice>,
    ) -> Outcome {
        match method {
            "hasParam" => {
                let key = name(params, 1)?;
                let has = self.parameter(&key).is_some();
                ok(key, Value::Bool(has))
            }
            "getParam" => {
                let key = name(params, 1)?;
                let value = self.parameter(&key).ok_or_else(|| format!("Parameter [{key}] is not set"))?;
                ok(format!("Parameter [{key}]"), value)
            }
            "setParam" => {
                let key = name(params, 1)?;
                self.set_parameter(&key, params[2].clone())?;
                self.tell_of_parameter(&key, caller, notices);
                ok(format!("parameter {key} set"), 0)
            }
            "deleteParam" => {
                let key = name(params, 1)?;
                self.delete_parameter(&key).ok_or_else(|| format!("parameter [{key}] is not set"))?;
                self.tell_of_parameter(&key, caller, notices);
                ok(format!("parameter {key} deleted"), 0)
            }
            "getParamNames" => {
                let mut names = Vec::new();
                parameter_names("", &self.parameters, &mut names);
                ok("Parameter names", names)
            }
            "searchParam" => {
                let key = text(params, 1, "key")?;
                let found = self.search_parameter(caller, key);
                let found =
                    found.ok_or_else(|| format!("Cannot find parameter [{key}] in an upwards search"))?;
                ok(format!("Found [{found}]"), found)
            }
            "subscribeParam" => {
                let (api, key) = (text(params, 1, "caller_api")?, name(params, 2)?);
                self.make_room(caller, api, from, notices)?;
                add(&mut self.parameter_subscribers, &slashed(&key), caller, api);
                let value = self.parameter(&key).unwrap_or_else(|| Value::Struct(BTreeMap::new()));
                ok(format!("Subscribed to parameter [{key}]"), value)
            }
            _ => {
                let (api, key) = (text(params, 1, "caller_api")?, name(params, 2)?);
                remove(&mut self.parameter_subscribers, &slashed(&key), caller, api);
                self.forget_if_empty(caller);
                ok(format!("Unsubscribe to parameter [{key}]"), 1)
            }
        }
    }

    /// Enters a node. If another of its name was there, that one has to end, and what it had registered is gone.
    fn make_room(
        &mut self,
        caller: &str,
        api: &str,
        from: IpAddr,
        notices: &mut Vec<Notice>,
    ) -> Result<(), String> {
        api.parse::<Uri>().map_err(|error| format!("caller_api: {error}"))?;
        let lists = [&self.publishers, &self.subscribers, &self.parameter_subscribers];
        let entries: usize = lists.iter().flat_map(|list| list.values()).map(Vec::len).sum();
        if entries + self.services.len() >= MAX_REGISTRATIONS {
            return Err(format!("this master has {MAX_REGISTRATIONS} registrations and takes no more"));
        }
        let older = self.nodes.insert(caller.to_string(), (api.to_string(), from));
        if let Some((older, fallback)) = older.filter(|(older, _)| older != api) {
            for table in [&mut self.publishers, &mut self.subscribers, &mut self.parameter_subscribers] {
                table.values_mut().for_each(|nodes| nodes.retain(|(node, _)| node != caller));
                table.retain(|_, nodes| !nodes.is_empty());
            }
            self.services.retain(|_, (node, _)| node != caller);
            if let Ok(to) = older.parse() {
                let reason = format!("[{caller}] Reason: new node registered with same name");
                let call = Call::new("shutdown", vec!["/master".into(), reason.into()]);
                notices.push(Notice { to, fallback: Some(fallback), call });
            }
        }
        Ok(())
    }

    fn forget_if_empty(&mut self, caller: &str) {
        let tables = [&self.publishers, &self.subscribers, &self.parameter_subscribers];
        let mut entries = tables.iter().flat_map(|table| table.values()).flatten();
        if !entries.any(|(node, _)| node == caller) && !self.services.values().any(|(node, _)| node == caller)
        {
            self.nodes.remove(caller);
        }
    }

    fn tell_subscribers(&self, topic: &str, notices: &mut Vec<Notice>) {
        let publishers = apis(&self.publishers, topic);
        for (node, api) in self.subscribers.get(topic).into_iter().flatten() {
            let arguments = vec!["/master".into(), topic.into(), publishers.clone()];
            self.tell(node, api, Call::new("publisherUpdate", arguments), notices);
        }
    }

    /// Tells whoever subscribed to this parameter, one above it or one below it; not the one who set it.
    fn tell_of_parameter(&self, key: &str, setter: &str, notices: &mut Vec<Notice>) {
        let key = slashed(key);
        for (subscribed, nodes) in &self.parameter_subscribers {
            let about = if key.starts_with(subscribed.as_str()) {
                &key
            } else if subscribed.starts_with(&key) {
                subscribed
            } else {
                continue;
            };
            let value = self.parameter(about).unwrap_or_else(|| Value::Struct(BTreeMap::new()));
            for (node, api) in nodes.iter().filter(|(node, _)| node != setter) {
                let arguments = vec!["/master".into(), about.as_str().into(), value.clone()];
                self.tell(node, api, Call::new("paramUpdate", arguments), notices);
            }
        }
    }

    fn tell(&self, node: &str, api: &str, call: Call, notices: &mut Vec<Notice>) {
        if let Ok(to) = api.parse() {
            let fallback = self.nodes.get(node).map(|(_, from)| *from);
            notices.push(Notice { to, fallback, call });
        }
    }

    fn parameter(&self, key: &str) -> Option<Value> {
        let mut steps = steps(key);
        let Some(first) = steps.next() else { return Some(Value::Struct(self.parameters.clone())) };
        let value = steps.try_fold(self.parameters.get(first)?, |value, step| match value {
            Value::Struct(members) => members.get(step),
            _ => None,
        })?;
        Some(value.clone())
    }

    fn set_parameter(&mut self, key: &str, value: Value) -> Result<(), String> {
        let steps: Vec<&str> = steps(key).collect();
        if weight(&value) + self.parameters.values().map(weight).sum::<usize>() > MAX_PARAMETER_BYTES {
            return Err(format!("the parameters of this master have {MAX_PARAMETER_BYTES} bytes at most"));
        }
        // Deeper than an answer may be, it could be set but never read.
        if steps.len() > 16 {
            return Err("a parameter has at most 16 names above it".into());
        }
        let Some((last, above)) = steps.split_last() else {
            let Value::Struct(tree) = value else {
                return Err("cannot set root of parameter tree to non-dictionary".into());
            };
            self.parameters = tree;
            return Ok(());
        };
        let mut members = &mut self.parameters;
        for step in above {
            let below = members.entry(step.to_string()).or_insert_with(|| Value::Struct(BTreeMap::new()));
            if !matches!(below, Value::Struct(_)) {
                *below = Value::Struct(BTreeMap::new());
            }
            let Value::Struct(next) = below else { return Err("internal: a struct was expected".into()) };
            members = next;
        }
        members.insert(last.to_string(), value);
        Ok(())
    }

    fn delete_parameter(&mut self, key: &str) -> Option<Value> {
        let steps: Vec<&str> = steps(key).collect();
        let (last, above) = steps.split_last()?;
        let members = above.iter().try_fold(&mut self.parameters, |members, step| {
            if let Some(Value::Struct(below)) = members.get_mut(*step) { Some(below) } else { None }
        })?;
        members.remove(*last)
    }

    /// The first namespace of the key is looked for, from the caller upwards.
    fn search_parameter(&self, caller: &str, key: &str) -> Option<String> {
        if key.is_empty() || key.starts_with('~') {
            return None;
        }
        if key.starts_with('/') {
            return self.parameter(key).map(|_| key.to_string());
        }
        let first = steps(key).next()?;
        let mut above: Vec<&str> = steps(caller).collect();
        loop {
            let prefix: String = above.iter().map(|step| format!("/{step}")).collect();
            if self.parameter(&format!("{prefix}/{first}")).is_some() {
                return Some(format!("{prefix}/{key}"));
            }
            above.pop()?;
        }
    }
}

/// Every method with its number of arguments.
const METHODS: [(&str, usize); 22] = [
    ("getPid", 1),
    ("getUri", 1),
    ("shutdown", 2),
    ("registerPublisher", 4),
    ("registerSubscriber", 4),
    ("unregisterPublisher", 3),
    ("unregisterSubscriber", 3),
    ("registerService", 4),
    ("unregisterService", 3),
    ("lookupService", 2),
    ("lookupNode", 2),
    ("getPublishedTopics", 2),
    ("getTopicTypes", 1),
    ("getSystemState", 1),
    ("hasParam", 2),
    ("getParam", 2),
    ("setParam", 3),
    ("deleteParam", 2),
    ("getParamNames", 1),
    ("searchParam", 2),
    ("subscribeParam", 3),
    ("unsubscribeParam", 3),
];

/// The value beside an error, of the type that the method has.
fn nothing(method: &str) -> Value {
    match method {
        "registerPublisher" | "registerSubscriber" | "getParamNames" => Value::Array(Vec::new()),
        "getUri" | "lookupService" | "lookupNode" | "searchParam" | "getPublishedTopics" => Value::from(""),
        "hasParam" => Value::Bool(false),
        _ => Value::Int(0),
    }
}

fn introspection(call: &Call) -> Option<Answer> {
    match call.method.as_str() {
        "system.listMethods" => {
            let names = METHODS.iter().map(|(name, _)| Value::from(*name));
            Some(Answer::Value(Value::Array(names.chain([Value::from("system.multicall")]).collect())))
        }
        "system.methodHelp" | "system.methodSignature" => Some(Answer::Value(Value::from(""))),
        _ => None,
    }
}

fn text<'a>(params: &'a [Value], at: usize, what: &str) -> Result<&'a str, String> {
    params
        .get(at)
        .and_then(Value::as_text)
        .ok_or_else(|| format!("ERROR: parameter [{what}] is not a string"))
}

/// A name, resolved from the caller's namespace.
fn name(params: &[Value], at: usize) -> Result<String, String> {
    let (caller, name) = (text(params, 0, "caller_id")?, text(params, at, "name")?);
    if name.is_empty() {
        return Err("ERROR: a name must be a non-empty string".into());
    }
    let path: Vec<&str> = match name.as_bytes()[0] {
        b'/' => steps(name).collect(),
        b'~' => steps(caller).chain(steps(&name[1..])).collect(),
        _ => {
            let mut above: Vec<&str> = steps(caller).collect();
            above.pop();
            above.into_iter().chain(steps(name)).collect()
        }
    };
    Ok(format!("/{}", path.join("/")))
}

fn registration(params: &[Value]) -> Result<(String, &str, &str), String> {
    Ok((name(params, 1)?, text(params, 2, "topic_type")?, text(params, 3, "caller_api")?))
}

fn steps(key: &str) -> impl Iterator<Item = &str> {
    key.split('/').filter(|step| !step.is_empty())
}

fn slashed(key: &str) -> String {
    if key.ends_with('/') { key.to_string() } else { format!("{key}/") }
}

fn add(table: &mut Table, key: &str, caller: &str, api: &str) {
    let nodes = table.entry(key.to_string()).or_default();
    if !nodes.iter().any(|(node, at)| (node.as_str(), at.as_str()) == (caller, api)) {
        nodes.push((caller.to_string(), api.to_string()));
    }
}

fn remove(table: &mut Table, key: &str, caller: &str, api: &str) -> (String, Value) {
    let nodes = table.get_mut(key);
    let at = nodes
        .as_ref()
        .and_then(|nodes| nodes.iter().position(|(node, at)| (node.as_str(), at.as_str()) == (caller, api)));
    let (Some(nodes), Some(at)) = (nodes, at) else {
        return (format!("[{caller}] is not a known provider of [{key}]"), Value::Int(0));
    };
    nodes.remove(at);
    if nodes.is_empty() {
        table.remove(key);
    }
    (format!("Unregistered [{caller}] as provider of [{key}]"), Value::Int(1))
}

fn apis(table: &Table, key: &str) -> Value {
    let nodes = table.get(key).into_iter().flatten();
    Value::Array(nodes.map(|(_, api)| Value::from(api.as_str())).collect())
}

fn state(table: &Table) -> Value {
    let entry = |(key, nodes): (&String, &Vec<(String, String)>)| {
        let nodes = nodes.iter().map(|(node, _)| Value::from(node.as_str())).collect::<Vec<_>>();
        Value::Array(vec![key.as_str().into(), nodes.into()])
    };
    Value::Array(table.iter().map(entry).collect())
}

fn parameter_names(prefix: &str, members: &BTreeMap<String, Value>, names: &mut Vec<Value>) {
    for (name, value) in members {
        let key = format!("{prefix}/{name}");
        match value {
            Value::Struct(below) => parameter_names(&key, below, names),
            _ => names.push(Value::Text(key)),
        }
    }
}

/// Bytes of a value, about.
fn weight(value: &Value) -> usize {
    32 + match value {
        Value::Text(text) | Value::DateTime(text) => text.len(),
        Value::Binary(bytes) => bytes.len(),
        Value::Array(values) => values.iter().map(weight).sum(),
        Value::Struct(members) => members.iter().map(|(name, value)| name.len() + weight(value)).sum(),
        Value::Int(_) | Value::Bool(_) | Value::Double(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    fn argument() -> impl Strategy<Value = Value> {
        let words = [
            "/a",
            "/b",
            "a",
            "~x",
            "/",
            "",
            "/t",
            "/t/u",
            "*",
            "x/Y",
            "http://h:1/",
            "http://h:2/",
            "rosrpc://h:3",
        ];
        prop_oneof![
            8 => prop::sample::select(words.to_vec()).prop_map(Value::from),
            1 => any::<i32>().prop_map(Value::Int),
            1 => any::<String>().prop_map(Value::Text),
            1 => prop::collection::btree_map("[a-c/]{0,3}", any::<i32>().prop_map(Value::Int), 0..3)
                .prop_map(Value::Struct),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_calls_are_answered_and_every_registered_node_can_be_looked_up(
            calls in prop::collection::vec((0..METHODS.len(), prop::collection::vec(argument(), 0..5)), 0..60),
        ) {
            let mut registry = Registry::new("http://m:1/".into());
            let here = Ipv4Addr::LOCALHOST.into();
            for (method, mut params) in calls {
                // Mostly the right number of arguments.
                let (name, arity) = METHODS[method];
                params.truncate(arity);
                let answer = registry.answer(&Call::new(name, params), here, &mut Vec::new());
                let Answer::Value(Value::Array(parts)) = answer else { panic!("{name} is a method") };
                prop_assert!(parts.len() == 3 && matches!(parts[0], Value::Int(1 | -1)), "{name}: {parts:?}");
                xmlrpc::decode_answer(&xmlrpc::encode_answer(&Answer::Value(Value::Array(parts)))).unwrap();
            }
            let tables = [&registry.publishers, &registry.subscribers, &registry.parameter_subscribers];
            for (node, api) in tables.iter().flat_map(|table| table.values()).flatten() {
                prop_assert_eq!(registry.nodes.get(node).map(|(known, _)| known), Some(api));
            }
            for node in registry.nodes.keys() {
                let mut entries = tables.iter().flat_map(|table| table.values()).flatten();
                let has = entries.any(|(owner, _)| owner == node)
                    || registry.services.values().any(|(owner, _)| owner == node);
                prop_assert!(has, "{} has nothing, and is still there", node);
            }
        }
    }
}
